"""Does a plan start only as its phase says? Crawl, Walk's window and Run, each ending and doubt."""

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from dispersa.desk import events as ev
from dispersa.desk import phase_commands as pc
from dispersa.desk import phase_events as pe
from dispersa.desk.commands import AskApproval, Command, DeclineTrade, StartProgram, WindDown
from dispersa.desk.phases import Approval, DriftPolicy, Evidence, Phase, PhaseRules, Phasing
from dispersa.desk.state import Stage
from dispersa.desk.window import (
    AlertHandedOver,
    AlertLost,
    Instant,
    Looked,
    PageLost,
    WindowState,
)
from dispersa.execution.plan import PlanKind
from dispersa.market import Quote
from dispersa.orders import Purpose
from dispersa.risk import HaltLevel
from tests.desk.scene import T0, Scene, fair, plan, rules

URL = "https://desk.example.org"


class PhasedScene(Scene):
    """A scene in a phase, with the page proven and drift looked for."""

    def __init__(self) -> None:
        super().__init__()
        fresh = tuple(replace(row, quote=_fair(row.symbol)) for row in self.planned.packages)
        self.planned = replace(self.planned, packages=fresh)

    phases = PhaseRules(public_url=URL, drift=DriftPolicy())
    monotonic = 0.0

    @property
    def rules(self) -> object:  # type: ignore[override]  # the same rules, with phases
        return replace(rules(), phases=self.phases)

    def begin(self, phase: Phase, *, proven: str = URL) -> None:
        phasing = Phasing(phase=phase, page_proven=proven, since=T0)
        self.state = replace(self.state, phasing=phasing)

    def instant(self) -> Instant:
        return Instant(wall=self.now, monotonic_ns=round(self.monotonic * 1e9))

    def wait(self, seconds: float, *, each: float = 1.0) -> list[Command]:
        """Let both clocks run and look at the window each second."""
        found: list[Command] = []
        for _ in range(round(seconds / each)):
            self.now += timedelta(seconds=each)
            self.monotonic += each
            if self.state.stage is Stage.WINDOW:
                self.tell(self.conditions())
            found += self.tell(Looked(at=self.instant()))
        return found

    def window(self, phase: Phase = Phase.WALK) -> None:
        """Bring the desk to a window that a mail server has opened."""
        self.begin(phase)
        asked = self.open_until_proposed()
        assert isinstance(asked[-1], pc.AnnounceStart), asked
        self.tell(Looked(at=self.instant()))
        self.wait(2)
        self.tell(AlertHandedOver(at=self.instant(), channel="mail"))


def _fair(symbol: str) -> Quote:
    middle = fair(symbol)
    return Quote(bid=middle - Decimal("0.1"), ask=middle + Decimal("0.1"), at=T0)


@pytest.fixture
def scene() -> PhasedScene:
    return PhasedScene()


def kinds(commands: Iterable[Command]) -> list[str]:
    return [type(command).__name__ for command in commands]


def reason_of(scene: Scene) -> str:
    assert scene.state.stage is Stage.DECLINED
    assert scene.sent == []
    return scene.state.decline_reason


def test_crawl_waits_for_fresh_quotes_after_the_word_and_then_starts(scene: PhasedScene) -> None:
    assert isinstance(scene.open_until_proposed()[-1], AskApproval)
    assert kinds(scene.answer("EXECUTE")) == ["ApprovePlan"]
    assert scene.state.stage is Stage.APPROVED
    assert "StartProgram" in kinds(scene.tell(scene.quotes()))


def test_a_second_approval_changes_nothing(scene: PhasedScene) -> None:
    scene.open_until_proposed()
    scene.answer("EXECUTE")
    assert scene.answer("EXECUTE") == ()
    scene.tell(scene.quotes())
    assert scene.answer("EXECUTE") == ()
    assert len(scene.state.program_starts) == 1


def test_an_expired_plan_is_refused_whatever_is_typed(scene: PhasedScene) -> None:
    scene.open_until_proposed()
    scene.now += timedelta(minutes=5, seconds=1)
    scene.answer("EXECUTE")
    assert "the plan expired" in reason_of(scene)


def test_a_plan_that_expires_while_quotes_are_waited_for_is_given_up(scene: PhasedScene) -> None:
    scene.open_until_proposed()
    scene.now += timedelta(minutes=4, seconds=59)
    scene.tell(scene.conditions())
    scene.answer("EXECUTE")
    scene.now += timedelta(seconds=2)
    scene.tell(scene.quotes())
    assert "the plan expired" in reason_of(scene)


def test_a_market_that_moved_needs_a_new_plan(scene: PhasedScene) -> None:
    scene.open_until_proposed()
    scene.answer("EXECUTE")
    away = {
        key: replace(quote, bid=_moved(quote.bid), ask=_moved(quote.ask))
        for key, quote in scene.quotes().quotes.items()
    }
    scene.tell(ev.MarketObserved(quotes=away))
    assert "the market has moved since the plan" in reason_of(scene)


def test_a_closing_starts_although_the_market_has_moved(scene: PhasedScene) -> None:
    scene.open()
    scene.fill_everything(random.Random(1))
    (trade,) = scene.state.programs_held
    packages = tuple(
        replace(row, side=row.side.opposite, purpose=Purpose.REDUCE)
        for row in scene.planned.packages
    )
    closing = replace(plan(scene.now), packages=packages, kind=PlanKind.EXIT, edge_vol_points=None)
    scene.tell(ev.ClosingRequested(trade=trade, reason="loss limit", requested_by="me", share=1.0))
    scene.tell(ev.PlanProposed(plan=closing))
    scene.answer("EXECUTE")
    scene.times = (Decimal("1.2"), Decimal("1.2"))
    assert any(isinstance(command, StartProgram) for command in scene.tell(scene.quotes()))


def _moved(price: Decimal | None) -> Decimal:
    assert price is not None
    return price * Decimal("1.2")


def test_without_fresh_quotes_nothing_starts_and_patience_ends(scene: PhasedScene) -> None:
    scene.open_until_proposed()
    scene.answer("EXECUTE")
    stale = scene.quotes()
    scene.now += timedelta(seconds=16)
    assert scene.tell(stale) == ()
    scene.now += timedelta(seconds=5)
    scene.tell(stale)
    assert "no fresh quotes of QQQ, AAA, BBB" in reason_of(scene)


def test_walk_starts_after_the_window_if_nobody_cancels(scene: PhasedScene) -> None:
    scene.window()
    assert scene.wait(60) == []
    assert kinds(scene.wait(1)) == ["ApprovePlan"]
    started = scene.tell(scene.quotes())
    assert any(isinstance(command, StartProgram) for command in started)


@pytest.mark.parametrize("seconds", [0, 1, 30, 59, 60])
def test_a_cancel_up_to_the_deadline_and_in_the_drain_wins(
    scene: PhasedScene, seconds: int
) -> None:
    scene.window()
    scene.wait(seconds)
    scene.tell(ev.ProgramCancelRequested(reason="no", by="ann", plan_hash=plan_hash(scene)))
    assert scene.state.phasing.window is not None
    assert scene.state.phasing.window.state is WindowState.CANCELLED
    assert "cancelled by ann" in reason_of(scene)
    assert scene.wait(5) == []


def plan_hash(scene: Scene) -> str:
    assert scene.state.plan is not None
    return scene.state.plan.plan_hash


def test_a_cancel_after_the_window_and_before_the_start_wins_too(scene: PhasedScene) -> None:
    scene.window()
    scene.wait(61)
    assert scene.state.stage is Stage.APPROVED
    scene.tell(ev.ProgramCancelRequested(reason="no", by="ann"))
    assert "cancelled by ann" in reason_of(scene)
    assert scene.tell(scene.quotes()) == ()


def test_a_cancel_one_moment_late_cancels_the_running_program(scene: PhasedScene) -> None:
    scene.window()
    scene.wait(61)
    scene.tell(scene.quotes())
    assert scene.state.stage is Stage.EXECUTION
    late = scene.tell(ev.ProgramCancelRequested(reason="no", by="ann", plan_hash=plan_hash(scene)))
    assert any(isinstance(command, WindDown) for command in late)
    assert not any(isinstance(command, DeclineTrade) for command in late)


@pytest.mark.parametrize("stage", ["window", "running"])
def test_a_link_of_another_plan_cancels_nothing(scene: PhasedScene, stage: str) -> None:
    scene.window()
    if stage == "running":
        scene.wait(61)
        scene.tell(scene.quotes())
    assert scene.tell(ev.ProgramCancelRequested(reason="no", by="x", plan_hash="0" * 12)) == ()


def test_a_restart_within_the_window_lapses_it(scene: PhasedScene) -> None:
    scene.window()
    scene.wait(10)
    scene.tell(ev.DeskOpened(profile="sim", account="DU1234567", live_allowed=False))
    assert "restarted" in reason_of(scene)
    assert scene.state.phasing.window is not None
    assert scene.state.phasing.window.state is WindowState.LAPSED


@pytest.mark.parametrize("step", [-3600.0, -2.0, 2.0, 3600.0])
def test_a_clock_step_within_the_window_lapses_it(scene: PhasedScene, step: float) -> None:
    scene.window()
    scene.wait(10)
    scene.now += timedelta(seconds=step)
    scene.tell(Looked(at=scene.instant()))
    assert "the clock was moved" in reason_of(scene)


def test_a_process_that_stood_still_lapses_the_window(scene: PhasedScene) -> None:
    scene.window()
    scene.wait(7, each=7)
    assert "stood still for 7.0 s" in reason_of(scene)


def test_an_undelivered_alert_and_a_lost_page_lapse_the_window(scene: PhasedScene) -> None:
    for doubt in (
        AlertLost(at=scene.instant(), reason="mail: 554 no"),
        PageLost(at=scene.instant(), reason="refused"),
    ):
        found = PhasedScene()
        found.begin(Phase.WALK)
        found.open_until_proposed()
        found.tell(doubt)
        assert doubt.reason in reason_of(found)
        assert found.state.phasing.evidence.windows_lapsed == 1


@pytest.mark.parametrize(("url", "proven"), [(None, ""), (URL, ""), (URL, "https://other")])
def test_walk_does_not_arm_without_a_proven_page(
    scene: PhasedScene, url: str | None, proven: str
) -> None:
    scene.phases = replace(scene.phases, public_url=url)
    scene.begin(Phase.WALK, proven=proven)
    scene.open_until_proposed()
    assert "walk does not arm" in reason_of(scene)


@pytest.mark.parametrize("level", [HaltLevel.HOLD, HaltLevel.CANCEL])
def test_a_halt_ends_the_window(scene: PhasedScene, level: HaltLevel) -> None:
    scene.window()
    scene.tell(ev.HaltRequested(level=level, reason="news", by="ann"))
    assert "halted: news" in reason_of(scene)


def test_run_starts_by_itself_after_fresh_quotes(scene: PhasedScene) -> None:
    scene.begin(Phase.RUN)
    assert kinds(scene.open_until_proposed())[-1] == "ApprovePlan"
    assert "StartProgram" in kinds(scene.tell(scene.quotes()))


def test_a_lower_phase_may_be_asked_for_and_a_higher_one_not(scene: PhasedScene) -> None:
    scene.begin(Phase.RUN)
    scene.open_until_proposed()
    for asked, stage in ((Phase.CRAWL, Stage.SIGNAL), (Phase.RUN, Stage.DECLINED)):
        found = PhasedScene()
        found.begin(Phase.WALK)
        found.tell(ev.TradeRequested(requested_by="t", edge_waiver=None, phase=asked))
        assert found.state.stage is stage, found.state.decline_reason


def test_promotion_needs_a_completed_program_and_one_step_at_a_time(scene: PhasedScene) -> None:
    def asked(phase: Phase) -> tuple[Command, ...]:
        return scene.tell(pe.PhaseRequested(phase=phase, by="ann", reason=f"to {phase}"))

    assert kinds(asked(Phase.WALK)) == ["RefusePhase"]
    scene.state = replace(
        scene.state, phasing=Phasing(evidence=Evidence(completed={Phase.CRAWL: 1}))
    )
    assert kinds(asked(Phase.RUN)) == ["RefusePhase"]
    assert kinds(asked(Phase.WALK)) == ["ChangePhase"]
    assert kinds(asked(Phase.RUN)) == ["RefusePhase"]
    assert kinds(asked(Phase.CRAWL)) == ["ChangePhase"]
    assert scene.state.phasing.phase is Phase.CRAWL


def test_an_incident_takes_the_phase_back_by_itself(scene: PhasedScene) -> None:
    scene.begin(Phase.RUN)
    scene.open_until_proposed()
    scene.tell(scene.quotes())
    foreign = replace(scene.snapshot(), positions=())
    scene.state = replace(
        scene.state, phasing=replace(scene.state.phasing, incident="books differ")
    )
    changed = scene.tell(ev.SnapshotRead(snapshot=replace(foreign, at=scene.now)))
    assert "ChangePhase" in kinds(changed)
    assert scene.state.phasing.phase is Phase.CRAWL
    assert "books differ" in scene.state.phasing.reason


@pytest.mark.parametrize(
    ("days", "waiver", "begins"),
    [(None, "", False), (0, "", False), (19, "", False), (20, "", True), (0, "tested", True)],
)
def test_real_money_waits_for_twenty_paper_days_or_a_waiver(
    scene: PhasedScene, days: int | None, waiver: str, *, begins: bool
) -> None:
    scene.tell(ev.DeskOpened(profile="live", account="U1234567", live_allowed=True))
    if days is not None:
        scene.tell(pe.PaperDaysCounted(days=days, source="paper.sqlite3"))
    if waiver:
        scene.tell(
            pe.PhaseRequested(phase=Phase.CRAWL, by="ann", reason=waiver, live_waiver=waiver)
        )
    scene.tell(ev.TradeRequested(requested_by="ann", edge_waiver=None))
    assert (scene.state.stage is Stage.SIGNAL) is begins, scene.state.decline_reason


def test_every_phase_approves_entries_its_own_way_and_the_rest_by_setting() -> None:
    from dispersa.desk.phases import Action

    found = PhaseRules()
    assert [found.approval(phase, Action.ENTRY) for phase in Phase] == list(Approval)
    assert found.approval(Phase.WALK, Action.HEDGE) is Approval.AUTOMATIC
    assert found.approval(Phase.CRAWL, Action.EXIT) is Approval.ASK
