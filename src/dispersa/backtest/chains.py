"""How is a market read from files of option chains, one day at a time?

Vols come from the file's own implied vols, call and put averaged; its last trades are never read.
Two expiries and the strikes between give every contract its vol. After a split, prices and strikes
are quoted in the shares of the first day: one contract then stands for several real ones, and pays
their commissions. A split is taken out on the day it shows, never before.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dispersa.backtest.grids import HISTORY_DAYS, series
from dispersa.backtest.market import Curve, MarketDay, NameDay, Smile
from dispersa.correlation.past import DailySeries
from dispersa.correlation.research import AssumedSpreads
from dispersa.correlation.share_classes import merged
from dispersa.correlation.splits import find_splits
from dispersa.correlation.tenor import VolPanel, panel_at
from dispersa.errors import InvalidInput
from dispersa.history.chains import ChainTable
from dispersa.history.weights import IndexWeights
from dispersa.market import Basket, Symbol, UnderlyingKind
from dispersa.pricing.atm import AtTheMoney, at_the_money_vols

TENOR_DAYS = 30
DAYS_SEEN = 70
"""Longest expiry that is read: what lies beyond is never traded, nor needed to enclose a tenor."""
BAND = (0.8, 1.25)
"""Strikes over spot that are read."""
STRIKE_PLACES = 3


@dataclass(slots=True, kw_only=True, eq=False)
class ChainSource:
    """A source over a chain file and its dated weights."""

    label: str
    index: Symbol
    table: ChainTable
    weights: IndexWeights
    vix: Mapping[date, float]
    spreads: AssumedSpreads = field(default_factory=AssumedSpreads)
    tenor_days: int = TENOR_DAYS
    is_model_marked: bool = True
    index_kind: UnderlyingKind = UnderlyingKind.ETF
    statements: tuple[str, ...] = ()
    content_hash: str = ""
    _panel: VolPanel = field(init=False)
    _factors: NDArray[np.float64] = field(init=False)
    _groups: dict[tuple[int, int], list[int]] = field(init=False)

    def __post_init__(self) -> None:
        vols = at_the_money_vols(self.table, AtTheMoney.SPOT, 0.0)
        self._panel = panel_at(self.table, vols, self.tenor_days)
        self._factors = np.ones(self._panel.spots.shape)
        for split in find_splits(self._panel.spots, self._panel.vols):
            self._factors[split.row :, split.column] *= split.new / split.old
        self._groups = {}
        for group in range(self.table.group_count):
            key = (int(self.table.date_index[group]), int(self.table.symbol_index[group]))
            self._groups.setdefault(key, []).append(group)
        self.statements = (*self._say(), *self.statements)

    @classmethod
    def read(
        cls,
        chains: Path,
        weights: Path,
        index: Symbol,
        *,
        vix: Mapping[date, float] | None,
        names: int,
    ) -> "ChainSource":
        """Read a chain file, of the index and twice as many names as are wanted."""
        from dispersa.history.chains import read_chains
        from dispersa.history.weights import read_weights

        dated = read_weights(weights, index)
        wanted = {index}
        for basket in dated.baskets:
            wanted |= {row.symbol for row in basket.heaviest(2 * names).weights}
        table = read_chains(chains, wanted)
        digest = hashlib.sha256(chains.read_bytes())
        digest.update(weights.read_bytes())
        digest.update(repr(sorted((vix or {}).items())).encode())
        return cls(
            label=f"chains of {chains.name}, {index} and its names",
            index=index,
            table=table,
            weights=dated,
            vix=vix or {},
            content_hash=digest.hexdigest(),
        )

    @property
    def days(self) -> tuple[date, ...]:
        """Days on which the index has a vol at the tenor."""
        column = self._panel.column(self.index)
        return tuple(
            day for day, vol in zip(self._panel.dates, column, strict=True) if np.isfinite(vol)
        )

    def basket(self, day: date) -> Basket:
        """Weights known on the day, both lines of a company as one name."""
        known = self.weights.on(day)
        if known is None:
            raise InvalidInput(f"the weights of {self.index} begin after {day}")
        return merged(known, frozenset(row.symbol for row in known.weights))

    def market(self, day: date) -> MarketDay:
        """Names with a chain and a vol at the tenor."""
        row = self._panel.dates.index(day)
        names = {}
        for column, symbol in enumerate(self._panel.symbols):
            if np.isfinite(self._panel.vols[row, column]):
                names[symbol] = self._name(symbol, row, column)
        return MarketDay(day=day, names=names, vix=self.vix.get(day))

    def history(self, symbol: Symbol, day: date) -> tuple[DailySeries, DailySeries]:
        """Vols and closes of the file before a day, splits taken out."""
        if symbol not in self._panel.symbols:
            return DailySeries(), DailySeries()
        last = self._panel.dates.index(day)
        rows = slice(max(last - HISTORY_DAYS, 0), last)
        column = self._panel.symbols.index(symbol)
        days = self._panel.dates[rows]
        spots = self._panel.spots[rows, column] * self._factors[rows, column]
        return series(days, self._panel.vols[rows, column]), series(days, spots)

    def truncated(self, last: date) -> "ChainSource":
        """The same source as it was known on a day."""
        table = self.table
        kept = np.array([table.dates[row] <= last for row in table.date_index.tolist()])
        groups = int(kept.sum())
        rows = int(table.starts[groups])
        cut = ChainTable(
            dates=tuple(day for day in table.dates if day <= last),
            symbols=table.symbols,
            date_index=table.date_index[:groups].copy(),
            symbol_index=table.symbol_index[:groups].copy(),
            days_to_expiry=table.days_to_expiry[:groups].copy(),
            spot=table.spot[:groups].copy(),
            starts=table.starts[: groups + 1].copy(),
            strike=table.strike[:rows].copy(),
            call_iv=table.call_iv[:rows].copy(),
            put_iv=table.put_iv[:rows].copy(),
            call_delta=table.call_delta[:rows].copy(),
            put_delta=table.put_delta[:rows].copy(),
        )
        return ChainSource(
            label=self.label,
            index=self.index,
            table=cut,
            weights=self.weights,
            vix=self.vix,
            spreads=self.spreads,
            content_hash=self.content_hash,
        )

    def _name(self, symbol: Symbol, row: int, column: int) -> NameDay:
        factor = float(self._factors[row, column])
        smiles = self._smiles(row, symbol, factor)
        is_index = symbol == self.index
        return NameDay(
            symbol=symbol,
            kind=self.index_kind if is_index else UnderlyingKind.STOCK,
            spot=float(self._panel.spots[row, column]) * factor,
            curve=self._curve(smiles, row, column, factor),
            smiles=smiles,
            expiries=tuple(smiles),
            strikes=tuple(sorted({strike for one in smiles.values() for strike in one.strikes})),
            straddle_width=self.spreads.index_straddle if is_index else self.spreads.name_straddle,
            share_width=self.spreads.index_share if is_index else self.spreads.name_share,
            contracts_per_unit=factor,
        )

    def _smiles(self, row: int, symbol: Symbol, factor: float) -> dict[date, Smile]:
        table, day = self.table, self._panel.dates[row]
        number = table.symbols.index(symbol)
        found = {}
        for group in self._groups.get((row, number), ()):
            days = int(table.days_to_expiry[group])
            if days > DAYS_SEEN:
                continue
            rows = slice(int(table.starts[group]), int(table.starts[group + 1]))
            smile = _smile(table, rows, float(table.spot[group]), factor)
            if smile is not None:
                found[day + timedelta(days=days)] = smile
        return dict(sorted(found.items()))

    def _curve(self, smiles: Mapping[date, Smile], row: int, column: int, factor: float) -> Curve:
        """The panel's vol at the tenor first of all; the expiries' own vols around it."""
        day, spot = self._panel.dates[row], float(self._panel.spots[row, column]) * factor
        points = {float((expiry - day).days): smile.at(spot) for expiry, smile in smiles.items()}
        points[float(self.tenor_days)] = float(self._panel.vols[row, column])
        return tuple(sorted(points.items()))

    def _say(self) -> tuple[str, ...]:
        widths = (self.spreads.index_straddle, self.spreads.name_straddle)
        texts = (MODEL_MARKED, SPREADS.format(*widths), NAMES)
        return tuple(" ".join(text.split()) for text in texts)


MODEL_MARKED = """
Model-marked: values come from the file's implied vols, call and put averaged; the file has no
quotes, and its last trades are not used.
"""
SPREADS = "Spreads are assumed: {:.1%} of premium for the index, {:.1%} for names."
NAMES = """
Names join when the file first has them and are never filled in before; names that it never had
are missing throughout. The file says nothing about dividends, and none are paid.
"""


def _smile(table: ChainTable, rows: slice, spot: float, factor: float) -> Smile | None:
    strikes = table.strike[rows]
    vols = 0.5 * (table.call_iv[rows] + table.put_iv[rows])
    near = (strikes >= BAND[0] * spot) & (strikes <= BAND[1] * spot)
    known = np.flatnonzero(np.isfinite(vols) & (vols > 0) & near)
    if known.size < 2:
        return None
    return Smile(
        strikes=tuple(round(strike * factor, STRIKE_PLACES) for strike in strikes[known].tolist()),
        vols=tuple(vols[known].tolist()),
    )
