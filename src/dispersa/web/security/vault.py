"""What does the page keep? Passphrase hash, second factor, log-ins and links, all as hashes.

A small SQLite file of mode 0600 beside the journal. Ids of log-ins and links are random and only
their SHA-256 is kept, so whoever reads the file can not use them. There is no default secret:
without a passphrase there is no page but the one that sets it.
"""

import hashlib
import os
import sqlite3
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dispersa.errors import InvalidConfig

FORMAT = 1
_SCHEMA = f"""
BEGIN IMMEDIATE;
PRAGMA user_version = {FORMAT};
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE logins (
    id_hash TEXT PRIMARY KEY,
    csrf TEXT NOT NULL,
    begun TEXT NOT NULL,
    seen TEXT NOT NULL,
    proven TEXT NOT NULL,
    address TEXT NOT NULL,
    device TEXT NOT NULL
) STRICT;
CREATE TABLE links (
    token_hash TEXT PRIMARY KEY,
    plan_hash TEXT NOT NULL,
    expires TEXT NOT NULL,
    used TEXT
) STRICT;
CREATE TABLE notes (at TEXT NOT NULL, text TEXT NOT NULL, by TEXT NOT NULL) STRICT;
COMMIT;
"""


class Vault:
    """The file; one connection behind a lock, for a page has few writers.

    Raises
    ------
    InvalidConfig
        If others may read the file, or it is none of ours.
    """

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            _make_private(path)
        self._lock = threading.Lock()
        try:
            self._sql = sqlite3.connect(
                ":memory:" if path is None else str(path), check_same_thread=False, timeout=5
            )
            self._prepare()
        except sqlite3.Error as error:
            raise InvalidConfig(
                f"{path}, which keeps the page's log-in, can not be used ({error}); expected a "
                "file of this build: move it away and set the passphrase again"
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._sql.close()

    def fact(self, name: str) -> str | None:
        """Return a fact by its name, None if it was never set."""
        rows = self.rows("SELECT value FROM facts WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def set_fact(self, name: str, value: str) -> None:
        """Set a fact."""
        self.change("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def set_fact_once(self, name: str, value: str) -> bool:
        """Set a fact that was never set; False if it was."""
        return bool(self.change("INSERT OR IGNORE INTO facts VALUES (?, ?)", (name, value)))

    def note(self, at: datetime, text: str, by: str) -> None:
        """Keep what somebody did where no journal takes it."""
        self.change("INSERT INTO notes VALUES (?, ?, ?)", (time_text(at), text, by))

    def notes(self, count: int) -> list[tuple[datetime, str, str]]:
        """Return the last notes, the newest first."""
        query = "SELECT at, text, by FROM notes ORDER BY at DESC LIMIT ?"
        return [
            (datetime.fromisoformat(at), text, by) for at, text, by in self.rows(query, (count,))
        ]

    def rows(self, query: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Read rows."""
        with self._lock:
            return self._sql.execute(query, values).fetchall()

    def change(self, statement: str, values: Sequence[Any]) -> int:
        """Change rows in one transaction and return how many."""
        with self._lock, self._sql:
            return self._sql.execute(statement, values).rowcount

    def _prepare(self) -> None:
        self._sql.execute("PRAGMA journal_mode = WAL")
        self._sql.execute("PRAGMA trusted_schema = OFF")
        (version,) = self._sql.execute("PRAGMA user_version").fetchone()
        if version not in {0, FORMAT}:
            raise sqlite3.DatabaseError(f"it has format {version}, this build reads {FORMAT}")
        if version == 0:
            self._sql.executescript(_SCHEMA)


def hashed(secret: str) -> str:
    """Return what is kept of a random id: its SHA-256."""
    return hashlib.sha256(secret.encode()).hexdigest()


def time_text(at: datetime) -> str:
    """Write a time so that texts sort as times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _make_private(path: Path) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise InvalidConfig(
            f"{path} keeps log-in secrets and has mode {mode:o}; expected 600: chmod 600 {path}"
        )
