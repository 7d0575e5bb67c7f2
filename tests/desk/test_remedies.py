"""What becomes of a program in which something can not be filled?"""

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from dispersa.desk import events as ev
from dispersa.desk.commands import ComputeTargets, PausePackage, PlaceOrder, Retarget, WindDown
from dispersa.desk.state import Stage
from dispersa.desk.step import fold
from dispersa.execution.plan import PlanKind
from dispersa.execution.policy import ProgramPolicy, Remedy, WalkPolicy
from dispersa.execution.program import Program, ProgramState, balance_of
from dispersa.orders import (
    ApprovedOrder,
    ExecutionReported,
    LinkLost,
    LinkRestored,
    OrderCancelled,
    OrderRejected,
    Purpose,
)
from dispersa.risk import HaltLevel
from tests.desk.scene import ACCOUNT, T0, Scene, fair, plan, planned, replay

QUICK = WalkPolicy(wait=timedelta(seconds=1), rest_at_cap=timedelta(seconds=1))
HASTY = ProgramPolicy(attempts_max=1, quiet=timedelta(seconds=1))


def begun(policy: ProgramPolicy = HASTY, **changes: object) -> Scene:
    scene = Scene(policy=policy, walk_policy=QUICK, **changes)  # type: ignore[arg-type]
    scene.open()
    return scene


def program_of(scene: Scene) -> Program:
    assert scene.state.program is not None
    return scene.state.program


def ended(scene: Scene, seed: int = 1) -> Program:
    scene.fill_everything(random.Random(seed), ticks=6000)
    assert scene.state.stage is Stage.ENDED, program_of(scene)
    program = program_of(scene)
    held = {name: row.filled for name, row in program.packages.items()}
    assert sum(held[name] * row.vega_usd for name, row in program.packages.items()) == (
        pytest.approx(balance_of(program, {}).filled)
    )
    assert fold(replay(scene)) == scene.state
    return program


def test_a_name_that_never_fills_is_sized_around_within_the_growth_allowed() -> None:
    roomy = replace(HASTY, growth_max=1.0, scale_share_min=0.1)
    scene = begun(roomy, stubborn=frozenset({"BBB"}))
    program = ended(scene)
    assert program.state is ProgramState.PARTIAL_BALANCED, program.sentence
    assert program.packages["BBB"].filled == 0
    assert program.packages["AAA"].filled > 30
    assert Remedy.RESOLVE in program.remedies
    assert abs(balance_of(program, {}).filled) <= program.tolerance_usd
    assert "BBB 0 of 32" in program.sentence


def test_without_a_new_solution_the_index_is_scaled_to_what_filled() -> None:
    policy = replace(HASTY, remedies=((Remedy.SCALE, 3), (Remedy.UNWIND, 1)))
    scene = begun(policy, stubborn=frozenset({"BBB"}))
    program = ended(scene)
    assert program.state is ProgramState.PARTIAL_BALANCED, program.sentence
    # AAA alone carries 30 x 40 = 1,200 $/pt, which is 6 index straddles of 200
    assert {key: row.filled for key, row in program.packages.items()} == {
        "QQQ": 6,
        "AAA": 30,
        "BBB": 0,
    }


def test_a_trade_scaled_below_its_smallest_share_is_traded_back() -> None:
    policy = replace(HASTY, remedies=((Remedy.SCALE, 3), (Remedy.UNWIND, 1)), scale_share_min=0.7)
    scene = begun(policy, stubborn=frozenset({"BBB"}))
    program = ended(scene)
    assert program.state in {ProgramState.UNWOUND, ProgramState.CANCELLED}, program.sentence
    assert not any(row.filled for row in program.packages.values())
    back = [row for row in scene.sent if row.intent.purpose is Purpose.REDUCE]
    if program.state is ProgramState.UNWOUND:
        assert back


def test_a_reserve_name_takes_the_place_of_one_that_fails() -> None:
    reserve = planned("BBB", plan().packages[2].side, 32, at=T0)
    trade = replace(plan(), packages=plan().packages[:2], reserves=(reserve,))
    trade = replace(trade, packages=(trade.packages[0], replace(trade.packages[1], quantity=50)))
    policy = replace(HASTY, remedies=((Remedy.REPLACE, 1), (Remedy.SCALE, 3)), scale_share_min=0.01)
    scene = begun(policy, stubborn=frozenset({"AAA"}), planned=trade)
    program = ended(scene)
    assert Remedy.REPLACE in program.remedies
    assert program.packages["BBB"].filled > 0
    assert abs(balance_of(program, {}).filled) <= program.tolerance_usd


def test_a_worker_that_does_not_answer_leaves_scaling() -> None:
    scene = begun(stubborn=frozenset({"BBB"}))
    rng = random.Random(1)
    for _ in range(4000):
        scene.fill_everything(rng, ticks=1)
        scene.asked = None  # the question is lost
        if scene.state.stage is Stage.ENDED:
            break
    program = program_of(scene)
    assert Remedy.SCALE in program.remedies
    assert program.state.has_ended


def test_the_deadline_ends_balanced() -> None:
    scene = begun(replace(HASTY, attempts_max=100, deadline=timedelta(seconds=40)))
    scene.fill_everything(random.Random(3), ticks=4 * 25)
    scene.stubborn = frozenset({"AAA", "BBB"})
    scene.fill_everything(random.Random(4), ticks=4 * 20)
    program = program_of(scene)
    assert program.state is not ProgramState.RUNNING
    scene.stubborn = frozenset()
    program = ended(scene)
    assert program.state in {ProgramState.PARTIAL_BALANCED, ProgramState.UNWOUND}
    assert abs(balance_of(program, {}).filled) <= program.tolerance_usd
    assert "deadline" in program.sentence


def test_a_margin_rejection_stops_all_and_trades_the_imbalance_back() -> None:
    scene = begun(replace(HASTY, attempts_max=100))
    rng = random.Random(5)
    while abs(balance_of(program_of(scene), {}).filled) < 150:
        scene.fill_everything(rng, ticks=1)
    scene.tick()
    working = next(iter(scene.live))
    scene.live.pop(working)
    commands = scene.tell(OrderRejected(ref=working, code=201, message="insufficient margin"))
    assert isinstance(commands[0], WindDown)
    opened_before = sum(row.intent.purpose is Purpose.OPEN for row in scene.sent)
    program = ended(scene)
    assert sum(row.intent.purpose is Purpose.OPEN for row in scene.sent) == opened_before
    assert program.state in {ProgramState.PARTIAL_BALANCED, ProgramState.UNWOUND}
    assert "insufficient margin" in program.sentence


def test_three_other_rejections_stop_the_program() -> None:
    scene = begun(replace(HASTY, attempts_max=100))
    stopped: list[WindDown] = []
    for _ in range(400):
        scene.tick()
        for ref in list(scene.live):
            scene.live.pop(ref)
            told = scene.tell(OrderRejected(ref=ref, code=200, message="no security definition"))
            stopped += [each for each in told if isinstance(each, WindDown)]
        if stopped:
            break
    scene.tick()
    assert program_of(scene).state is not ProgramState.RUNNING


def test_a_halted_name_pauses_and_its_order_is_cancelled_after_a_minute() -> None:
    scene = begun(replace(HASTY, attempts_max=100))
    scene.tick(8)
    for approved in list(scene.sent):
        scene.tell(scene.working(approved))
    symbol = scene.sent[0].intent.combo.symbol
    scene.quoteless = frozenset({symbol})
    scene.now += timedelta(milliseconds=250)
    paused = scene.tell(scene.quotes())
    assert [each.package for each in paused if isinstance(each, PausePackage)] == [symbol]
    scene.tick(4 * 59)
    assert scene.sent[0].intent.ref not in scene.cancelled
    scene.tick(4 * 3)
    assert scene.sent[0].intent.ref in scene.cancelled
    scene.quoteless = frozenset()
    assert ended(scene).state is ProgramState.COMPLETED


def test_vix_above_its_limit_stops_opening() -> None:
    scene = begun()
    scene.tick(4)
    commands = scene.tell(scene.conditions(vix=31.0))
    assert isinstance(commands[0], WindDown)
    assert "VIX is 31.0" in commands[0].reason


def test_one_wild_quote_of_the_index_stops_nothing_but_a_lasting_move_does() -> None:
    scene = begun()
    scene.tick(4)
    fair = scene.quotes()
    moved = dict(fair.quotes)
    spot = program_of(scene).packages["QQQ"].plan.underlying_con_id
    moved[spot] = replace(moved[spot], bid=Decimal(300), ask=Decimal(301))
    scene.tell(ev.MarketObserved(quotes=moved))
    scene.tick(20)
    assert program_of(scene).state is ProgramState.RUNNING
    for _ in range(50):
        scene.now += timedelta(milliseconds=250)
        later = {key: replace(each, at=scene.now) for key, each in moved.items()}
        scene.tell(ev.MarketObserved(quotes=later))
    assert program_of(scene).state is not ProgramState.RUNNING


def stopped_out_of_balance() -> Scene:
    """A program that a margin rejection has stopped with 150 $/pt too many on one side."""
    scene = begun(replace(HASTY, attempts_max=100))
    rng = random.Random(5)
    while abs(balance_of(program_of(scene), {}).filled) < 150:
        scene.fill_everything(rng, ticks=1)
    scene.tick()
    working = next(iter(scene.live))
    scene.live.pop(working)
    scene.tell(OrderRejected(ref=working, code=201, message="insufficient margin"))
    for ref in list(scene.live):
        scene.live.pop(ref)
        scene.tell(OrderCancelled(ref=ref, message="cancelled"))
    scene.now += timedelta(seconds=2)
    return scene


def sent_back(scene: Scene) -> list[ApprovedOrder]:
    return [row for row in scene.sent if row.intent.purpose is Purpose.REDUCE]


@pytest.mark.parametrize("share", ["0.70", "0.90", "1.10", "1.60"])
def test_what_is_traded_back_is_priced_by_the_vol_of_now_not_of_the_plan(share: str) -> None:
    scene = stopped_out_of_balance()
    scene.times = (Decimal(share), Decimal(share))
    scene.tick(40)
    back = sent_back(scene)
    assert back
    for row in back:
        middle = fair(row.intent.combo.symbol) * Decimal(share)
        assert abs(row.intent.limit_price / middle - 1) < Decimal("0.02")


def test_a_wild_quote_of_one_leg_is_nothing_to_trade_back_at() -> None:
    scene = stopped_out_of_balance()
    scene.times = (Decimal("1.60"), Decimal(1))
    scene.tick(40)
    assert not sent_back(scene)
    assert any("nearer to our own fair value" in text for text in scene.state.denied.values())


@pytest.mark.parametrize("share", ["0.60", "1.60"])
def test_a_closing_is_worked_to_its_end_whatever_vol_and_vix_have_done(share: str) -> None:
    scene = Scene()
    scene.open()
    scene.fill_everything(random.Random(1))
    opened = plan(scene.now)
    packages = tuple(
        replace(row, side=row.side.opposite, purpose=Purpose.REDUCE) for row in opened.packages
    )
    closing = replace(opened, packages=packages, kind=PlanKind.EXIT, edge_vol_points=None)
    (trade,) = scene.state.programs_held
    scene.tell(ev.ClosingRequested(trade=trade, reason="loss limit", requested_by="me", share=1.0))
    scene.tell(ev.PlanProposed(plan=closing))
    scene.answer("EXECUTE")
    scene.times, scene.vix = (Decimal(share), Decimal(share)), 55.0
    program = ended(scene)
    assert program.state is ProgramState.COMPLETED, program.sentence
    assert all(row.filled == row.plan.quantity for row in program.packages.values())
    assert not scene.state.denied


def test_nothing_is_sent_after_a_gap_until_the_books_were_read() -> None:
    scene = begun(replace(HASTY, attempts_max=100))
    scene.tick(4)
    scene.tell(LinkLost(message="gone"))
    scene.tick(8)
    sent = len(scene.sent)
    scene.tell(LinkRestored(account=ACCOUNT, server_version=178, data_lost=False, at=scene.now))
    scene.tick(8)
    assert len(scene.sent) == sent
    assert scene.state.snapshot_request is not None
    scene.tell(ev.SnapshotRead(snapshot=scene.snapshot()))
    scene.fill_everything(random.Random(1))
    assert program_of(scene).state is ProgramState.COMPLETED


def test_an_unequal_fill_is_repaired_by_trading_the_lone_leg_back() -> None:
    scene = begun(replace(HASTY, attempts_max=100))
    scene.tick(4)
    approved = scene.sent[0]
    ref = approved.intent.ref
    scene.tell(scene.working(approved))
    reports = scene.reports_of_fill(approved, 1, "lone")
    lone = next(each for each in reports if isinstance(each, ExecutionReported))
    scene.executions = [lone.execution]  # the other leg never trades
    scene.tell(lone)
    scene.live.pop(ref)
    scene.tell(OrderCancelled(ref=ref, message="cancelled by the exchange"))
    program = ended(scene)
    repairs = [row for row in scene.sent if len(row.intent.combo.legs) == 1]
    assert len(repairs) == 1
    assert repairs[0].intent.purpose is Purpose.REDUCE
    assert repairs[0].intent.side is approved.intent.side.opposite
    assert program.state is ProgramState.COMPLETED, program.sentence


def test_a_halt_by_a_person_leaves_an_imbalance_to_a_person() -> None:
    scene = begun(replace(HASTY, attempts_max=100))
    rng = random.Random(6)
    while abs(balance_of(program_of(scene), {}).filled) < 150:
        scene.fill_everything(rng, ticks=1)
    scene.tell(ev.HaltRequested(level=HaltLevel.CANCEL, reason="drill"))
    program = ended(scene)
    assert not [row for row in scene.sent if row.intent.purpose is Purpose.REDUCE]
    neutral = abs(balance_of(program, {}).filled) <= program.tolerance_usd
    assert program.state is (ProgramState.PARTIAL_BALANCED if neutral else ProgramState.LOCKED)
    assert "drill" in program.sentence


def test_every_remedy_is_journaled_with_its_reason() -> None:
    scene = begun(stubborn=frozenset({"BBB"}))
    ended(scene)
    records = [record for _, record in replay(scene)]
    asked = [record for record in records if isinstance(record, ComputeTargets)]
    given = [record for record in records if isinstance(record, Retarget)]
    assert asked
    assert given
    assert all("BBB" in record.reason for record in given)
    assert all(record.walk is not None for record in records if isinstance(record, PlaceOrder))
