"""How does a day's report reach its reader? Gathered, drawn, kept as files, mailed.

The daemon calls `report_day` after it has journaled the day's marks (`BookMarked`) and `DayEnded`;
without marks of that day P&L is missing and says so.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from dispersa.alerts.channels.mail import Letter, Mail
from dispersa.alerts.delivery import Refused, TryLater, retry_after
from dispersa.errors import DispersaError
from dispersa.reports.eod_facts import Rendered
from dispersa.runtime.config.settings import Settings

MAIL_ATTEMPTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class DayReported:
    """Where the report lies and what the mail server said.

    `mailed` is its answer, empty where no mail is configured; `trouble` says why the mail was not
    handed over, empty where it was: the files are there in any case.
    """

    day: date
    files: tuple[Path, ...]
    mailed: str
    trouble: str


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
    settings: Settings,
    render: Callable[[Settings, date | None], tuple[date, str, Rendered]],
    day: date | None,
    *,
    mails: bool,
    out: Path | None,
) -> DayReported:
    found, name, rendered = await asyncio.to_thread(render, settings, day)
    folder = out or report_folder(settings)
    files = await asyncio.to_thread(kept, rendered, folder, name)
    mailed, trouble = await _mailed(settings, rendered) if mails else ("", "")
    return DayReported(day=found, files=files, mailed=mailed, trouble=trouble)


def report_hook(
    settings: Settings, say: Callable[[str], None]
) -> Callable[[date], Awaitable[None]]:
    """Return what the daemon runs at a day's end; a report that fails never stops the desk."""

    async def write(day: date) -> None:
        try:
            found = await report_day(settings, day)
        except (DispersaError, OSError) as error:
            say(f"the report of {day} could not be written: {error}; try `dispersa report eod`")
            return
        told = found.trouble or found.mailed or "no mail is configured"
        say(f"report of {day}: {found.files[0]}; mail: {told}")

    return write


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


async def _mailed(settings: Settings, rendered: Rendered) -> tuple[str, str]:
    """Hand the report to the mail server, with a few patient attempts."""
    from dispersa.runtime.alerting import channels

    ways = channels(settings, settings.account or "")
    mail = next((way for way in ways if isinstance(way, Mail)), None)
    if mail is None:
        return "", ""
    at, trouble = datetime.now(UTC), ""
    letter = Letter(
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        pictures=rendered.pictures,
    )
    for attempt in range(1, MAIL_ATTEMPTS + 1):
        try:
            return await asyncio.to_thread(mail.send_letter, letter, at), ""
        except Refused as error:
            return "", str(error)
        except TryLater as error:
            trouble = str(error)
            if attempt < MAIL_ATTEMPTS:
                await asyncio.sleep(retry_after(attempt, error.after).total_seconds())
    return "", trouble
