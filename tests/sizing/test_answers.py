"""The sizer, the scenarios and the margin against the independent worked numbers."""

from typing import Any

import numpy as np
import pytest

from dispersa.correlation.terms import Direction
from dispersa.market import ExerciseStyle, Symbol, UnderlyingKind
from dispersa.pricing import straddle
from dispersa.sizing import (
    Book,
    Scenario,
    Scheme,
    ShortPair,
    Sizing,
    SizingPolicy,
    StraddleTerms,
    VegaNeutralSizer,
    revalue,
    short_pair_margin_usd,
    totals,
)
from dispersa.sizing.revaluation import BookColumns, correlation_usd_per_point
from dispersa.sizing.stress import reference_book

from .instances import components, index_of

LONG = Direction.LONG_DISPERSION


@pytest.mark.parametrize("case", ["three_name", "five_name"])
def test_sizes_match_brute_force_of_block_e(case: str, vectors: dict[str, Any]) -> None:
    row = vectors["E_integer_vega_neutral_sizing"][case]
    sizer = VegaNeutralSizer(SizingPolicy(tolerance=row["tolerance"]))
    names = components(row["weights"], row["component_vega_per_point_contract"])
    sized = sizer.size(
        index_of(row["index_vega_per_point_contract"]), names, LONG, row["target_index_vega"]
    )
    assert isinstance(sized, Sizing)
    assert sized.index.count == row["index_straddles_short"]
    assert [part.count for part in sized.components] == row["optimal_counts"]
    assert [part.naive_count for part in sized.components] == row["naive_rounding"]
    assert [part.target_usd_per_point for part in sized.components] == pytest.approx(
        row["target_component_vega"], rel=1e-12
    )
    assert sized.objective == pytest.approx(row["optimal_objective"], rel=1e-12)
    assert sized.gap == 0.0
    assert sized.neutrality_error == pytest.approx(row["optimal_net_vega_pct"], abs=1e-12)
    assert sized.naive.neutrality_error == pytest.approx(row["naive_net_vega_pct"], abs=1e-12)
    assert sized.naive.is_feasible is row["naive_feasible"]


@pytest.mark.parametrize("row", range(3))
def test_schemes_leave_what_block_f_says(row: int, vectors: dict[str, Any]) -> None:
    answer = vectors["F_weighting_schemes"]["rows"][row]
    names = components([0.4, 0.35, 0.25], [45.0, 90.0, 60.0], [0.30, 0.30, 0.30])
    # One dollar per point is 100 per 1.00 of vol, so 0.01 is one unit of index vega.
    book = reference_book(index_of(130.0, vol=0.20), names, LONG, 0.01, Scheme(answer["scheme"]))
    sums = totals(book)
    assert 100 * sums.net_vega_usd_per_point == pytest.approx(answer["net_vega"], abs=1e-12)
    assert sums.net_cash_gamma_usd == pytest.approx(answer["net_cash_gamma"], abs=1e-9)
    assert 365 * sums.net_theta_usd_per_day == pytest.approx(
        answer["net_theta_per_year"], abs=1e-12
    )


@pytest.mark.parametrize("scheme", [Scheme.VEGA_NEUTRAL, Scheme.THETA_NEUTRAL])
def test_component_vegas_match_block_f(scheme: Scheme, vectors: dict[str, Any]) -> None:
    answer = vectors["F_weighting_schemes"]["five_name_component_vegas"]
    names = components(answer["weights"], [44.7, 103.9, 38.2, 161.5, 71.3], answer["vols"])
    index = index_of(1256.0, vol=answer["index_vol"])
    book = reference_book(index, names, LONG, answer["index_vega"], scheme)
    vegas = {row.symbol: quantity * row.vega_usd_per_point for row, quantity in book.rows}
    assert [vegas[row.symbol] for row in names] == pytest.approx(answer[scheme.value], rel=1e-12)


def _terms_of_block_h(row: dict[str, Any], symbol: str, weight: float | None) -> StraddleTerms:
    years = row["days"] / 365
    discount = float(np.exp(-row["rate"] * years))
    forward = row["spot"] * float(np.exp((row["rate"] - row["div_yield"]) * years))
    greeks = straddle.greeks(forward, row["strike"], row["vol"], years, discount, row["spot"])
    dollars = row["multiplier"]
    return StraddleTerms(
        symbol=Symbol(symbol),
        weight=weight,
        spot=row["spot"],
        strike=row["strike"],
        forward=forward,
        discount=discount,
        years=years,
        implied_vol=row["vol"],
        vega_usd_per_point=row["straddle_vega_per_1vol"] * dollars / 100,
        theta_usd_per_day=float(greeks.theta) * dollars / 365,
        cash_gamma_usd=float(greeks.gamma) * row["spot"] ** 2 * dollars,
        delta_usd=float(greeks.delta) * row["spot"] * dollars,
        premium_usd=float(greeks.price) * dollars,
        half_spread_usd=0.0,
        style=ExerciseStyle.EUROPEAN,
    )


@pytest.fixture
def book_of_block_h(vectors: dict[str, Any]) -> Book:
    """Two index straddles sold against fractions of five names."""
    block = vectors["H_scenario_book"]
    names = [_terms_of_block_h(row, row["name"], row["weight"]) for row in block["components"]]
    quantities = {Symbol(row["name"]): row["contracts"] for row in block["components"]}
    quantities[Symbol("INDEX")] = block["index"]["contracts"]
    index = _terms_of_block_h(block["index"], "INDEX", None)
    return Book(index=index, components=tuple(names), quantities=quantities)


SCENARIOS_OF_BLOCK_H = {
    "corr_plus_0.10": Scenario(name="+10", correlation_shift=0.10),
    "corr_minus_0.10": Scenario(name="-10", correlation_shift=-0.10),
    "corr_to_0.8": Scenario(name="0.8", correlation_to=0.8),
    "corr_to_1": Scenario(name="1", correlation_to=1.0),
    "all_component_vols_plus_5pts_corr_unchanged": Scenario(name="+5", component_vol_points=5.0),
}


def test_scenarios_match_block_h(book_of_block_h: Book, vectors: dict[str, Any]) -> None:
    answers = vectors["H_scenario_book"]["scenarios"]
    results = revalue(
        book_of_block_h, [SCENARIOS_OF_BLOCK_H[answer["scenario"]] for answer in answers]
    )
    for answer, result in zip(answers, results, strict=True):
        assert result.correlation == pytest.approx(answer["rho"], rel=1e-12)
        assert result.index_vol == pytest.approx(answer["index_vol_new"], rel=1e-12)
        assert result.index_leg_usd == pytest.approx(answer["pnl_index_leg"], abs=1e-5)
        assert result.component_leg_usd == pytest.approx(answer["pnl_component_leg"], abs=1e-5)
        assert result.pnl_usd == pytest.approx(answer["pnl_total"], abs=1e-5)


def test_first_order_numbers_match_block_h(book_of_block_h: Book, vectors: dict[str, Any]) -> None:
    block = vectors["H_scenario_book"]
    slope = correlation_usd_per_point(BookColumns.of(book_of_block_h))
    assert slope == pytest.approx(
        block["correlation_sensitivity_first_order_dollars_per_0_01"], rel=1e-9
    )
    to_one, up_ten = revalue(
        book_of_block_h,
        [SCENARIOS_OF_BLOCK_H["corr_to_1"], SCENARIOS_OF_BLOCK_H["corr_plus_0.10"]],
    )
    assert to_one.first_order_usd == pytest.approx(-30_951, abs=1)  # V (A - sI), quant.md 2.7
    assert up_ten.correlation_first_order_usd == pytest.approx(10 * slope, rel=1e-9)


def test_parallel_point_leaves_a_vega_neutral_book_flat(book_of_block_h: Book) -> None:
    (parallel,) = revalue(book_of_block_h, [Scenario(name="parallel", parallel_vol_points=1.0)])
    assert parallel.first_order_usd == pytest.approx(0.0, abs=1e-6)
    assert abs(parallel.pnl_usd) < 0.002 * 2506  # a thousandth of a point of the book's vega


def test_published_short_strangle_margin_is_reproduced(vectors: dict[str, Any]) -> None:
    answer = vectors["K_costs_margin_statistics"]["reg_t_short_strangle_published"]
    pair = ShortPair(
        spot=answer["underlying"],
        call_strike=answer["short_call_strike"],
        put_strike=answer["short_put_strike"],
        call_price=answer["call_premium"],
        put_price=answer["put_premium"],
        kind=UnderlyingKind.STOCK,
    )
    assert short_pair_margin_usd(pair) == answer["total_requirement"]


def test_short_index_straddle_margin_is_reproduced(vectors: dict[str, Any]) -> None:
    answer = vectors["K_costs_margin_statistics"]["strategy_based_margin_short_spx_atm_straddle"]
    pair = ShortPair(
        spot=answer["index"],
        call_strike=answer["strike"],
        put_strike=answer["strike"],
        call_price=answer["call"],
        put_price=answer["put"],
        kind=UnderlyingKind.INDEX,
    )
    assert short_pair_margin_usd(pair) == pytest.approx(answer["total"], abs=1e-5)
