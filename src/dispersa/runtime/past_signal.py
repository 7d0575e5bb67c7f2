"""What would the signal have said on a past day, from what the history store holds?

The vols of the day come from a chain of that day where one is held, else from the daily bar of the
broker's 30-day implied vol. Spreads come from the chain's quotes; where it has none they are
assumed and flagged, as in research. Nothing after the day is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import numpy as np
import polars as pl

from dispersa.correlation.past import DailySeries
from dispersa.correlation.research import (
    ASSUMED_SPREAD,
    MARKET_CLOSE,
    AssumedSpreads,
    closes_without_splits,
)
from dispersa.correlation.signal import assess
from dispersa.correlation.tenor import VolPanel, panel_at
from dispersa.correlation.terms import EXCHANGE_ZONE, Signal, SignalInputs, SignalName, SignalPolicy
from dispersa.errors import InvalidInput, MarketDataMissing
from dispersa.history.held import chain_table, held_option_rows
from dispersa.history.store import Dataset, HistoryStore
from dispersa.market import Basket, Symbol
from dispersa.pricing.atm import AtTheMoney, at_the_money_vols

VOL_OF_DAILY_BAR = "vol_of_daily_bar"
VOL_POINTS = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PastQuestion:
    """Which day is asked about, and by which basket, tenor and thresholds."""

    day: date
    basket: Basket
    names: int
    tenor_days: int
    policy: SignalPolicy
    spreads: AssumedSpreads = field(default_factory=AssumedSpreads)


def past_signal(store: HistoryStore, asked: PastQuestion) -> Signal:
    """Judge a past day from the store.

    Raises
    ------
    InvalidInput
        The store holds neither a chain nor a bar of implied vol of the index on that day.
    """
    chosen = asked.basket.heaviest(asked.names)
    weights = {row.symbol: row.weight for row in chosen.weights}
    symbols = (asked.basket.index, *weights)
    rows = held_option_rows(store, symbols, asked.day)
    held = _Held(store=store, asked=asked, rows=rows, panel=_panel(rows, asked.tenor_days))
    closes = _closes(held, symbols)
    names = [held.name(symbol, weights.get(symbol), closes[symbol]) for symbol in symbols]
    if names[0].implied_vol is None:
        raise InvalidInput(
            f"store {store.root} holds neither a chain nor a daily bar of implied vol of "
            f"{symbols[0]} on {asked.day}; fetch or import that day, or look at `history info`"
        )
    moment = datetime.combine(asked.day, MARKET_CLOSE, EXCHANGE_ZONE).astimezone(UTC)
    inputs = SignalInputs(
        as_of=moment, tenor_days=asked.tenor_days, index=names[0], components=tuple(names[1:])
    )
    return assess(inputs, asked.policy)


def _panel(rows: pl.DataFrame, tenor_days: int) -> VolPanel | None:
    """Constant-maturity vols of the chains that are held."""
    table = chain_table(rows)
    if table is None:
        return None
    return panel_at(table, at_the_money_vols(table, AtTheMoney.SPOT, 0.0), tenor_days)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Held:
    """What the store holds of one question's names."""

    store: HistoryStore
    asked: PastQuestion
    rows: pl.DataFrame
    panel: VolPanel | None

    def bars(self, dataset: Dataset, symbol: Symbol) -> dict[date, float]:
        """Daily closes of one dataset up to the day."""
        table = self.store.read(dataset, symbol).select("date", "close")
        return {day: close for day, close in table.iter_rows() if day <= self.asked.day}

    def chain_vols(self, symbol: Symbol) -> dict[date, float]:
        """Vols of the chains by day."""
        if self.panel is None:
            return {}
        pairs = zip(self.panel.dates, self.panel.column(symbol).tolist(), strict=True)
        return {day: vol for day, vol in pairs if np.isfinite(vol)}

    def name(self, symbol: Symbol, weight: float | None, closes: DailySeries) -> SignalName:
        """One underlying as it was known on the day; `weight` is None for the index."""
        bars, chains = self.bars(Dataset.IV_BARS, symbol), self.chain_vols(symbol)
        vols = bars or chains
        today = chains.get(self.asked.day, bars.get(self.asked.day))
        flags = [VOL_OF_DAILY_BAR] if today is not None and self.asked.day not in chains else []
        width = self._relative_width(symbol)
        assumed, share = self._assumed(is_index=weight is None)
        if width is None:
            flags.append(ASSUMED_SPREAD)
        return SignalName(
            symbol=symbol,
            weight=1.0 if weight is None else weight,
            implied_vol=today,
            spread_vol_points=None
            if today is None
            else VOL_POINTS * today * (assumed if width is None else width),
            share_spread=share,
            implied_vols=_series(vols),
            closes=closes,
            flags=tuple(flags),
        )

    def _assumed(self, *, is_index: bool) -> tuple[float, float]:
        """Assumed widths of straddle and shares, as fractions of their prices."""
        spreads = self.asked.spreads
        if is_index:
            return spreads.index_straddle, spreads.index_share
        return spreads.name_straddle, spreads.name_share

    def _relative_width(self, symbol: Symbol) -> float | None:
        """Quoted width over mid of the day's straddle nearest to the money and the tenor."""
        prices = ("call_bid", "call_ask", "put_bid", "put_ask")
        quoted = self.rows.filter(
            (pl.col("symbol") == symbol)
            & (pl.col("date") == self.asked.day)
            & pl.all_horizontal(pl.col(prices) > 0)
        )
        if quoted.is_empty():
            return None
        days = (pl.col("expiry") - pl.col("date")).dt.total_days()
        best = quoted.sort(
            (days - self.asked.tenor_days).abs(), (pl.col("strike") - pl.col("spot")).abs()
        ).row(0, named=True)
        width = best["call_ask"] - best["call_bid"] + best["put_ask"] - best["put_bid"]
        mid = 0.5 * sum(best[name] for name in prices)
        return float(width / mid) if width >= 0 else None


def _closes(held: _Held, symbols: tuple[Symbol, ...]) -> Mapping[Symbol, DailySeries]:
    """Closes of the trade bars, of the chains' snapshots where a name has no bars; splits out."""
    columns: dict[Symbol, dict[date, float]] = {}
    for symbol in symbols:
        bars = held.bars(Dataset.TRADE_BARS, symbol)
        if not bars and held.panel is not None:
            spots = held.panel.spots_of(symbol).tolist()
            pairs = zip(held.panel.dates, spots, strict=True)
            bars = {day: spot for day, spot in pairs if np.isfinite(spot)}
        columns[symbol] = bars
    if held.panel is None:
        return {symbol: _series(values) for symbol, values in columns.items()}
    dates = tuple(sorted({day for values in columns.values() for day in values}))
    if not dates:
        raise MarketDataMissing("the store holds no closes of any of the names; fetch them")
    prices = np.array([[columns[symbol].get(day, np.nan) for symbol in symbols] for day in dates])
    return closes_without_splits(dates, symbols, prices, held.panel).series


def _series(values: Mapping[date, float]) -> DailySeries:
    days = sorted(values)
    return DailySeries(dates=tuple(days), values=tuple(values[day] for day in days))
