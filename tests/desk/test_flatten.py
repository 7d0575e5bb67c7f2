"""Does a FLATTEN cancel, then plan the closing of what is held, and close nothing by itself?"""

import random
from copy import deepcopy
from dataclasses import replace
from functools import cache

import pytest

from dispersa.desk import events as ev
from dispersa.desk.commands import (
    AskApproval,
    CancelOrder,
    Command,
    ComputeClosing,
    DeclineTrade,
    StartProgram,
)
from dispersa.desk.flatten import is_flattening
from dispersa.desk.phases import Phase
from dispersa.desk.state import Stage
from dispersa.desk.step import fold
from dispersa.execution.plan import PlanKind, TradePlan
from dispersa.execution.program import ProgramState
from dispersa.orders import LinkLost, LinkRestored, Purpose
from dispersa.risk import HaltLevel
from tests.desk.scene import T0, Scene, plan, replay

BACK = LinkRestored(account="DU1234567", server_version=178, data_lost=False, at=T0)
FLATTEN = ev.HaltRequested(level=HaltLevel.FLATTEN, reason="out of it", by="anna")


@cache
def traded() -> Scene:
    scene = Scene()
    scene.open()
    scene.fill_everything(random.Random(1))
    assert len(scene.state.programs_held) == 1
    return scene


def holding() -> Scene:
    """A desk that has completed a trade and holds it."""
    return deepcopy(traded())


def closing_plan(scene: Scene) -> TradePlan:
    """The plan that trades all of it back."""
    opened = plan(scene.now)
    packages = tuple(
        replace(row, side=row.side.opposite, purpose=Purpose.REDUCE) for row in opened.packages
    )
    return replace(opened, packages=packages, kind=PlanKind.EXIT, edge_vol_points=None)


def asked(commands: tuple[Command, ...]) -> list[ComputeClosing]:
    return [each for each in commands if isinstance(each, ComputeClosing)]


def test_flatten_asks_for_the_closing_of_what_is_held_once() -> None:
    scene = holding()
    (found,) = asked(scene.tell(FLATTEN))
    assert (found.trade, found.share) == (scene.state.programs_held[0], 1.0)
    assert found.reason == "flatten: out of it"
    assert scene.state.stage is Stage.PLAN
    sent = len(scene.sent)
    scene.tick(40)
    assert len(scene.sent) == sent


def test_closing_waits_for_a_person_and_closes_everything_under_the_halt() -> None:
    scene = holding()
    scene.tell(FLATTEN)
    commands = scene.tell(ev.PlanProposed(plan=closing_plan(scene)))
    assert isinstance(commands[-1], AskApproval), commands
    sent = len(scene.sent)
    scene.tick(40)
    assert len(scene.sent) == sent, "nothing is closed before the word"
    commands = scene.answer("EXECUTE")
    assert any(isinstance(each, StartProgram) for each in commands), commands
    assert is_flattening(scene.state)
    scene.fill_everything(random.Random(2))
    assert scene.state.program is not None
    assert scene.state.program.state is ProgramState.COMPLETED, scene.state.program.sentence
    assert {each.intent.purpose for each in scene.sent[sent:]} == {Purpose.REDUCE}
    assert scene.state.programs_held == ()
    assert scene.state.halt is not None, "only a person's resume lifts it"
    assert fold(replay(scene)) == scene.state


def test_an_answer_of_no_closes_nothing_until_flatten_is_asked_again() -> None:
    scene = holding()
    scene.tell(FLATTEN)
    scene.tell(ev.PlanProposed(plan=closing_plan(scene)))
    scene.answer("NO")
    assert scene.state.stage is Stage.DECLINED
    before = len(scene.sent)
    scene.tick(40)
    assert (len(scene.sent), scene.state.stage) == (before, Stage.DECLINED)
    assert asked(scene.tell(FLATTEN))


@pytest.mark.parametrize("level", [HaltLevel.HOLD, HaltLevel.CANCEL])
def test_lower_levels_plan_no_closing(level: HaltLevel) -> None:
    scene = holding()
    scene.tell(ev.HaltRequested(level=level, reason="wait", by="anna"))
    scene.tick(20)
    assert scene.state.stage is Stage.ENDED


def test_what_works_is_cancelled_and_proven_ended_before_a_closing_is_planned() -> None:
    scene = Scene()
    scene.open()
    scene.tick(6)
    working = scene.state.open_orders()
    assert working
    first = working[0].approved
    for report in scene.reports_of_fill(first, 1, "early"):
        scene.tell(report)
    commands = scene.tell(FLATTEN)
    cancels = {each.ref for each in commands if isinstance(each, CancelOrder)}
    assert cancels == {each.approved.intent.ref for each in working}
    assert not asked(commands)
    scene.fill_everything(random.Random(3))
    assert scene.state.stage is Stage.PLAN, scene.state.stage
    assert not scene.state.open_orders()
    assert scene.state.flattened == scene.state.programs_held


def test_a_closing_waits_until_the_broker_can_be_reached() -> None:
    scene = holding()
    scene.tell(LinkLost(message="gone"))
    assert not asked(scene.tell(FLATTEN))
    assert asked(scene.tell(BACK))


def test_a_restart_takes_the_closing_up_again() -> None:
    scene = holding()
    scene.tell(FLATTEN)
    commands = scene.tell(ev.DeskOpened(profile="sim", account="DU1234567", live_allowed=False))
    assert isinstance(commands[-1], DeclineTrade), "nobody is left to plan it"
    assert scene.state.session is not None
    read = ev.BrokerSynchronized(snapshot=scene.snapshot(), session=scene.state.session)
    assert asked(scene.tell(read)), "what the last process had begun is planned anew"


def test_run_closes_by_itself_and_crawl_asks() -> None:
    for phase, is_asked in ((Phase.CRAWL, True), (Phase.WALK, True), (Phase.RUN, False)):
        scene = holding()
        phasing = replace(scene.state.phasing, phase=phase)
        scene.state = replace(scene.state, phasing=phasing)
        scene.tell(FLATTEN)
        commands = scene.tell(ev.PlanProposed(plan=closing_plan(scene)))
        assert isinstance(commands[-1], AskApproval) is is_asked, (phase, commands)


def test_a_new_trade_is_refused_under_a_flatten() -> None:
    scene = Scene()
    scene.open_until_asked()
    scene.tell(FLATTEN)
    commands = scene.tell(ev.TradeRequested(requested_by="test", edge_waiver=None))
    assert isinstance(commands[-1], DeclineTrade)
    assert "halted" in commands[-1].reason


def test_a_second_flatten_while_closing_cancels_and_plans_anew() -> None:
    scene = holding()
    scene.tell(FLATTEN)
    scene.tell(ev.PlanProposed(plan=closing_plan(scene)))
    scene.answer("EXECUTE")
    scene.tick(8)
    working = scene.state.open_orders()
    assert working
    scene.tell(FLATTEN)
    assert {each.approved.intent.ref for each in working} <= set(scene.cancelled)
    scene.fill_everything(random.Random(4))
    assert scene.state.stage is Stage.PLAN
