"""How is a journal kept in a second place, and how does it come back?"""

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from dispersa.errors import InvalidInput
from dispersa.journal import database
from dispersa.journal.acknowledged import mark_file
from dispersa.journal.errors import JournalDamaged
from dispersa.journal.ownership import Ownership
from dispersa.journal.verification import Verification, verify


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore has put in place, and where what was there before is now."""

    verification: Verification
    set_aside: Path | None


def backup(journal: Path, target: Path) -> Verification:
    """Copy a journal, also while it is written, and verify the copy before it gets its name.

    Raises `InvalidInput` where `target` exists, `JournalDamaged` where the copy is not whole.
    """
    if target.exists():
        raise InvalidInput(f"{target} exists; a backup never overwrites, name another file")
    source = database.open_for_reading(journal)
    try:
        return _copy(source, target)
    except sqlite3.DatabaseError as error:
        raise database.unreadable(journal, error) from error
    finally:
        source.close()


def restore(saved: Path, journal: Path, *, at: datetime) -> Restored:
    """Put a backup in the journal's place; what was there is set aside, never deleted.

    Raises `JournalDamaged` where the backup is not whole, `JournalOwned` where a process writes the
    journal, `InvalidInput` where the journal is intact and knows more than the backup.
    """
    journal = journal.resolve()
    if saved.resolve() == journal:
        raise InvalidInput(f"{saved} is the journal itself; name the backup")
    found = verify(saved)
    if not found.is_intact:
        raise JournalDamaged(found.sentence)
    journal.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with Ownership(journal, contact="dispersa journal restore"):
        _require_nothing_forgotten(journal, found)
        part = journal.with_name(journal.name + ".part")
        part.unlink(missing_ok=True)
        with closing(database.open_for_reading(saved)) as source:
            copied = _copy(source, part)
        set_aside = _set_aside(journal, at)
        part.replace(journal)
    return Restored(verification=replace(copied, path=journal), set_aside=set_aside)


def _copy(source: sqlite3.Connection, target: Path) -> Verification:
    """Copy a database page by page into a new private file, verify it, then name it `target`."""
    part = target.with_name(target.name + ".copying")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    try:
        with closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
            copy.execute(
                "PRAGMA journal_mode = DELETE"
            )  # no log beside a file that only lies there
        os.fsync(descriptor)
        found = verify(part)
        if not found.is_intact:
            raise JournalDamaged(f"the copy is not whole: {found.sentence}")
        part.replace(target)
        return verify(target)
    finally:
        os.close(descriptor)
        part.unlink(missing_ok=True)


def _require_nothing_forgotten(journal: Path, saved: Verification) -> None:
    """Refuse to replace an intact journal by one that does not hold all of its entries."""
    if not journal.is_file():
        return
    present = verify(journal)
    if not present.is_intact:
        return
    with closing(database.open_for_reading(saved.path)) as connection:
        held = database.hash_at(connection, present.last_sequence)
    if held != present.last_hash:
        raise InvalidInput(
            f"the journal {journal} is intact and its {present.entries} entries are not all in the "
            f"backup {saved.path} ({saved.entries}); a restore would forget what happened. If that "
            "is meant, move the journal away first"
        )


def _set_aside(journal: Path, at: datetime) -> Path | None:
    """Move a journal and what belongs to it into a folder beside it."""
    names = (journal.name, f"{journal.name}-wal", f"{journal.name}-shm", mark_file(journal).name)
    files = [file for name in names if (file := journal.with_name(name)).exists()]
    if not files:
        return None
    stamp = at.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    folder = journal.with_name(f"{journal.name}.replaced-{stamp}")
    folder.mkdir(mode=0o700)
    for file in files:
        file.replace(folder / file.name)
    return folder
