"""How do entries reach the disk? A thread that commits whatever has gathered, in one transaction.

`ThreadedWriter` serves files, `DirectWriter` simulations in memory, where a thread would make
the order of events a matter of luck.
"""

import math
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from dispersa.journal import database
from dispersa.journal.acknowledged import Mark, MarkFile
from dispersa.journal.entry import Entry
from dispersa.journal.errors import JournalFailed

PENDING_ENTRIES_MAX = 65_536
"""More entries than this waiting for the disk make `submit` wait: memory is no journal."""


class Writer(Protocol):
    """Takes entries in order and says up to which one they are durable."""

    @property
    def committed(self) -> int:
        """Sequence of the last durable entry."""
        ...

    @property
    def failure(self) -> str | None:
        """Why nothing more is accepted, None while all is well."""
        ...

    def submit(self, entries: Sequence[Entry]) -> None:
        """Take entries in; they are durable later."""
        ...

    def wait(self, sequence: int) -> None:
        """Return when `sequence` is durable or the writer has failed."""
        ...

    def call_when_settled(self, sequence: int, callback: Callable[[], None]) -> None:
        """Call back, from any thread, once `sequence` is durable or the writer has failed.

        The entry need not be there yet.
        """
        ...

    def close(self) -> None:
        """Write what was submitted and let go of the database."""
        ...


class _Callbacks:
    """Who is to be called once a sequence is settled."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, Callable[[], None]]] = []

    def add(self, sequence: int, callback: Callable[[], None]) -> None:
        """Keep a callback for later."""
        self._waiting.append((sequence, callback))

    def take(self, committed: int, *, has_failed: bool) -> list[Callable[[], None]]:
        """Give out those that need not wait any more; after a failure nobody does."""
        limit = math.inf if has_failed else committed
        ready = [callback for sequence, callback in self._waiting if sequence <= limit]
        self._waiting = [each for each in self._waiting if each[0] > limit]
        return ready


class DirectWriter:
    """Writes in the caller's thread: an entry is committed when `submit` returns."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._callbacks = _Callbacks()
        self.committed = database.last_sequence(connection)
        self.failure: str | None = None

    def submit(self, entries: Sequence[Entry]) -> None:
        """Write entries now; raise `JournalFailed` where SQLite can not."""
        try:
            database.insert(self._connection, entries)
        except sqlite3.Error as error:
            self.failure = _sentence(error, self.committed)
            raise JournalFailed(self.failure) from error
        else:
            self.committed = entries[-1].sequence
        finally:
            for callback in self._callbacks.take(self.committed, has_failed=bool(self.failure)):
                callback()

    def wait(self, sequence: int) -> None:
        """Return at once: whatever was submitted is settled."""

    def call_when_settled(self, sequence: int, callback: Callable[[], None]) -> None:
        """Call back from `submit`, or at once where nothing is left to wait for."""
        if self.committed >= sequence or self.failure is not None:
            callback()
        else:
            self._callbacks.add(sequence, callback)

    def close(self) -> None:
        """Forget the journal."""
        self._connection.close()


class ThreadedWriter:
    """Writes in one thread of its own, as many entries per transaction as have gathered."""

    def __init__(self, connection: sqlite3.Connection, mark: MarkFile) -> None:
        self._connection = connection
        self._mark = mark
        self._changed = threading.Condition()
        self._pending: list[Entry] = []
        self._callbacks = _Callbacks()
        self._closing = False
        self.committed = database.last_sequence(connection)
        self.failure: str | None = None
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    def submit(self, entries: Sequence[Entry]) -> None:
        """Hand entries to the thread; waits while too many are waiting already."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._pending) < PENDING_ENTRIES_MAX or self.failure)
            self._pending.extend(entries)
            self._changed.notify_all()

    def wait(self, sequence: int) -> None:
        """Block until `sequence` is durable or the writer has failed."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_settled(sequence))

    def call_when_settled(self, sequence: int, callback: Callable[[], None]) -> None:
        """Call back from the writer thread, or at once where nothing is left to wait for."""
        with self._changed:
            if not self._is_settled(sequence):
                self._callbacks.add(sequence, callback)
                return
        callback()

    def close(self) -> None:
        """Write what was submitted, end the thread and let go of the files."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        self._connection.close()
        self._mark.close()

    def _run(self) -> None:
        while batch := self._next_batch():
            try:
                database.insert(self._connection, batch)
                self._mark.write(Mark(sequence=batch[-1].sequence, hash=batch[-1].hash))
            except Exception as error:  # noqa: BLE001 - a thread that died would leave senders waiting
                self._settle(self.committed, failure=_sentence(error, self.committed))
                return
            self._settle(batch[-1].sequence)

    def _next_batch(self) -> list[Entry]:
        """Wait for work; nothing means that the journal is being closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._pending or self._closing)
            batch, self._pending = self._pending, []
            self._changed.notify_all()
            return batch

    def _settle(self, committed: int, *, failure: str | None = None) -> None:
        with self._changed:
            self.committed = committed
            self.failure = failure
            ready = self._callbacks.take(committed, has_failed=failure is not None)
            self._changed.notify_all()
        for callback in ready:
            callback()

    def _is_settled(self, sequence: int) -> bool:
        return self.committed >= sequence or self.failure is not None


def _sentence(error: Exception, committed: int) -> str:
    return (
        f"the journal can not be written ({type(error).__name__}: {error}); entries up to "
        f"{committed} are safe, none after it is; nothing more is accepted: "
        "free space or mend the disk, then start again"
    )
