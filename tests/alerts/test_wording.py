"""Has every record its words, and does nothing leak that comes from outside?"""

import re
import string
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispersa.alerts import Severity, wording
from dispersa.alerts.catalog import GROUPS, WORDINGS
from dispersa.alerts.letter import letter_html
from dispersa.alerts.manual import manual
from dispersa.alerts.plain_words import LENGTH_MAX, plain_words
from dispersa.alerts.rendering import SMS_LENGTH_MAX, Sender, text_message
from dispersa.alerts.wording import SILENT, Occasion, Record, alert_for, alerts_of
from dispersa.desk import commands as cmd
from dispersa.desk import events as ev
from dispersa.desk import phase_commands as pc
from dispersa.desk import phase_events as pe
from dispersa.desk.codec import KINDS
from dispersa.desk.controls import ClockStepped, Control, HaltRule, HaltTrading, NoteBlind
from dispersa.desk.phases import Evidence, Phase
from dispersa.desk.state import DeskState
from dispersa.desk.window import AlertLost, Instant, PageLost, WindowPolicy
from dispersa.execution.alerts import Alert as FillAlert
from dispersa.execution.alerts import AlertKind
from dispersa.execution.policy import ProgramPolicy, Remedy, WalkPolicy
from dispersa.execution.program import ProgramState
from dispersa.market import Symbol
from dispersa.orders import (
    LinkLost,
    LinkRestored,
    OrderDoubtful,
    OrderRef,
    OrderRejected,
    ProgramId,
    Purpose,
)
from dispersa.portfolio import Break, BreakKind, Reconciliation
from dispersa.risk import GateVerdict, HaltLevel
from dispersa.risk.codes import DenialCode
from dispersa.risk.verdict import check_of, denial_of

AT = datetime(2026, 11, 20, 19, 2, tzinfo=UTC)
INSTANT = Instant(wall=AT, monotonic_ns=1)
POISON = "price\x1b[2J\r\nBcc: x\u202e DU1234567 password=hunter2 https://u:pw@host/x"
REF = OrderRef("test-1")
VERDICT = GateVerdict(
    purpose=Purpose.OPEN,
    at=AT,
    checks=(check_of(DenialCode.VIX, passed=False, measured="31", limit="30"),),
)


def broken_books() -> Reconciliation:
    row = Break(
        kind=BreakKind.POSITION_DIFFERS,
        symbol=Symbol("AAPL"),
        found="3",
        expected="2",
        sentence=POISON,
    )
    return Reconciliation(at=AT, breaks=(row,), external=(), settling=())


def fill(kind: AlertKind) -> cmd.RaiseAlert:
    found = FillAlert(kind=kind, subject="test-1", sentence=POISON)
    return cmd.RaiseAlert(program=ProgramId("p"), alert=found)


def changed(by: str, phase: Phase) -> pc.ChangePhase:
    return pc.ChangePhase(phase=phase, by=by, reason=POISON, evidence=Evidence())


def ended(state: ProgramState) -> cmd.EndProgram:
    return cmd.EndProgram(state=state, sentence=POISON)


DENIAL = denial_of(DenialCode.VIX, ref=REF, at=AT, measured="31", limit="30")
SAMPLES: tuple[tuple[str, Severity, Record], ...] = (
    ("approval_wanted", Severity.WARNING, cmd.AskApproval(plan_hash="a" * 64, verdict=VERDICT)),
    (
        "window_opens",
        Severity.CRITICAL,
        pc.AnnounceStart(plan_hash="a" * 64, verdict=VERDICT, policy=WindowPolicy()),
    ),
    ("window_not_armed", Severity.WARNING, cmd.DeclineTrade(stage="window", reason=POISON)),
    ("trade_declined", Severity.INFO, cmd.DeclineTrade(stage="signal", reason=POISON)),
    ("plan_denied", Severity.WARNING, cmd.DenyPlan(plan_hash="a" * 64, verdict=VERDICT)),
    ("plan_impossible", Severity.WARNING, ev.PlanImpossible(reason=POISON, dropped=())),
    (
        "program_started",
        Severity.INFO,
        cmd.StartProgram(
            program=ProgramId("p"),
            plan_hash="a" * 64,
            policy=ProgramPolicy(),
            walk_policy=WalkPolicy(),
        ),
    ),
    ("program_completed", Severity.INFO, ended(ProgramState.COMPLETED)),
    ("program_partial", Severity.WARNING, ended(ProgramState.PARTIAL_BALANCED)),
    ("program_partial", Severity.WARNING, ended(ProgramState.CANCELLED)),
    ("program_locked", Severity.CRITICAL, ended(ProgramState.LOCKED)),
    ("winding_down", Severity.WARNING, cmd.WindDown(reason=POISON)),
    (
        "retargeted",
        Severity.INFO,
        cmd.Retarget(remedy=next(iter(Remedy)), targets={}, reason=POISON),
    ),
    (
        "targets_impossible",
        Severity.WARNING,
        ev.TargetsImpossible(remedy=next(iter(Remedy)), reason=POISON),
    ),
    ("move_suspected", Severity.WARNING, cmd.SuspectMove(is_suspected=True)),
    ("fill_odd", Severity.WARNING, fill(AlertKind.LATE)),
    ("fill_wrong", Severity.CRITICAL, fill(AlertKind.ODD_SIZE)),
    ("not_neutral", Severity.CRITICAL, fill(AlertKind.NOT_NEUTRAL)),
    ("cancel_asked", Severity.INFO, ev.ProgramCancelRequested(reason=POISON, by=POISON)),
    ("order_unknown", Severity.CRITICAL, OrderDoubtful(ref=REF, code=None, message=POISON)),
    ("order_unknown", Severity.CRITICAL, cmd.DoubtOrder(ref=REF, reason=POISON)),
    ("order_rejected", Severity.WARNING, OrderRejected(ref=REF, code=201, message=POISON)),
    (
        "order_denied",
        Severity.WARNING,
        cmd.DenyOrder(program=ProgramId("p"), package="AAPL", denial=DENIAL),
    ),
    ("books_differ", Severity.CRITICAL, cmd.RecordReconciliation(reconciliation=broken_books())),
    ("books_unread", Severity.WARNING, ev.SnapshotFailed(reason=POISON)),
    ("lifecycle_booked", Severity.WARNING, cmd.BookLifecycle(bookings=())),
    (
        "positions_adopted",
        Severity.INFO,
        ev.PositionsAdopted(symbol=Symbol("AAPL"), reason=POISON, by=POISON),
    ),
    (
        "universe_changed",
        Severity.WARNING,
        pe.UniverseChanged(
            as_of=date(2026, 11, 20), added=(Symbol("NEW"),), removed=(), moved={"AAPL": 0.01}
        ),
    ),
    ("halted", Severity.CRITICAL, ev.HaltRequested(level=HaltLevel.CANCEL, reason=POISON, by="")),
    (
        "halted",
        Severity.CRITICAL,
        HaltTrading(rule=next(iter(HaltRule)), level=HaltLevel.HOLD, reason=POISON),
    ),
    ("clock_stepped", Severity.WARNING, ClockStepped(seconds=-30.0)),
    ("control_blind", Severity.WARNING, NoteBlind(control=next(iter(Control)), reason=POISON)),
    ("resumed", Severity.INFO, ev.ResumeRequested(reason=POISON, operator=POISON)),
    ("stopping", Severity.WARNING, ev.StopRequested(reason=POISON)),
    ("link_lost", Severity.WARNING, LinkLost(message=POISON)),
    (
        "link_restored",
        Severity.INFO,
        LinkRestored(account="DU1234567", server_version=178, data_lost=True, at=AT),
    ),
    (
        "task_failed",
        Severity.WARNING,
        pe.TaskFailed(task="page", reason=POISON, failures=1, restart_seconds=5),
    ),
    (
        "task_failed",
        Severity.CRITICAL,
        pe.TaskFailed(task="page", reason=POISON, failures=3, restart_seconds=5),
    ),
    (
        "day_broken",
        Severity.CRITICAL,
        pe.DayEnded(day=date(2026, 11, 20), books_agree=False, remark=POISON),
    ),
    ("demoted", Severity.CRITICAL, changed("dispersa", Phase.CRAWL)),
    ("phase_changed", Severity.INFO, changed("Ann", Phase.WALK)),
    ("promotion_refused", Severity.INFO, pc.RefusePhase(phase=Phase.RUN, reason=POISON)),
    ("page_lost", Severity.WARNING, PageLost(at=INSTANT, reason=POISON)),
    ("alert_lost", Severity.WARNING, AlertLost(at=INSTANT, reason=POISON)),
)
NEEDS_STATE = {"window_lapsed", "limits_changed"}
"""Alarms that need a window, or a change of limits, and have tests of their own."""


def occasion(sequence: int = 7) -> Occasion:
    return Occasion(sequence=sequence, at=AT, state=DeskState(), link="https://desk.example/x")


@pytest.mark.parametrize(("alarm", "severity", "record"), SAMPLES, ids=lambda one: str(one)[:30])
def test_a_record_becomes_its_alarm_and_nothing_leaks(
    alarm: str, severity: Severity, record: Record
) -> None:
    alert = alert_for(record, occasion())
    assert alert is not None
    assert alert.topic.split()[0] == alarm
    assert alert.severity is severity
    assert alert.alert_id == "20261120-7"
    for text in (alert.headline, alert.happened, alert.done, alert.options):
        assert text.strip()
        assert text.isprintable(), text
        assert not re.search(r"hunter2|DU1234567|u:pw|\{|\}", text), text


def test_every_alarm_of_the_catalog_has_a_sample() -> None:
    assert {alarm for alarm, _, _ in SAMPLES} | NEEDS_STATE == set(WORDINGS)
    assert [name for names in GROUPS.values() for name in names] == list(WORDINGS)


def test_every_kind_of_record_is_worded_or_silent_for_a_reason() -> None:
    source = Path(wording.__file__).read_text()
    worded = {kind for kind in KINDS if re.search(rf"\b{kind}\(", source)}
    assert worded | set(SILENT) == set(KINDS)
    assert worded & set(SILENT) == set()
    assert all(SILENT.values())


@pytest.mark.parametrize("record", [one for _, _, one in SAMPLES], ids=lambda one: str(one)[:30])
def test_a_text_message_fits_and_keeps_the_link(record: Record) -> None:
    alert = alert_for(record, occasion())
    assert alert is not None
    sender = Sender(profile="paper", account="DU···567")
    text = text_message(alert, sender)
    assert len(text) <= SMS_LENGTH_MAX
    assert text.endswith("https://desk.example/x")
    page = letter_html(alert, sender)
    assert "<script" not in page
    assert "https://desk.example/x" in page


def test_html_of_a_hostile_reason_is_escaped() -> None:
    record = ev.HaltRequested(level=HaltLevel.HOLD, reason="<img src=x onerror=y>", by="<b>")
    alert = alert_for(record, occasion())
    assert alert is not None
    page = letter_html(alert, Sender(profile="paper", account="x"))
    assert "<img" not in page
    assert "&lt;img" in page


def test_one_step_numbers_its_alerts_as_the_journal_does() -> None:
    records: tuple[Record, ...] = (
        ev.HaltRequested(level=HaltLevel.HOLD, reason="x", by="Ann"),
        cmd.ReadSnapshot(reason="x"),
        cmd.WindDown(reason="x"),
    )
    assert [one.alert_id for one in alerts_of(records, occasion(40))] == [
        "20261120-40",
        "20261120-42",
    ]


def test_books_that_agree_and_a_day_that_ended_well_wake_nobody() -> None:
    good = Reconciliation(at=AT, breaks=(), external=(), settling=())
    assert alert_for(cmd.RecordReconciliation(reconciliation=good), occasion()) is None
    assert alert_for(pe.DayEnded(day=AT.date(), books_agree=True), occasion()) is None


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=400))
def test_plain_words_are_one_printable_line_of_bounded_length(text: str) -> None:
    found = plain_words(text)
    assert len(found) <= LENGTH_MAX
    assert not any(sign in found for sign in "\x1b\r\n\t\x00\u202e\u2028")


@given(st.text(alphabet=string.ascii_letters + string.digits, min_size=6, max_size=30))
def test_what_follows_a_word_for_a_secret_is_hidden(secret: str) -> None:
    for frame in ("token={}", "password: {}", "Authorization: Bearer {}", "api_key {}"):
        assert secret not in plain_words(frame.format(secret)).replace("···", "")


def test_the_manual_of_alarms_is_what_the_catalog_says() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "operating" / "alarms.md"
    assert page.read_text() == manual(), "run: python -m dispersa.alerts.manual > " + page.name
