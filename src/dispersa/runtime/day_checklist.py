"""What does the checklist need beside the journal? Engine, hours, channels, files, disk."""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

from dispersa.alerts import DeliveryState
from dispersa.reports.checklist import Item, Surroundings, checklist
from dispersa.reports.eod_facts import Missing
from dispersa.runtime.alerting import channels
from dispersa.runtime.config.settings import Settings
from dispersa.runtime.day_events import hours_of
from dispersa.runtime.day_fold import day_of
from dispersa.runtime.day_handover import hand_overs
from dispersa.runtime.day_report import report_folder
from dispersa.runtime.following import Follower, engine_of


def todays_checklist(settings: Settings) -> tuple[Item, ...]:
    """Return today's lines with their standing; reads only."""
    follower = Follower.of(settings.journal_file)
    at = follower.now()
    return checklist(follower.state, _surroundings(settings, at))


def _surroundings(settings: Settings, at: datetime) -> Surroundings:
    journal, day = settings.journal_file, day_of(at)
    hours = hours_of(day)
    return Surroundings(
        at=at,
        day=day,
        engine=engine_of(journal),
        session=None if isinstance(hours, Missing) else hours,
        channels=len(channels(settings, settings.account or "")),
        last_report=_last_report(report_folder(settings)),
        backup_at=_last_backup(journal),
        unsent=_unsent(journal, day),
        disk_free_bytes=shutil.disk_usage(_existing(journal.parent)).free,
    )


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _last_report(folder: Path) -> date | None:
    days = [date.fromisoformat(file.stem[4:]) for file in folder.glob("eod-????-??-??.html")]
    return max(days, default=None)


def _last_backup(journal: Path) -> datetime | None:
    """Time of the newest file beside the journal that is named as its backup."""
    if not journal.parent.exists():
        return None
    files = [file for file in journal.parent.iterdir() if "backup" in file.name and file.is_file()]
    times = [datetime.fromtimestamp(file.stat().st_mtime, UTC) for file in files]
    return max(times, default=None)


def _unsent(journal: Path, day: date) -> int | None:
    found = hand_overs(journal, day)
    if isinstance(found, Missing):
        return None
    taken = DeliveryState.HANDED_OVER.value
    return sum(all(one.state != taken for one in over) for _, over in found.values())
