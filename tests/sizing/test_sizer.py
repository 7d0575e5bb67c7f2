"""The sizer at its face: limits, drops, refusals with advice, fills fixed, Greeks."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from dispersa.correlation.terms import Direction
from dispersa.errors import InvalidConfig, InvalidInput, MarketDataMissing
from dispersa.market import Side, Symbol
from dispersa.sizing import (
    CountCause,
    Infeasible,
    Norm,
    Refusal,
    Scheme,
    Sizing,
    SizingPolicy,
    StraddleTerms,
    TermsMissing,
    VegaNeutralSizer,
)
from dispersa.sizing.targets import exposure

from .instances import components, index_of, market, terms

LONG, SHORT = Direction.LONG_DISPERSION, Direction.SHORT_DISPERSION
FIVE = ([0.3, 0.25, 0.2, 0.15, 0.1], [44.7, 103.9, 38.2, 161.5, 71.3])


def sized(answer: Sizing | Infeasible) -> Sizing:
    assert isinstance(answer, Sizing), answer.sentence
    return answer


def refused(answer: Sizing | Infeasible) -> Infeasible:
    assert isinstance(answer, Infeasible)
    return answer


def test_long_dispersion_sells_the_index_and_short_buys_it() -> None:
    sizer = VegaNeutralSizer()
    long = sized(sizer.size(index_of(1256.0), components(*FIVE), LONG, 2600.0))
    short = sized(sizer.size(index_of(1256.0), components(*FIVE), SHORT, 2600.0))
    assert long.index.side is Side.SELL
    assert {row.side for row in long.components} == {Side.BUY}
    assert {name: -count for name, count in long.quantities.items()} == short.quantities
    assert long.totals.net_theta_usd_per_day == pytest.approx(-short.totals.net_theta_usd_per_day)


def test_no_trade_direction_is_refused_as_a_usage_error() -> None:
    with pytest.raises(InvalidInput, match="NO_TRADE"):
        VegaNeutralSizer().size(index_of(100.0), components(*FIVE), Direction.NO_TRADE, 2600.0)


def test_index_count_is_the_largest_within_the_budget() -> None:
    answer = sized(VegaNeutralSizer().size(index_of(137.0), market(1, 12), LONG, 4999.0))
    assert answer.index.count == 36
    assert answer.index.vega_usd_per_point == pytest.approx(4932.0)
    assert answer.index.cause is CountCause.BUDGET


def test_index_count_steps_down_when_the_full_count_has_no_solution() -> None:
    # Names of 30 dollars a point each: 60 (2 x 30) is reachable with n_0 = 2 of 30, 90 is not
    # because a name may not have more than one straddle.
    names = [terms(f"C{at}", 0.5, vega=30.0, count_max=1) for at in range(2)]
    policy = SizingPolicy(index_count_share_min=0.5, weight_error_max=0.6)
    answer = sized(VegaNeutralSizer(policy).size(index_of(30.0), names, LONG, 95.0))
    assert (answer.index.count, list(answer.counts.values())[1:]) == (2, [1, 1])


@st.composite
def policies(draw: st.DrawFn) -> SizingPolicy:
    return SizingPolicy(
        scheme=draw(st.sampled_from(Scheme)),
        norm=draw(st.sampled_from([Norm.L1, Norm.L1, Norm.L2, Norm.LARGEST])),
        tolerance=draw(st.sampled_from([0.002, 0.01, 0.03])),
        premium_max_usd=draw(st.sampled_from([None, 100_000.0, 1_000_000.0])),
        margin_max_usd=draw(st.sampled_from([None, 1_000_000.0])),
    )


@settings(max_examples=40, deadline=None)
@given(
    policy=policies(),
    seed=st.integers(0, 10_000),
    names=st.integers(3, 30),
    budget=st.floats(300.0, 60_000.0),
    direction=st.sampled_from([LONG, SHORT]),
)
def test_every_size_keeps_every_limit(
    policy: SizingPolicy, seed: int, names: int, budget: float, direction: Direction
) -> None:
    rows = market(seed, names)
    index = index_of(90.0, vol=0.2)
    answer = VegaNeutralSizer(policy).size(index, rows, direction, budget)
    if isinstance(answer, Infeasible):
        assert answer.reasons
        assert answer.sentence.endswith(".")
        return
    by_symbol = {row.symbol: row for row in rows}
    assert answer.index.vega_usd_per_point <= budget * (1 + 1e-9)
    balance = answer.index.count * exposure(index, policy.scheme)
    total = sum(
        part.count * exposure(by_symbol[part.symbol], policy.scheme) for part in answer.components
    )
    assert abs(total - balance) <= policy.tolerance * balance * (1 + 1e-6)
    assert all(part.count >= 1 for part in answer.components)
    assert all(
        abs(part.weight_error) <= policy.weight_error_max + 1e-9 for part in answer.components
    )
    assert sum(part.weight for part in answer.components) == pytest.approx(1.0)
    assert answer.weight_error_total <= policy.weight_error_total_max
    assert sum(row.weight for row in answer.dropped) <= policy.dropped_weight_max + 1e-9
    assert len(answer.components) + len(answer.dropped) == names
    cap = policy.premium_max_usd
    assert cap is None or answer.totals.gross_premium_usd <= cap * (1 + 1e-9)
    cap, margin = policy.margin_max_usd, answer.totals.margin_usd
    assert cap is None or (margin is not None and margin <= cap * (1 + 1e-9))
    assert answer.bound <= answer.objective
    assert answer.gap <= 1e-3
    assert repr(VegaNeutralSizer(policy).size(index, rows, direction, budget)) == repr(answer)


def test_thirty_names_on_a_small_account_are_refused_with_what_would_work() -> None:
    names = market(3, 30)
    sizer = VegaNeutralSizer()
    answer = refused(sizer.size(index_of(114.0), names, LONG, 900.0))
    assert answer.kind is Refusal.TOO_SMALL
    assert "may be dropped" in answer.sentence
    assert len(answer.dropped) > 5
    works = answer.workable
    assert works.vega_usd_per_point is not None
    assert works.names_count is not None
    larger = sized(sizer.size(index_of(114.0), names, LONG, works.vega_usd_per_point))
    assert larger.index.vega_usd_per_point == pytest.approx(works.vega_usd_per_point)
    heaviest = sorted(names, key=lambda row: -(row.weight or 0))[: works.names_count]
    assert len(sized(sizer.size(index_of(114.0), heaviest, LONG, 900.0)).components) >= 2


def test_name_without_a_near_count_is_dropped_with_its_reason_and_its_weight_shared() -> None:
    names = [
        *components([0.5, 0.46], [40.0, 50.0]),
        terms("TINY", 0.04, vega=200.0),
    ]
    answer = sized(VegaNeutralSizer().size(index_of(100.0), names, LONG, 1000.0))
    (dropped,) = answer.dropped
    assert (dropped.symbol, dropped.weight) == ("TINY", pytest.approx(0.04))
    assert "200 dollars of vega per point where 40 are wanted" in dropped.reason
    assert [row.weight for row in answer.components] == pytest.approx([0.5 / 0.96, 0.46 / 0.96])


def test_drops_never_leave_a_single_name() -> None:
    names = [terms("BIG", 0.93, vega=40.0), terms("TINY", 0.07, vega=200.0)]
    answer = refused(VegaNeutralSizer().size(index_of(100.0), names, LONG, 1000.0))
    assert answer.kind is Refusal.TOO_SMALL
    assert "2 names must stay" in answer.sentence


def test_tolerance_advice_is_the_least_that_works() -> None:
    names = components([0.5, 0.5], [70.0, 90.0])
    policy = SizingPolicy(tolerance=0.001, index_count_share_min=1.0, weight_error_max=0.4)
    answer = refused(VegaNeutralSizer(policy).size(index_of(500.0), names, LONG, 500.0))
    assert answer.kind is Refusal.LIMITS
    assert "tolerance of 0.10%" in answer.reasons[0]
    # 2 x 70 + 4 x 90 = 500 misses the weights by 44 %; 3 x 70 + 3 x 90 = 480 misses 500 by 4 %.
    assert answer.workable.tolerance == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ({"premium_max_usd": 60_000.0}, "premium cap of 60,000"),
        ({"margin_max_usd": 60_000.0}, "margin cap of 60,000"),
        ({"delta_max_usd": 1.0}, "net delta cap of 1"),
        ({"cash_gamma_max_usd": 1.0}, "net cash gamma cap of 1"),
        ({"name_premium_max_usd": 9_000.0}, "premium cap of 9,000 dollars per name"),
        ({"name_vega_max_usd_per_point": 400.0}, "vega cap of 400 dollars per point and name"),
    ],
)
def test_binding_limit_is_named(limit: dict[str, float], words: str) -> None:
    policy = replace(SizingPolicy(dropped_weight_max=0.9), **limit)
    answer = refused(
        VegaNeutralSizer(policy).size(index_of(1256.0), components(*FIVE), LONG, 2600.0)
    )
    assert words in answer.sentence


def test_liquidity_is_named_when_it_binds() -> None:
    names = [replace(row, count_max=5) for row in components(*FIVE)]
    answer = refused(
        VegaNeutralSizer(SizingPolicy(dropped_weight_max=0.9)).size(
            index_of(1256.0), names, LONG, 2600.0
        )
    )
    assert "liquidity" in answer.sentence


def test_name_held_by_liquidity_leaves_its_share_to_the_others_by_weight() -> None:
    names = components([0.4, 0.3, 0.3], [40.0, 40.0, 40.0])
    names[0] = replace(names[0], count_max=30)
    policy = SizingPolicy(tolerance=0.001)
    answer = sized(VegaNeutralSizer(policy).size(index_of(100.0), names, LONG, 4000.0))
    # 0.4 x 4000 = 1600 is 40 straddles; 30 are liquid; the rest, 2800, is 35 each.
    assert [row.count for row in answer.components] == [30, 35, 35]
    assert answer.components[0].cause is CountCause.CAPPED


def test_fewer_names_are_kept_when_the_policy_says_so() -> None:
    policy = SizingPolicy(names_max=8)
    names = market(4, 30)
    answer = sized(VegaNeutralSizer(policy).size(index_of(114.0), names, LONG, 20_000.0))
    heaviest = sorted(names, key=lambda row: -(row.weight or 0))[:8]
    assert [row.symbol for row in answer.components] == [row.symbol for row in heaviest]
    assert {row.reason for row in answer.dropped} == {"beyond the 8 heaviest names"}


def test_fills_fixed_keep_their_counts_and_the_rest_balances_them() -> None:
    names = market(5, 20)
    sizer = VegaNeutralSizer()
    plan = sized(sizer.size(index_of(114.0), names, LONG, 30_000.0))
    counts = plan.counts
    filled = {row.symbol: counts[row.symbol] for row in plan.components[:8]}
    stuck = plan.components[8]
    fixed = {**filled, stuck.symbol: stuck.count // 3, plan.index.symbol: plan.index.count}
    again = sized(sizer.size(index_of(114.0), names, LONG, 30_000.0, fixed))
    assert {name: again.counts[name] for name in fixed} == fixed
    assert abs(again.neutrality_error) <= 0.01
    free = [row for row in again.components if row.symbol not in fixed]
    share = {row.symbol: row.target_usd_per_point / row.weight for row in free}
    assert max(share.values()) == pytest.approx(min(share.values()))  # shared by weight
    assert again.components[0].cause is CountCause.FIXED


def test_all_components_fixed_scale_the_index_to_them() -> None:
    names = components(*FIVE)
    fixed = {Symbol("C1"): 8, Symbol("C2"): 3, Symbol("C3"): 7, Symbol("C4"): 1, Symbol("C5"): 2}
    vega = sum(fixed[row.symbol] * row.vega_usd_per_point for row in names)  # 1240.8
    answer = sized(VegaNeutralSizer().size(index_of(62.0), names, LONG, 2600.0, fixed))
    assert answer.index.count == round(vega / 62.0)


def test_component_fixed_at_zero_leaves_the_basket() -> None:
    names = components(*FIVE)
    answer = sized(VegaNeutralSizer().size(index_of(125.6), names, LONG, 2600.0, {Symbol("C4"): 0}))
    assert [row.symbol for row in answer.dropped] == ["C4"]
    assert answer.components[0].weight == pytest.approx(0.3 / 0.85)


def test_fills_so_far_are_a_floor() -> None:
    names = components(*FIVE)
    names[4] = replace(names[4], count_min=6)  # 3.5 are wanted
    policy = SizingPolicy(weight_error_total_max=0.5)
    answer = sized(VegaNeutralSizer(policy).size(index_of(125.6), names, LONG, 2512.0))
    assert answer.components[4].count >= 6


def test_budget_below_one_index_straddle_is_refused_with_the_size_of_one() -> None:
    answer = refused(VegaNeutralSizer().size(index_of(1256.0), components(*FIVE), LONG, 600.0))
    assert answer.kind is Refusal.TOO_SMALL
    assert "1,256 dollars of vega per point" in answer.sentence
    works = answer.workable.vega_usd_per_point
    assert works is not None
    sized(VegaNeutralSizer().size(index_of(1256.0), components(*FIVE), LONG, works))


def test_wall_limit_is_a_refusal_with_the_best_bound() -> None:
    policy = SizingPolicy(
        tolerance=1e-9, gap=0.0, node_limit=10**8, wall_seconds_max=0.2, index_count_share_min=1.0
    )
    answer = refused(VegaNeutralSizer(policy).size(index_of(114.0), market(6, 60), LONG, 60_000.0))
    assert answer.kind is Refusal.UNPROVEN
    assert answer.bound is not None
    assert answer.bound > 0


def test_answers_survive_json() -> None:
    adapter: TypeAdapter[Sizing | Infeasible] = TypeAdapter(Sizing | Infeasible)
    good = VegaNeutralSizer().size(index_of(1256.0), components(*FIVE), LONG, 2600.0)
    bad = VegaNeutralSizer().size(index_of(1256.0), components(*FIVE), LONG, 600.0)
    for answer in (good, bad):
        written = adapter.dump_json(answer)
        json.loads(written)
        assert adapter.validate_json(written) == answer


class Chains:
    """Knows one symbol."""

    def straddle_terms(self, symbol: Symbol, dte_target: int) -> StraddleTerms | TermsMissing:
        if symbol != "QQQ":
            return TermsMissing(symbol=symbol, reason="no two-sided quote")
        return terms(symbol, None, vega=dte_target * 4.0)


def test_get_option_greeks_returns_the_source_s_straddle() -> None:
    greeks = VegaNeutralSizer(source=Chains()).get_option_greeks(Symbol("QQQ"), 30)
    assert greeks.vega_usd_per_point == 120.0


def test_get_option_greeks_never_makes_numbers_up() -> None:
    with pytest.raises(MarketDataMissing, match="no two-sided quote"):
        VegaNeutralSizer(source=Chains()).get_option_greeks(Symbol("SPY"), 30)
    with pytest.raises(MarketDataMissing, match="without a source"):
        VegaNeutralSizer().get_option_greeks(Symbol("QQQ"), 30)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("vega_usd_per_point", math.nan),
        ("vega_usd_per_point", -1.0),
        ("implied_vol", 0.0),
        ("premium_usd", math.inf),
        ("theta_usd_per_day", math.nan),
        ("half_spread_usd", -0.01),
        ("count_max", -1),
        ("weight", 0.0),
    ],
)
def test_doubtful_terms_never_reach_the_sizer(field: str, value: float) -> None:
    with pytest.raises(MarketDataMissing, match="counts" if field == "count_max" else field):
        replace(terms("X", 0.5, vega=50.0), **{field: value})


def test_theta_scheme_refuses_a_straddle_that_earns_theta() -> None:
    names = [replace(row, theta_usd_per_day=1.0) for row in components(*FIVE)]
    sizer = VegaNeutralSizer(SizingPolicy(scheme=Scheme.THETA_NEUTRAL))
    with pytest.raises(MarketDataMissing, match="theta_neutral"):
        sizer.size(index_of(1256.0), names, LONG, 2600.0)


def test_margin_cap_needs_the_margin_of_what_is_sold() -> None:
    index = replace(index_of(1256.0), short_margin_usd=None)
    sizer = VegaNeutralSizer(SizingPolicy(margin_max_usd=1e6))
    with pytest.raises(MarketDataMissing, match="short_margin_usd"):
        sizer.size(index, components(*FIVE), LONG, 2600.0)


@pytest.mark.parametrize(
    "change",
    [
        {"tolerance": 0.0},
        {"tolerance": math.nan},
        {"weight_error_max": -1.0},
        {"dropped_weight_max": 1.0},
        {"premium_max_usd": -5.0},
        {"names_max": 1},
        {"gap": 0.5},
        {"node_limit": 0},
        {"wall_seconds_max": 0.0},
    ],
)
def test_policy_out_of_range_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(InvalidConfig, match=f"sizing.{next(iter(change))}"):
        replace(SizingPolicy(), **change)


def test_contradictory_requests_are_refused() -> None:
    sizer, index, names = VegaNeutralSizer(), index_of(1256.0), components(*FIVE)
    with pytest.raises(InvalidInput, match="twice"):
        sizer.size(index, [*names, names[0]], LONG, 2600.0)
    with pytest.raises(InvalidInput, match="budget"):
        sizer.size(index, names, LONG, math.nan)
    with pytest.raises(InvalidInput, match="fixed"):
        sizer.size(index, names, LONG, 2600.0, {Symbol("ZZZ"): 1})
    with pytest.raises(InvalidInput, match="no components"):
        sizer.size(index, [], LONG, 2600.0)
    with pytest.raises(InvalidInput, match="weight"):
        sizer.size(index, [replace(names[0], weight=None)], LONG, 2600.0)
