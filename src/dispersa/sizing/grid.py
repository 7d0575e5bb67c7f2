"""How does the book gain and lose over whole ranges of spot, vol, correlation and time?"""

import math
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

import numpy as np

from dispersa.errors import InvalidInput
from dispersa.pricing import basket
from dispersa.pricing.units import VOL_POINT
from dispersa.sizing.book import Book
from dispersa.sizing.program import Floats
from dispersa.sizing.repricing import pnl_usd
from dispersa.sizing.revaluation import BookColumns, Moves, first_order


class Axis(StrEnum):
    """One direction in which the market can move; units as in `GridAxes`."""

    SPOT = "spot"
    VOL = "vol"
    CORRELATION = "correlation"
    DAYS = "days"


@dataclass(frozen=True, slots=True, kw_only=True)
class GridAxes:
    """Values of each axis; zero is today.

    Attributes
    ----------
    spot_moves : relative moves of every underlying.
    vol_points : added to every component vol; the index vol follows with the correlation.
    correlation_shifts : added to today's implied correlation.
    days : calendar days that pass.
    """

    spot_moves: tuple[float, ...] = (-0.2, -0.1, -0.05, 0.0, 0.05, 0.1, 0.2)
    vol_points: tuple[float, ...] = (-5.0, 0.0, 5.0, 10.0, 20.0)
    correlation_shifts: tuple[float, ...] = (-0.25, -0.1, 0.0, 0.1, 0.25, 0.5)
    days: tuple[float, ...] = (0.0, 5.0, 10.0)

    def values(self, axis: Axis) -> tuple[float, ...]:
        """Values of `axis`."""
        match axis:
            case Axis.SPOT:
                return self.spot_moves
            case Axis.VOL:
                return self.vol_points
            case Axis.CORRELATION:
                return self.correlation_shifts
            case Axis.DAYS:
                return self.days


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """One plane of a grid, dollars: a row of `pnl_usd` for each of `row_values`."""

    rows: Axis
    columns: Axis
    row_values: tuple[float, ...]
    column_values: tuple[float, ...]
    pnl_usd: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioGrid:
    """P&L of every combination, dollars.

    `pnl_usd` (full revaluation) and `first_order_usd` are in the order of nested loops over spot,
    vol, correlation and days, days innermost.
    """

    axes: GridAxes
    correlation: float
    """Today's."""
    pnl_usd: tuple[float, ...]
    first_order_usd: tuple[float, ...]

    def heat_map(self, rows: Axis, columns: Axis) -> HeatMap:
        """Plane through today along two axes; the others stay at zero.

        Raises
        ------
        InvalidInput
            If the axes are the same or another axis has no zero.
        """
        if rows is columns:
            raise InvalidInput(f"a heat map needs two axes; got {rows} twice")
        at = tuple(
            slice(None) if axis in (rows, columns) else _zero(self.axes, axis) for axis in Axis
        )
        plane = np.reshape(self.pnl_usd, [len(self.axes.values(axis)) for axis in Axis])[at]
        order = list(Axis)
        if order.index(rows) > order.index(columns):
            plane = plane.T
        return HeatMap(
            rows=rows,
            columns=columns,
            row_values=self.axes.values(rows),
            column_values=self.axes.values(columns),
            pnl_usd=tuple(tuple(row) for row in plane.tolist()),
        )


def _zero(axes: GridAxes, axis: Axis) -> int:
    values = axes.values(axis)
    if 0.0 not in values:
        raise InvalidInput(f"the {axis} axis {values} has no zero; a heat map goes through today")
    return values.index(0.0)


def scenario_grid(book: Book, axes: GridAxes) -> ScenarioGrid:
    """Revalue `book` at every combination of the axes.

    A shifted correlation is held between the least that leaves index variance, min(today's, 0),
    and 1, as in `Scenario`.

    Raises
    ------
    MarketDataMissing
        If a revaluation is undefined, for example a vol shifted below zero.
    """
    columns = BookColumns.of(book)
    cells = np.array(list(product(*(axes.values(axis) for axis in Axis))))
    moves = _moves(columns, cells)
    return ScenarioGrid(
        axes=axes,
        correlation=columns.correlation,
        pnl_usd=tuple(_pnl(columns, axes, moves).tolist()),
        first_order_usd=tuple(first_order(columns, moves).tolist()),
    )


def _pnl(columns: BookColumns, axes: GridAxes, moves: Moves) -> Floats:
    # The names do not see the correlation, so their leg is revalued once for all of its values.
    shape = [len(axes.values(axis)) for axis in Axis]
    at = np.arange(math.prod(shape)).reshape(shape)
    first = np.take(at, 0, axis=list(Axis).index(Axis.CORRELATION)).ravel()
    straddles, names = columns.straddles, slice(1, None)
    component_leg = pnl_usd(
        straddles.only(names),
        moves.spot_move[first, names],
        moves.vol[first, names],
        moves.days[first],
    ).sum(axis=1)
    index_leg = pnl_usd(
        straddles.only(slice(0, 1)), moves.spot_move[:, :1], moves.vol[:, :1], moves.days
    )
    spot, vol, _, days = shape
    total: Floats = index_leg.reshape(shape) + component_leg.reshape(spot, vol, 1, days)
    return total.ravel()


def _moves(columns: BookColumns, cells: Floats) -> Moves:
    today = columns.correlation
    spot, points, shift, days = cells.T
    held = np.clip(today + shift, min(today, 0.0), max(today, 1.0))
    names = columns.vol[1:] + VOL_POINT * points[:, None]
    index = basket.index_vol(columns.weight, names, held)
    return Moves(
        correlation=held,
        spot_move=np.repeat(spot[:, None], len(columns.vol), axis=1),
        vol=np.column_stack([index, names]),
        days=days,
    )
