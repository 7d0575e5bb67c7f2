"""How does a simulated journal reach the disk? Later, by the seed, and never after a crash."""

import asyncio
import json
import random
import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime

from dispersa.journal import Entry, Journal, database
from dispersa.runtime.step_clock import StepClock

BUILD_ID = "simulation"


class SlowDisk:
    """A journal writer whose commits come some rounds of the event loop after the entries.

    What has not been committed when the process dies is gone, as on a real disk.
    """

    def __init__(self, connection: sqlite3.Connection, seed: int, rounds_max: int) -> None:
        self._connection = connection
        self._chance = random.Random(seed)
        self._rounds_max = rounds_max
        self._pending: list[Entry] = []
        self._callbacks: list[tuple[int, Callable[[], None]]] = []
        self._is_due = False
        self._is_dead = False
        self.committed = database.last_sequence(connection)
        self.failure: str | None = None
        self.on_commit: Callable[[Entry], None] = lambda _: None

    def submit(self, entries: Sequence[Entry]) -> None:
        """Take entries; they are durable some rounds later."""
        self._pending.extend(entries)
        if not self._rounds_max:
            self._commit()
        elif not self._is_due:
            self._is_due = True
            self._wait(self._chance.randint(1, self._rounds_max))

    def _wait(self, rounds: int) -> None:
        loop = asyncio.get_running_loop()
        if rounds:
            loop.call_soon(self._wait, rounds - 1)
        else:
            self._commit()

    def _commit(self) -> None:
        self._is_due = False
        batch, self._pending = self._pending, []
        if self._is_dead or not batch:
            return
        database.insert(self._connection, batch)
        self.committed = batch[-1].sequence
        for entry in batch:
            self.on_commit(entry)
        ready = [call for sequence, call in self._callbacks if sequence <= self.committed]
        self._callbacks = [one for one in self._callbacks if one[0] > self.committed]
        for call in ready:
            call()

    def wait(self, sequence: int) -> None:
        """Commit at once: the caller blocks until then."""
        if self.committed < sequence:
            self._commit()

    def call_when_settled(self, sequence: int, callback: Callable[[], None]) -> None:
        """Call back once `sequence` is durable."""
        if self.committed >= sequence:
            callback()
        else:
            self._callbacks.append((sequence, callback))

    def die(self) -> None:
        """Lose power: nothing more is committed."""
        self._is_dead = True

    def image(self) -> bytes:
        """Return what is on the disk, byte for byte."""
        return self._connection.serialize()

    def close(self) -> None:
        """Write the rest."""
        self._commit()


def open_journal(
    clock: StepClock, *, seed: int, rounds_max: int, image: bytes | None
) -> tuple[Journal, SlowDisk]:
    """Open a journal in memory behind a slow disk, empty or from the bytes of an earlier one."""
    loop = asyncio.get_running_loop()
    connection = database.open_in_memory("simulation", image=image)
    disk = SlowDisk(connection, seed, rounds_max)
    journal = Journal(
        connection,
        disk,
        build_id=BUILD_ID,
        now=clock.now,
        monotonic_ns=lambda: round(loop.time() * 1_000_000_000),
    )
    return journal, disk


class Intents:
    """What the journal durably says we wanted to send, by reference: an independent index."""

    def __init__(self) -> None:
        self.placed: dict[str, dict[str, object]] = {}
        self.limits: dict[str, set[str]] = {}
        self.committed_at: dict[str, datetime] = {}

    def take(self, entry: Entry) -> None:
        """Note one committed entry."""
        if entry.kind not in {"PlaceOrder", "AmendOrder"}:
            return
        intent = json.loads(entry.payload)["approved"]["intent"]
        ref = intent["ref"]
        if entry.kind == "PlaceOrder":
            self.placed[ref] = intent
            self.committed_at[ref] = entry.at
        self.limits.setdefault(ref, set()).add(_price(intent["limit_price"]))

    def knows(self, ref: str, limit: float) -> bool:
        """Whether this order at this limit was decided and is durable."""
        return ref in self.placed and _price(limit) in self.limits[ref]


def _price(value: object) -> str:
    return f"{float(str(value)):.4f}"
