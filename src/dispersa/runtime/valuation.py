"""What are the straddles worth that we read? Forwards, own vols and Greeks from quotes.

Own numbers come from two-sided quotes: the forward by put-call parity, one vol for the pair of a
straddle, Black's Greeks. The broker's model Greeks are a cross-check that travels along.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from dispersa.correlation.events import EventVol, event_between
from dispersa.errors import MarketDataMissing
from dispersa.market import Straddle, Symbol
from dispersa.pricing import straddle as pair
from dispersa.pricing.forwards import parity_forward
from dispersa.pricing.quality import Status
from dispersa.pricing.tenor import constant_maturity_vol
from dispersa.pricing.units import theta_per_day, vega_per_point
from dispersa.runtime.market_reading import MarketReading, NameReading, StraddleReading

EXCHANGE_ZONE = ZoneInfo("America/New_York")
CLOSE = time(16, 0)
SECONDS_PER_YEAR = 365 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuedStraddle:
    """One straddle with our own numbers, per share; vega per vol point, theta per calendar day."""

    reading: StraddleReading
    forward: float
    discount: float
    years: float
    implied_vol: float
    delta: float
    gamma: float
    vega: float
    theta: float
    broker_vega: float | None

    @property
    def straddle(self) -> Straddle:
        """The two options."""
        return self.reading.straddle


def years_to_expiry(expiry: date, now: datetime) -> float:
    """Years ACT/365 from `now` to the New York close of the expiry day."""
    closes = datetime.combine(expiry, CLOSE, EXCHANGE_ZONE)
    return (closes - now).total_seconds() / SECONDS_PER_YEAR


def value_expiry(
    name: NameReading, expiry: date, *, now: datetime, rate: float
) -> tuple[ValuedStraddle, ...]:
    """Value every straddle read at one expiry; those that no vol explains are left out.

    Raises
    ------
    MarketDataMissing
        If the quotes give no forward.
    """
    rows = name.straddles.get(expiry, ())
    years = years_to_expiry(expiry, now)
    discount = math.exp(-rate * years)
    forward = _forward(name, rows, years, discount)
    valued = (_value(name, row, forward, years, discount) for row in rows)
    return tuple(row for row in valued if row is not None)


def _forward(
    name: NameReading, rows: Sequence[StraddleReading], years: float, discount: float
) -> float:
    if not rows:
        raise MarketDataMissing(f"{name.symbol} has no two-sided straddle to imply a forward from")
    found = parity_forward(
        [float(row.straddle.strike) for row in rows],
        [float(row.call.bid or math.nan) for row in rows],
        [float(row.call.ask or math.nan) for row in rows],
        [float(row.put.bid or math.nan) for row in rows],
        [float(row.put.ask or math.nan) for row in rows],
        float(name.spot),
        years,
        discount,
    )
    if found.status is not Status.OK:
        raise MarketDataMissing(f"no forward of {name.symbol}: {found.status.sentence}")
    return found.forward


def _value(
    name: NameReading, row: StraddleReading, forward: float, years: float, discount: float
) -> ValuedStraddle | None:
    mid = row.quote.mid
    if mid is None:
        return None
    strike = float(row.straddle.strike)
    judged = pair.implied_vol(float(mid), forward, strike, years, discount)
    if int(judged.status) != Status.OK:
        return None
    vol = float(judged.vol)
    greeks = pair.greeks(forward, strike, vol, years, discount, spot=float(name.spot))
    return ValuedStraddle(
        reading=row,
        forward=forward,
        discount=discount,
        years=years,
        implied_vol=vol,
        delta=float(greeks.delta),
        gamma=float(greeks.gamma),
        vega=float(vega_per_point(greeks.vega)),
        theta=float(theta_per_day(greeks.theta)),
        broker_vega=_broker_vega(row),
    )


def _broker_vega(row: StraddleReading) -> float | None:
    if row.call_greeks is None or row.put_greeks is None:
        return None
    return row.call_greeks.vega + row.put_greeks.vega


def vol_at_tenor(
    name: NameReading, *, tenor_days: int, today: date, now: datetime, rate: float
) -> float:
    """At-the-money vol at a constant maturity: linear in strike at spot, then in total variance.

    Raises
    ------
    MarketDataMissing
        If an expiry can not be valued, or the tenor is not bracketed.
    """
    days, vols = [], []
    for expiry in sorted(name.straddles):
        valued = value_expiry(name, expiry, now=now, rate=rate)
        if valued:
            days.append(float((expiry - today).days))
            vols.append(_at_spot(valued, float(name.spot)))
    judged = constant_maturity_vol(vols, days, float(tenor_days))
    if int(judged.status) != Status.OK:
        reason = Status(int(judged.status)).sentence
        raise MarketDataMissing(f"no {tenor_days}-day vol of {name.symbol}: {reason}")
    return float(judged.vol)


def report_event(
    name: NameReading, report: date, reading: MarketReading, *, rate: float
) -> EventVol:
    """Part a report's variance from the vol, by the expiries read before and after it.

    Raises
    ------
    MarketDataMissing
        If no expiry was read on one side of the report, or the quotes show no event.
    """
    vols = {}
    for expiry in sorted(name.straddles):
        valued = value_expiry(name, expiry, now=reading.at, rate=rate)
        if valued:
            days = float((expiry - reading.today).days)
            vols[expiry] = (_at_spot(valued, float(name.spot)), days)
    before = [vol for expiry, vol in vols.items() if expiry < report]
    after = [vol for expiry, vol in vols.items() if expiry >= report]
    if not before or not after:
        raise MarketDataMissing(
            f"{name.symbol} reports on {report}; no expiry was read "
            f"{'before' if not before else 'after'} it, so its event vol can not be told apart"
        )
    return event_between(before[-1], after[0])


def _at_spot(valued: Sequence[ValuedStraddle], spot: float) -> float:
    import numpy as np

    strikes = [float(row.straddle.strike) for row in valued]
    return float(np.interp(spot, strikes, [row.implied_vol for row in valued]))


def nearest_to_forward(valued: Sequence[ValuedStraddle], symbol: Symbol) -> ValuedStraddle:
    """Return the straddle whose strike is closest to the forward."""
    if not valued:
        raise MarketDataMissing(f"{symbol} has no straddle that a vol explains")
    return min(valued, key=lambda row: abs(float(row.straddle.strike) - row.forward))
