"""Do targets, budget, residual legs and the standing come out as worked by hand?"""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispersa.execution.budget import allowance, budget_usd, vega_price
from dispersa.execution.endings import ending
from dispersa.execution.plan import PlanKind
from dispersa.execution.policy import ProgramPolicy, WalkPolicy
from dispersa.execution.program import (
    PackageState,
    Program,
    ProgramState,
    balance_of,
    begin_program,
    next_slice,
    urgency_of,
)
from dispersa.execution.remedies import is_too_small, scaled, unwound
from dispersa.execution.residuals import legs_of, repair_of
from dispersa.execution.view import Sources, standing
from dispersa.market import ConId, Side
from dispersa.orders import ExecId, Execution, ExecutionBook, OrderRef, PermId, ProgramId, Purpose
from tests.desk.scene import T0, plan, planned, straddle


def program(**filled: int) -> Program:
    begun = begin_program(ProgramId("p"), plan(), ProgramPolicy(), WalkPolicy(), T0)
    for key, count in filled.items():
        begun = begun.with_package(replace(begun.packages[key], filled=count))
    return begun


def given_up(begun: Program, key: str) -> Program:
    row = replace(begun.packages[key], state=PackageState.ABANDONED)
    return begun.with_package(row)


def test_the_budget_buys_the_cheapest_vega_first() -> None:
    # Half-spreads are 0.10 x 100 = 10 dollars each; vegas 200, 40, 25: dollars per dollar of vega
    # 0.05, 0.25 and 0.40. All half-spreads together: 10 x 10 + 30 x 10 + 32 x 10 = 720.
    begun = program()
    assert budget_usd(begun) == Decimal(450)
    assert vega_price(begun, 720.0) is None
    # 450 = 100 (QQQ) + 300 (AAA) + 32 x 25 x price: price 0.0625, below AAA's 0.25. So QQQ is paid
    # in full and AAA and BBB share 350 at 350 / (30 x 40 + 32 x 25) = 0.175.
    assert vega_price(begun, 450.0) == pytest.approx(0.175)
    assert allowance(begun, begun.packages["AAA"]) == Decimal("0.07")
    assert vega_price(begun, 0.0) == 0.0
    back = replace(begun.packages["AAA"], filled=31)
    assert allowance(begun, back) is None


def test_scaling_takes_unfilled_straddles_before_filled_ones() -> None:
    begun = given_up(program(QQQ=2, AAA=10), "BBB")  # 30 x 40 = 1,200 long; 10 x 200 = 2,000 short
    assert scaled(begun) == {"QQQ": 6, "AAA": 30, "BBB": 0}
    late = given_up(program(QQQ=9, AAA=30), "BBB")
    assert scaled(late) == {"QQQ": 6, "AAA": 30, "BBB": 0}  # three index straddles go back


def test_what_could_not_be_traded_back_is_balanced_by_the_other_side() -> None:
    begun = program(QQQ=6, AAA=30)
    stuck = replace(begun.packages["QQQ"], target=4, state=PackageState.ABANDONED)
    kept = begun.with_package(stuck).with_package(replace(begun.packages["BBB"], target=0))
    assert scaled(kept)["QQQ"] == 6


counts = st.integers(0, 30)


@given(counts, counts, counts, st.sampled_from(["QQQ", "AAA", "BBB"]), st.booleans())
def test_scaled_targets_never_open_more_and_leave_at_most_half_a_straddle(
    index: int, first: int, second: int, lost: str, only_back: bool
) -> None:
    begun = given_up(program(QQQ=min(index, 10), AAA=first, BBB=second), lost)
    targets = scaled(begun, only_back=only_back)
    rows = begun.packages
    assert all(0 <= targets[key] <= max(row.target, row.filled) for key, row in rows.items())
    if only_back:
        assert all(targets[key] <= row.filled for key, row in rows.items())
    net = sum(targets[key] * row.vega_usd for key, row in rows.items())
    assert abs(net) <= 100.0 + 1e-9  # half of the largest straddle


def test_unwinding_goes_to_zero_and_closing_packages_stay_closed() -> None:
    assert set(unwound(program(QQQ=3, AAA=5)).values()) == {0}
    closing = replace(planned("AAA", Side.SELL, 5, at=T0), purpose=Purpose.REDUCE)
    trade = replace(plan(), packages=(*plan().packages, closing), kind=PlanKind.ROLL)
    rolled = begin_program(ProgramId("p"), trade, ProgramPolicy(), WalkPolicy(), T0)
    done = rolled.with_package(replace(rolled.packages[closing.key], filled=5))
    assert unwound(done)[closing.key] == 5
    assert done.packages[closing.key].purpose is Purpose.REDUCE


def test_half_of_the_trade_is_the_smallest_that_is_kept() -> None:
    begun = program()
    assert not is_too_small(begun, {"QQQ": 5, "AAA": 15, "BBB": 16})
    assert is_too_small(begun, {"QQQ": 4, "AAA": 15, "BBB": 16})


def executed(con_id: ConId, side: Side, quantity: int, tag: str) -> Execution:
    return Execution(
        exec_id=ExecId(f"{tag}.01"),
        order_ref=OrderRef("r"),
        perm_id=PermId(1),
        account="DU1",
        con_id=con_id,
        symbol=straddle("AAA").call.symbol,
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(5),
        multiplier=100,
        at=T0,
    )


def test_legs_without_a_partner_are_found_and_the_repair_trades_them_back() -> None:
    package = planned("AAA", Side.BUY, 30, at=T0)
    call, put = (leg.con_id for leg in package.straddle.legs)
    book = ExecutionBook()
    for execution in (
        executed(call, Side.BUY, 7, "a.1"),
        executed(put, Side.BUY, 5, "a.2"),
        executed(put, Side.SELL, 1, "a.3"),
    ):
        book = book.with_execution(execution)
    legs = legs_of(package, (OrderRef("r"),), book)
    assert (legs.filled, dict(legs.residuals)) == (4, {call: 3, put: 0})
    repair = repair_of(package, legs)
    assert repair is not None
    assert (repair.contract.con_id, repair.side, repair.quantity) == (call, Side.SELL, 3)


def test_a_probe_is_completed_and_never_called_neutral() -> None:
    package = planned("AAA", Side.BUY, 1, at=T0)
    trade = replace(
        plan(), packages=(package,), kind=PlanKind.PROBE, vega_budget_usd=package.vega_usd
    )
    begun = begin_program(ProgramId("p"), trade, ProgramPolicy(), WalkPolicy(), T0)
    filled = begun.with_package(replace(begun.packages["AAA"], filled=1))
    state, sentence = ending(filled, was_filled=True)
    assert state is ProgramState.COMPLETED
    assert "not neutral" in sentence
    assert next_slice(begun, {}, lambda _: 5, T0) is not None


@pytest.mark.parametrize(
    ("filled", "was_filled", "state"),
    [
        ({"QQQ": 10, "AAA": 30, "BBB": 32}, True, ProgramState.COMPLETED),
        ({"QQQ": 5, "AAA": 25}, True, ProgramState.PARTIAL_BALANCED),
        ({"QQQ": 5, "AAA": 10}, True, ProgramState.LOCKED),
        ({}, True, ProgramState.UNWOUND),
        ({}, False, ProgramState.CANCELLED),
    ],
)
def test_each_end_has_its_name_and_its_words(
    filled: dict[str, int], was_filled: bool, state: ProgramState
) -> None:
    found, sentence = ending(program(**filled), was_filled=was_filled)
    assert found is state
    assert sentence


def test_urgency_grows_with_the_age_of_an_imbalance_for_what_lessens_it() -> None:
    begun = replace(program(QQQ=1), imbalanced_since=T0)  # -200 of a corridor of 300
    balance = balance_of(begun, {})
    later = T0 + timedelta(seconds=30)
    assert urgency_of(begun, begun.packages["AAA"], balance, later) == pytest.approx(1 / 3)
    assert urgency_of(begun, begun.packages["QQQ"], balance, later) < 0.01


@given(counts, counts, counts, st.lists(st.tuples(st.sampled_from("QAB"), counts), max_size=3))
def test_no_slice_can_leave_the_corridor(
    index: int, first: int, second: int, working: list[tuple[str, int]]
) -> None:
    begun = program(QQQ=min(index, 10), AAA=first, BBB=second)
    names = {"Q": "QQQ", "A": "AAA", "B": "BBB"}
    at_risk = {
        names[name]: begun.packages[names[name]].plan.side.sign * units for name, units in working
    }
    chosen = next_slice(begun, at_risk, lambda _: 10_000, T0)
    if chosen is None:
        return
    row = begun.packages[chosen.key]
    grown = at_risk.get(chosen.key, 0) + row.side.sign * chosen.quantity
    before, after = balance_of(begun, at_risk), balance_of(begun, {**at_risk, chosen.key: grown})
    assert after.highest <= max(before.highest, begun.corridor_usd) + 1e-6
    assert after.lowest >= min(before.lowest, -begun.corridor_usd) - 1e-6


def test_the_standing_says_what_comes_next() -> None:
    begun = program(QQQ=10)
    shown = standing(begun, Sources({}, {}, {}, T0 + timedelta(minutes=5)))
    rows = {row.key: row for row in shown.packages}
    assert rows["QQQ"].next_action == "executions are checked"
    assert rows["AAA"].next_action == "buys 30 when the corridor has room"
    assert shown.time_left == timedelta(minutes=40)
    assert shown.next_action == "works 2 of 3 packages"
    assert shown.balance.filled == -2000.0
