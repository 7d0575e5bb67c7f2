"""What does the journal fold to? The path of every start: the snapshot if it fits, then the rest.

A session that ends compares its own state with the fold of what it has written; only a state that
agrees becomes a snapshot.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dispersa.desk.codec import decode
from dispersa.desk.events import ConditionsRead, MarketObserved
from dispersa.desk.state import DeskState
from dispersa.desk.step import fold
from dispersa.errors import require
from dispersa.journal import Entry, Journal, read_entries
from dispersa.journal.reading import hash_after
from dispersa.runtime.build import build_id
from dispersa.runtime.snapshot import Snapshot, load_snapshot, save_snapshot

SNAPSHOT_ENTRIES = 5_000
"""Entries folded beyond the last snapshot from which on a new one is worth its writing."""
READING = ConditionsRead.__name__
"""What is read each 15 s and replaced whole by the next: only the last before another counts."""
WITHOUT_TRACE = frozenset({MarketObserved.__name__})
"""What decisions rest on and the fold does not keep; these are the longest records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A journal's state, after the entry `sequence`; `folded` entries were read for it."""

    state: DeskState
    sequence: int
    hash: str
    folded: int


def replayed(entries: Iterable[Entry]) -> DeskState:
    """Fold entries into the state that their desk had."""
    return fold((entry.at, decode(entry.kind, entry.payload)) for entry in entries)


def replay_file(journal: Path, *, build: str | None = None) -> Replayed:
    """Fold a journal file, from its snapshot where there is one that belongs to it."""
    build = build or build_id()
    snapshot = load_snapshot(journal, build=build)
    if snapshot is not None and hash_after(journal, snapshot.sequence) == snapshot.hash:
        start = Replayed(
            state=snapshot.state, sequence=snapshot.sequence, hash=snapshot.hash, folded=0
        )
    else:
        start = Replayed(state=DeskState(), sequence=0, hash="", folded=0)
    return fold_on(start, read_entries(journal, after=start.sequence))


def fold_on(start: Replayed, entries: Iterable[Entry]) -> Replayed:
    """Fold the entries after `start`."""
    state, last, count = start.state, None, 0
    reading: Entry | None = None
    for entry in entries:
        last, count = entry, count + 1
        if entry.kind in WITHOUT_TRACE:
            continue
        if entry.kind == READING:
            reading = entry
            continue
        state = _folded(_folded(state, reading), entry)
        reading = None
    if last is None:
        return start
    state = _folded(state, reading)
    return Replayed(state=state, sequence=last.sequence, hash=last.hash, folded=count)


def _folded(state: DeskState, entry: Entry | None) -> DeskState:
    if entry is None:
        return state
    return fold([(entry.at, decode(entry.kind, entry.payload))], state)


def start_state(journal: Journal) -> Replayed:
    """Fold the journal that this process owns, and keep a snapshot where that took long."""
    if journal.path is None:
        return fold_on(
            Replayed(state=DeskState(), sequence=0, hash="", folded=0), journal.entries()
        )
    found = replay_file(journal.path)
    if found.folded >= SNAPSHOT_ENTRIES:
        _save(journal.path, found)
    return found


def close_state(journal: Journal, start: Replayed, live: DeskState) -> None:
    """Check at a session's end that what it has written folds to what it knew; keep a snapshot.

    Raises `BrokenInvariant` where it does not: the journal is right, the session was wrong.
    """
    journal.flush()
    found = fold_on(start, journal.entries(after=start.sequence))
    require(
        found.state == live,
        f"the session's state differs from the fold of its entries {start.sequence + 1} to "
        f"{found.sequence}; keep the journal and report a bug",
    )
    if journal.path is not None and found.folded >= SNAPSHOT_ENTRIES:
        _save(journal.path, found)


def _save(path: Path, found: Replayed) -> None:
    snapshot = Snapshot(sequence=found.sequence, hash=found.hash, state=found.state)
    save_snapshot(path, snapshot, build=build_id())
