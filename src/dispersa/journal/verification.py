"""Is the journal whole? Chain, gaps, JSON, SQLite's own pages and the acknowledged end."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from dispersa.journal import database
from dispersa.journal.acknowledged import read_mark
from dispersa.journal.entry import Entry, expected_hash
from dispersa.journal.errors import JournalDamaged

DAMAGE_LISTED_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """One thing that is wrong, at an entry, or at None where it concerns the file."""

    sequence: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a journal file was found to hold.

    `entries` counts the readable ones, `last_hash` stands for all of them: keep it elsewhere to
    prove later that nothing was changed. At most 20 damages are listed.
    """

    path: Path
    entries: int
    last_sequence: int
    last_hash: str
    damages: tuple[Damage, ...]

    @property
    def is_intact(self) -> bool:
        """Whether nothing is wrong."""
        return not self.damages

    @property
    def sentence(self) -> str:
        """Say what was found and what to do."""
        if self.is_intact:
            return (
                f"{self.path}: {self.entries} entries, chain intact, "
                f"last hash {self.last_hash[:16]}"
            )
        first = self.damages[0]
        return (
            f"{self.path}: damaged, {len(self.damages)} finding(s) in {self.entries} readable "
            f"entries; first: {first.reason}. Keep the file and restore a backup with "
            "`dispersa journal restore`"
        )


class _Findings:
    """The chain as followed so far, and what was wrong on the way."""

    def __init__(self, link: str) -> None:
        self.entries = 0
        self.last_sequence = 0
        self.link = link
        self.damages: list[Damage] = []

    def add(self, sequence: int | None, reason: str) -> None:
        if len(self.damages) < DAMAGE_LISTED_MAX:
            self.damages.append(Damage(sequence=sequence, reason=reason))

    def follow(self, entry: Entry) -> None:
        """Check one entry; go on from what it says, so that one fault is found once."""
        if entry.sequence != self.last_sequence + 1:
            self.add(
                entry.sequence,
                f"entries {self.last_sequence + 1} to {entry.sequence - 1} are missing",
            )
        elif entry.hash != expected_hash(entry, after=self.link):
            self.add(
                entry.sequence,
                f"entry {entry.sequence} ({entry.kind}) does not carry the hash of what it says",
            )
        if entry.cause is not None and not 0 < entry.cause < entry.sequence:
            self.add(entry.sequence, f"entry {entry.sequence} names the cause {entry.cause}")
        if not _is_json(entry.payload):
            self.add(entry.sequence, f"the payload of entry {entry.sequence} is not JSON")
        self.entries += 1
        self.last_sequence, self.link = entry.sequence, entry.hash


def verify(path: Path) -> Verification:
    """Check a journal file from end to end without changing it.

    Works while another process writes it. Raises `InvalidInput` where there is no journal;
    damage is a finding, not an error.
    """
    try:
        connection = database.open_for_reading(path)
    except JournalDamaged as error:
        damage = Damage(sequence=None, reason=str(error))
        return Verification(path=path, entries=0, last_sequence=0, last_hash="", damages=(damage,))
    try:
        mark = read_mark(path)  # before the entries: a journal that grows meanwhile is only longer
        findings = _follow(connection)
    finally:
        connection.close()
    if mark is not None and mark.sequence > findings.last_sequence:
        findings.add(
            None,
            f"the journal ends at entry {findings.last_sequence}, "
            f"but entry {mark.sequence} was acknowledged",
        )
    return Verification(
        path=path,
        entries=findings.entries,
        last_sequence=findings.last_sequence,
        last_hash=findings.link,
        damages=tuple(findings.damages),
    )


def require_acknowledged(path: Path) -> None:
    """Raise `JournalDamaged` where a journal does not end as it was acknowledged.

    Looks at the end alone, so that it costs nothing at every start; changes nothing.
    """
    if not path.is_file() or not path.stat().st_size:
        return
    with closing(database.open_for_reading(path)) as connection:
        try:
            last = database.last_sequence(connection)
            _require_mark(connection, path, last)
            _require_link(connection, path, last)
        except sqlite3.DatabaseError as error:
            raise database.unreadable(path, error) from error


def _require_mark(connection: sqlite3.Connection, path: Path, last: int) -> None:
    mark = read_mark(path)
    if mark is None or not mark.sequence:
        return
    if mark.sequence > last:
        raise JournalDamaged(
            f"the journal {path} ends at entry {last}, but entry {mark.sequence} was acknowledged; "
            "its tail is lost: keep the files, reconcile with the broker, and restore a backup"
        )
    held = database.entry_at(connection, mark.sequence)
    if held is None or held.hash != mark.hash:
        raise JournalDamaged(
            f"the journal {path} is not the one that acknowledged entry {mark.sequence} here; "
            "was the file swapped? Put the right one back, or restore a backup"
        )


def _require_link(connection: sqlite3.Connection, path: Path, last: int) -> None:
    """Check that the last entry follows from the one before."""
    for entry in database.read_after(connection, max(last - 1, 0)):
        before = database.hash_at(connection, entry.sequence - 1)
        if before is None or expected_hash(entry, after=before) != entry.hash:
            raise JournalDamaged(
                f"entry {entry.sequence} of {path} does not follow from the one before; "
                "run `dispersa journal verify`"
            )


def _follow(connection: sqlite3.Connection) -> _Findings:
    findings = _Findings(link="")
    try:
        findings.link = database.first_hash(connection)
        for row in connection.execute("PRAGMA integrity_check"):
            if row != ("ok",):
                findings.add(None, f"SQLite finds: {row[0]}")
        for entry in database.read_after(connection, 0):
            findings.follow(entry)
    except (sqlite3.DatabaseError, JournalDamaged) as error:
        findings.add(None, f"nothing can be read after entry {findings.last_sequence}: {error}")
    return findings


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
