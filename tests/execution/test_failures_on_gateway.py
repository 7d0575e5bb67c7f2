"""What becomes of a program on the gateway when a name, the time or the venue fails it?

Real wire, virtual time: one seed is one story. The heaviest name has no bids (for ever, or for 45
seconds), so it is paused and given up; each remedy is then taken alone and held to its limit.
"""

from dataclasses import replace
from datetime import timedelta
from math import ceil

from dispersa.execution.plan import Role
from dispersa.execution.policy import ProgramPolicy, Remedy
from dispersa.execution.program import Program, ProgramState, balance_of
from tests.soak.session import Cell, Worked, work

LOST = "NVDA"
HASTY = ProgramPolicy(pause_cancel=timedelta(seconds=10), pause_max=timedelta(seconds=30))
GIVE_BACK = replace(HASTY, remedies=((Remedy.SCALE, 3), (Remedy.UNWIND, 1)), scale_share_min=0.95)


def cell(market: str, names: int, reserves: int = 0) -> Cell:
    return Cell(market=market, fills="base", seed=1, names=names, reserves=reserves)


def proven(worked: Worked) -> Program:
    """The program, if the exchange agrees and the corridor was never left."""
    program = worked.state.program
    assert program is not None, worked.state.decline_reason
    assert worked.watch.orphans == 0
    assert worked.are_positions_exact
    assert program.imbalance_max_usd <= program.corridor_usd + 1e-9
    for remedy in Remedy:
        assert program.used(remedy) <= program.policy.limit_of(remedy)
    return program


def balanced(program: Program) -> Program:
    assert program.state is ProgramState.PARTIAL_BALANCED, program.sentence
    assert abs(balance_of(program, {}).filled) <= program.tolerance_usd
    return program


def test_a_name_that_is_lost_is_sized_around_within_the_growth_allowed() -> None:
    program = balanced(proven(work(cell("halted", names=4), HASTY)))
    assert program.remedies == (Remedy.RESOLVE,)
    rows = {key: row for key, row in program.packages.items() if key != LOST}
    components = [row for row in rows.values() if row.plan.role is Role.COMPONENT]
    assert all(row.filled > row.plan.quantity for row in components)
    assert all(row.filled <= ceil(1.25 * row.plan.quantity) for row in components)


def test_a_reserve_of_the_plan_is_quoted_and_filled_in_the_place_of_a_lost_name() -> None:
    policy = replace(HASTY, remedies=((Remedy.REPLACE, 1), (Remedy.SCALE, 3)))
    program = balanced(proven(work(cell("halted", names=3, reserves=1), policy)))
    assert program.remedies == (Remedy.REPLACE,)
    (reserve,) = program.plan.reserves
    assert reserve.key not in {row.key for row in program.plan.packages}
    assert 0 < program.packages[reserve.key].filled <= reserve.quantity
    assert reserve.symbol not in {row.symbol for row in program.plan.dropped}


def test_without_another_solution_the_index_is_scaled_to_what_is_left() -> None:
    policy = replace(HASTY, remedies=((Remedy.SCALE, 3),))
    program = balanced(proven(work(cell("halted", names=3), policy)))
    assert set(program.remedies) == {Remedy.SCALE}
    components = [row for row in program.packages.values() if row.plan.role is Role.COMPONENT]
    assert all(row.filled == row.plan.quantity for row in components if row.plan.key != LOST)
    index = program.packages["QQQ"]
    assert 0 < index.filled < index.plan.quantity


def test_too_small_a_rest_is_traded_back_to_nothing() -> None:
    worked = work(cell("paused", names=2), GIVE_BACK)
    program = proven(worked)
    assert program.state is ProgramState.UNWOUND, program.sentence
    assert program.remedies == (Remedy.UNWIND,)
    assert not worked.watch.positions


def test_what_can_not_be_traded_back_keeps_what_balances_it() -> None:
    program = balanced(proven(work(cell("halted", names=2), GIVE_BACK)))
    assert program.remedies == (Remedy.UNWIND, Remedy.SCALE)
    assert program.packages[LOST].filled > 0
    assert program.packages["AAPL"].filled == 0


def test_the_deadline_leaves_a_balanced_part() -> None:
    policy = replace(HASTY, deadline=timedelta(seconds=150))
    program = balanced(proven(work(cell("calm", names=2), policy)))
    assert "deadline" in program.sentence


def test_an_order_that_the_venue_makes_live_twice_is_cancelled_in_time() -> None:
    worked = work(cell("duplicate", names=2))
    program = worked.state.program
    assert program is not None
    assert "live twice" in program.sentence
    assert worked.watch.duplicates == 1
    assert worked.watch.duplicate_seconds <= 30
    assert worked.watch.orphans == 0
    assert worked.are_positions_exact


def test_a_margin_rejection_stops_all_and_ends_balanced() -> None:
    program = proven(work(cell("margin", names=2)))
    assert "201" in program.sentence
    assert program.state in {ProgramState.PARTIAL_BALANCED, ProgramState.UNWOUND}
    assert abs(balance_of(program, {}).filled) <= program.tolerance_usd
