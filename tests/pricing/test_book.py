"""The book level: correlation algebra, scenarios, attribution, weighting, costs, margin."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispersa.pricing import (
    attribution,
    basket,
    black,
    costs,
    dispersion_pnl,
    exposure,
    inference,
    margin,
    revaluation,
    straddle,
    strip,
)
from dispersa.pricing.quality import Status
from dispersa.pricing.revaluation import (
    AmericanMethod,
    Book,
    CorrelationAt,
    IndexVolShift,
    Legs,
    Scenario,
    Underlyings,
)
from dispersa.pricing.weighting import (
    Weighting,
    component_vegas,
    straddle_cash_gamma,
    straddle_theta,
)

CORRELATION_CASES = [
    "two_name_half",
    "three_name_published_forum",
    "five_name",
    "below_zero_case",
    "heterogeneous_matrix",
]


def assert_correlation(weights: Any, row: dict[str, Any], vols: Any, index_vol: float) -> None:
    found = basket.implied_correlation(weights, vols, index_vol)
    parts = basket.variance(weights, vols)
    close = {"rel": 1e-12, "abs": 1e-14}
    assert float(parts.a) == pytest.approx(row["A_weighted_avg_vol"], **close)
    assert float(parts.b) == pytest.approx(row["B_sum_w2s2"], **close)
    assert float(parts.cross) == pytest.approx(row["denominator_A2_minus_B"], **close)
    assert float(found.clean) == pytest.approx(row["implied_corr_clean"], **close)
    assert float(found.vol_ratio) == pytest.approx(row["dirty_corr_volratio_sq"], **close)
    assert float(found.variance_ratio) == pytest.approx(row["dirty_corr_variance_ratio"], **close)
    assert float(found.d_index_vol) == pytest.approx(row["d_corr_d_index_vol"], **close)
    assert found.d_component_vols == pytest.approx(np.array(row["d_corr_d_component_vol"]), **close)
    slope = basket.d_index_vol_d_correlation(weights, vols, index_vol)
    assert float(slope) == pytest.approx(row["d_index_vol_d_corr"], **close)
    for rho in (0, 1):
        vol = basket.index_vol(weights, vols, rho)
        assert float(vol) == pytest.approx(row[f"index_vol_if_corr_{rho}"], **close)


@pytest.mark.parametrize("case", CORRELATION_CASES)
def test_implied_correlation_matches_the_worked_numbers(case: str, vectors: Any) -> None:
    row = vectors["A_implied_correlation"][case]
    assert_correlation(row["weights"], row, row["vols"], row["index_vol"])


def test_weights_that_are_not_normalized_give_the_meaningless_number(vectors: Any) -> None:
    row = vectors["A_implied_correlation"]["subset_26pct_coverage"]
    raw = row["raw_index_weights"]
    assert_correlation(basket.normalize(raw), row["renormalised"], row["vols"], row["index_vol"])
    assert_correlation(raw, row["raw_weights_not_renormalised"], row["vols"], row["index_vol"])


def test_clean_correlation_is_the_weighted_mean_of_the_pairs(vectors: Any) -> None:
    row = vectors["A_implied_correlation"]["heterogeneous_matrix"]
    ws = np.array(row["weights"]) * np.array(row["vols"])
    pairs = np.outer(ws, ws) * (1 - np.eye(3))
    mean = np.sum(pairs * np.array(row["corr_matrix"])) / np.sum(pairs)
    found = basket.implied_correlation(row["weights"], row["vols"], row["index_vol"])
    assert float(found.clean) == pytest.approx(mean, rel=1e-12)


def test_realized_correlation_of_a_rebuilt_basket_is_exact(vectors: Any) -> None:
    row = vectors["A_implied_correlation"]["realised_not_demeaned"]
    returns, weights = np.array(row["returns"]), np.array(row["weights"])
    vols = np.sqrt(252 * np.mean(returns**2, axis=0))
    index = float(np.sqrt(252 * np.mean((returns @ weights) ** 2)))
    assert vols == pytest.approx(np.array(row["component_vols"]), rel=1e-12)
    found = basket.implied_correlation(weights, vols, index)
    assert float(found.clean) == pytest.approx(row["realised_corr"], rel=1e-12)


def test_undefined_correlation_is_refused_row_by_row() -> None:
    vols = [[0.2, 0.3], [0.2, np.nan], [0.2, 0.0]]
    found = basket.implied_correlation([0.5, 0.5], vols, 0.2)
    expected = [Status.OK, Status.INVALID_INPUT, Status.INVALID_INPUT]
    assert [Status(s) for s in found.status] == expected
    assert np.isfinite(found.clean).tolist() == [True, False, False]


@given(
    vols=st.lists(st.floats(0.05, 1.0), min_size=2, max_size=8),
    rho=st.floats(-0.1, 1.0),
)
def test_index_vol_and_implied_correlation_are_inverse(vols: list[float], rho: float) -> None:
    weights = basket.normalize(np.ones(len(vols)))
    index = basket.index_vol(weights, vols, rho)
    if np.isfinite(index):
        found = basket.implied_correlation(weights, vols, index)
        assert float(found.clean) == pytest.approx(rho, abs=1e-9)
        slopes = basket.d_index_vol_d_component_vols(weights, vols, index)
        bumped = np.array(vols)
        bumped[0] += 1e-6
        moved = (basket.index_vol(weights, bumped, rho) - index) / 1e-6
        assert float(slopes[0]) == pytest.approx(float(moved), rel=1e-3, abs=1e-5)


def scenario_book(vectors: Any) -> Book:
    block = vectors["H_scenario_book"]
    rows = [block["index"], *block["components"]]
    get = lambda name: np.array([float(r[name]) for r in rows])  # noqa: E731
    weights = np.array([0.0] + [r["weight"] for r in block["components"]])
    underlyings = Underlyings(
        spot=get("spot"),
        atm_vol=get("vol"),
        rate=get("rate"),
        dividend_yield=get("div_yield"),
        weights=weights,
        ex_years=np.zeros((6, 1)),
        amounts=np.zeros((6, 1)),
        index=0,
    )
    twice = lambda values: np.repeat(values, 2)  # noqa: E731
    legs = Legs(
        underlying=twice(np.arange(6)),
        strike=twice(get("strike")),
        years=twice(get("days") / 365),
        vol=twice(get("vol")),
        is_call=np.tile([True, False], 6),
        is_american=np.zeros(12, dtype=bool),
        units=twice(get("contracts") * get("multiplier")),
    )
    return Book(underlyings=underlyings, legs=legs, shares=np.zeros(6))


def test_scenarios_match_the_worked_book(vectors: Any) -> None:
    block = vectors["H_scenario_book"]
    wanted = [
        Scenario(
            name=row["scenario"],
            component_vol_shift=row["component_vol_shift"],
            index=CorrelationAt(row["rho"]),
        )
        for row in block["scenarios"]
    ]
    found = revaluation.revalue(scenario_book(vectors), wanted)
    for i, row in enumerate(block["scenarios"]):
        assert found.index_vol[i] == pytest.approx(row["index_vol_new"], rel=1e-12)
        assert found.pnl_by_underlying[i, 0] == pytest.approx(row["pnl_index_leg"], abs=2e-6)
        components = found.pnl_by_underlying[i, 1:].sum()
        assert components == pytest.approx(row["pnl_component_leg"], abs=2e-6)
        assert found.pnl[i] == pytest.approx(row["pnl_total"], abs=2e-6)


def test_book_vega_and_correlation_sensitivity_match_the_worked_book(vectors: Any) -> None:
    block, book = vectors["H_scenario_book"], scenario_book(vectors)
    row, u = block["index"], book.underlyings
    years = row["days"] / 365
    forward = row["spot"] * np.exp((row["rate"] - row["div_yield"]) * years)
    discount = np.exp(-row["rate"] * years)
    pair = straddle.greeks(forward, row["strike"], row["vol"], years, discount, row["spot"])
    assert float(pair.vega) == pytest.approx(row["straddle_vega_per_1vol"], rel=1e-12)
    dollars = exposure.dollar_greeks(pair, row["spot"], row["contracts"] * row["multiplier"])
    sold = block["book_vega_dollars_per_point"]
    assert float(dollars.vega_usd_per_point) == pytest.approx(-sold, rel=1e-12)
    vega = 100.0 * float(dollars.vega_usd_per_point)
    slope = basket.correlation_sensitivity(u.weights[1:], u.atm_vol[1:], row["vol"], vega)
    expected = block["correlation_sensitivity_first_order_dollars_per_0_01"]
    assert 0.01 * float(slope) == pytest.approx(expected, rel=1e-12)


def test_one_point_in_all_vols_hardly_moves_a_vega_neutral_book(vectors: Any) -> None:
    up = Scenario(name="up", component_vol_shift=0.01, index=IndexVolShift(0.01))
    found = revaluation.revalue(scenario_book(vectors), [up])
    assert abs(found.pnl[0]) < 2.0  # against 2,506 dollars of vega on each side


def test_crash_with_high_correlation_is_valued_in_full(vectors: Any) -> None:
    crash = Scenario(
        name="crash", spot_move=-0.10, component_vol_shift=0.20, index=CorrelationAt(0.9), days=3
    )
    book = scenario_book(vectors)
    found = revaluation.revalue(book, [crash])
    by_hand = 0.0
    for i, leg in enumerate(book.legs.underlying):
        u, legs = book.underlyings, book.legs
        shift = 0.20 if leg else float(found.index_vol[0]) - 0.18
        carry = u.rate[leg] - u.dividend_yield[leg]
        values = []
        for spot, vol, days in ((1.0, 0.0, 30), (0.9, shift, 27)):
            t = days / 365
            forward = spot * u.spot[leg] * np.exp(carry * t)
            terms = (legs.strike[i], legs.vol[i] + vol, t, np.exp(-u.rate[leg] * t))
            values.append(float(black.price(forward, *terms, legs.is_call[i])))
        by_hand += legs.units[i] * (values[1] - values[0])
    assert found.pnl[0] == pytest.approx(by_hand, rel=1e-12)
    assert found.status[0] == Status.OK


def test_impossible_scenario_is_refused_and_others_stand(vectors: Any) -> None:
    bad = Scenario(name="vols below zero", component_vol_shift=-0.30)
    good = Scenario(name="fall", spot_move=-0.05)
    found = revaluation.revalue(scenario_book(vectors), [bad, good])
    assert [Status(s) for s in found.status] == [Status.INVALID_INPUT, Status.OK]
    assert np.isnan(found.pnl[0])
    assert np.isfinite(found.pnl[1])


def test_surrogate_revalues_american_legs_like_the_full_method(vectors: Any) -> None:
    base = scenario_book(vectors)
    u, legs = base.underlyings, base.legs
    book = Book(
        underlyings=Underlyings(
            spot=u.spot, atm_vol=u.atm_vol, rate=u.rate, dividend_yield=u.dividend_yield,
            weights=u.weights, ex_years=np.full((6, 1), 12 / 365),
            amounts=np.array([[0.0], [0.5], [0.8], [0.0], [1.0], [0.3]]), index=0,
        ),
        legs=Legs(
            underlying=legs.underlying, strike=legs.strike, years=legs.years, vol=legs.vol,
            is_call=legs.is_call, is_american=legs.underlying > 0, units=legs.units,
        ),
        shares=np.array([0.0, 100.0, 0.0, -50.0, 0.0, 0.0]),
    )  # fmt: skip
    scenarios = [
        Scenario(name="a", spot_move=-0.1, component_vol_shift=0.1, index=CorrelationAt(0.8)),
        Scenario(name="b", spot_move=0.07, days=5),
        Scenario(name="outside the surrogate", spot_move=-0.5, index=CorrelationAt(1.0)),
    ]
    full = revaluation.revalue(book, scenarios)
    quick = revaluation.revalue(book, scenarios, AmericanMethod.SURROGATE)
    gross = np.sum(np.abs(legs.units) * 10.0)
    assert np.all(full.status == Status.OK)
    assert quick.pnl == pytest.approx(full.pnl, abs=1e-4 * gross)


def test_daily_attribution_matches_the_worked_straddle(vectors: Any) -> None:
    row = vectors["I_daily_attribution_single_straddle"]
    start, end = row["start"], row["end"]

    def terms(state: dict[str, float]) -> tuple[float, ...]:
        t = state["days"] / 365
        forward = state["spot"] * np.exp((start["rate"] - start["div_yield"]) * t)
        return (forward, start["strike"], state["vol"], t, float(np.exp(-start["rate"] * t)))

    greeks = straddle.greeks(*terms(start), start["spot"])
    for name, value in row["greeks_start"].items():
        assert float(getattr(greeks, name)) == pytest.approx(value, rel=1e-12)
    found = attribution.attribute(
        greeks, straddle.price(*terms(end)), spot_change=3.0, vol_change=-0.02, years=1 / 365
    )
    for name in ("delta", "gamma", "theta", "vega", "vanna", "volga"):
        assert float(getattr(found, name)) == pytest.approx(row[f"{name}_pnl"], rel=1e-11)
    assert float(found.full) == pytest.approx(row["full_revaluation_pnl"], rel=1e-11)
    assert float(found.explained) == pytest.approx(row["explained"], rel=1e-11)
    assert float(found.residual) == pytest.approx(row["residual"], rel=1e-11)


def test_index_vol_change_splits_exactly() -> None:
    weights, before, after = [0.5, 0.5], [0.3, 0.2], [0.35, 0.25]
    found = attribution.index_vol_change(weights, before, after, 0.2, 0.26)
    assert float(found.components + found.correlation) == pytest.approx(0.06, rel=1e-12)
    assert float(found.components) > 0


def test_weighting_schemes_match_the_worked_numbers(vectors: Any) -> None:
    block = vectors["F_weighting_schemes"]
    years = 30 / 365
    for row in block["rows"]:
        ratio = float(component_vegas(Weighting(row["scheme"]), [1.0], [0.30], 0.20, 1.0)[0])
        assert ratio == pytest.approx(row["component_vega_per_unit_index_vega"], rel=1e-12)
        vegas, vols = np.array([ratio, -1.0]), np.array([0.30, 0.20])
        gamma = float(np.sum(straddle_cash_gamma(vegas, vols, years)))
        theta = float(np.sum(straddle_theta(vegas, vols, years)))
        assert ratio - 1.0 == pytest.approx(row["net_vega"], rel=1e-12, abs=1e-14)
        assert gamma == pytest.approx(row["net_cash_gamma"], rel=1e-12, abs=1e-12)
        assert theta == pytest.approx(row["net_theta_per_year"], rel=1e-12, abs=1e-12)
    five = block["five_name_component_vegas"]
    names = {
        Weighting.VEGA_NEUTRAL: "vega_neutral",
        Weighting.THETA_NEUTRAL: "theta_neutral",
        Weighting.VARIANCE_SWAP: "correlation_weighted_variance_swap",
    }
    for weighting, name in names.items():
        terms = (five["weights"], five["vols"], five["index_vol"], five["index_vega"])
        found = component_vegas(weighting, *terms)
        assert found == pytest.approx(np.array(five[name]), rel=1e-12)


def test_pnl_identities_match_the_worked_numbers(vectors: Any) -> None:
    block = vectors["G_pnl_identities"]
    row = block["variance_swap_correlation_weighted"]
    implied, realized = (
        dispersion_pnl.Vols(
            index=row[f"{kind}_index_vol"], components=np.array(row[f"{kind}_vols"])
        )
        for kind in ("implied", "realised")
    )
    found = dispersion_pnl.variance_swap_pnl(row["weights"], implied, realized)
    assert found == pytest.approx(row["pnl_from_legs"], rel=1e-12)
    first_order = dispersion_pnl.vega_neutral_pnl(row["weights"], implied, realized)
    expected = block["straddle_vega_neutral_first_order"]["pnl_per_unit_index_vega_vol"]
    assert first_order == pytest.approx(expected, rel=1e-12)


def test_model_free_variance_matches_the_worked_strips(vectors: Any) -> None:
    block = vectors["J_vix_style_variance"]
    for row in block["flat_vol_strip"]:
        years = row["days"] / 365
        forward, d = row["spot"] * np.exp(row["rate"] * years), np.exp(-row["rate"] * years)
        low, high = row["strike_range"]
        strikes = np.arange(low, high + 1e-9, row["strike_step"])
        calls = black.price(forward, strikes, row["vol"], years, d, True)
        puts = black.price(forward, strikes, row["vol"], years, d, False)
        found, status = strip.model_free_variance(strikes, calls, puts, forward, years, d)
        assert status == Status.OK
        assert 100 * np.sqrt(found) == pytest.approx(row["annualised_vol_from_strip"], rel=1e-9)
    vix = block["cboe_vix_white_paper_example"]
    totals = (vix["T1"] * vix["sigma1_sq"], vix["T2"] * vix["sigma2_sq"])
    minutes = (vix["N_T1"], vix["N_T2"])
    index = strip.interpolated_index(totals, minutes, vix["N_30"], vix["N_365"])
    assert index == pytest.approx(vix["vix_computed_from_these_inputs"], rel=1e-12)


def test_costs_and_events_match_the_worked_numbers(vectors: Any) -> None:
    block = vectors["K_costs_margin_statistics"]
    row = block["half_spread_in_vol_points"]
    spread = (row["call_bid"], row["call_ask"], row["vega_per_1vol"])
    single = costs.half_spread_vol_points(*spread)
    assert float(single) == pytest.approx(row["half_spread_vol_points_single"], rel=1e-12)
    both = costs.half_spread_vol_points(*(2 * x for x in spread))
    name = "half_spread_vol_points_straddle_both_legs_same_spread"
    assert float(both) == pytest.approx(row[name], rel=1e-12)
    row = block["basket_cost_vs_edge"]
    halves = row["component_half_spreads_vol_points"]
    cost = costs.basket_cost_vol_points(row["weights"], halves, row["index_half_spread_vol_points"])
    assert cost == pytest.approx(row["one_way_cost_vol_points"], rel=1e-12)
    row = block["event_vol"]
    deviation = costs.event_move_deviation(0.40, 0.28, 30 / 365)
    assert deviation == pytest.approx(row["implied_event_move_sd"], rel=1e-12)
    mean = costs.expected_absolute_move(deviation)
    assert mean == pytest.approx(row["expected_abs_move"], rel=1e-12)
    assert np.isnan(costs.event_move_deviation(0.2, 0.3, 0.1))


def test_margin_matches_the_published_and_the_worked_example(vectors: Any) -> None:
    block = vectors["K_costs_margin_statistics"]
    row = block["reg_t_short_strangle_published"]
    call = margin.short_call(45, 47, 2.1, margin.STOCK_RATE)
    put = margin.short_put(45, 43, 1.2, margin.STOCK_RATE)
    assert 100 * call == pytest.approx(row["call_requirement"])
    assert 100 * put == pytest.approx(row["put_requirement"])
    total = 100 * margin.short_pair(call, put, 2.1, 1.2)
    assert total == pytest.approx(row["total_requirement"])
    row = block["strategy_based_margin_short_spx_atm_straddle"]
    call = margin.short_call(row["index"], row["strike"], row["call"], margin.INDEX_RATE)
    put = margin.short_put(row["index"], row["strike"], row["put"], margin.INDEX_RATE)
    assert 100 * call == pytest.approx(row["call_side"], rel=1e-12)
    assert 100 * put == pytest.approx(row["put_side"], rel=1e-12)
    both = 100 * margin.short_pair(call, put, row["call"], row["put"])
    assert both == pytest.approx(row["total"], rel=1e-12)


def test_newey_west_mean_matches_the_worked_series(vectors: Any) -> None:
    row = vectors["K_costs_margin_statistics"]["newey_west_mean"]
    found = inference.newey_west_mean(row["series"])
    assert found.lags == row["lags"]
    assert found.mean == pytest.approx(row["mean"], rel=1e-12)
    assert found.long_run_variance == pytest.approx(row["long_run_variance"], rel=1e-12)
    assert found.standard_error == pytest.approx(row["se"], rel=1e-12)
    assert found.t == pytest.approx(row["t"], rel=1e-12)
    assert inference.newey_west_lags(346) == row["lags_for_T_346"]
