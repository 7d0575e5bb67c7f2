"""How does a second process follow a desk? It folds the journal read-only as it grows."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dispersa.desk.codec import decode
from dispersa.desk.state import DeskState
from dispersa.desk.step import fold
from dispersa.errors import DispersaError
from dispersa.journal import Entry, read_entries
from dispersa.reports.watch_view import Engine
from dispersa.runtime.control_client import ControlClient, EngineNotRunning
from dispersa.runtime.control_requests import StatusAsked
from dispersa.runtime.day_fold import Told
from dispersa.runtime.heartbeat import beat_age_seconds, beat_file
from dispersa.runtime.replay import WITHOUT_TRACE, replay_file

ASK_SECONDS = 5.0


@dataclass(slots=True)
class Follower:
    """The desk's state after the last entry read; `at` is when that was written."""

    journal: Path
    state: DeskState
    sequence: int
    at: datetime | None

    @classmethod
    def of(cls, journal: Path) -> "Follower":
        """Fold a journal up to now; one that does not exist yet is an empty desk."""
        if not journal.exists():
            return cls(journal, DeskState(), 0, None)
        found = replay_file(journal)
        last = None
        for entry in read_entries(journal, after=max(found.sequence - 1, 0)):
            last = entry.at
        return cls(journal, found.state, found.sequence, last)

    def more(self) -> tuple[Told, ...]:
        """Fold what was written since the last call, and return it, quotes left out."""
        if not self.journal.exists():
            return ()
        return tuple(self._take(entry) for entry in self._new() if entry.kind not in WITHOUT_TRACE)

    def _new(self) -> list[Entry]:
        entries = list(read_entries(self.journal, after=self.sequence))
        if entries:
            self.sequence, self.at = entries[-1].sequence, entries[-1].at
        return entries

    def _take(self, entry: Entry) -> Told:
        record = decode(entry.kind, entry.payload)
        self.state = fold([(entry.at, record)], self.state)
        return Told(sequence=entry.sequence, at=entry.at, record=record, state=self.state)

    def now(self) -> datetime:
        """The time that ages count to: the machine's, the market's where that is simulated."""
        clock = datetime.now(UTC)
        if self.at is None:
            return clock
        return self.at if self.state.profile == "sim" else max(clock, self.at)


def engine_of(journal: Path) -> Engine:
    """Say which process owns the journal, and whether its loop is alive."""
    beat = beat_age_seconds(beat_file(journal))
    try:
        answer = ControlClient(journal).ask(StatusAsked(), seconds=ASK_SECONDS)
    except EngineNotRunning:
        return Engine(pid=None, beat_seconds=beat)
    except DispersaError:
        return Engine(pid=0, beat_seconds=None)
    return Engine(pid=int(answer["pid"]), beat_seconds=0.0)
