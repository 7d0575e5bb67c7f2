"""How does SQLite hold the journal? The schema, its guards, and the statements on it.

The triggers forbid UPDATE and DELETE, and an INSERT anywhere but at the end (which also stops
INSERT OR REPLACE, whose hidden delete fires no trigger).
"""

import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from dispersa.errors import InvalidInput
from dispersa.journal.entry import Entry, genesis_hash, time_text
from dispersa.journal.errors import JournalDamaged, JournalFailed

APPLICATION_ID = 0x44495350
"""The four letters DISP, SQLite's place for saying whose file this is."""
FORMAT = 1
_PAGE_OF_ENTRIES = 1000

_SCHEMA = """
BEGIN IMMEDIATE;
PRAGMA application_id = 0x44495350;
PRAGMA user_version = 1;
CREATE TABLE journal (journal_id TEXT NOT NULL) STRICT;
CREATE TABLE entries (
    sequence INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    monotonic_ns INTEGER NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    cause INTEGER,
    build_id TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE TRIGGER entries_end BEFORE INSERT ON entries
WHEN new.sequence IS NOT (SELECT coalesce(max(sequence), 0) + 1 FROM entries)
BEGIN SELECT raise(ABORT, 'the journal grows only at its end'); END;
CREATE TRIGGER entries_update BEFORE UPDATE ON entries
BEGIN SELECT raise(ABORT, 'the journal is append-only: no update'); END;
CREATE TRIGGER entries_delete BEFORE DELETE ON entries
BEGIN SELECT raise(ABORT, 'the journal is append-only: no delete'); END;
"""
_INSERT = "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_Row = tuple[int, str, int, str, str, int | None, str, str]
_TYPES = (int, str, int, str, str, int | None, str, str)


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open or create the journal file with full durability; usable from any one thread."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    _require_private(path)
    connection = _connect(str(path))
    try:
        connection.execute("PRAGMA synchronous = FULL")
        create_schema(connection, journal_id=secrets.token_hex(8))
        require_journal(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        last_sequence(connection)  # the first read in this mode makes the log and its index
    except sqlite3.Error as error:
        connection.close()
        raise JournalFailed(
            f"the journal {path} can not be opened for writing ({error}); "
            "free space or mend the disk, then start again"
        ) from error
    return connection


def open_in_memory(journal_id: str, *, image: bytes | None = None) -> sqlite3.Connection:
    """Create a journal that lives in memory alone, empty or from the bytes of another."""
    connection = _connect(":memory:")
    if image is not None:
        connection.deserialize(image)
    create_schema(connection, journal_id=journal_id)
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open the journal file read-only; works while another process writes it."""
    if not path.is_file():
        raise InvalidInput(f"there is no journal at {path}; check the path or [journal] path")
    if not path.stat().st_size:
        raise InvalidInput(
            f"the journal {path} is empty: its owner is still making it, or never wrote to it; "
            "try again in a moment"
        )
    connection = _connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        require_journal(connection, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise unreadable(path, error) from error
    except InvalidInput:
        connection.close()
        raise
    return connection


def create_schema(connection: sqlite3.Connection, *, journal_id: str) -> None:
    """Create the tables in an empty database; leave any other alone."""
    if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,):
        connection.executescript(_SCHEMA)
        connection.execute("INSERT INTO journal VALUES (?)", (journal_id,))
        connection.execute("COMMIT")


def require_journal(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `InvalidInput` unless the database is a journal of a format that we know."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise InvalidInput(f"{path} is an SQLite file but no dispersa journal; check the path")
    if version != FORMAT:
        raise InvalidInput(
            f"{path} has journal format {version}, this build reads {FORMAT}; "
            "use the build that wrote it"
        )


def insert(connection: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    """Write entries in one transaction, durable when this returns."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(_INSERT, map(_row, entries))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def read_after(connection: sqlite3.Connection, sequence: int) -> Iterator[Entry]:
    """Read the entries after `sequence`, page by page, so that no read holds the file for long."""
    query = "SELECT * FROM entries WHERE sequence > ? ORDER BY sequence LIMIT ?"
    while rows := connection.execute(query, (sequence, _PAGE_OF_ENTRIES)).fetchall():
        yield from map(_entry, rows)
        sequence = rows[-1][0]


def entry_at(connection: sqlite3.Connection, sequence: int) -> Entry | None:
    """Read one entry."""
    query = "SELECT * FROM entries WHERE sequence = ?"
    row = connection.execute(query, (sequence,)).fetchone()
    return None if row is None else _entry(row)


def last_sequence(connection: sqlite3.Connection) -> int:
    """Return the sequence of the last entry, 0 for an empty journal."""
    (last,) = connection.execute("SELECT coalesce(max(sequence), 0) FROM entries").fetchone()
    return int(last)


def first_hash(connection: sqlite3.Connection) -> str:
    """Return the hash that the first entry of this journal folds in."""
    row = connection.execute("SELECT journal_id FROM journal").fetchone()
    if row is None:
        raise JournalDamaged("the journal has lost its own id, from which its chain begins")
    return genesis_hash(row[0])


def hash_at(connection: sqlite3.Connection, sequence: int) -> str | None:
    """Return the hash that the entry after `sequence` folds in; None where there is no such."""
    if sequence == 0:
        return first_hash(connection)
    entry = entry_at(connection, sequence)
    return None if entry is None else entry.hash


def unreadable(path: Path, error: sqlite3.Error) -> JournalDamaged:
    """Translate SQLite's complaint about a file."""
    return JournalDamaged(
        f"the journal {path} can not be read ({error}); "
        "keep the file, and restore a backup with `dispersa journal restore`"
    )


def _connect(target: str, *, uri: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(
        target, uri=uri, isolation_level=None, check_same_thread=False, timeout=10.0
    )
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


def _require_private(path: Path) -> None:
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise InvalidInput(
            f"the journal {path} is open to other users (mode {mode:04o}); "
            f"expected 0600: chmod 600 {path}"
        )


def _row(entry: Entry) -> _Row:
    return (
        entry.sequence,
        entry.at_text,
        entry.monotonic_ns,
        entry.kind,
        entry.payload,
        entry.cause,
        entry.build_id,
        entry.hash,
    )


def _entry(row: _Row) -> Entry:
    sequence, at, monotonic_ns, kind, payload, cause, build_id, link = row
    if not all(map(isinstance, row, _TYPES)):
        raise JournalDamaged(f"entry {sequence} holds values of other types than were written")
    return Entry(
        sequence=sequence,
        at=_instant(at, sequence),
        monotonic_ns=monotonic_ns,
        kind=kind,
        payload=payload,
        cause=cause,
        build_id=build_id,
        hash=link,
    )


def _instant(text: str, sequence: int) -> datetime:
    """Read a stored time; anything but our own spelling of one was not written by us."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or time_text(at) != text:
        raise JournalDamaged(f"entry {sequence} holds {text!r} where its time was written")
    return at
