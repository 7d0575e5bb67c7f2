"""Does the daemon keep its phases on a whole day's road: market, plan, mail, page, broker, books?

In virtual time, with everything but time and the network as it is in the field.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dispersa.desk.phases import Phase
from dispersa.desk.state import Stage
from dispersa.errors import Denied, Halted
from dispersa.journal import read_entries, verify
from dispersa.runtime.config.schedule import ScheduleSection
from dispersa.runtime.day_report import report_hook
from dispersa.runtime.loop import Virtual, run
from dispersa.runtime.memory_transport import InMemory
from dispersa.runtime.schedule import new_york_sessions, next_day
from tests.alerts.sinks import MailSink
from tests.daemon.processes import promoted
from tests.daemon.virtual import Desk, completed, gateway, is_over, living, mailed, refused

soak = pytest.mark.skipif(
    "DISPERSA_DAEMON_PROCESSES" not in os.environ,
    reason="minutes of whole days: make soak, or set DISPERSA_DAEMON_PROCESSES=1",
)
PROGRAMS_HELD_MAX = 3
"""As many trades may be held at once; the fourth day's entry is denied by the gate."""

Story = Callable[[Desk, MailSink], Coroutine[Any, Any, None]]


def told(story: Story, folder: Path, *, phase: Phase, **terms: Any) -> None:
    """Let a story happen to a desk in this phase."""
    sink = MailSink()

    async def whole() -> None:
        async with living(Desk(settings), phase=phase, **terms) as desk:
            await story(desk, sink)

    with mailed(folder, sink) as settings:
        run(whole, Virtual(network=InMemory(seed=1)))


@soak
def test_crawl_starts_by_the_word_once_and_walk_and_run_follow_one_step_at_a_time(
    tmp_path: Path,
) -> None:
    async def story(desk: Desk, sink: MailSink) -> None:
        await desk.begin()
        plan = (await desk.until(lambda state: state.stage is Stage.APPROVAL)).plan
        assert plan is not None
        with pytest.raises(Halted, match="a trade is under way"):
            await desk.begin()
        words = [desk.actions.approve(plan.plan_hash, "EXECUTE", by=who) for who in ("ann", "bob")]
        first, second = await asyncio.gather(*words)
        assert first["commands"] == ["ApprovePlan"]
        assert second["commands"] == []
        with pytest.raises(Halted, match="no plan waits"):
            await desk.actions.approve(plan.plan_hash, "EXECUTE", by="ann")
        completed(await desk.over())
        with pytest.raises(Denied, match="one step at a time"):
            await desk.actions.change_phase(Phase.RUN, "too soon", by="ann")
        await desk.actions.change_phase(Phase.WALK, "it works", by="ann")
        await desk.window()
        window = desk.state.phasing.window
        assert window is not None
        await desk.until(lambda state: state.stage is not Stage.WINDOW)
        waited = desk.clock.now() - window.since.wall
        assert timedelta(seconds=61) <= waited < timedelta(seconds=63)
        completed(await desk.over())
        await desk.actions.change_phase(Phase.RUN, "it walks", by="ann")
        await desk.begin()
        completed(await desk.over())
        assert len(desk.state.program_starts) == 3
        links = [mail for mail in sink.mails if "desk.example.org/link/" in mail.as_string()]
        assert len(links) == 1
        await desk.stop()
        assert verify(desk.settings.journal_file).is_intact

    told(story, tmp_path, phase=Phase.CRAWL)


def test_an_expired_plan_is_not_started_by_the_word(tmp_path: Path) -> None:
    async def story(desk: Desk, _: MailSink) -> None:
        await desk.begin()
        plan = (await desk.until(lambda state: state.stage is Stage.APPROVAL)).plan
        assert plan is not None
        await asyncio.sleep((plan.expires_at - desk.clock.now()).total_seconds() - 1)
        assert desk.state.stage is Stage.APPROVAL
        await desk.until(is_over, within=10)
        refused(desk.state, "expired")
        with pytest.raises(Halted, match="no plan waits"):
            await desk.actions.approve(plan.plan_hash, "EXECUTE", by="ann")

    told(story, tmp_path, phase=Phase.CRAWL)


@pytest.mark.parametrize("seconds", [1.0, 59.9])
def test_a_cancel_within_the_minute_sends_nothing(tmp_path: Path, seconds: float) -> None:
    async def story(desk: Desk, _: MailSink) -> None:
        plan = await desk.window()
        await asyncio.sleep(seconds)
        await desk.actions.cancel("no", by="ann", plan_hash=plan)
        refused(await desk.over(), "cancelled by ann")
        await asyncio.sleep(120)
        assert desk.state.orders == {}

    told(story, tmp_path, phase=Phase.WALK)


def test_a_cancel_one_moment_late_ends_the_running_program(tmp_path: Path) -> None:
    async def story(desk: Desk, _: MailSink) -> None:
        plan = await desk.window()
        await desk.until(lambda state: state.stage is Stage.EXECUTION)
        await desk.actions.cancel("too late", by="ann", plan_hash=plan)
        state = await desk.over()
        assert state.program is not None
        assert state.program.state.value in {"CANCELLED", "UNWOUND", "PARTIAL_BALANCED"}
        assert not state.open_orders()

    told(story, tmp_path, phase=Phase.WALK)


def test_a_restart_in_the_window_starts_nothing(tmp_path: Path) -> None:
    async def story(desk: Desk, sink: MailSink) -> None:
        await desk.window()
        await desk.break_off()
        await asyncio.sleep(5)
        await desk.start()
        refused(await desk.over(), "restarted")
        await asyncio.sleep(120)
        assert desk.state.orders == {}
        starts = [mail["Subject"] for mail in sink.mails if "/link/" in mail.as_string()]
        assert len(starts) == 1, "the alert that opened the window is not sent again"

    told(story, tmp_path, phase=Phase.WALK)


@pytest.mark.parametrize(
    ("asleep_seconds", "wall_seconds", "doubt"),
    [
        (7.0, 0.0, "the process stood still for"),
        (0.0, 90.0, "the clock was moved by +90"),
        (0.0, -90.0, "the clock was moved by -90"),
    ],
)
def test_a_suspended_process_and_a_moved_clock_start_nothing(
    tmp_path: Path, asleep_seconds: float, wall_seconds: float, doubt: str
) -> None:
    async def story(desk: Desk, _: MailSink) -> None:
        await desk.window()
        await asyncio.sleep(20)
        desk.clock.asleep_seconds += asleep_seconds
        desk.clock.wall_seconds += wall_seconds
        state = await desk.over()
        assert state.phasing.window is not None
        assert doubt in state.phasing.window.reason
        assert state.phasing.evidence.windows_lapsed == 1
        await asyncio.sleep(120)
        assert desk.state.orders == {}

    told(story, tmp_path, phase=Phase.WALK)


def test_a_page_that_is_lost_in_the_window_starts_nothing(tmp_path: Path) -> None:
    async def story(desk: Desk, _: MailSink) -> None:
        await desk.window()
        await asyncio.sleep(30)
        desk.is_page_up = False
        refused(await desk.over(), "the page to cancel on was lost")
        assert desk.state.orders == {}

    told(story, tmp_path, phase=Phase.WALK)


def test_an_alert_that_the_mail_server_refuses_opens_no_window(tmp_path: Path) -> None:
    async def story(desk: Desk, sink: MailSink) -> None:
        sink.recipient_answers["ann@example.org"] = "550 no such user"
        await desk.begin()
        refused(await desk.over(), "could not be handed over")
        assert "550 no such user" in desk.state.decline_reason
        sink.recipient_answers["ann@example.org"] = "451 greylisted, come back"
        await desk.begin()
        await desk.until(lambda state: state.stage is Stage.WINDOW)
        await asyncio.sleep(20)
        sink.recipient_answers.clear()
        began = desk.clock.now()
        completed(await desk.over())
        assert desk.clock.now() - began > timedelta(seconds=61)

    told(story, tmp_path, phase=Phase.WALK)


@soak
def test_run_lives_through_a_half_day_by_itself(tmp_path: Path) -> None:
    sink = MailSink()

    async def whole() -> None:
        desk = Desk(settings)
        async with living(desk, phase=Phase.RUN, start="2026-11-27T11:56:00-05:00"):
            await desk.until(is_over, within=600)
            completed(desk.state)
            await desk.until(lambda state: state.phasing.day_ended is not None, within=4000)
            assert desk.clock.now().strftime("%H:%M") == "18:05"
            await desk.stop()
        kinds = [entry.kind for entry in read_entries(settings.journal_file)]
        assert kinds.count("TradeRequested") == 1
        assert kinds.count("DayEnded") == 1

    with mailed(tmp_path, sink, schedule={"enter": True}) as settings:
        run(whole, Virtual(network=InMemory(seed=1)))


@soak
@pytest.mark.timeout(3600)
def test_run_lives_through_a_week_by_itself_with_a_restart_each_night(tmp_path: Path) -> None:
    """Thanksgiving's week: three days, a holiday, a half day; the broker restarts each night.

    Each day begins ten minutes before its entry window ends: hours of waiting find nothing.
    """
    sink = MailSink()

    async def whole() -> None:
        desk = Desk(settings, day_hooks=(report_hook(settings, lambda _: None),), make_page=None)
        promoted(settings.journal_file, Phase.RUN, begins := "2026-11-23T14:50:00-05:00")
        async with gateway(begins, step_seconds=5.0) as broker:
            for number, day in enumerate(("23", "24", "25", "27"), start=1):
                await desk.start()
                await desk.until(
                    lambda state, day=day: str(state.phasing.day_ended) == f"2026-11-{day}",  # type: ignore[misc]  # mypy can not infer a default argument's type
                    within=8 * 3600.0,
                )
                state = desk.state
                assert state.reconciliation is not None
                assert state.reconciliation.agrees
                assert state.halt is None
                assert len(state.program_starts) == min(number, PROGRAMS_HELD_MAX)
                await asyncio.sleep(60)
                await desk.stop()
                await asyncio.sleep(_until_entry(broker.clock.now()))
        assert verify(settings.journal_file).is_intact

    with mailed(tmp_path, sink, schedule={"enter": True}) as settings:
        run(whole, Virtual(network=InMemory(seed=1)))
    reports = [str(mail["Subject"]) for mail in sink.mails if "all in order" in str(mail)]
    weeks = [str(mail["Subject"]) for mail in sink.mails if "week 48:" in str(mail["Subject"])]
    assert (len(reports), len(weeks)) == (4, 1), [str(mail["Subject"]) for mail in sink.mails]


def _until_entry(now: datetime) -> float:
    """Seconds to ten minutes before the entry window ends on the next trading day."""
    terms = ScheduleSection()
    day = next_day(new_york_sessions, now, terms, ended=now.date())
    before_close = timedelta(minutes=terms.entry_minutes_before_close + 10)
    return (day.session.closes - before_close - now).total_seconds()
