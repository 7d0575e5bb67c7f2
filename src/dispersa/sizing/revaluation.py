"""What would the book gain or lose in each scenario, revalued in full and to first order?

Every straddle is repriced with the vol of its strike (`dispersa.sizing.repricing`); delta is not
re-hedged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from dispersa.errors import MarketDataMissing
from dispersa.market import Symbol
from dispersa.pricing import basket
from dispersa.pricing.units import VOL_POINT
from dispersa.sizing.book import Book
from dispersa.sizing.program import Floats
from dispersa.sizing.repricing import StraddleColumns, pnl_usd
from dispersa.sizing.scenarios import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioResult:
    """P&L of one scenario, dollars.

    Attributes
    ----------
    correlation, index_vol : what the scenario made of them.
    gapped : the name whose gap is worst; None unless the scenario gaps one name.
    pnl_usd : full revaluation, the sum of the two legs.
    first_order_usd : vega, delta, half gamma and theta times the moves.
    correlation_first_order_usd : P&L by correlation alone, ``-V (A^2 - B) / (2 sI) * d rho`` for
        an index leg sold; compare with `pnl_usd` to see the convexity.
    """

    scenario: Scenario
    correlation: float
    index_vol: float
    gapped: Symbol | None
    index_leg_usd: float
    component_leg_usd: float
    pnl_usd: float
    first_order_usd: float
    correlation_first_order_usd: float

    @property
    def name(self) -> str:
        """Name of the scenario."""
        return self.scenario.name


@dataclass(frozen=True, slots=True, kw_only=True)
class BookColumns:
    """A book as columns, index first; `weight` is of the components, renormalized."""

    straddles: StraddleColumns
    weight: Floats
    vega: Floats
    delta: Floats
    cash_gamma: Floats
    theta: Floats

    @classmethod
    def of(cls, book: Book) -> "BookColumns":
        """Read a book."""
        rows = [row for row, _ in book.rows]
        quantity = np.array([quantity for _, quantity in book.rows])
        return cls(
            straddles=StraddleColumns.of(book),
            weight=basket.normalize([row.weight or 0.0 for row in book.components]),
            vega=quantity * np.array([row.vega_usd_per_point for row in rows]),
            delta=quantity * np.array([row.delta_usd for row in rows]),
            cash_gamma=quantity * np.array([row.cash_gamma_usd for row in rows]),
            theta=quantity * np.array([row.theta_usd_per_day for row in rows]),
        )

    @property
    def vol(self) -> Floats:
        """Vols, index first."""
        return self.straddles.vol

    @property
    def correlation(self) -> float:
        """Clean implied correlation of the book's own names and weights."""
        implied = basket.implied_correlation(self.weight, self.vol[1:], self.vol[0])
        return float(implied.clean)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """Scenarios as arrays: one row each; moves and vols have the index in column 0."""

    correlation: Floats
    spot_move: Floats
    vol: Floats
    days: Floats


def revalue(book: Book, scenarios: Sequence[Scenario]) -> tuple[ScenarioResult, ...]:
    """Revalue `book` in each scenario.

    Raises
    ------
    MarketDataMissing
        If the book's correlation is undefined (fewer than two names) or a revaluation is.
    """
    columns = BookColumns.of(book)
    if not np.isfinite(columns.correlation):
        raise MarketDataMissing(
            f"the implied correlation of {len(book.components)} components is undefined; expected "
            "two or more names with vols"
        )
    cases = [(scenario, gapped) for scenario in scenarios for gapped in _gaps(book, scenario)]
    moves = _moves(columns, cases)
    legs = pnl_usd(columns.straddles, moves.spot_move, moves.vol, moves.days)
    results = _results(book, columns, cases, moves, legs)
    by_scenario = groupby(results, key=lambda row: id(row.scenario))
    return tuple(min(rows, key=lambda row: row.pnl_usd) for _, rows in by_scenario)


def _gaps(book: Book, scenario: Scenario) -> Iterator[int | None]:
    if scenario.name_gap:
        yield from range(len(book.components))
    else:
        yield None


def _moves(columns: BookColumns, cases: Sequence[tuple[Scenario, int | None]]) -> Moves:
    scenarios = [scenario for scenario, _ in cases]
    today = columns.correlation
    correlation = np.array([_correlation(scenario, today) for scenario in scenarios])
    names = columns.vol[1:] + VOL_POINT * _column(scenarios, "component_vol_points")[:, None]
    index = basket.index_vol(columns.weight, names, correlation)
    index = index + VOL_POINT * _column(scenarios, "index_vol_points")
    vol = np.column_stack([index, names])
    vol = vol + VOL_POINT * _column(scenarios, "parallel_vol_points")[:, None]
    spot_move = np.repeat(_column(scenarios, "spot_move")[:, None], len(columns.vol), axis=1)
    for at, (scenario, gapped) in enumerate(cases):
        if gapped is not None:
            spot_move[at, 1 + gapped] += scenario.name_gap
            spot_move[at, 0] += columns.weight[gapped] * scenario.name_gap
    days = _column(scenarios, "days")
    return Moves(correlation=correlation, spot_move=spot_move, vol=vol, days=days)


def _column(scenarios: Sequence[Scenario], field: str) -> Floats:
    return np.array([getattr(scenario, field) for scenario in scenarios], dtype=np.float64)


def _correlation(scenario: Scenario, today: float) -> float:
    if scenario.correlation_to is not None:
        return scenario.correlation_to
    if not scenario.correlation_shift:
        return today
    return min(max(today + scenario.correlation_shift, min(today, 0.0)), max(today, 1.0))


def first_order(columns: BookColumns, moves: Moves) -> Floats:
    """Dollars by scenario from the Greeks: vega, delta, half cash gamma, theta."""
    points = (moves.vol - columns.vol) / VOL_POINT
    move = moves.spot_move
    by_straddle = (
        columns.vega * points + columns.delta * move + 0.5 * columns.cash_gamma * move * move
    )
    total: Floats = by_straddle.sum(axis=1) + columns.theta.sum() * moves.days
    return total


def correlation_usd_per_point(columns: BookColumns) -> float:
    """P&L per 0.01 of correlation, component vols unchanged: ``vega_I (A^2 - B) / (2 sI)``."""
    per_one = basket.correlation_sensitivity(
        columns.weight, columns.vol[1:], columns.vol[0], columns.vega[0] / VOL_POINT
    )
    return float(per_one) * 0.01


def _results(
    book: Book,
    columns: BookColumns,
    cases: Sequence[tuple[Scenario, int | None]],
    moves: Moves,
    legs: Floats,
) -> Iterator[ScenarioResult]:
    by_greeks = first_order(columns, moves)
    slope = correlation_usd_per_point(columns) / 0.01
    for at, (scenario, gapped) in enumerate(cases):
        correlation = float(moves.correlation[at])
        index_leg, component_leg = float(legs[at, 0]), float(legs[at, 1:].sum())
        yield ScenarioResult(
            scenario=scenario,
            correlation=correlation,
            index_vol=float(moves.vol[at, 0]),
            gapped=None if gapped is None else book.components[gapped].symbol,
            index_leg_usd=index_leg,
            component_leg_usd=component_leg,
            pnl_usd=index_leg + component_leg,
            first_order_usd=float(by_greeks[at]),
            correlation_first_order_usd=slope * (correlation - columns.correlation),
        )
