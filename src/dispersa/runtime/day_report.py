"""How does a day's report reach its reader? Gathered, drawn, kept as files, mailed.

The daemon calls `report_hook` after it has journaled the day's marks (`BookMarked`) and `DayEnded`;
without marks of that day P&L is missing and says so. Its mail is kept as a file, too, and goes
through the outbox of the alerts: a mail server that is down delays it and loses nothing.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.policy import SMTP
from pathlib import Path

from dispersa.alerts import Alert, Severity
from dispersa.alerts.channels.mail import Letter, Mail
from dispersa.alerts.delivery import Refused, TryLater, retry_after
from dispersa.reports.eod_facts import Missing, Rendered
from dispersa.runtime.config.settings import Settings
from dispersa.runtime.daemon_day import DayHook

MAIL_ATTEMPTS = 4
Render = Callable[[Settings, date | None], tuple[date, str, Rendered]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayReported:
    """Where the report lies and what the mail server said.

    `letter` is the mail as a file, None where no mail is configured. `mailed` is the server's
    answer, empty where it was not asked; `trouble` says why the mail was not handed over, empty
    where it was: the files are there in any case.
    """

    day: date
    subject: str
    files: tuple[Path, ...]
    letter: Path | None
    mailed: str = ""
    trouble: str = ""


def report_folder(settings: Settings) -> Path:
    """Return where reports are kept: a folder beside the journal."""
    return settings.journal_file.with_suffix(".reports")


async def report_day(
    settings: Settings, day: date | None = None, *, mails: bool = True, out: Path | None = None
) -> DayReported:
    """Write the end-of-day report of `day` (None: the last journaled day) and mail it.

    Reads the journal file alone, so it may run beside the engine; the work is done in a thread.

    Raises
    ------
    InvalidInput
        If the journal holds nothing of that day.
    """
    return await _report(settings, _day_report, day, mails=mails, out=out)


async def report_week(
    settings: Settings, day: date | None = None, *, mails: bool = True, out: Path | None = None
) -> DayReported:
    """Write the summary of the week that holds `day`, and mail it; as `report_day`."""
    return await _report(settings, _week_report, day, mails=mails, out=out)


async def _report(
    settings: Settings, render: Render, day: date | None, *, mails: bool, out: Path | None
) -> DayReported:
    found = await asyncio.to_thread(_kept_report, settings, render, day, out)
    if not mails or found.letter is None:
        return found
    mailed, trouble = await _mailed(settings, found.letter)
    return DayReported(
        day=found.day,
        subject=found.subject,
        files=found.files,
        letter=found.letter,
        mailed=mailed,
        trouble=trouble,
    )


def _kept_report(
    settings: Settings, render: Render, day: date | None, out: Path | None
) -> DayReported:
    """Gather, draw and keep a report; its mail, too, where mail is configured."""
    found, name, rendered = render(settings, day)
    folder = out or report_folder(settings)
    files = kept(rendered, folder, name)
    return DayReported(
        day=found,
        subject=rendered.subject,
        files=files,
        letter=_kept_letter(settings, rendered, folder / f"{name}.eml"),
    )


def report_hook(settings: Settings, say: Callable[[str], None]) -> DayHook:
    """Return what the daemon does at a day's end: the day's report, on its last day the week's.

    A report that fails stops nothing; an alert says so.
    """

    async def write(day: date, at: datetime) -> tuple[Alert, ...]:
        reports: list[tuple[str, Render]] = [(f"report {day}", _day_report)]
        if ends_its_week(day):
            reports.append((f"report of the week to {day}", _week_report))
        told = []
        for name, render in reports:
            try:
                found = await asyncio.to_thread(_kept_report, settings, render, day, None)
            except Exception as error:  # noqa: BLE001 - whatever a report meets, the days go on
                told.append(_failed(name, at, error))
            else:
                say(f"{name}: {found.files[0]}")
                told.append(_written(name, at, found))
        return tuple(told)

    return write


def ends_its_week(day: date) -> bool:
    """Whether the next trading day lies in another week."""
    from dispersa.runtime.day_events import next_day

    following = next_day(day)
    return isinstance(following, Missing) or (
        following.day.isocalendar()[:2] != day.isocalendar()[:2]
    )


def _written(name: str, at: datetime, found: DayReported) -> Alert:
    return Alert(
        alert_id=name.replace(" ", "-"),
        topic=name,
        severity=Severity.INFO,
        at=at,
        headline=found.subject.partition("] ")[2],
        happened="The trading day is over and its report is written.",
        done=f"It is kept as {found.files[0].name} beside the journal, and mailed.",
        options="Read it before the next open; `dispersa report eod` shows it again.",
        letter=found.letter,
    )


def _failed(name: str, at: datetime, error: Exception) -> Alert:
    return Alert(
        alert_id=f"{name.replace(' ', '-')}-failed",
        topic=f"{name} failed",
        severity=Severity.WARNING,
        at=at,
        headline=f"The {name} could not be written",
        happened=f"{type(error).__name__}: {error}"[:500],
        done="The desk goes on; the journal holds everything that the report tells.",
        options="Mend the cause, then write it by hand: dispersa report eod, or report week.",
    )


def kept(rendered: Rendered, folder: Path, name: str) -> tuple[Path, ...]:
    """Write a report as HTML page, text and JSON; each completely or not at all."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = []
    for suffix, text in (
        ("html", rendered.page),
        ("txt", rendered.text),
        ("json", json.dumps(rendered.document, indent=1)),
    ):
        file = folder / f"{name}.{suffix}"
        part = file.with_name(file.name + ".part")
        part.write_text(text, encoding="utf-8")
        part.replace(file)
        files.append(file)
    return tuple(files)


def _day_report(settings: Settings, day: date | None) -> tuple[date, str, Rendered]:
    from dispersa.reports.eod import rendered_day
    from dispersa.runtime.day_record import day_facts

    facts = day_facts(settings.journal_file, day)
    return facts.day, f"eod-{facts.day}", rendered_day(facts)


def _week_report(settings: Settings, day: date | None) -> tuple[date, str, Rendered]:
    from dispersa.reports.weekly import rendered_week
    from dispersa.runtime.day_record import day_facts

    facts = day_facts(settings.journal_file, day)
    year, week, _ = facts.day.isocalendar()
    return facts.day, f"week-{year}-{week:02d}", rendered_week(facts)


def _mail_of(settings: Settings) -> Mail | None:
    from dispersa.runtime.alerting import channels

    ways = channels(settings, settings.account or "")
    return next((way for way in ways if isinstance(way, Mail)), None)


def _kept_letter(settings: Settings, rendered: Rendered, file: Path) -> Path | None:
    """Keep the report's mail as a file, whole or not at all; None where no mail is configured."""
    mail = _mail_of(settings)
    if mail is None:
        return None
    letter = Letter(
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        pictures=rendered.pictures,
    )
    part = file.with_name(file.name + ".part")
    part.write_bytes(mail.composed(letter, datetime.now(UTC)).as_bytes(policy=SMTP))
    part.replace(file)
    return file.resolve()


async def _mailed(settings: Settings, letter: Path) -> tuple[str, str]:
    """Hand a kept mail to the mail server, with a few patient attempts."""
    mail, trouble = _mail_of(settings), ""
    if mail is None:
        return "", ""
    for attempt in range(1, MAIL_ATTEMPTS + 1):
        try:
            return await asyncio.to_thread(mail.send_file, letter), ""
        except Refused as error:
            return "", str(error)
        except TryLater as error:
            trouble = str(error)
            if attempt < MAIL_ATTEMPTS:
                await asyncio.sleep(retry_after(attempt, error.after).total_seconds())
    return "", trouble
