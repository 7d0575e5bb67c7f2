"""The vega budget, the scenarios, the margin and the grid."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from dispersa.correlation.terms import Direction
from dispersa.errors import InvalidConfig, InvalidInput, MarketDataMissing
from dispersa.market import ExerciseStyle, Symbol
from dispersa.pricing import american
from dispersa.pricing.contracts import Carry
from dispersa.sizing import (
    DEFAULT_SCENARIOS,
    AccountSizing,
    Infeasible,
    MarginSource,
    Scenario,
    Scheme,
    SizingPolicy,
    StraddleTerms,
    StressPolicy,
    VegaNeutralSizer,
    margin_view,
    revalue,
    sized_book,
    stress_book,
    vega_budget,
)
from dispersa.sizing.grid import Axis, GridAxes, ScenarioGrid, scenario_grid
from dispersa.sizing.liquidity import LiquidityPolicy, liquid_count
from dispersa.sizing.stress import reference_book

from .instances import YEARS, components, index_of, market

LONG, SHORT = Direction.LONG_DISPERSION, Direction.SHORT_DISPERSION


def test_budget_spends_the_loss_share_in_the_worst_scenario_with_cost() -> None:
    index, names = index_of(114.0), market(3, 30)
    budget = vega_budget(index, names, LONG, 5e6, StressPolicy())
    losses = {row.name: -row.pnl_usd for row in budget.rows}
    assert max(losses, key=lambda name: losses[name]) == budget.worst == "correlation to 1"
    assert max(losses.values()) + budget.cost_usd == pytest.approx(0.02 * 5e6, rel=1e-9)
    assert losses["correlation to 1"] == pytest.approx(budget.first_order_loss_usd, rel=0.01)
    weighted = sum((row.weight or 0) * row.implied_vol for row in names)
    assert budget.first_order_loss_usd == pytest.approx(
        budget.vega_usd_per_point * 100 * (weighted - index.implied_vol)
    )


def test_budget_grows_in_proportion_with_the_account() -> None:
    index, names = index_of(114.0), market(3, 30)
    one, ten = (vega_budget(index, names, LONG, usd, StressPolicy()) for usd in (1e6, 1e7))
    assert ten.vega_usd_per_point == pytest.approx(10 * one.vega_usd_per_point)
    assert one.net_liquidation_for(ten.vega_usd_per_point) == pytest.approx(1e7)


def test_short_dispersion_is_bound_by_falling_correlation() -> None:
    budget = vega_budget(index_of(114.0), market(3, 30), SHORT, 5e6, StressPolicy())
    assert budget.worst == "correlation -50 points"


def test_wider_spreads_leave_less_vega() -> None:
    index, names = index_of(114.0), market(3, 30)
    wide = [replace(row, half_spread_usd=3 * row.half_spread_usd) for row in names]
    tight_budget, wide_budget = (
        vega_budget(index, rows, LONG, 5e6, StressPolicy()) for rows in (names, wide)
    )
    assert wide_budget.vega_usd_per_point < tight_budget.vega_usd_per_point
    # 2 half-spreads in vol points, weighted, plus commissions: worked for this market.
    spreads = sum((row.weight or 0) * row.half_spread_usd / row.vega_usd_per_point for row in names)
    extra = wide_budget.cost_per_vega - tight_budget.cost_per_vega
    assert extra == pytest.approx(2 * 2 * spreads, rel=1e-9)


def test_scenarios_that_never_lose_are_refused() -> None:
    kind = StressPolicy(scenarios=(Scenario(name="calm", correlation_shift=-0.5),))
    free = [replace(row, half_spread_usd=0.0) for row in market(3, 10)]
    index = replace(index_of(114.0), half_spread_usd=0.0)
    with pytest.raises(InvalidInput, match="no scenario loses"):
        vega_budget(index, free, LONG, 5e6, replace(kind, commission_usd_per_contract=0.0))


@pytest.mark.parametrize("account", [0.0, -1.0, math.nan, math.inf])
def test_account_must_be_above_zero(account: float) -> None:
    with pytest.raises(InvalidInput, match="net liquidation"):
        vega_budget(index_of(114.0), market(3, 10), LONG, account, StressPolicy())


def test_one_component_has_no_correlation_and_is_refused() -> None:
    with pytest.raises(MarketDataMissing, match="two or more names"):
        vega_budget(index_of(114.0), market(3, 10)[:1], LONG, 5e6, StressPolicy())


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    names=st.integers(3, 30),
    account=st.floats(2e5, 3e7),
    direction=st.sampled_from([LONG, SHORT]),
    scheme=st.sampled_from(Scheme),
)
def test_whole_counts_never_lose_more_than_the_budget(
    seed: int, names: int, account: float, direction: Direction, scheme: Scheme
) -> None:
    sizer = VegaNeutralSizer()
    sizer = VegaNeutralSizer(replace(sizer.policy, scheme=scheme))
    index, rows = index_of(90.0), market(seed, names)
    answer = sizer.size_for_account(index, rows, direction, account, StressPolicy())
    if isinstance(answer, Infeasible):
        assert answer.sentence
        return
    report = stress_book(sized_book(answer.sizing, index, rows), 0.02 * account, StressPolicy())
    assert report == answer.stress
    assert report.worst_loss_usd <= 0.02 * account * (1 + 1e-9)
    assert answer.sizing.index.vega_usd_per_point <= answer.budget.vega_usd_per_point * (1 + 1e-9)


def test_vega_cap_binds_where_the_loss_budget_would_carry_more() -> None:
    index, rows = index_of(90.0), market(3, 10)
    free = VegaNeutralSizer().size_for_account(index, rows, LONG, 2e7, StressPolicy())
    assert isinstance(free, AccountSizing)
    cap = free.budget.vega_usd_per_point / 2
    capped = VegaNeutralSizer(SizingPolicy(vega_max_usd_per_point=cap))
    found = capped.size_for_account(index, rows, LONG, 2e7, StressPolicy())
    assert isinstance(found, AccountSizing)
    assert cap - 90.0 <= found.sizing.index.vega_usd_per_point <= cap
    tiny = VegaNeutralSizer(SizingPolicy(vega_max_usd_per_point=100.0))
    refused = tiny.size_for_account(index, rows, LONG, 2e7, StressPolicy())
    assert isinstance(refused, Infeasible)
    assert refused.workable.net_liquidation_usd is None  # no account is large enough for that


def test_too_small_an_account_is_told_the_account_that_would_do() -> None:
    sizer, index, names = VegaNeutralSizer(), index_of(114.0), market(3, 30)
    answer = sizer.size_for_account(index, names, LONG, 200_000.0, StressPolicy())
    assert isinstance(answer, Infeasible)
    account = answer.workable.net_liquidation_usd
    assert account is not None
    assert f"of {account:,.0f} dollars" in answer.sentence
    larger = sizer.size_for_account(index, names, LONG, account, StressPolicy())
    assert isinstance(larger, AccountSizing)
    adapter: TypeAdapter[AccountSizing] = TypeAdapter(AccountSizing)
    assert adapter.validate_json(adapter.dump_json(larger)) == larger


def test_smallest_whole_counts_over_the_budget_are_refused_with_the_account_for_them() -> None:
    # 50 of 100 dollars a point are wanted of each name, 1.67 straddles of 30: two of each are 20 %
    # more than the budget was drawn up with, and so is their cost.
    index, names = index_of(100.0), components([0.5, 0.5], [30.0, 30.0], [0.4, 0.4])
    stress = StressPolicy(scenarios=(Scenario(name="one", correlation_to=1.0),))
    budget = vega_budget(index, names, LONG, 1e6, stress)
    account = budget.net_liquidation_for(100.0) * (1 + 1e-6)
    sizer = VegaNeutralSizer(SizingPolicy(tolerance=0.25))
    answer = sizer.size_for_account(index, names, LONG, account, stress)
    assert isinstance(answer, Infeasible)
    assert "cost included" in answer.sentence
    needed = answer.workable.net_liquidation_usd
    assert needed is not None
    enough = sizer.size_for_account(index, names, LONG, needed * (1 + 1e-9), stress)
    assert isinstance(enough, AccountSizing)


def test_gap_of_one_name_reports_the_worst_name() -> None:
    index, names = index_of(114.0), market(3, 12)
    book = reference_book(index, names, SHORT, 1000.0, Scheme.VEGA_NEUTRAL)
    (gap,) = revalue(book, [Scenario(name="gap", name_gap=0.25)])
    alone = {}
    for row in names:  # gap each by hand: only its own straddle and the index move
        one = replace(book, quantities={**dict.fromkeys(book.quantities, 0.0), row.symbol: 1.0})
        (moved,) = revalue(one, [Scenario(name="all", spot_move=0.25)])
        weight = (row.weight or 0) / sum(other.weight or 0 for other in names)
        index_only = replace(
            book, quantities={**dict.fromkeys(book.quantities, 0.0), index.symbol: 1.0}
        )
        (market_move,) = revalue(index_only, [Scenario(name="i", spot_move=0.25 * weight)])
        alone[row.symbol] = (
            moved.pnl_usd * book.quantities[row.symbol]
            + market_move.pnl_usd * book.quantities[index.symbol]
        )
    worst = min(alone, key=lambda symbol: alone[symbol])
    assert gap.gapped == worst
    assert gap.pnl_usd == pytest.approx(alone[worst], rel=1e-9)


def test_time_alone_earns_or_costs_theta() -> None:
    book = reference_book(index_of(114.0), market(3, 12), LONG, 1000.0, Scheme.VEGA_NEUTRAL)
    (day,) = revalue(book, [Scenario(name="a day", days=1.0)])
    assert day.pnl_usd == pytest.approx(day.first_order_usd, rel=0.05)
    assert day.pnl_usd < 0  # vega-neutral long dispersion pays theta (quant.md 2.2)


@pytest.mark.parametrize("move", [-0.20, -0.10, 0.10])
def test_american_straddles_are_revalued_with_early_exercise(move: float) -> None:
    rate, years = 0.045, YEARS
    carried = [_carried(row, rate) for row in (index_of(114.0), *market(3, 12))]
    book = reference_book(carried[0], carried[1:], LONG, 1000.0, Scheme.VEGA_NEUTRAL)
    (gap,) = revalue(book, [Scenario(name="gap", spot_move=move)])
    by_hand = sum(
        quantity * 100 * (_american(row, rate, years, move) - _american(row, rate, years, 0.0))
        for row, quantity in book.rows
    )
    # The coarser grid costs less than a hundredth of a vol point of the 1,000 dollars of vega.
    assert gap.pnl_usd == pytest.approx(by_hand, abs=0.01 * 1000)


def test_european_values_would_understate_the_loss_of_a_gap() -> None:
    carried = [_carried(row, 0.045) for row in (index_of(114.0), *market(3, 12))]
    down = [Scenario(name="down", spot_move=-0.10)]
    american_book = reference_book(carried[0], carried[1:], LONG, 1000.0, Scheme.VEGA_NEUTRAL)
    european = [replace(row, style=ExerciseStyle.EUROPEAN) for row in carried]
    european_book = reference_book(european[0], european[1:], LONG, 1000.0, Scheme.VEGA_NEUTRAL)
    (true,), (understated,) = revalue(american_book, down), revalue(european_book, down)
    assert true.pnl_usd < understated.pnl_usd - 500  # half a vol point and more


def test_straddle_that_expires_is_worth_its_intrinsic_value() -> None:
    carried = [_carried(row, 0.045) for row in (index_of(114.0), *market(3, 12))]
    book = reference_book(carried[0], carried[1:], LONG, 1000.0, Scheme.VEGA_NEUTRAL)
    (expired,) = revalue(book, [Scenario(name="expiry", spot_move=-0.1, days=30.0)])
    later = sum(quantity * 100 * row.spot * 0.1 for row, quantity in book.rows)
    now = sum(quantity * 100 * _american(row, 0.045, YEARS, 0.0) for row, quantity in book.rows)
    assert expired.pnl_usd == pytest.approx(later - now, abs=10)


def _carried(row: StraddleTerms, rate: float) -> StraddleTerms:
    growth = math.exp(rate * row.years)
    return replace(row, forward=row.spot * growth, discount=1 / growth)


def _american(row: StraddleTerms, rate: float, years: float, move: float) -> float:
    spot = row.spot * (1 + move)
    both = american.price(
        np.array([spot, spot]),
        row.strike,
        row.implied_vol,
        years,
        rate,
        np.array([True, False]),
        Carry(),
    )
    return float(both.sum())


def test_scenarios_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(InvalidConfig, match="sets and shifts"):
        Scenario(name="both", correlation_to=1.0, correlation_shift=0.1)
    with pytest.raises(InvalidConfig, match="-1 to 1"):
        Scenario(name="far", correlation_to=1.5)
    with pytest.raises(InvalidConfig, match="-100 %"):
        Scenario(name="gone", spot_move=-1.0)
    with pytest.raises(InvalidConfig, match="at least one"):
        StressPolicy(scenarios=())
    with pytest.raises(InvalidConfig, match="loss_share_max"):
        StressPolicy(loss_share_max=0.0)


def test_scenario_that_takes_a_vol_below_zero_is_refused() -> None:
    book = reference_book(index_of(114.0), market(3, 12), LONG, 1000.0, Scheme.VEGA_NEUTRAL)
    with pytest.raises(MarketDataMissing, match="vols above zero"):
        revalue(book, [Scenario(name="gone", parallel_vol_points=-60.0)])


def test_default_scenarios_have_names_of_their_own() -> None:
    assert len({scenario.name for scenario in DEFAULT_SCENARIOS}) == len(DEFAULT_SCENARIOS)


def test_grid_agrees_with_scenarios_and_has_today_at_zero() -> None:
    book = reference_book(index_of(114.0), market(3, 12), LONG, 1000.0, Scheme.VEGA_NEUTRAL)
    axes = GridAxes(
        spot_moves=(-0.1, 0.0),
        vol_points=(0.0, 5.0),
        correlation_shifts=(0.0, 0.1),
        days=(0.0, 3.0),
    )
    grid = scenario_grid(book, axes)
    cells = [
        Scenario(
            name="cell",
            spot_move=spot,
            component_vol_points=vol,
            correlation_shift=correlation,
            days=days,
        )
        for spot in axes.spot_moves
        for vol in axes.vol_points
        for correlation in axes.correlation_shifts
        for days in axes.days
    ]
    results = revalue(book, cells)
    assert grid.pnl_usd == pytest.approx([row.pnl_usd for row in results])
    assert grid.first_order_usd == pytest.approx([row.first_order_usd for row in results])
    plane = grid.heat_map(Axis.SPOT, Axis.CORRELATION)
    assert plane.pnl_usd[1][0] == pytest.approx(0.0, abs=1e-9)
    turned = grid.heat_map(Axis.CORRELATION, Axis.SPOT)
    assert np.transpose(plane.pnl_usd).tolist() == [list(row) for row in turned.pnl_usd]
    adapter: TypeAdapter[ScenarioGrid] = TypeAdapter(ScenarioGrid)
    assert adapter.validate_json(adapter.dump_json(grid)) == grid
    json.loads(adapter.dump_json(grid))


def test_heat_map_needs_two_axes_and_today() -> None:
    book = reference_book(index_of(114.0), market(3, 12), LONG, 1000.0, Scheme.VEGA_NEUTRAL)
    grid = scenario_grid(book, GridAxes(days=(1.0, 2.0)))
    with pytest.raises(InvalidInput, match="twice"):
        grid.heat_map(Axis.SPOT, Axis.SPOT)
    with pytest.raises(InvalidInput, match="no zero"):
        grid.heat_map(Axis.SPOT, Axis.VOL)


def test_larger_of_model_and_what_ifs_binds() -> None:
    symbols = (Symbol("QQQ"), Symbol("AAPL"))
    broker = margin_view(100_000.0, dict(zip(symbols, (90_000.0, 30_000.0), strict=True)))
    assert (broker.binding, broker.binding_usd, broker.broker_usd) == (
        MarginSource.BROKER,
        120_000.0,
        120_000.0,
    )
    own = margin_view(130_000.0, dict(zip(symbols, (90_000.0, 30_000.0), strict=True)))
    assert (own.binding, own.binding_usd) == (MarginSource.MODELED, 130_000.0)
    assert margin_view(130_000.0, None).binding is MarginSource.MODELED


@pytest.mark.parametrize("usd", [math.nan, -1.0, 1.797e308, math.inf])
def test_what_if_that_is_no_amount_is_refused(usd: float) -> None:
    with pytest.raises(MarketDataMissing, match="what-ifs"):
        margin_view(1000.0, {Symbol("QQQ"): usd})
    with pytest.raises(MarketDataMissing, match="not modeled"):
        margin_view(None, None)


def test_liquidity_bounds_by_quote_and_open_interest() -> None:
    policy = LiquidityPolicy(quote_size_multiple_max=10, open_interest_share_max=0.05)
    assert liquid_count(Symbol("A"), 4, 1200, policy) == 40
    assert liquid_count(Symbol("A"), 40, 1200, policy) == 60
    assert liquid_count(Symbol("A"), 0, 1200, policy) == 0
    quotes_only = replace(policy, open_interest_share_max=None)
    assert liquid_count(Symbol("A"), 4, None, quotes_only) == 40
    with pytest.raises(MarketDataMissing, match="open interest is None"):
        liquid_count(Symbol("A"), 4, None, policy)
    with pytest.raises(InvalidConfig, match="open_interest_share_max"):
        LiquidityPolicy(open_interest_share_max=0.0)
