"""Does each fault stop trading by itself, with its level and reason, and nothing short of it?"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from dispersa.desk import events as ev
from dispersa.desk.auto_halt import RULES
from dispersa.desk.commands import CancelOrder, PlaceOrder, ReadSnapshot
from dispersa.desk.controls import ClockStepped, HaltRule, HaltTrading
from dispersa.desk.state import Halt, Stage
from dispersa.desk.step import fold, step
from dispersa.market import ConId
from dispersa.orders import LinkLost, OrderRejected
from dispersa.risk import HaltLevel
from tests.desk.scene import NAMES, TICK, Scene, replay, rules

SECOND = timedelta(seconds=1)


def worked() -> Scene:
    """A program at work: orders are live, nothing has filled."""
    scene = Scene()
    scene.open()
    scene.tick(8)
    for approved in scene.sent:
        scene.tell(scene.working(approved))
    assert scene.live
    return scene


def after(scene: Scene, seconds: float) -> None:
    scene.now += seconds * SECOND


def differ(scene: Scene, seconds: float) -> None:
    """After a fill of ours the broker shows one contract more than we have; again after a while."""
    approved = next(iter(scene.live.values()))
    for report in scene.reports_of_fill(approved, 1, "fill"):
        scene.tell(report)
    after(scene, 10)  # beyond the grace of a fresh fill
    for wait in (0.0, seconds):
        after(scene, wait)
        read = scene.snapshot()
        one, *rest = read.positions
        more = replace(one, quantity=one.quantity + 1)
        scene.tell(ev.SnapshotRead(snapshot=replace(read, positions=(more, *rest))))


def lose(scene: Scene, usd: int) -> None:
    scene.tell(scene.conditions(net_liquidation=Decimal(5_000_000 - usd)))


def step_clock(scene: Scene, seconds: float) -> None:
    scene.tell(ClockStepped(seconds=seconds))


def lose_link(scene: Scene, seconds: float) -> None:
    scene.tell(LinkLost(message="1100 connectivity lost"))
    after(scene, seconds)
    scene.tell(scene.conditions())


def read_nothing(scene: Scene, seconds: float) -> None:
    for wait in (0.0, seconds):
        after(scene, wait)
        scene.tell(ev.ConditionsRead(account=None, vix=None, account_missing="no answer"))


def hide_index(scene: Scene, seconds: float) -> None:
    """The index itself is not quoted, so that its move can not be judged."""
    for wait in (0.0, seconds):
        after(scene, wait)
        seen = dict(scene.quotes().quotes)
        del seen[ConId(NAMES["QQQ"][0])]
        scene.tell(ev.MarketObserved(quotes=seen))


def reject(scene: Scene, orders: int) -> None:
    for _ in range(orders):
        while not scene.live:
            scene.tick(4)
        ref = tuple(scene.live)[-1]
        del scene.live[ref]
        scene.tell(OrderRejected(ref=ref, code=321, message="not allowed"))


Fault = Callable[[Scene, float], None]
TABLE: tuple[tuple[HaltRule, Fault, float, float, HaltLevel, str], ...] = (
    (HaltRule.RECONCILIATION, differ, 59, 60, HaltLevel.HOLD, "have differed for 60 s"),
    (HaltRule.LOSS, lose, 250_000, 250_001, HaltLevel.CANCEL, "has fallen by 250,001 USD"),
    (HaltRule.CLOCK, step_clock, 2.0, 2.1, HaltLevel.HOLD, "was moved by +2.1 s"),
    (HaltRule.CLOCK, step_clock, -2.0, -3600.0, HaltLevel.HOLD, "was moved by -3600.0 s"),
    (HaltRule.LINK, lose_link, 120, 121, HaltLevel.HOLD, "1100 connectivity lost"),
    (HaltRule.BLIND, read_nothing, 60, 61, HaltLevel.HOLD, "account can not compute for 61 s"),
    (HaltRule.BLIND, hide_index, 60, 61, HaltLevel.HOLD, "QQQ is not quoted"),
    (HaltRule.REJECTS, reject, 2, 3, HaltLevel.HOLD, "3 orders in a row (limit 3)"),
)


@pytest.mark.parametrize(("rule", "fault", "least", "too_much", "level", "words"), TABLE)
def test_fault_halts_beyond_its_limit_and_not_at_it(
    rule: HaltRule, fault: Fault, least: float, too_much: float, level: HaltLevel, words: str
) -> None:
    calm, broken = worked(), worked()
    fault(calm, least)
    assert calm.state.halt is None
    fault(broken, too_much)
    halt = broken.state.halt
    assert halt is not None
    assert (halt.rule, halt.level, halt.by) == (rule, level, "automatic")
    assert words in halt.reason


def test_every_rule_has_a_row_in_the_table() -> None:
    assert {row[0] for row in TABLE} == set(RULES) == set(HaltRule)


@pytest.mark.parametrize(("rule", "fault", "_", "too_much", "level", "__"), TABLE)
def test_automatic_halt_survives_a_restart_sends_nothing_and_is_lifted_with_a_reason(
    rule: HaltRule, fault: Fault, _: float, too_much: float, level: HaltLevel, __: str
) -> None:
    scene = worked()
    fault(scene, too_much)
    again = fold(replay(scene))
    assert again == scene.state
    assert again.halt is not None
    assert (again.halt.rule, again.halt.level) == (rule, level)
    sent, cancelled = len(scene.sent), len(scene.cancelled)
    scene.tell(ev.DeskOpened(profile="sim", account="DU1234567", live_allowed=False))
    scene.tell(ev.BrokerSynchronized(snapshot=scene.snapshot(), session=scene.state.session))
    scene.tick(40)
    assert len(scene.sent) == sent
    assert scene.state.halt is not None
    assert cancelled > 0 or level is not HaltLevel.CANCEL
    scene.tell(scene.conditions())
    scene.tell(ev.ResumeRequested(reason="looked at it", operator="test"))
    scene.tick(2)
    assert scene.state.halt is None


def test_loss_that_was_looked_at_is_counted_from_the_resume_on() -> None:
    scene = worked()
    lose(scene, 300_000)
    scene.tell(ev.ResumeRequested(reason="a transfer", operator="test"))
    lose(scene, 500_000)
    lose(scene, 725_000)
    assert scene.state.halt is None  # 5 % of the 4.5 million of the first reading since
    lose(scene, 725_001)
    assert scene.state.halt is not None


def test_loss_is_counted_from_the_first_reading_of_the_new_day() -> None:
    scene = worked()
    lose(scene, 200_000)
    after(scene, 86_400)
    lose(scene, 200_000)
    lose(scene, 400_000)
    assert scene.state.halt is None  # 200,000 of 4,800,000 since midnight
    lose(scene, 450_000)
    assert scene.state.halt is not None


def test_books_that_differ_are_read_again_after_the_grace_though_no_program_runs() -> None:
    scene = worked()
    differ(scene, 0)
    scene.state = replace(scene.state, stage=Stage.DECLINED, snapshot_request=None)
    after(scene, 59)
    assert not any(isinstance(row, ReadSnapshot) for row in scene.tell(scene.conditions()))
    after(scene, 1)
    assert any(isinstance(row, ReadSnapshot) for row in scene.tell(scene.conditions()))
    scene.tell(ev.SnapshotRead(snapshot=scene.snapshot()))
    assert scene.state.halt is None
    assert scene.state.controls.differs_since is None


def test_link_and_readings_may_be_missing_while_nothing_is_worked() -> None:
    scene = Scene()
    scene.open_until_asked()
    read_nothing(scene, 600)
    lose_link(scene, 600)
    assert scene.state.halt is None


def test_halt_and_cancels_are_decided_in_the_step_that_shows_the_loss() -> None:
    scene = worked()
    loss = scene.conditions(net_liquidation=Decimal(4_000_000))
    _, commands = step(scene.rules, scene.state, scene.now + TICK, loss)
    assert isinstance(commands[0], HaltTrading)
    assert {row.ref for row in commands if isinstance(row, CancelOrder)} == set(scene.live)
    assert not any(isinstance(row, PlaceOrder) for row in commands)


def test_rule_takes_back_no_stronger_halt_of_a_person_and_strengthens_a_weaker_one() -> None:
    scene = worked()
    scene.tell(ev.HaltRequested(level=HaltLevel.FLATTEN, reason="mine", by="me"))
    lose(scene, 500_000)
    assert scene.state.halt == Halt(
        level=HaltLevel.FLATTEN, reason="mine", since=scene.now, by="me", rule=""
    )
    other = worked()
    other.tell(ev.HaltRequested(level=HaltLevel.HOLD, reason="mine", by="me"))
    step_clock(other, 99)
    assert other.state.halt is not None
    assert other.state.halt.by == "me"
    lose(other, 500_000)
    assert other.state.halt.rule == HaltRule.LOSS


def test_rejects_halt_at_the_limit_that_the_gate_denies_from() -> None:
    assert rules().gate.limits.rejects_in_a_row_max == 3
