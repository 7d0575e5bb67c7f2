"""Who took the day's alerts over? Read from the outbox beside the journal."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from dispersa.alerts.alert import Alert
from dispersa.alerts.outbox import Outbox, OutboxFailed
from dispersa.reports.eod_facts import HandOver, Missing
from dispersa.runtime.day_fold import day_of

ALERTS_READ_MAX = 5_000
OUTBOX_SUFFIX = ".alerts.sqlite3"

Kept = Mapping[str, tuple[Alert, tuple[HandOver, ...]]]


def hand_overs(journal: Path, day: date) -> Kept | Missing:
    """Return the alerts of a day that were queued, by their id, with what became of each."""
    file = journal.with_suffix(OUTBOX_SUFFIX)
    if not file.exists():
        return Missing(reason="there is no outbox beside the journal: no channel, or no daemon")
    try:
        with Outbox(file) as outbox:
            rows = outbox.recent(ALERTS_READ_MAX)
    except OutboxFailed as error:
        return Missing(reason=str(error))
    found: dict[str, tuple[Alert, tuple[HandOver, ...]]] = {}
    for row in rows:
        if day_of(row.alert.at) != day:
            continue
        over = HandOver(channel=row.channel, state=row.state.value, at=row.ended, answer=row.answer)
        _, before = found.get(row.alert.alert_id, (row.alert, ()))
        found[row.alert.alert_id] = (row.alert, (*before, over))
    return found
