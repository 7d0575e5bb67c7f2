"""How does a decision reach the world? The live loop: record, decide, commit, then act.

Every event from outside enters one inbox. For each, the desk decides; event and commands are
written to the journal in one commit; only then does anything leave. Cancels are the exception:
they go on the wire first.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from dispersa.broker import Broker
from dispersa.desk import events as ev
from dispersa.desk.codec import encode
from dispersa.desk.commands import (
    AmendOrder,
    AskApproval,
    CancelOrder,
    Command,
    ComputePlan,
    ComputeSignal,
    PlaceOrder,
    ReadSnapshot,
)
from dispersa.desk.rules import DeskRules
from dispersa.desk.state import DeskState
from dispersa.desk.step import step
from dispersa.errors import BrokerError, DispersaError, Unresolved
from dispersa.execution.plan import TradePlan
from dispersa.journal import Entry, Journal, NewEntry
from dispersa.orders import ApprovedOrder, OrderDoubtful
from dispersa.risk import GateVerdict
from dispersa.runtime.step_clock import StepClock


class Operator(Protocol):
    """Whoever is asked to confirm a plan."""

    name: str

    async def confirm(self, plan: TradePlan, verdict: GateVerdict) -> str:
        """Show the plan and return what was typed."""
        ...


class Workers(Protocol):
    """The slow work that the desk asks for; each answer comes back as an event."""

    async def compute_signal(self) -> ev.Event:
        """Read the market and its history and assess today's signal."""
        ...

    async def compute_plan(self, state: DeskState, edge_waiver: str | None) -> ev.Event:
        """Choose straddles, size them and write the plan."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One step of the desk, for those who watch."""

    at: datetime
    event: ev.Event
    commands: tuple[Command, ...]
    state: DeskState


class Observer(Protocol):
    """Somebody who watches: a screen, a report."""

    def saw(self, seen: Seen) -> None:
        """Take notice of one step; must not raise and must not block."""
        ...


class DeskLoop:
    """One consumer that steps the desk; everything else sends it events."""

    def __init__(
        self,
        *,
        rules: DeskRules,
        journal: Journal,
        broker: Broker,
        clock: StepClock,
        workers: Workers,
        operator: Operator,
        observers: Iterable[Observer] = (),
    ) -> None:
        self._rules = rules
        self._journal = journal
        self._broker = broker
        self._clock = clock
        self._workers = workers
        self._operator = operator
        self._observers = tuple(observers)
        self._inbox: asyncio.Queue[ev.Event] = asyncio.Queue(maxsize=10_000)
        self._market_waits = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self.state = DeskState()

    def post(self, event: ev.Event) -> None:
        """Send an event to the desk; market observations are conflated while one waits."""
        if isinstance(event, ev.MarketObserved):
            if self._market_waits:
                return
            self._market_waits = True
        self._inbox.put_nowait(event)

    async def run_until(
        self,
        is_done: Callable[[DeskState], bool],
        *,
        timeout: float | None,
        beside: Iterable[Callable[[], Coroutine[Any, Any, None]]] = (),
    ) -> None:
        """Step the desk until `is_done` holds for its state, or raise `TimeoutError`.

        `timeout` is in seconds of the loop's time, None for no end.
        `beside` is work that runs as long as the desk does.
        """
        self.spawn(self._listen())
        for start in beside:
            self.spawn(start())
        try:
            async with asyncio.timeout(timeout):
                while not is_done(self.state):
                    await self._handle(await self._inbox.get())
                    self._raise_failure()
        finally:
            await self._stop()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` beside the loop; its failure stops the loop instead of being lost."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self._inbox.put_nowait(ev.MarketObserved(quotes={}))

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def _stop(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _listen(self) -> None:
        async for report in self._broker.reports():
            self.post(report)

    async def _handle(self, event: ev.Event) -> None:
        """Step once: decide, record, cancel at once, commit, act."""
        if isinstance(event, ev.MarketObserved):
            self._market_waits = False
        state, commands = step(self._rules, self.state, self._clock.tick(), event)
        if isinstance(event, ev.MarketObserved) and not commands:
            return
        entries = self._record(event, commands)
        self.state = state
        for command in commands:
            if isinstance(command, CancelOrder):
                await self._cancel(command)
        if any(isinstance(command, PlaceOrder | AmendOrder) for command in commands):
            await self._journal.committed(entries[-1].sequence)
        for command in commands:
            await self._carry_out(command)
        for observer in self._observers:
            observer.saw(Seen(at=entries[0].at, event=event, commands=commands, state=state))

    def _record(self, event: ev.Event, commands: tuple[Command, ...]) -> tuple[Entry, ...]:
        """Append the event and what it led to as one group, stamped with the step's own time."""
        cause = self._journal.last_sequence + 1
        kind, value = encode(event)
        decided = (NewEntry.of(kind, value, cause=cause) for kind, value in map(encode, commands))
        return self._journal.append([NewEntry.of(kind, value), *decided])

    async def _carry_out(self, command: Command) -> None:
        match command:
            case PlaceOrder(approved=approved):
                await self._send(approved, self._broker.place)
            case AmendOrder(approved=approved):
                await self._send(approved, self._broker.amend)
            case ReadSnapshot():
                self.spawn(self._read_snapshot())
            case ComputeSignal():
                self.spawn(self._answer(self._workers.compute_signal()))
            case ComputePlan(edge_waiver=waiver):
                self.spawn(self._answer(self._workers.compute_plan(self.state, waiver)))
            case AskApproval(verdict=verdict):
                self.spawn(self._ask(verdict))
            case _:
                return

    async def _send(
        self,
        approved: ApprovedOrder,
        send: Callable[[ApprovedOrder], Coroutine[Any, Any, None]],
    ) -> None:
        """Hand the order over; an error proves nothing about what the broker has received."""
        ref = approved.intent.ref
        try:
            await send(approved)
        except (BrokerError, Unresolved) as error:
            self.post(OrderDoubtful(ref=ref, code=None, message=str(error)))
        else:
            self.post(ev.OrderHandedOver(ref=ref))

    async def _cancel(self, command: CancelOrder) -> None:
        try:
            await self._broker.cancel(command.ref)
        except BrokerError as error:
            self.post(OrderDoubtful(ref=command.ref, code=None, message=str(error)))

    async def _read_snapshot(self) -> None:
        try:
            self.post(ev.SnapshotRead(snapshot=await self._broker.snapshot()))
        except BrokerError as error:
            self.post(ev.SnapshotFailed(reason=str(error)))

    async def _answer(self, work: Coroutine[Any, Any, ev.Event]) -> None:
        try:
            self.post(await work)
        except DispersaError as error:
            self.post(ev.PlanImpossible(reason=str(error), dropped=()))

    async def _ask(self, verdict: GateVerdict) -> None:
        plan = self.state.plan
        if plan is None:
            return
        text = await self._operator.confirm(plan, verdict)
        self.post(
            ev.OperatorAnswered(plan_hash=plan.plan_hash, text=text, operator=self._operator.name)
        )
