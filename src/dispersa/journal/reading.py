"""What does the journal say? Entries in order, each checked against the chain before it is given.

Reading never blocks the writer and may go on while the journal grows.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from dispersa.journal import database
from dispersa.journal.entry import Entry, expected_hash
from dispersa.journal.errors import JournalDamaged


def read_entries(source: Path | sqlite3.Connection, *, after: int = 0) -> Iterator[Entry]:
    """Read the committed entries after the sequence `after`, up to the end at the time of reading.

    Raises `JournalDamaged` at the first entry that does not follow from the one before, and
    `InvalidInput` where `source` is no journal.
    """
    if isinstance(source, sqlite3.Connection):
        yield from _checked(source, after=after)
        return
    connection = database.open_for_reading(source)
    try:
        yield from _checked(connection, after=after)
    except sqlite3.DatabaseError as error:
        raise database.unreadable(source, error) from error
    finally:
        connection.close()


def hash_after(path: Path, sequence: int) -> str | None:
    """Return the hash of one entry (of the journal's beginning for 0); None where there is none."""
    connection = database.open_for_reading(path)
    try:
        return database.hash_at(connection, sequence)
    except sqlite3.DatabaseError as error:
        raise database.unreadable(path, error) from error
    finally:
        connection.close()


def _checked(connection: sqlite3.Connection, *, after: int) -> Iterator[Entry]:
    link = database.hash_at(connection, after)
    if link is None:
        if database.last_sequence(connection) > after:
            raise JournalDamaged(f"entry {after} is missing, and there are later ones")
        return
    expected = after + 1
    for entry in database.read_after(connection, after):
        if entry.sequence != expected:
            raise JournalDamaged(f"entry {expected} is missing; the next one is {entry.sequence}")
        if entry.hash != expected_hash(entry, after=link):
            raise JournalDamaged(
                f"entry {entry.sequence} ({entry.kind}) does not carry the hash of what it says; "
                "it, or one before it, was changed"
            )
        yield entry
        link, expected = entry.hash, expected + 1
