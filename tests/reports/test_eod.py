"""Does the day's report tell what two days by hand have earned, and why something is missing?"""

import asyncio
import contextlib
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from email.message import EmailMessage
from pathlib import Path

import pytest

from dispersa.alerts import Alert, DeliveryState, Dispatcher, Outbox, Severity
from dispersa.alerts.channels.mail import Letter, composed_letter
from dispersa.errors import InvalidInput
from dispersa.reports.eod import day_document, rendered_day
from dispersa.reports.eod_facts import DayFacts, Missing
from dispersa.reports.weekly import rendered_week, week_of
from dispersa.runtime.alerting import channels
from dispersa.runtime.config.settings import Settings
from dispersa.runtime.day_evidence import evidence_of
from dispersa.runtime.day_record import day_facts
from dispersa.runtime.day_report import ends_its_week, report_day, report_hook
from dispersa.runtime.following import Follower
from tests.alerts.sinks import MailSink, free_port, mail_section, mail_server
from tests.desk.scene import Scene
from tests.reports.days import CLOSE_TWO, DAY_ONE, DAY_TWO, two_days, write_journal


@pytest.fixture(scope="module")
def scene() -> Scene:
    return two_days()


@pytest.fixture(scope="module")
def journal(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_journal(scene, tmp_path_factory.mktemp("days") / "two.sqlite3")


@pytest.fixture(scope="module")
def facts(journal: Path) -> DayFacts:
    return day_facts(journal, DAY_TWO)


def test_pnl_of_a_day_without_trades_is_quantity_times_the_move_of_the_marks(
    facts: DayFacts,
) -> None:
    # QQQ -10 x 2 legs x 100 x (9.50 - 10.00), AAA 30 x 2 x 100 x 0.10, BBB 32 x 2 x 100 x -0.10
    by_hand = {"QQQ": Decimal(1000), "AAA": Decimal(600), "BBB": Decimal(-640)}
    found = facts.money.attribution
    assert not isinstance(found, Missing)
    assert {name: parts.total for name, parts in found.names} == by_hand
    assert facts.money.pnl_day_usd == Decimal(960)


def test_pnl_since_inception_is_the_sum_of_the_days(facts: DayFacts) -> None:
    first, second = (row.pnl_usd for row in facts.curve)
    assert isinstance(first, Decimal)
    assert isinstance(second, Decimal)
    assert second - first == Decimal(960)
    assert facts.money.pnl_inception_usd == second


def test_theta_of_a_weekend_counts_three_calendar_days(facts: DayFacts) -> None:
    # -0.1 a day and share: (-10 + 30 + 32) straddles x 2 legs x 100 x -0.1 x 3 days
    found = facts.money.attribution
    assert not isinstance(found, Missing)
    assert found.book.theta == pytest.approx(Decimal(-3120))


def test_a_past_day_is_reported_from_what_was_known_then(journal: Path, facts: DayFacts) -> None:
    first = day_facts(journal, DAY_ONE)
    assert first.day == DAY_ONE
    assert len(first.programs) == 1
    assert first.books.executions > 0
    assert facts.books.executions == 0
    assert first.curve == facts.curve[:1]
    assert first.money.pnl_day_usd == facts.curve[0].pnl_usd


def test_a_day_without_marks_says_that_nobody_read_them(scene: Scene, tmp_path: Path) -> None:
    bare = day_facts(write_journal(scene, tmp_path / "b.sqlite3", without_last="BookMarked"), None)
    assert isinstance(bare.money.pnl_day_usd, Missing)
    assert "6 of the contracts held were not marked on 2026-11-23" in bare.money.pnl_day_usd.reason
    text = rendered_day(bare).text
    assert re.search(r"P&L of the day +–", text)
    assert "no engine" in text


def test_a_day_that_the_journal_does_not_hold_is_refused_with_the_nearest(journal: Path) -> None:
    with pytest.raises(InvalidInput, match="the day before it in the journal is 2026-11-20"):
        day_facts(journal, date(2026, 11, 21))


def test_half_day_next_session_and_thanksgiving_are_told() -> None:
    from dispersa.reports.eod_facts import NextDay
    from dispersa.runtime.day_events import next_day

    found = next_day(date(2026, 11, 25))
    assert isinstance(found, NextDay)
    assert (found.day, found.is_half_day) == (date(2026, 11, 27), True)
    assert found.closed == (date(2026, 11, 26),)


def test_halt_note_and_lost_page_are_in_the_report_without_secrets(facts: DayFacts) -> None:
    told = [row.headline for row in facts.alerts]
    assert told == ["Trading is stopped (hold)", "Trading goes on", "The page does not answer"]
    made = rendered_day(facts)
    for text in (made.text, made.html):
        assert "abc" not in text
        assert "\x1b" not in text
    assert "Note by Ann: quiet day" in made.text


def test_plain_text_keeps_to_78_columns(facts: DayFacts) -> None:
    for made in (rendered_day(facts), rendered_week(facts)):
        assert max(map(len, made.text.splitlines())) <= 78


def test_the_week_holds_its_days_only(facts: DayFacts) -> None:
    before, days = week_of(facts)
    assert before is not None
    assert before.day == DAY_ONE
    assert [row.day for row in days] == [DAY_TWO]
    assert re.search(r"P&L of the week +\+960\.00", rendered_week(facts).text)


def test_the_mail_carries_text_html_and_every_picture_that_it_names(facts: DayFacts) -> None:
    made = rendered_day(facts)
    letter = Letter(subject=made.subject, text=made.text, html=made.html, pictures=made.pictures)
    mail = composed_letter(letter, CLOSE_TWO, "desk@example.org", ["you@example.org"])
    assert isinstance(mail, EmailMessage)
    parts = list(mail.walk())
    named = {part["Content-ID"] for part in parts if part.get_content_type() == "image/png"}
    assert named == {f"<{name}>" for name in made.pictures}
    assert named == {"<pnl>", "<parts>"}
    for name in made.pictures:
        assert f"cid:{name}" in made.html
    assert all(png.startswith(b"\x89PNG") for png in made.pictures.values())
    assert "cid:" not in made.page


def test_reports_are_kept_beside_the_journal_and_leave_it_unchanged(
    scene: Scene, tmp_path: Path
) -> None:
    journal = write_journal(scene, tmp_path / "j.sqlite3")
    before = journal.read_bytes()
    settings = Settings.model_validate({"journal": {"path": str(journal)}})
    found = asyncio.run(report_day(settings))
    assert [file.name for file in found.files] == [
        f"eod-2026-11-23.{end}" for end in ("html", "txt", "json")
    ]
    assert found.files[0].parent == tmp_path / "j.reports"
    assert (found.mailed, found.trouble) == ("", "")
    assert journal.read_bytes() == before


async def test_the_days_report_waits_for_a_mail_server_that_is_down_and_is_sent_once(
    scene: Scene, tmp_path: Path
) -> None:
    sink, port = MailSink(), free_port()
    settings = Settings.model_validate(
        {
            "journal": {"path": write_journal(scene, tmp_path / "j.sqlite3")},
            "alerts": mail_section(port),
        }
    )
    day_ends = report_hook(settings, lambda _: None)
    clock = [CLOSE_TWO]
    file = tmp_path / "alerts.sqlite3"
    for is_up in (False, True, True):  # each round is a process; the last finds nothing to do
        told = await day_ends(DAY_TWO, clock[0])
        assert [alert.severity for alert in told] == [Severity.INFO]
        with contextlib.ExitStack() as stack:
            if is_up:
                stack.enter_context(mail_server(sink, port))
            states = await _sent(told, file, settings, clock[0], is_up=is_up)
        assert states == [DeliveryState.HANDED_OVER if is_up else DeliveryState.WAITING]
        clock[0] += timedelta(minutes=5)
    (mail,) = sink.mails
    assert mail["Subject"] == rendered_day(day_facts(settings.journal_file, DAY_TWO)).subject
    kinds = [part.get_content_type() for part in mail.walk()]
    assert kinds.count("image/png") == 2


async def _sent(
    told: Sequence[Alert], file: Path, settings: Settings, now: datetime, *, is_up: bool
) -> list[DeliveryState]:
    dispatcher = Dispatcher(Outbox(file), channels(settings, "DU1234567"), lambda: now)
    task = asyncio.create_task(dispatcher.run())
    for alert in told:
        await dispatcher.post(alert)
    wait = dispatcher.outcome if is_up else dispatcher.settled
    found = await wait(told[0].alert_id, timedelta(seconds=20))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return [row.state for row in found]


async def test_a_report_that_fails_is_told_and_stops_nothing(tmp_path: Path) -> None:
    settings = Settings.model_validate({"journal": {"path": tmp_path / "none.sqlite3"}})
    (alert,) = await report_hook(settings, lambda _: None)(DAY_TWO, CLOSE_TWO)
    assert alert.severity is Severity.WARNING
    assert "nothing has been traded with it" in alert.happened


@pytest.mark.parametrize(
    ("day", "ends"),
    [
        (date(2026, 11, 24), False),
        (date(2026, 11, 25), False),  # Thanksgiving follows, and a half day
        (date(2026, 11, 27), True),
        (date(2026, 4, 2), True),  # Good Friday follows
    ],
)
def test_the_week_is_summed_up_on_its_last_trading_day(day: date, *, ends: bool) -> None:
    assert ends_its_week(day) is ends


def test_a_follower_ends_with_the_state_of_the_desk(scene: Scene, journal: Path) -> None:
    assert Follower.of(journal).state == scene.state


def test_evidence_counts_days_and_programs_and_names_what_is_missing(journal: Path) -> None:
    settings = Settings.model_validate({"journal": {"path": str(journal)}})
    found = evidence_of(settings)
    assert found.phasing.evidence.days == 2
    assert [row.kind for row in found.happenings].count("day ended") == 2
    assert found.gaps[0].reason is not None
    assert "public_url" in found.gaps[0].reason
    assert found.live_gap is not None
    assert "2 journaled trading days of 20" in found.live_gap


def test_repeated_alerts_take_one_line_and_lose_no_count(facts: DayFacts) -> None:
    (first, *_) = facts.alerts
    again = tuple(replace(first, alert_id=f"again-{number}") for number in range(12))
    many = replace(facts, alerts=(*again, *facts.alerts))
    (section,) = (row for row in day_document(many).sections if row.title == "Alerts")
    assert section.grid is not None
    assert len(section.grid.rows) == len(facts.alerts)
    assert section.grid.rows[0][2] == f"{first.headline} (13 times)"
    assert section.lede.startswith(f"{12 + len(facts.alerts)} in the day")


def test_a_critical_alert_or_a_halt_is_the_first_thing_said(facts: DayFacts) -> None:
    document = day_document(facts)
    assert document.concerns[0].startswith("1 critical alert: Trading is stopped")
