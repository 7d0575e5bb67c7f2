"""Which journal entries speak of this? An index beside the journal, filled as the journal grows.

The index holds no truth: it may be deleted at any time and is made again. It lies in memory and is
fed in small portions, so that neither feeding nor asking holds the desk up.
"""

import asyncio
import json
import re
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dispersa.journal import Entry, JournalDamaged
from dispersa.web.seam import DeskReads
from dispersa.web.views.events import summary

PAGE_ROWS = 100
PAUSE_SECONDS = 0.002
WORTH_POINTS = 5_000
_SCHEMA = """
CREATE TABLE rows (
    sequence INTEGER PRIMARY KEY, at TEXT, kind TEXT, cause INTEGER, summary TEXT
);
CREATE INDEX by_kind ON rows (kind, sequence);
CREATE INDEX by_cause ON rows (cause);
CREATE VIRTUAL TABLE said USING fts5(kind, words, content='', tokenize="unicode61 tokenchars '-_'");
"""
_WORD = re.compile(r"[\w\-]+")
_TEXTS = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?')


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One entry that was found: enough for its line."""

    sequence: int
    at: datetime
    kind: str
    cause: int | None
    text: str


class JournalIndex:
    """Words of the journal's entries by their sequence."""

    def __init__(self) -> None:
        self._sql = sqlite3.connect(":memory:", check_same_thread=False)
        self._sql.executescript(_SCHEMA)
        self._lock = threading.Lock()
        self._worth: deque[tuple[datetime, float]] = deque(maxlen=WORTH_POINTS)
        self.last = 0
        self.trouble = ""

    def add(self, entries: Sequence[Entry]) -> None:
        """Take entries in, in order."""
        rows = [(e.sequence, e.at.isoformat(), e.kind, e.cause, _gist(e)) for e in entries]
        said = [(e.sequence, e.kind, _words(e.payload)) for e in entries]
        worth = [(e.at, value) for e in entries if (value := _net_liquidation(e)) is not None]
        with self._lock, self._sql:
            self._worth.extend(worth)
            self._sql.executemany("INSERT OR IGNORE INTO rows VALUES (?, ?, ?, ?, ?)", rows)
            self._sql.executemany("INSERT INTO said (rowid, kind, words) VALUES (?, ?, ?)", said)
        if entries:
            self.last = entries[-1].sequence

    def search(self, words: str, *, kind: str = "", before: int | None = None) -> list[Found]:
        """Return the latest entries that hold all the words (each may be a beginning)."""
        clauses, values = ["rows.sequence < ?"], [before or 2**62]
        table = "rows"
        match = " ".join(f'"{word}"*' for word in _WORD.findall(words))
        if match:
            table = "said JOIN rows ON rows.sequence = said.rowid"
            clauses.append("said MATCH ?")
            values.append(match)  # type: ignore[arg-type]  # a text among numbers
        if kind:
            clauses.append("rows.kind = ?")
            values.append(kind)  # type: ignore[arg-type]  # a text among numbers
        order = "said.rowid" if match else "rows.sequence"
        query = (
            f"SELECT rows.* FROM {table} WHERE {' AND '.join(clauses)} "  # noqa: S608 - our words
            f"ORDER BY {order} DESC LIMIT {PAGE_ROWS}"
        )
        return self._rows(query, values)

    def effects(self, sequence: int) -> list[Found]:
        """Return what followed from an entry."""
        query = "SELECT * FROM rows WHERE cause = ? ORDER BY sequence LIMIT 100"
        return self._rows(query, [sequence])

    def one(self, sequence: int) -> Found | None:
        """Return one entry's line."""
        rows = self._rows("SELECT * FROM rows WHERE sequence = ?", [sequence])
        return rows[0] if rows else None

    def kinds(self) -> list[str]:
        """Return the kinds of entries that there are."""
        with self._lock:
            rows = self._sql.execute("SELECT DISTINCT kind FROM rows ORDER BY kind").fetchall()
        return [str(row[0]) for row in rows]

    def of_kind(self, kind: str, count: int) -> list[int]:
        """Return the sequences of the last entries of a kind, the oldest first."""
        with self._lock:
            rows = self._sql.execute(
                "SELECT sequence FROM rows WHERE kind = ? ORDER BY sequence DESC LIMIT ?",
                (kind, count),
            ).fetchall()
        return [int(row[0]) for row in reversed(rows)]

    def latest(self, count: int, *, without: frozenset[str]) -> list[Found]:
        """Return the last entries of other kinds than these, the newest first."""
        marks = ",".join("?" * len(without))
        query = (
            f"SELECT * FROM rows WHERE kind NOT IN ({marks}) "  # noqa: S608 - question marks
            f"ORDER BY sequence DESC LIMIT {int(count)}"
        )
        return self._rows(query, sorted(without))

    def worth_since(self, at: datetime) -> list[tuple[datetime, float]]:
        """Return what the account was worth at each reading since a time."""
        with self._lock:
            return [row for row in self._worth if row[0] >= at]

    async def follow(self, reads: DeskReads) -> None:
        """Take in what there is and then what comes, in portions, off the event loop.

        Each entry is checked against the chain as it is read; `trouble` says where that failed.
        """
        while True:
            try:
                entries = reads.entries(self.last)
            except JournalDamaged as error:
                self.trouble = str(error)
                return
            if entries:
                await asyncio.to_thread(self.add, entries)
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                await reads.changed(self.last)

    def _rows(self, query: str, values: Sequence[Any]) -> list[Found]:
        with self._lock:
            rows = self._sql.execute(query, values).fetchall()
        return list(_found(rows))


def _found(rows: Sequence[tuple[Any, ...]]) -> Iterator[Found]:
    for sequence, at, kind, cause, text in rows:
        yield Found(
            sequence=sequence, at=datetime.fromisoformat(at), kind=kind, cause=cause, text=text
        )


def _gist(entry: Entry) -> str:
    return "" if entry.kind == "MarketObserved" else summary(entry.kind, json.loads(entry.payload))


def _net_liquidation(entry: Entry) -> float | None:
    if entry.kind != "ConditionsRead":
        return None
    worth = (json.loads(entry.payload).get("account") or {}).get("net_liquidation")
    return None if worth is None else float(worth)


def _words(payload: str) -> str:
    """Texts of a payload without its keys, each once."""
    return " ".join(
        dict.fromkeys(text for text, colon in _TEXTS.findall(payload[:20_000]) if not colon)
    )
