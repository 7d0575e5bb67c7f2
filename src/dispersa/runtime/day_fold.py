"""What did the journal say day by day? One read-only pass over its records.

Days are New York's. What is read every few seconds and replaced whole is folded only when it is
the last before another record, as every replay does.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from dispersa.desk.codec import decode
from dispersa.desk.evolve import Record
from dispersa.desk.state import DeskState
from dispersa.desk.step import fold
from dispersa.journal import Entry
from dispersa.runtime.replay import READING, WITHOUT_TRACE

NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One record that was folded, and the state right after it."""

    sequence: int
    at: datetime
    record: Record
    state: DeskState

    @property
    def day(self) -> date:
        """Day of the record in New York."""
        return day_of(self.at)


def day_of(at: datetime) -> date:
    """Return the New York day of a moment."""
    return at.astimezone(NEW_YORK).date()


def told(entries: Iterable[Entry]) -> Iterator[Told]:
    """Fold entries one by one from an empty desk."""
    state = DeskState()
    waiting: Entry | None = None
    for entry in entries:
        if entry.kind in WITHOUT_TRACE:
            continue
        if waiting is not None and (entry.kind != READING or day_of(entry.at) > day_of(waiting.at)):
            last = _step(state, waiting)
            state, waiting = last.state, None
            yield last
        if entry.kind == READING:
            waiting = entry
            continue
        step = _step(state, entry)
        state = step.state
        yield step
    if waiting is not None:
        yield _step(state, waiting)


def _step(state: DeskState, entry: Entry) -> Told:
    record = decode(entry.kind, entry.payload)
    after = fold([(entry.at, record)], state)
    return Told(sequence=entry.sequence, at=entry.at, record=record, state=after)
