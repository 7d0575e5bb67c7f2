"""Which options are listed on an underlying: expiries, trading classes and strikes?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray

from dispersa.gateway.world.calendar import (
    NEW_YORK,
    is_trading_day,
    session,
    trading_day_on_or_before,
)
from dispersa.gateway.world.kernels import Floats
from dispersa.gateway.world.universe import Underlying

HORIZON_DAYS = 400
_DAILY_LISTERS = frozenset({"QQQ", "SPY", "SPX", "NDX", "XSP"})
_EUROPEAN = {"SPX": ("SPX", "SPXW"), "NDX": ("NDX", "NDXP"), "XSP": ("", "XSP")}
"""Index options: the class settled in the morning ('' for none) and the one at the close."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExpirySlice:
    """The strikes of one expiry and trading class, ascending.

    `last_trade_day` is the day a client names; `settles` the instant of expiry, at the opening
    of the settlement day for morning-settled classes. `vols` holds implied volatilities from a
    file (None where a model gives them) and `file_atm` the one at the money; `call_quoted` and
    `put_quoted` mark what has quotes.
    """

    last_trade_day: date
    settlement_day: date
    trading_class: str
    strikes: Floats
    vols: Floats | None = None
    call_quoted: NDArray[np.bool_] | None = None
    put_quoted: NDArray[np.bool_] | None = None
    file_atm: float | None = None
    sides: Floats | None = None
    """Recorded volatilities of calls and of puts, two rows, 0 where there is none."""
    widths: Floats | None = None
    """Recorded widths of calls and of puts, two rows, nan where there is none."""
    multiplier: int = 0
    """Of an adjusted class; 0 for the chain's own."""

    @property
    def is_morning_settled(self) -> bool:
        """Whether the option settles at the opening of the settlement day."""
        return self.settlement_day != self.last_trade_day

    @property
    def settles(self) -> datetime:
        """Instant at which the option expires."""
        held = session(self.settlement_day)
        if held is None:
            return datetime.combine(self.settlement_day, time(16), NEW_YORK).astimezone(UTC)
        return held.opens if self.is_morning_settled else held.closes


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """All listed options of one underlying, by expiry."""

    symbol: str
    multiplier: int
    is_european: bool
    slices: tuple[ExpirySlice, ...]

    def live(self, now: datetime) -> Iterator[ExpirySlice]:
        """Yield the slices that have not expired at `now`."""
        return (piece for piece in self.slices if piece.settles > now)

    def contract_count(self) -> int:
        """Return the number of calls and puts."""
        return 2 * sum(len(piece.strikes) for piece in self.slices)


def third_friday(year: int, month: int) -> date:
    """Return the third Friday of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(4 - first.weekday()) % 7 + 14)


def _monthlies(day: date) -> list[date]:
    months = [(day.year + (day.month - 1 + k) // 12, (day.month - 1 + k) % 12 + 1)
              for k in range(14)]  # fmt: skip
    return [third_friday(year, month) for year, month in months]


def _weeklies(day: date, weeks: int) -> list[date]:
    friday = day + timedelta(days=(4 - day.weekday()) % 7)
    return [friday + timedelta(days=7 * week) for week in range(weeks)]


def _dailies(day: date, count: int) -> list[date]:
    ahead = (day + timedelta(days=k) for k in range(2 * count))
    return [candidate for candidate in ahead if is_trading_day(candidate)][:count]


def expiry_days(symbol: str, day: date) -> list[date]:
    """Return the expiries listed on `day`: Fridays of eight weeks, monthlies of thirteen months.

    Index products also list every trading day of two weeks. A Friday holiday moves the expiry to
    the trading day before.
    """
    wanted = {*_monthlies(day), *_weeklies(day, 8)}
    if symbol in _DAILY_LISTERS:
        wanted.update(_dailies(day, 10))
    moved = {trading_day_on_or_before(expiry) for expiry in wanted}
    return sorted(d for d in moved if day <= d <= day + timedelta(days=HORIZON_DAYS))


def strike_step(symbol: str, spot: float, days: int) -> float:
    """Return the distance between strikes near the money."""
    if symbol in {"QQQ", "SPY", "XSP"}:
        return 1.0 if days <= 60 else 5.0
    if symbol == "SPX":
        return 5.0 if days <= 60 else 25.0
    if symbol == "NDX":
        return 25.0 if days <= 60 else 100.0
    steps = ((25.0, 0.5), (100.0, 1.0), (250.0, 2.5), (600.0, 5.0), (1500.0, 10.0))
    return next((step for edge, step in steps if spot < edge), 20.0)


def strike_grid(underlying: Underlying, vol: float, days: int) -> Floats:
    """Return the strikes of one expiry: four deviations to each side, within 0.6 to 1.6 spot."""
    width = max(0.15, 4.0 * vol * float(np.sqrt(max(days, 1) / 365.0)))
    step = strike_step(underlying.symbol, underlying.spot, days)
    low = underlying.spot * max(0.6, 1.0 - width)
    high = underlying.spot * min(1.6, 1.0 + width)
    first, last = int(np.ceil(low / step)), int(np.floor(high / step))
    return step * np.arange(first, last + 1, dtype=float)


def synthetic_chain(underlying: Underlying, vol: float, day: date) -> Chain:
    """Return the options listed on `underlying` on `day`; `vol` is its 30-day volatility."""
    slices = []
    morning, close = _EUROPEAN.get(underlying.symbol, ("", underlying.symbol))
    for expiry in expiry_days(underlying.symbol, day):
        strikes = strike_grid(underlying, vol, (expiry - day).days)
        slices.append(_slice(expiry, expiry, close, strikes))
        if morning and expiry == trading_day_on_or_before(third_friday(expiry.year, expiry.month)):
            eve = trading_day_on_or_before(expiry - timedelta(days=1))
            slices.append(_slice(eve, expiry, morning, strikes))
    return Chain(
        symbol=underlying.symbol,
        multiplier=100,
        is_european=underlying.symbol in _EUROPEAN,
        slices=tuple(slices),
    )


def _slice(last: date, settlement: date, trading_class: str, strikes: Floats) -> ExpirySlice:
    return ExpirySlice(
        last_trade_day=last, settlement_day=settlement, trading_class=trading_class, strikes=strikes
    )


def revised(chain: Chain, fresh: Chain) -> Chain:
    """Return `chain` as of a later date: the volatilities and strikes of `fresh`, slice by slice.

    What `fresh` lists no more stays listed, without quotes.
    """
    known = {(piece.last_trade_day, piece.trading_class): piece for piece in fresh.slices}
    pieces = [
        _revised(piece, known.get((piece.last_trade_day, piece.trading_class)))
        for piece in chain.slices
    ]
    return with_new_expiries(replace(chain, slices=tuple(pieces)), fresh)


def _revised(old: ExpirySlice, new: ExpirySlice | None) -> ExpirySlice:
    if new is None or new.vols is None:
        dark = np.zeros(len(old.strikes), dtype=bool)
        return replace(old, call_quoted=dark, put_quoted=dark)
    strikes = np.union1d(old.strikes, new.strikes)
    place = np.searchsorted(strikes, new.strikes)
    vols = np.zeros(len(strikes))
    vols[place] = new.vols
    quoted = []
    for side in (new.call_quoted, new.put_quoted):
        row = np.zeros(len(strikes), dtype=bool)
        row[place] = False if side is None else side
        quoted.append(row)
    sides, widths = (
        None if table is None else _spread(table, place, len(strikes))
        for table in (new.sides, new.widths)
    )
    return replace(
        new, strikes=strikes, sides=sides, widths=widths, vols=vols,
        call_quoted=quoted[0], put_quoted=quoted[1],
        multiplier=old.multiplier,
    )  # fmt: skip


def _spread(table: Floats, place: NDArray[np.intp], count: int) -> Floats:
    wide = np.full((2, count), np.nan)
    wide[:, place] = table
    return wide


def with_new_expiries(chain: Chain, fresh: Chain) -> Chain:
    """Return `chain` with the expiries that only `fresh` has."""
    known = {(piece.last_trade_day, piece.trading_class) for piece in chain.slices}
    added = [p for p in fresh.slices if (p.last_trade_day, p.trading_class) not in known]
    slices = sorted((*chain.slices, *added), key=lambda piece: piece.settles)
    return replace(chain, slices=tuple(slices))
