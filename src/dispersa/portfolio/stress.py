"""What would the book as it is held gain or lose if spots, vols and correlation moved?

Every option is revalued in full, at its own vol plus the shift of its underlying, on the forward
that its mark was made from. The index vol follows the shifted component vols,

    sI^2 = B + rho (A^2 - B),

and delta is not re-hedged. Legs are valued as they are marked, by Black on the forward.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from itertools import product
from typing import TYPE_CHECKING

from dispersa.errors import MarketDataMissing
from dispersa.market import ConId, OptionContract, Right, Symbol, to_float
from dispersa.portfolio.exposure import Exposure, LegExposure
from dispersa.portfolio.marks import Mark, OptionMark
from dispersa.portfolio.reconciliation import EXCHANGE_ZONE

if TYPE_CHECKING:
    from dispersa.pricing.revaluation import Book, Scenario, Underlyings

CLOSE = time(16, 0)
YEAR_SECONDS = 365 * 86_400
NAMES_MIN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class StressAxes:
    """Values of each axis of the heat maps; zero is today.

    `spot_moves` are relative, `vol_points` are added to every component vol and
    `correlation_points` (0.01 each) to today's implied correlation.
    """

    spot_moves: tuple[float, ...] = (-0.20, -0.10, -0.05, 0.0, 0.05, 0.10, 0.20)
    vol_points: tuple[float, ...] = (-5.0, 0.0, 5.0, 10.0, 20.0)
    correlation_points: tuple[float, ...] = (-25.0, -10.0, 0.0, 10.0, 25.0, 50.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """The index with the weights of its components, as fractions."""

    index: Symbol
    weights: Mapping[Symbol, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class BookStress:
    """P&L in USD; `pnl_usd[i][j][k]` at spot i, vol j and correlation k of `axes`.

    `correlation` is today's implied by the held names, `correlation_usd_per_point` the first-order
    P&L of one point more of it, `named` the scenarios that a desk quotes.
    """

    at: datetime
    axes: StressAxes
    correlation: float
    correlation_usd_per_point: float
    pnl_usd: tuple[tuple[tuple[float, ...], ...], ...]
    named: tuple[tuple[str, float], ...]

    @property
    def worst_usd(self) -> float:
        """Smallest P&L of the whole grid."""
        return min(cell for plane in self.pnl_usd for row in plane for cell in row)


def stress_of(
    exposure: Exposure,
    marks: Mapping[ConId, Mark],
    basket: Basket,
    *,
    rate: float,
    axes: StressAxes | None = None,
) -> BookStress:
    """Revalue a whole book over the axes and in the named scenarios.

    Raises
    ------
    MarketDataMissing
        If a position has no mark, the index or fewer than two of its names are held as options
        (no correlation can be implied then), or a revaluation is undefined.
    """
    from dispersa.pricing import basket as correlations
    from dispersa.pricing.revaluation import revalue

    chosen = StressAxes() if axes is None else axes
    _require_marks(exposure)
    book = _book(exposure, marks, basket, rate)
    u = book.underlyings
    today = float(correlations.implied_correlation(u.weights, u.atm_vol, u.atm_vol[u.index]).clean)
    if not math.isfinite(today):
        raise MarketDataMissing(
            "the held vols imply no correlation; expected two or more names with a vol"
        )
    cells = _cells(chosen, today)
    named = _named(today)
    found = revalue(book, [*cells, *(scenario for _, scenario in named)])
    pnl = [float(value) for value in found.pnl]
    if not all(map(math.isfinite, pnl)):
        raise MarketDataMissing("a scenario of the grid can not be revalued; narrow its vol axis")
    vega = sum(r.sums.greeks.vega_usd for r in exposure.underlyings if r.symbol == basket.index)
    slope = correlations.correlation_sensitivity(
        u.weights, u.atm_vol, u.atm_vol[u.index], vega * 100.0
    )
    return BookStress(
        at=exposure.at,
        axes=chosen,
        correlation=today,
        correlation_usd_per_point=float(slope) / 100.0,
        pnl_usd=_nested(pnl[: len(cells)], chosen),
        named=tuple((name, pnl[len(cells) + n]) for n, (name, _) in enumerate(named)),
    )


def _require_marks(exposure: Exposure) -> None:
    if exposure.unmarked:
        raise MarketDataMissing(
            f"contracts {list(exposure.unmarked)} have no mark; a stress of part of the book would "
            "mislead: wait for their quotes"
        )


def _nested(pnl: Sequence[float], axes: StressAxes) -> tuple[tuple[tuple[float, ...], ...], ...]:
    vols, levels = len(axes.vol_points), len(axes.correlation_points)
    rows = [tuple(pnl[at : at + levels]) for at in range(0, len(pnl), levels)]
    return tuple(tuple(rows[at : at + vols]) for at in range(0, len(rows), vols))


def _cells(axes: StressAxes, today: float) -> "list[Scenario]":
    from dispersa.pricing.revaluation import CorrelationAt, Scenario

    return [
        Scenario(
            name=f"{spot:+.0%} {vol:+g} {points:+g}",
            spot_move=spot,
            component_vol_shift=vol / 100.0,
            index=CorrelationAt(_held(today + points / 100.0, today)),
        )
        for spot, vol, points in product(axes.spot_moves, axes.vol_points, axes.correlation_points)
    ]


def _held(level: float, today: float) -> float:
    """A correlation beyond what a basket can have is held at its bound."""
    return min(max(level, min(today, 0.0)), max(today, 1.0))


def _named(today: float) -> "list[tuple[str, Scenario]]":
    """The scenario set of the quantitative reference, section 2.7."""
    from dispersa.pricing.revaluation import CorrelationAt, IndexVolShift, Scenario

    rows: list[tuple[str, Scenario]] = []

    def add(name: str, level: float, vol: float = 0.0, spot: float = 0.0) -> None:
        at = CorrelationAt(_held(level, today))
        scenario = Scenario(name=name, spot_move=spot, component_vol_shift=vol, index=at)
        rows.append((name, scenario))

    add("correlation +0.10", today + 0.10)
    add("correlation -0.10", today - 0.10)
    add("correlation 0.8", 0.8)
    add("correlation 1", 1.0)
    add("names +5 points", today, vol=0.05)
    parallel = Scenario(name="", component_vol_shift=0.01, index=IndexVolShift(0.01))
    rows.append(("all vols +1 point", parallel))
    add("names +10 points, correlation 0.8", 0.8, vol=0.10)
    add("names +10 points, correlation 0.8, spot -10 %", 0.8, vol=0.10, spot=-0.10)
    return rows


def _book(exposure: Exposure, marks: Mapping[ConId, Mark], basket: Basket, rate: float) -> "Book":
    import numpy as np

    from dispersa.pricing.revaluation import Book, Legs

    options = [leg for leg in exposure.legs if leg.option is not None]
    _require_basket(exposure, {leg.symbol for leg in options}, basket)
    names = [basket.index, *sorted({leg.symbol for leg in options} - {basket.index})]
    rows = [_Leg.of(leg, marks, exposure.at) for leg in options]
    return Book(
        underlyings=_underlyings(names, rows, basket, rate),
        legs=Legs(
            underlying=np.array([names.index(row.symbol) for row in rows]),
            strike=np.array([row.strike for row in rows]),
            years=np.array([row.years for row in rows]),
            vol=np.array([row.vol for row in rows]),
            is_call=np.array([row.is_call for row in rows]),
            is_american=np.zeros(len(rows), dtype=np.bool_),
            units=np.array([row.units for row in rows]),
        ),
        shares=np.array([_shares(exposure, name) for name in names]),
    )


def _require_basket(exposure: Exposure, held: set[Symbol], basket: Basket) -> None:
    if basket.index not in held or len(held & basket.weights.keys()) < NAMES_MIN:
        raise MarketDataMissing(
            f"options on {basket.index} and on {NAMES_MIN} or more of its names are needed for a "
            f"correlation; held are options on {', '.join(sorted(held)) or 'nothing'}"
        )
    strays = {leg.symbol for leg in exposure.legs} - held
    if strays:
        raise MarketDataMissing(
            f"shares of {', '.join(sorted(strays))} are held without options on them; close them "
            "or stress them apart"
        )


def _underlyings(
    names: Sequence[Symbol], rows: "Sequence[_Leg]", basket: Basket, rate: float
) -> "Underlyings":
    import numpy as np

    from dispersa.pricing.revaluation import Underlyings

    by_name = {name: [row for row in rows if row.symbol == name] for name in names}
    total = sum(basket.weights.get(name, 0.0) for name in names[1:])
    blank = np.zeros((len(names), 0))
    return Underlyings(
        spot=np.array([by_name[name][0].spot for name in names]),
        atm_vol=np.array([_vol(by_name[name]) for name in names]),
        rate=np.full(len(names), rate),
        dividend_yield=np.array([_yield(by_name[name], rate) for name in names]),
        weights=np.array([0.0, *(basket.weights.get(name, 0.0) / total for name in names[1:])]),
        ex_years=blank,
        amounts=blank,
        index=0,
    )


def _shares(exposure: Exposure, name: Symbol) -> float:
    rows = (leg for leg in exposure.legs if leg.option is None and leg.symbol == name)
    return sum(to_float(leg.quantity) for leg in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leg:
    symbol: Symbol
    option: OptionContract
    spot: float
    vol: float
    vega: float
    price: float
    years: float
    units: float

    @classmethod
    def of(cls, leg: LegExposure, marks: Mapping[ConId, Mark], at: datetime) -> "_Leg":
        mark, option = marks[leg.con_id], leg.option
        if option is None or not isinstance(mark, OptionMark):
            raise MarketDataMissing(f"contract {leg.con_id} is no marked option")
        closes = datetime.combine(option.expiry, CLOSE, EXCHANGE_ZONE)
        return cls(
            symbol=leg.symbol,
            option=option,
            spot=to_float(mark.spot),
            vol=mark.greeks.implied_vol,
            vega=mark.greeks.vega,
            price=to_float(mark.price),
            years=(closes - at).total_seconds() / YEAR_SECONDS,
            units=to_float(leg.quantity) * option.multiplier,
        )

    @property
    def strike(self) -> float:
        return to_float(self.option.strike)

    @property
    def is_call(self) -> bool:
        return self.option.right is Right.CALL


def _vol(rows: Sequence[_Leg]) -> float:
    """Vol of a name: that of its legs, weighted by their vegas."""
    weight = sum(row.vega * abs(row.units) for row in rows)
    if weight <= 0:
        return rows[0].vol
    return sum(row.vol * row.vega * abs(row.units) for row in rows) / weight


def _yield(rows: Sequence[_Leg], rate: float) -> float:
    """Yield that makes the forward which call and put of one strike were marked on; else zero.

    F = K + (C - P) exp(r T),   q = r - ln(F / S) / T
    """
    for call in rows:
        put = next((row for row in rows if _is_partner(call, row)), None)
        if put is not None and call.years > 0:
            forward = call.strike + (call.price - put.price) * math.exp(rate * call.years)
            return rate - math.log(forward / call.spot) / call.years
    return 0.0


def _is_partner(call: _Leg, put: _Leg) -> bool:
    same = (call.strike, call.option.expiry) == (put.strike, put.option.expiry)
    return call.is_call and not put.is_call and same
