"""Does the desk carry three packages through fills, silence and stops, and replay exactly?"""

import random
from datetime import timedelta
from decimal import Decimal

import pytest

from dispersa.desk import events as ev
from dispersa.desk.commands import DeclineTrade, DenyPlan, StartProgram, WindDown
from dispersa.desk.state import Stage
from dispersa.desk.step import fold
from dispersa.execution.program import ProgramState, balance_of
from dispersa.orders import ExecutionReported, OrderRejected, OrderState
from dispersa.risk import HaltLevel
from tests.desk.scene import T0, Scene, replay


def opened() -> Scene:
    scene = Scene()
    scene.open()
    assert scene.state.stage is Stage.EXECUTION
    return scene


@pytest.mark.parametrize("seed", range(12))
def test_program_completes_balanced_inside_the_corridor_and_replays_exactly(seed: int) -> None:
    scene = opened()
    scene.fill_everything(random.Random(seed))
    program = scene.state.program
    assert program is not None
    assert program.state is ProgramState.COMPLETED, program.sentence
    assert {name: row.filled for name, row in program.packages.items()} == {
        "QQQ": 10,
        "AAA": 30,
        "BBB": 32,
    }
    assert abs(balance_of(program, {}).filled) < 1e-9
    assert program.imbalance_max_usd <= program.corridor_usd + 1e-9
    assert program.corridor_usd == pytest.approx(300.0)  # 1.5 x 200, above 10 % of 2,000
    assert scene.state.reconciliation is not None
    assert scene.state.reconciliation.agrees
    assert fold(replay(scene)) == scene.state


def test_no_package_ever_has_two_live_orders() -> None:
    scene = opened()
    rng = random.Random(3)
    for _ in range(400):
        scene.fill_everything(rng, ticks=1)
        symbols = [row.intent.combo.symbol for row in scene.live.values()]
        assert len(symbols) == len(set(symbols))


def test_every_order_reference_is_used_once() -> None:
    scene = opened()
    scene.fill_everything(random.Random(5))
    refs = [row.intent.ref for row in scene.sent]
    assert len(refs) == len(set(refs)) > 10


def test_duplicated_and_shuffled_reports_lead_to_the_same_book() -> None:
    finals = []
    for seed in range(8):
        scene = opened()
        scene.tick(8)
        reports: list[ev.Event] = []
        for number, approved in enumerate(scene.sent):
            reports.append(scene.working(approved))
            reports += scene.reports_of_fill(approved, approved.intent.quantity, f"e{number}")
        doubled = reports * 2
        random.Random(seed).shuffle(doubled)
        for report in doubled:
            scene.tell(report)
        state = scene.state
        filled = {ref: order.filled for ref, order in state.orders.items()}
        finals.append((filled, state.book.executions.keys(), state.book.commissions.keys()))
    assert all(final[0] == finals[0][0] for final in finals)
    assert all(final[1] == finals[0][1] and final[2] == finals[0][2] for final in finals)


def test_silence_makes_an_order_unknown_and_stops_new_orders_without_a_resend() -> None:
    scene = opened()
    scene.silent = True
    scene.tick(4 * 12)
    sent = len(scene.sent)
    states = {order.state for order in scene.state.orders.values()}
    assert states == {OrderState.UNKNOWN}
    assert scene.state.snapshot_request is not None
    scene.tick(4 * 20)
    assert len(scene.sent) == sent


def test_an_order_that_two_full_reads_do_not_show_never_arrived_and_is_replaced() -> None:
    scene = opened()
    scene.silent = True
    scene.tick(4 * 11)
    lost = {row.intent.ref for row in scene.sent}
    scene.tell(ev.SnapshotRead(snapshot=scene.snapshot()))
    assert {scene.state.orders[ref].state for ref in lost} == {OrderState.UNKNOWN}
    scene.tick(4 * 31)
    scene.tell(ev.SnapshotRead(snapshot=scene.snapshot()))
    assert {scene.state.orders[ref].state for ref in lost} == {OrderState.NEVER_ARRIVED}
    scene.silent = False
    scene.fill_everything(random.Random(1))
    assert scene.state.program is not None
    assert scene.state.program.state is ProgramState.COMPLETED
    assert not lost & {row.intent.ref for row in scene.sent[len(lost) :]}


def test_a_fill_after_the_cancel_still_counts() -> None:
    scene = opened()
    scene.tick(4)
    approved = scene.sent[0]
    ref = approved.intent.ref
    scene.tell(scene.working(approved))
    scene.tell(ev.HaltRequested(level=HaltLevel.CANCEL, reason="drill"))
    assert ref in scene.cancelled
    scene.live.clear()
    scene.arrived.clear()
    from dispersa.orders import OrderCancelled

    scene.tell(OrderCancelled(ref=ref, message="cancelled"))
    for report in scene.reports_of_fill(approved, approved.intent.quantity, "late"):
        scene.tell(report)
    order = scene.state.orders[ref]
    assert order.filled == approved.intent.quantity
    assert order.state is OrderState.FILLED


def test_fills_reported_again_after_a_restart_alarm_nobody() -> None:
    scene = opened()
    scene.fill_everything(random.Random(2))
    told = len(scene.state.program.alerts) if scene.state.program is not None else None
    scene.now += timedelta(hours=1)
    scene.tell(ev.DeskOpened(profile="sim", account="DU1234567", live_allowed=False))
    for execution in tuple(scene.executions):
        assert scene.tell(ExecutionReported(execution=execution)) == ()
    assert scene.state.program is not None
    assert len(scene.state.program.alerts) == told


def test_a_halt_cancels_all_that_works_and_sends_nothing_more() -> None:
    scene = opened()
    rng = random.Random(2)
    scene.fill_everything(rng, ticks=30)
    commands = scene.tell(ev.HaltRequested(level=HaltLevel.CANCEL, reason="a person said stop"))
    assert isinstance(commands[0], WindDown)
    working = {ref for ref, order in scene.state.orders.items() if order.state.may_fill}
    assert working <= set(scene.cancelled)
    sent = len(scene.sent)
    scene.fill_everything(rng)
    assert len(scene.sent) == sent
    assert scene.state.stage is Stage.ENDED
    assert scene.state.program is not None
    assert scene.state.program.state is not ProgramState.COMPLETED


def test_a_rejected_order_stops_the_whole_program() -> None:
    scene = opened()
    scene.tick(4)
    ref = scene.sent[0].intent.ref
    scene.live.pop(ref)
    commands = scene.tell(OrderRejected(ref=ref, code=201, message="insufficient margin"))
    assert isinstance(commands[0], WindDown)
    assert "insufficient margin" in commands[0].reason


@pytest.mark.parametrize("typed", ["", "execute", "yes", "EXECUTE NOW", "no"])
def test_anything_but_the_word_execute_cancels(typed: str) -> None:
    scene = Scene()
    scene.open_until_asked()
    commands = scene.answer(typed)
    assert isinstance(commands[0], DeclineTrade)
    assert scene.sent == []
    assert scene.state.stage is Stage.DECLINED


def test_an_answer_for_another_plan_is_refused() -> None:
    scene = Scene()
    scene.open_until_asked()
    answer = ev.OperatorAnswered(plan_hash="0" * 12, text="EXECUTE", operator="test")
    commands = scene.tell(answer)
    assert isinstance(commands[0], DeclineTrade)
    assert "not the one shown" in commands[0].reason


def test_an_expired_plan_is_refused() -> None:
    scene = Scene()
    scene.open_until_asked()
    scene.now = T0 + timedelta(minutes=5, seconds=1)
    scene.tell(scene.conditions())
    commands = scene.answer("EXECUTE")
    assert isinstance(commands[0], DeclineTrade)
    assert "expired" in commands[0].reason


def test_the_gate_is_asked_again_after_the_answer() -> None:
    scene = Scene()
    scene.open_until_asked()
    scene.tell(scene.conditions(vix=30.0))
    commands = scene.answer("EXECUTE")
    assert isinstance(commands[0], DenyPlan)
    assert [check.code.value for check in commands[0].verdict.failures] == ["vix"]


def test_a_plan_is_denied_when_the_account_is_below_its_minimum() -> None:
    scene = Scene()
    commands = scene.open_until_proposed(net_liquidation=Decimal(50_000))
    assert isinstance(commands[-1], DenyPlan)
    assert scene.state.stage is Stage.DECLINED


def test_a_program_starts_once_for_one_plan() -> None:
    scene = opened()
    commands = scene.answer("EXECUTE")
    assert not [command for command in commands if isinstance(command, StartProgram)]
