"""Who stops the engine when it does not stop itself? A process of its own that can only stop.

It has a broker connection of its own (own client ids, read-only) and rules of its own. Where a
rule says no it writes the sentinel file. An engine that has not obeyed ten seconds later is
killed; then the watchdog takes the engine's client id and cancels our orders one by one, by their
references. It never cancels globally, never sends an order and never closes a position: those are
for a person.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from time import monotonic

from dispersa.broker.ibkr.settings import IbkrSettings
from dispersa.errors import BrokerError, DispersaError
from dispersa.journal import read_entries
from dispersa.orders import BrokerSnapshot, OpenOrderReading, OrderRef
from dispersa.risk import HaltLevel
from dispersa.runtime.cancel_ours import LOOK_EVERY_SECONDS, cancel_ours, connected, orders_of
from dispersa.runtime.engine_process import end_engine, engine_of
from dispersa.runtime.heartbeat import beat_age_seconds, beat_file, beating, watch_file
from dispersa.runtime.sentinel import Sentinel, write_sentinel
from dispersa.runtime.watch_rules import Watched, WatchLimits, reason_to_stop

CLIENT_ID_WAIT_SECONDS = 60.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSetup:
    """What one watchdog is wired from.

    `watch` connects with the watchdog's client ids, `engine` with the engine's; both are
    read-only, which lets cancels through and nothing else. Orders of ours begin with
    `order_prefix`.
    """

    journal: Path
    watch: IbkrSettings
    engine: IbkrSettings
    order_prefix: str
    limits: WatchLimits
    read_every_seconds: float = 5.0
    obey_seconds: float = 10.0
    settle_seconds: float = 30.0

    @classmethod
    def of(
        cls,
        *,
        journal: Path,
        engine: IbkrSettings,
        client_id: int,
        order_prefix: str,
        limits: WatchLimits,
        read_every_seconds: float = 5.0,
    ) -> "WatchSetup":
        """Derive both connections from the engine's."""
        quiet = replace(engine, read_only=True)
        return cls(
            journal=journal,
            watch=replace(quiet, order_client_id=client_id, data_client_id=client_id + 1),
            engine=quiet,
            order_prefix=order_prefix,
            limits=limits,
            read_every_seconds=read_every_seconds,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """How the engine was stopped: why, which process was killed, what was cancelled and what stays.

    `killed` is None where the engine obeyed or none ran; `left` names orders of ours that still
    work, None where the broker could not be read.
    """

    reason: str
    obeyed: bool
    killed: int | None
    cancelled: tuple[OrderRef, ...]
    left: tuple[OrderRef, ...] | None

    @property
    def sentence(self) -> str:
        """Say it all in one sentence."""
        ended = "the engine obeyed" if self.obeyed else "no engine ran"
        if self.killed is not None:
            ended = f"the engine did not obey and was killed (process {self.killed})"
        left = "the broker could not be read" if self.left is None else f"{len(self.left)} left"
        return (
            f"stopped because {self.reason}; {ended}; {len(self.cancelled)} orders cancelled by "
            f"the watchdog, {left}. Resume with a reason once the cause is mended"
        )


class Watchdog:
    """Looks once a second, reads the broker every few, and stops the engine once."""

    def __init__(self, setup: WatchSetup, say: Say) -> None:
        self._setup = setup
        self._say = say
        self._snapshot: BrokerSnapshot | None = None
        self._first: BrokerSnapshot | None = None
        self._read_at = self._tended_at = monotonic()
        self._fault = ""
        self._sequence = 0
        self._halted = False

    async def run(self) -> Stopped:
        """Watch until a rule says stop, stop the engine, and say how."""
        async with self._reading(), beating(watch_file(self._setup.journal)):
            while (reason := reason_to_stop(self._setup.limits, self.look())) is None:
                await asyncio.sleep(LOOK_EVERY_SECONDS)
            return await self._stop(reason)

    def look(self) -> Watched:
        """Return what is seen now."""
        engine = engine_of(self._setup.journal)
        if engine is not None:
            self._tended_at = monotonic()
        seen, first = self._snapshot, self._first
        return Watched(
            engine=engine,
            beat_age_seconds=beat_age_seconds(beat_file(self._setup.journal)),
            read_age_seconds=monotonic() - self._read_at,
            orphan_seconds=monotonic() - self._tended_at,
            orders=None if seen is None else len(self._ours(seen)),
            contracts=None
            if seen is None
            else sum((abs(row.quantity) for row in seen.positions if row.option), Decimal(0)),
            net_liquidation=None if seen is None else seen.account.net_liquidation,
            first_net_liquidation=None if first is None else first.account.net_liquidation,
        )

    # Reading

    @contextlib.asynccontextmanager
    async def _reading(self) -> AsyncIterator[None]:
        """Keep reading the broker beside the watch; a broken link is tried again for ever."""
        task = asyncio.create_task(self._read_on())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _read_on(self) -> None:
        while True:
            try:
                async with connected(self._setup.watch) as connection:
                    client = self._setup.watch.order_client_id
                    self._say(f"watching account {connection.account} as client {client}")
                    while True:
                        self._take(await connection.orders.snapshot())
                        await asyncio.sleep(self._setup.read_every_seconds)
            except BrokerError as error:
                self._complain(str(error))
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    def _take(self, snapshot: BrokerSnapshot) -> None:
        self._snapshot = snapshot
        self._read_at = monotonic()
        self._fault = ""
        if self._first is None and snapshot.account.net_liquidation is not None:
            self._first = snapshot

    def _complain(self, fault: str) -> None:
        """Say why the broker can not be read, each reason once."""
        if fault != self._fault:
            self._say(f"the broker can not be read: {fault}")
        self._fault = fault

    def _ours(self, snapshot: BrokerSnapshot) -> tuple[OpenOrderReading, ...]:
        return orders_of(snapshot, self._setup.order_prefix)

    # Stopping

    async def _stop(self, reason: str) -> Stopped:
        """Sentinel first; the engine's end and our own cancels only where that is ignored."""
        setup = self._setup
        self._say(f"STOP: {reason}")
        sentinel = Sentinel(level=HaltLevel.CANCEL, reason=reason, by="watchdog")
        write_sentinel(setup.journal, sentinel)
        if engine_of(setup.journal) is not None:
            if await self._obeyed():
                return Stopped(reason=reason, obeyed=True, killed=None, cancelled=(), left=())
            self._say(f"the engine has not obeyed for {setup.obey_seconds:g} s: ending it")
        killed = await end_engine(setup.journal)
        done = await cancel_ours(
            setup.engine,
            prefix=setup.order_prefix,
            settle_seconds=setup.settle_seconds,
            wait_seconds=CLIENT_ID_WAIT_SECONDS,
        )
        return Stopped(
            reason=reason, obeyed=False, killed=killed, cancelled=done.gone, left=done.left
        )

    async def _obeyed(self) -> bool:
        """Wait for the engine to journal the halt, and then for its orders to go."""
        setup, began = self._setup, monotonic()
        while engine_of(setup.journal) is not None:
            waited = monotonic() - began
            silent = beat_age_seconds(beat_file(setup.journal))
            is_deaf = silent is not None and silent > setup.limits.beat_seconds_max
            if waited > setup.obey_seconds and (is_deaf or not self._is_halted()):
                return False
            if self._is_halted() and not is_deaf and self._has_settled(began):
                return True
            if waited > setup.obey_seconds + setup.settle_seconds:
                return False
            await asyncio.sleep(LOOK_EVERY_SECONDS)
        return self._is_halted() and self._has_settled(began)

    def _has_settled(self, began: float) -> bool:
        """Whether a read made since the sentinel shows none of our orders."""
        seen = self._snapshot
        return self._read_at > began and seen is not None and not self._ours(seen)

    def _is_halted(self) -> bool:
        """Whether the journal's last word on it is that trading is halted."""
        with contextlib.suppress(DispersaError):
            for entry in read_entries(self._setup.journal, after=self._sequence):
                self._sequence = entry.sequence
                if entry.kind in {"HaltRequested", "HaltTrading", "ResumeRequested"}:
                    self._halted = entry.kind != "ResumeRequested"
        return self._halted
