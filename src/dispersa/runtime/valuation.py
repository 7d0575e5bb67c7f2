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
FAR_VOL, FAR_DEVIATIONS = 0.05, 4.0
"""Beyond so many standard deviations at so little vol a straddle is worth its intrinsic value."""


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
    years = years_to_expiry(expiry, now)
    discount = math.exp(-rate * years)
    forward = _forward(name, name.straddles.get(expiry, ()), years, discount)
    return _valued(name, expiry, forward, years, discount)


def value_held(
    name: NameReading, expiry: date, *, now: datetime, rate: float
) -> tuple[ValuedStraddle, ...]:
    """Value straddles that are held, which may have drifted far from the money.

    Where none of them is near enough to imply the forward, it is spot carried at the rate,
    F = S exp(r T): off by the dividends until expiry, for a straddle that has little vega left.
    """
    years = years_to_expiry(expiry, now)
    discount = math.exp(-rate * years)
    try:
        forward = _forward(name, name.straddles.get(expiry, ()), years, discount)
    except MarketDataMissing:
        forward = float(name.spot) / discount
    return _valued(name, expiry, forward, years, discount)


def value_at_intrinsic(
    name: NameReading, expiry: date, *, now: datetime, rate: float
) -> ValuedStraddle | None:
    """Value a held straddle that no vol explains, since it is worth its intrinsic value only.

        |F - K| D, which Black gives at FAR_VOL where |ln(F/K)| > 4 FAR_VOL sqrt(T)

    None for one nearer to the money: its time value is not known, its quotes are not sound.
    """
    row = next(iter(name.straddles.get(expiry, ())), None)
    years = years_to_expiry(expiry, now)
    if row is None or years <= 0:
        return None
    discount = math.exp(-rate * years)
    forward = float(name.spot) / discount
    away = abs(math.log(forward / float(row.straddle.strike)))
    if away <= FAR_DEVIATIONS * FAR_VOL * math.sqrt(years):
        return None
    return _at_vol(name, row, FAR_VOL, (forward, years, discount))


def _valued(
    name: NameReading, expiry: date, forward: float, years: float, discount: float
) -> tuple[ValuedStraddle, ...]:
    rows = name.straddles.get(expiry, ())
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
    return _at_vol(name, row, float(judged.vol), (forward, years, discount))


def _at_vol(
    name: NameReading, row: StraddleReading, vol: float, terms: tuple[float, float, float]
) -> ValuedStraddle:
    forward, years, discount = terms
    strike = float(row.straddle.strike)
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
