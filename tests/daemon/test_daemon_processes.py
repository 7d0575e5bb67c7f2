"""Does the daemon keep its phases as a process, against a gateway process, with a real mail server?

Market time runs 20 times as fast as the clock: Walk's 61 seconds take three. Behind `make soak`:
three programs take minutes on a busy machine.
"""

import json
import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispersa.desk.phases import Phase
from dispersa.desk.state import DeskState, Stage
from dispersa.desk.window import WindowState
from dispersa.errors import Denied, Halted
from dispersa.execution.program import ProgramState
from dispersa.journal import verify
from dispersa.runtime import control_requests as ask
from tests.alerts.sinks import MailSink, mail_server
from tests.daemon.processes import (
    DaemonProcess,
    daemon,
    free_port,
    gateway,
    mail_settings,
    promoted,
)

pytestmark = [
    pytest.mark.skipif(
        "DISPERSA_DAEMON_PROCESSES" not in os.environ,
        reason="minutes of processes: make soak, or set DISPERSA_DAEMON_PROCESSES=1",
    ),
    pytest.mark.timeout(2400),  # eight programs on a machine that does other things, too
]
SPEED = 20.0
ATTEMPTS = 5
PREPARING = frozenset({Stage.SIGNAL, Stage.PLAN, Stage.PROPOSED})
MORNING = "2026-11-20T10:00:00-05:00"


@pytest.fixture
def sink() -> MailSink:
    return MailSink()


@pytest.fixture
def desk(tmp_path: Path, sink: MailSink) -> Iterator[DaemonProcess]:
    with (
        mail_server(sink) as mail,
        gateway(SPEED, MORNING) as port,
        daemon(tmp_path, port, speed=SPEED, **mail_settings(mail)) as found,
    ):
        yield found


def is_open(state: DeskState) -> bool:
    window = state.phasing.window
    return state.stage is Stage.WINDOW and window is not None and window.state is WindowState.OPEN


def is_over(state: DeskState) -> bool:
    return state.stage in {Stage.DECLINED, Stage.ENDED}


def has_begun(state: DeskState) -> bool:
    return not is_over(state) and state.stage is not Stage.IDLE


def begin(desk: DaemonProcess) -> None:
    """Ask for a trade until its plan is made: a busy machine may not show every quote in time."""
    reasons = []
    for _ in range(ATTEMPTS):
        desk.ask(ask.TradeAsked(by="ann"))
        state = desk.until(lambda state: state.stage not in PREPARING)
        if state.stage is not Stage.DECLINED or state.plan is not None:
            return
        reasons.append(state.decline_reason)
    raise AssertionError(reasons)


def test_crawl_then_walk_then_run_each_completes_its_program(
    desk: DaemonProcess, sink: MailSink
) -> None:
    desk.start()
    begin(desk)
    plan = desk.until(lambda state: state.stage is Stage.APPROVAL).plan
    assert plan is not None
    execute = ask.ApprovalGiven(plan_hash=plan.plan_hash, text="EXECUTE", by="ann")
    desk.ask(execute)
    with pytest.raises(Halted, match="no plan waits"):
        desk.ask(execute)
    completed(desk.until(is_over))
    with pytest.raises(Denied, match="one step at a time"):
        desk.ask(ask.PhaseAsked(phase=Phase.RUN, reason="too soon", by="ann"))
    desk.ask(ask.PhaseAsked(phase=Phase.WALK, reason="it works", by="ann"))
    desk.ask(ask.PageProofGiven(url="https://desk.example.org", by="ann"))
    begin(desk)
    desk.until(is_open)
    completed(desk.until(is_over))
    desk.ask(ask.PhaseAsked(phase=Phase.RUN, reason="it walks", by="ann"))
    begin(desk)
    completed(desk.until(is_over))
    assert desk.end() == 0, desk.log.read_text()[-2000:]
    assert verify(desk.journal).is_intact
    links = [mail for mail in sink.mails if "desk.example.org/link/" in mail.as_string()]
    assert len(links) == 1


def completed(state: DeskState) -> None:
    assert state.program is not None, state.decline_reason
    assert state.program.state in {ProgramState.COMPLETED, ProgramState.PARTIAL_BALANCED}, (
        state.program.sentence
    )
    assert state.reconciliation is not None
    assert state.reconciliation.agrees


def test_walk_fails_closed_on_every_doubt(desk: DaemonProcess, sink: MailSink) -> None:
    promoted(desk.journal, Phase.WALK)
    desk.start()
    refused_by_the_mail_server(desk, sink)
    cancelled_in_time(desk)
    restarted(desk)
    clock_stepped(desk)
    assert desk.state().orders == {}
    assert desk.end() == 0


def refused_by_the_mail_server(desk: DaemonProcess, sink: MailSink) -> None:
    sink.recipient_answers["ann@example.org"] = "550 no such user"
    begin(desk)
    reason = ended(desk)
    assert "550" in reason
    assert "could not be handed over" in reason
    sink.recipient_answers.clear()


def clock_stepped(desk: DaemonProcess) -> None:
    for seconds in (90.0, 0.0):  # forward, and back again
        begin(desk)
        desk.until(is_open)
        desk.step_clock(seconds)
        ended(desk)
        window = desk.state().phasing.window
        assert window is not None
        assert "the clock was moved by" in window.reason
        resume(desk)


def resume(desk: DaemonProcess) -> None:
    """A moved clock is an automatic halt, too."""
    if desk.state().halt is not None:
        desk.ask(ask.ResumeAsked(reason="the clock is right again", by="ann"))


def cancelled_in_time(desk: DaemonProcess) -> None:
    begin(desk)
    plan = desk.until(is_open).plan
    assert plan is not None
    desk.ask(ask.ProgramCancelAsked(reason="no", by="ann", plan_hash=plan.plan_hash))
    assert "cancelled by ann" in ended(desk)


def restarted(desk: DaemonProcess) -> None:
    begin(desk)
    desk.until(is_open)
    desk.end(signal.SIGKILL)
    desk.start()
    assert "restarted" in ended(desk)


def ended(desk: DaemonProcess) -> str:
    state = desk.until(lambda state: state.stage is Stage.DECLINED)
    return state.decline_reason


def test_a_suspended_process_starts_nothing(tmp_path: Path, sink: MailSink) -> None:
    speed = 1.0  # a scaled loop leaves out what it did not hear
    with (
        mail_server(sink) as mail,
        gateway(speed, MORNING) as port,
        daemon(tmp_path, port, speed=speed, clock="machine", **mail_settings(mail)) as desk,
    ):
        promoted(desk.journal, Phase.WALK)
        desk.start()
        begin(desk)
        desk.until(is_open)
        desk.send(signal.SIGSTOP)
        signal_after(desk, 7.0)
        reason = ended(desk)
        assert "stood still" in reason or "clock was moved" in reason
        assert desk.state().orders == {}


def signal_after(desk: DaemonProcess, seconds: float) -> None:
    time.sleep(seconds)
    desk.send(signal.SIGCONT)


def test_run_trades_tells_reports_and_goes_on_after_a_kill(tmp_path: Path, sink: MailSink) -> None:
    """Half an hour before the close: the schedule enters, the day ends, its report is mailed."""
    speed, port = SPEED, free_port()
    with (
        mail_server(sink) as mail,
        gateway(speed, "2026-11-20T15:28:00-05:00") as broker,
        daemon(
            tmp_path,
            broker,
            speed=speed,
            DISPERSA__SCHEDULE__ENTER="true",
            DISPERSA__SCHEDULE__ENTRY_MINUTES_BEFORE_CLOSE="10",
            DISPERSA__DAEMON__HEALTH_PORT=str(port),
            **mail_settings(mail),
        ) as desk,
    ):
        promoted(desk.journal, Phase.RUN)
        desk.start()
        desk.until(lambda state: state.stage is Stage.EXECUTION)
        assert health(port)["healthy"]
        assert 'dispersa_commands_total{kind="StartProgram"} 1.0' in page(port, "metrics")
        desk.end(signal.SIGKILL)
        desk.start()
        completed(desk.until(is_over))
        desk.until(lambda state: state.phasing.day_ended is not None)
        reported = "2026-11-20: "
        deadline = time.monotonic() + 300
        while not any(reported in str(found["Subject"]) for found in sink.mails):
            assert time.monotonic() < deadline, [str(found["Subject"]) for found in sink.mails]
            time.sleep(0.2)
        assert len(desk.state().program_starts) == 1
        assert desk.end() == 0, desk.log.read_text()[-2000:]
        assert verify(desk.journal).is_intact


def health(port: int) -> dict[str, object]:
    found: dict[str, object] = json.loads(page(port, "healthz"))
    return found


def page(port: int, name: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{name}", timeout=30) as answer:
        text: str = answer.read().decode()
        return text
