"""Who may write what happened, and when is it safe to act on it? The journal's writing side."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from dispersa.errors import require
from dispersa.journal import database
from dispersa.journal.acknowledged import MarkFile
from dispersa.journal.entry import Entry, NewEntry, chained, require_writable
from dispersa.journal.errors import JournalFailed
from dispersa.journal.location import require_local
from dispersa.journal.ownership import Ownership
from dispersa.journal.reading import read_entries
from dispersa.journal.tail import set_aside_torn_tail
from dispersa.journal.verification import require_acknowledged
from dispersa.journal.writing import DirectWriter, ThreadedWriter, Writer

_HoldTime = Callable[[], AbstractContextManager[None]]


class Journal:
    """The record of one desk: entries go in at the end, in the order of the `append` calls.

    An entry has its sequence at once and is durable when `committed` (or `flush`) returns; what
    leaves the house because of an entry waits for that. After an I/O error or a full disk the
    journal has failed for good: `append` raises `JournalFailed`, and so does every wait for an
    entry that did not reach the disk.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        writer: Writer,
        *,
        build_id: str,
        now: Callable[[], datetime],
        monotonic_ns: Callable[[], int],
    ) -> None:
        """Use `open` or `in_memory`."""
        last = database.entry_at(connection, database.last_sequence(connection))
        self._connection = connection
        self._writer = writer
        self._build_id = build_id
        self._now = now
        self._monotonic_ns = monotonic_ns
        self._appending = threading.Lock()
        self._last_sequence = 0 if last is None else last.sequence
        self._last_hash = database.first_hash(connection) if last is None else last.hash
        self._path: Path | None = None
        self._ownership: Ownership | None = None
        self._recovery: str | None = None

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        build_id: str,
        now: Callable[[], datetime],
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        contact: str = "dispersa",
    ) -> Self:
        """Open or create the journal at `path` and own it until `close`.

        `contact` is what a second process is told about how to reach this one. Raises
        `JournalOwned` where another process writes it, `JournalDamaged` where acknowledged entries
        are missing, `InvalidInput` where the file is no journal or open to other users.
        """
        _require_name(build_id)
        path = path.resolve()
        require_local(path)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with ExitStack() as undo:
            ownership = undo.enter_context(Ownership(path, contact=contact))
            recovery = set_aside_torn_tail(path)
            require_acknowledged(path)
            connection = undo.enter_context(closing(database.open_for_writing(path)))
            mark = undo.enter_context(closing(MarkFile(path)))
            writer = ThreadedWriter(connection, mark)
            undo.pop_all()  # all is open: the journal closes it
        journal = cls(connection, writer, build_id=build_id, now=now, monotonic_ns=monotonic_ns)
        journal._path, journal._ownership, journal._recovery = path, ownership, recovery
        return journal

    @classmethod
    def in_memory(
        cls,
        *,
        build_id: str,
        now: Callable[[], datetime],
        monotonic_ns: Callable[[], int],
        journal_id: str = "simulation",
        image: bytes | None = None,
    ) -> Self:
        """Make a journal in memory without a thread: the same calls give the same bytes.

        `image` continues from what `image()` of an earlier one returned.
        """
        _require_name(build_id)
        connection = database.open_in_memory(journal_id, image=image)
        writer = DirectWriter(connection)
        return cls(connection, writer, build_id=build_id, now=now, monotonic_ns=monotonic_ns)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        if error is None:
            self._raise_unless_committed(self._last_sequence)

    @property
    def path(self) -> Path | None:
        """Where the journal lies; None for one in memory."""
        return self._path

    @property
    def last_sequence(self) -> int:
        """Sequence of the last appended entry, durable or not; 0 for an empty journal."""
        return self._last_sequence

    @property
    def committed_sequence(self) -> int:
        """Sequence of the last durable entry."""
        return self._writer.committed

    @property
    def recovery(self) -> str | None:
        """What the last writer left unfinished and was set aside when the journal was opened."""
        return self._recovery

    @property
    def failure(self) -> str | None:
        """The sentence that says why nothing more is accepted, None while all is well."""
        return self._writer.failure

    def append(self, entries: Sequence[NewEntry]) -> tuple[Entry, ...]:
        """Give the entries their places at the end; durable once `committed` returns.

        Raises `JournalFailed` once the journal has failed, and `BrokenInvariant` (nothing is
        appended then) for an entry that is no canonical JSON or names no earlier cause.
        """
        with self._appending:
            if self._writer.failure is not None:
                raise JournalFailed(self._writer.failure)
            placed = self._placed(entries)
            if placed:
                self._writer.submit(placed)
                self._last_sequence, self._last_hash = placed[-1].sequence, placed[-1].hash
            return placed

    async def committed(self, sequence: int) -> None:
        """Return once the entry `sequence` is durable; raise `JournalFailed` if it never will be.

        Time that belongs to the event loop (virtual, scaled) is held meanwhile.
        """
        if self._writer.committed >= sequence:
            return
        require(sequence <= self._last_sequence, f"entry {sequence} was never appended")
        loop = asyncio.get_running_loop()
        settled = loop.create_future()
        hold_time: _HoldTime = getattr(loop, "hold_time", nullcontext)  # only ours has it
        with hold_time():
            self._writer.call_when_settled(sequence, partial(_wake, loop, settled))
            await settled
        self._raise_unless_committed(sequence)

    async def grown(self, beyond: int) -> int:
        """Wait for a durable entry after `beyond` and return the last one's sequence.

        Time goes on meanwhile. Raises `JournalFailed` where there will never be one.
        """
        loop = asyncio.get_running_loop()
        while self._writer.committed <= beyond:
            settled = loop.create_future()
            self._writer.call_when_settled(beyond + 1, partial(_wake, loop, settled))
            await settled
            self._raise_unless_committed(beyond + 1)
        return self._writer.committed

    def flush(self) -> None:
        """Block until everything appended is durable; raise `JournalFailed` if it never will be."""
        sequence = self._last_sequence
        self._writer.wait(sequence)
        self._raise_unless_committed(sequence)

    def entries(self, *, after: int = 0) -> Iterator[Entry]:
        """Read the durable entries after `after`, each checked against the chain."""
        return read_entries(self._path or self._connection, after=after)

    def image(self) -> bytes:
        """Return the whole database, byte for byte."""
        self.flush()
        return self._connection.serialize()

    def close(self) -> None:
        """Write what was appended and give the journal free."""
        self._writer.close()
        if self._ownership is not None:
            self._ownership.close()
            self._ownership = None

    def _placed(self, entries: Sequence[NewEntry]) -> tuple[Entry, ...]:
        at, monotonic_ns = self._now(), self._monotonic_ns()
        placed: list[Entry] = []
        sequence, link = self._last_sequence, self._last_hash
        for new in entries:
            sequence += 1
            require_writable(new, sequence=sequence)
            entry = chained(
                new,
                after=link,
                sequence=sequence,
                at=at,
                monotonic_ns=monotonic_ns,
                build_id=self._build_id,
            )
            placed.append(entry)
            link = entry.hash
        return tuple(placed)

    def _raise_unless_committed(self, sequence: int) -> None:
        if self._writer.committed < sequence:
            raise JournalFailed(self._writer.failure or "the journal was closed before its end")


def _require_name(build_id: str) -> None:
    require(build_id.isascii() and bool(build_id), f"the build id {build_id!r} is no name")


def _wake(loop: asyncio.AbstractEventLoop, settled: asyncio.Future[None]) -> None:
    """Let the waiter go on, from any thread; a loop that has ended waits for nothing."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(_settle, settled)


def _settle(settled: asyncio.Future[None]) -> None:
    if not settled.done():
        settled.set_result(None)
