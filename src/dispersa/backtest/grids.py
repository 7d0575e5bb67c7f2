"""How is a market read from tables of spots and vols, one row a day? The IV-only source.

Straddles are priced by `pricing` from the at-the-money vols, spreads are assumed: everything that
comes of such a source is model-marked.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from dispersa.backtest.market import MarketDay, NameDay
from dispersa.correlation.past import DailySeries
from dispersa.correlation.research import AssumedSpreads
from dispersa.errors import InvalidInput
from dispersa.market import Basket, Symbol, UnderlyingKind, Weight

HISTORY_DAYS = 504
"""Days of history behind a signal, as the product reads them live."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """Spots, vols and dividends of some names by day; the first name is the index.

    `spots`, `vols` and `dividends` are days x names, NaN (dividends: zero) where there is none.
    `vol_days` is the tenor of each name's vols. `vix` by day is NaN where it is not known.
    """

    days: tuple[date, ...]
    symbols: tuple[Symbol, ...]
    spots: NDArray[np.float64]
    vols: NDArray[np.float64]
    vol_days: tuple[int, ...]
    vix: NDArray[np.float64]
    dividends: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        shape = (len(self.days), len(self.symbols))
        if self.spots.shape != shape or self.vols.shape != shape or self.vix.shape != shape[:1]:
            raise InvalidInput(
                f"a grid of {shape[0]} days and {shape[1]} names has spots {self.spots.shape}, "
                f"vols {self.vols.shape} and VIX {self.vix.shape}; expected one row a day and one "
                "column a name"
            )


@dataclass(slots=True, kw_only=True, eq=False)
class GridSource:
    """A source over a grid; the first day that is traded leaves `warmup` days of history."""

    label: str
    grid: Grid
    statements: tuple[str, ...]
    tenor_days: int = 30
    warmup: int = 252
    index_kind: UnderlyingKind = UnderlyingKind.ETF
    weights: Mapping[Symbol, float] = field(default_factory=dict)
    spreads: AssumedSpreads = field(default_factory=AssumedSpreads)
    is_model_marked: bool = True
    _rows: dict[date, int] = field(init=False)
    _columns: dict[Symbol, int] = field(init=False)

    def __post_init__(self) -> None:
        self._rows = {day: row for row, day in enumerate(self.grid.days)}
        self._columns = {symbol: column for column, symbol in enumerate(self.grid.symbols)}

    @property
    def index(self) -> Symbol:
        """The first column."""
        return self.grid.symbols[0]

    @property
    def days(self) -> tuple[date, ...]:
        """Days on which the index has a spot and a vol, after the warm-up."""
        return tuple(
            day
            for row, day in enumerate(self.grid.days)
            if row >= self.warmup and np.isfinite(self.grid.spots[row, 0] * self.grid.vols[row, 0])
        )

    @property
    def content_hash(self) -> str:
        """SHA-256 of everything that the source hands out."""
        digest = hashlib.sha256()
        digest.update(repr((self.grid.days, self.grid.symbols, self.grid.vol_days)).encode())
        digest.update(repr((self.weights, self.spreads, self.tenor_days, self.warmup)).encode())
        for table in (self.grid.spots, self.grid.vols, self.grid.vix, self.grid.dividends):
            digest.update(b"none" if table is None else np.ascontiguousarray(table).tobytes())
        return digest.hexdigest()

    def basket(self, day: date) -> Basket:
        """Weights given, else equal ones, of the names with a vol on the day."""
        names = [name for name in self.grid.symbols[1:] if self._is_seen(name, self._rows[day])]
        own = self.weights or {name: 1 / len(names) for name in names}
        rows = tuple(Weight(symbol=name, weight=own[name]) for name in names if name in own)
        return Basket(index=self.index, as_of=day, weights=rows)

    def market(self, day: date) -> MarketDay:
        """Names with a spot and a vol on the day."""
        row = self._rows[day]
        names = {
            name: self._name(name, row) for name in self.grid.symbols if self._is_seen(name, row)
        }
        vix = float(self.grid.vix[row])
        return MarketDay(day=day, names=names, vix=vix if np.isfinite(vix) else None)

    def history(self, symbol: Symbol, day: date) -> tuple[DailySeries, DailySeries]:
        """The two years before a day."""
        last = self._rows[day]
        rows = slice(max(last - HISTORY_DAYS, 0), last)
        column = self._columns[symbol]
        days = self.grid.days[rows]
        return (
            series(days, self.grid.vols[rows, column]),
            series(days, self.grid.spots[rows, column]),
        )

    def truncated(self, last: date) -> "GridSource":
        """The same source as it was known on a day: nothing later is in it."""
        kept = sum(day <= last for day in self.grid.days)
        own = self.grid
        return GridSource(
            label=self.label,
            grid=Grid(
                days=own.days[:kept],
                symbols=own.symbols,
                spots=own.spots[:kept],
                vols=own.vols[:kept],
                vol_days=own.vol_days,
                vix=own.vix[:kept],
                dividends=None if own.dividends is None else own.dividends[:kept],
            ),
            statements=self.statements,
            tenor_days=self.tenor_days,
            warmup=self.warmup,
            index_kind=self.index_kind,
            weights=self.weights,
            spreads=self.spreads,
            is_model_marked=self.is_model_marked,
        )

    def _is_seen(self, name: Symbol, row: int) -> bool:
        column = self._columns[name]
        spot, vol = self.grid.spots[row, column], self.grid.vols[row, column]
        return bool(np.isfinite(spot) and np.isfinite(vol) and spot > 0 and vol > 0)

    def _name(self, name: Symbol, row: int) -> NameDay:
        column, grid = self._columns[name], self.grid
        is_index = column == 0
        paid = 0.0 if grid.dividends is None else float(grid.dividends[row, column])
        return NameDay(
            symbol=name,
            kind=self.index_kind if is_index else UnderlyingKind.STOCK,
            spot=float(grid.spots[row, column]),
            curve=((float(grid.vol_days[column]), float(grid.vols[row, column])),),
            straddle_width=self.spreads.index_straddle if is_index else self.spreads.name_straddle,
            share_width=self.spreads.index_share if is_index else self.spreads.name_share,
            dividend=paid,
        )


def series(days: Sequence[date], values: NDArray[np.float64]) -> DailySeries:
    """The days that have a number above zero."""
    known = np.isfinite(values) & (values > 0)
    if known.all():
        return DailySeries(dates=tuple(days), values=tuple(values.tolist()))
    rows = np.flatnonzero(known).tolist()
    return DailySeries(dates=tuple(days[row] for row in rows), values=tuple(values[known].tolist()))
