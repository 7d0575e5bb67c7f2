"""What would the signal have said on each date of a history of chains and closes?

Each date is judged by `signal.assess` with what was known before it. Chain files hold no quotes,
so spreads are assumed: a fraction of the straddle's premium, which for at-the-money straddles is
that fraction of the vol. What was realized after a date is shown beside it for the reader and
enters no number that a decision uses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import numpy as np
from numpy.typing import NDArray

from dispersa.correlation.by_date import DayCorrelation
from dispersa.correlation.past import DailySeries, aligned
from dispersa.correlation.readings import realized_over
from dispersa.correlation.signal import assess
from dispersa.correlation.splits import Split, find_splits, without_splits
from dispersa.correlation.tenor import VolPanel
from dispersa.correlation.terms import (
    EXCHANGE_ZONE,
    RealizedWindow,
    Signal,
    SignalInputs,
    SignalName,
    SignalPolicy,
)
from dispersa.market import Symbol

MARKET_CLOSE = time(16, 0)
ASSUMED_SPREAD = "assumed_spread"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumedSpreads:
    """Quoted widths where a file has none, as fractions.

    Straddles: of their premium. Screen quotes near the money, 2 to 11 weeks, show 0.3 % for SPY,
    0.7 % for QQQ, 0.8 to 2 % for the largest names and up to 8 % for others; the default for names
    is a weight average of these. Shares: of their price.
    """

    index_straddle: float = 0.005
    name_straddle: float = 0.02
    index_share: float = 0.5e-4
    name_share: float = 2e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSplit:
    """A split that was recognized in a name's closes and taken out of its returns."""

    symbol: Symbol
    day: date
    new: int
    old: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResearchDay:
    """One date: the signal as it would have been, and what then happened.

    `afterwards` is the realized correlation of the horizon after the date, None while it runs.
    """

    signal: Signal
    afterwards: RealizedWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class Closes:
    """Closes of the index and its names on one calendar, splits taken out."""

    series: Mapping[Symbol, DailySeries]
    splits: tuple[NamedSplit, ...]


def closes_without_splits(
    dates: tuple[date, ...],
    symbols: tuple[Symbol, ...],
    prices: NDArray[np.float64],
    panel: VolPanel,
) -> Closes:
    """Take recognized splits out of prices (days x names), judging jumps by implied vol.

    Only days on which the panel knows the name's vol are judged; earlier prices must come adjusted.
    """
    row_of = {day: row for row, day in enumerate(panel.dates)}
    vols = np.full(prices.shape, np.nan)
    for row, day in enumerate(dates):
        if day in row_of:
            vols[row] = [panel.column(symbol)[row_of[day]] for symbol in symbols]
    splits = find_splits(prices, vols)
    restated = without_splits(prices, splits)
    return Closes(
        series={
            symbol: _series(dates, restated[:, column]) for column, symbol in enumerate(symbols)
        },
        splits=tuple(_named(split, dates, symbols) for split in splits),
    )


def research_by_date(
    days: tuple[DayCorrelation, ...],
    panel: VolPanel,
    closes: Closes,
    index: Symbol,
    policy: SignalPolicy,
    spreads: AssumedSpreads,
) -> tuple[ResearchDay, ...]:
    """Judge every date that has a basket, in order, each with its own names and weights."""
    vols = {symbol: _series(panel.dates, panel.column(symbol)) for symbol in panel.symbols}
    made = []
    for day in days:
        if day.index_vol is None or not day.names:
            continue
        inputs = _inputs(day, vols, closes, (index, panel.tenor_days), spreads)
        made.append(
            ResearchDay(
                signal=assess(inputs, policy), afterwards=_afterwards(inputs, policy.horizon_days)
            )
        )
    return tuple(made)


def _inputs(
    day: DayCorrelation,
    vols: Mapping[Symbol, DailySeries],
    closes: Closes,
    index_and_tenor: tuple[Symbol, int],
    spreads: AssumedSpreads,
) -> SignalInputs:
    """What was known at the close of a date."""
    index, tenor_days = index_and_tenor

    def name(
        symbol: Symbol, weight: float, vol: float, straddle: float, share: float
    ) -> SignalName:
        return SignalName(
            symbol=symbol,
            weight=weight,
            implied_vol=vol,
            spread_vol_points=100 * vol * straddle,
            share_spread=share,
            implied_vols=vols.get(symbol, DailySeries()),
            closes=closes.series.get(symbol, DailySeries()),
            flags=(ASSUMED_SPREAD,),
        )

    return SignalInputs(
        as_of=datetime.combine(day.date, MARKET_CLOSE, EXCHANGE_ZONE).astimezone(UTC),
        tenor_days=tenor_days,
        index=name(index, 1.0, day.index_vol or 0.0, spreads.index_straddle, spreads.index_share),
        components=tuple(
            name(one.symbol, one.weight, one.implied_vol, spreads.name_straddle, spreads.name_share)
            for one in day.names
        ),
    )


def _afterwards(inputs: SignalInputs, horizon_days: int) -> RealizedWindow:
    """Realized correlation of the horizon that begins after the scored day: hindsight."""
    legs = (inputs.index, *inputs.components)
    past = aligned(
        [name.weight for name in inputs.components],
        [name.implied_vols for name in legs],
        [name.closes for name in legs],
        date.max,
    )
    calendar = inputs.index.closes.dates
    first = sum(day <= inputs.trading_day for day in calendar)
    return realized_over(past, first, first + horizon_days)


def _series(dates: tuple[date, ...], values: NDArray[np.float64]) -> DailySeries:
    """The days that have a number."""
    known = np.flatnonzero(np.isfinite(values) & (values > 0))
    return DailySeries(
        dates=tuple(dates[row] for row in known), values=tuple(values[known].tolist())
    )


def _named(split: Split, dates: tuple[date, ...], symbols: tuple[Symbol, ...]) -> NamedSplit:
    """Say a split in names and days."""
    return NamedSplit(
        symbol=symbols[split.column], day=dates[split.row], new=split.new, old=split.old
    )
