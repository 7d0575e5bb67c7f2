"""How does a decision reach the world? The live loop: record, decide, commit, then act.

Every event from outside enters one inbox; halts overtake what waits there. For each, the desk
decides; event and commands are written to the journal in one commit; only then does anything
leave. Cancels are the exception: they go on the wire first.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from itertools import count
from typing import Any, Protocol

from dispersa.broker import Broker
from dispersa.desk import events as ev
from dispersa.desk.codec import encode
from dispersa.desk.commands import (
    AmendOrder,
    AskApproval,
    Command,
    ComputeClosing,
    ComputePlan,
    ComputeSignal,
    ComputeTargets,
    PlaceOrder,
    ReadSnapshot,
)
from dispersa.desk.controls import HaltTrading
from dispersa.desk.rules import DeskRules
from dispersa.desk.state import DeskState
from dispersa.desk.step import step
from dispersa.errors import BrokerError, DispersaError, Halted, InvalidInput
from dispersa.execution.plan import TradePlan
from dispersa.execution.remedies import resolve
from dispersa.journal import Entry, Journal, JournalFailed, NewEntry
from dispersa.orders import OrderRef
from dispersa.risk import GateVerdict, HaltLevel
from dispersa.runtime.outbox import Outbox
from dispersa.runtime.step_clock import StepClock

INBOX_MAX = 10_000
UNRECORDED_CANCEL_SECONDS = 5.0
STOP_POLL_SECONDS = 0.05


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

    async def compute_closing(self, state: DeskState, asked: ComputeClosing) -> ev.Event:
        """Price what a trade holds and write the plan that closes or rolls it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One step of the desk, for those who watch; `sequence` is its event's in the journal."""

    sequence: int
    at: datetime
    event: ev.Event
    commands: tuple[Command, ...]
    state: DeskState


class Observer(Protocol):
    """Somebody who watches: a screen, a report."""

    def saw(self, seen: Seen) -> None:
        """Take notice of one step; must not raise and must not block."""
        ...


class _Urgency(IntEnum):
    HALT = 0
    NEWS = 1


@dataclass(frozen=True, slots=True, order=True)
class _Letter:
    """One event in the inbox, and who waits to hear what came of it."""

    urgency: _Urgency
    number: int
    event: ev.Event = field(compare=False)
    answer: asyncio.Future[Seen] | None = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A clean stop: why, and which orders of ours still work or may."""

    reason: str
    stays: tuple[OrderRef, ...]


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
        self._inbox: asyncio.PriorityQueue[_Letter] = asyncio.PriorityQueue()
        self._numbers = count()
        self._market_waits = False
        self._tasks: dict[asyncio.Task[None], None] = {}  # in the order of their start
        self._failure: BaseException | None = None
        self._outbox = Outbox(broker, post=self.post, spawn=self.spawn)
        self._has_ended = False
        self.state = DeskState()
        self.stopped: Stopped | None = None

    @property
    def waiting(self) -> int:
        """How many events wait for the desk."""
        return self._inbox.qsize()

    def post(self, event: ev.Event) -> None:
        """Send an event to the desk; market observations are conflated while one waits."""
        if isinstance(event, ev.MarketObserved):
            if self._market_waits:
                return
            self._market_waits = True
        if self.waiting >= INBOX_MAX:
            raise Halted(
                f"{INBOX_MAX} events wait for the desk; expected a few: it can not keep up and "
                "stops. Start it again"
            )
        self._put(_Urgency.NEWS, event)

    async def tell(self, event: ev.Event) -> Seen:
        """Send an event and return the step that it led to; raise `Halted` if the desk ends."""
        return await self._tell(_Urgency.NEWS, event)

    async def overtake(self, event: ev.Event) -> Seen:
        """Send an event ahead of everything that waits, such as a cancel, and return its step."""
        return await self._tell(_Urgency.HALT, event)

    async def halt(self, level: HaltLevel, reason: str, *, by: str) -> Seen:
        """Stop trading: cancels go on the wire now, then the desk hears of it and records it.

        When this returns, nothing leaves any more that the level forbids.
        """
        self._outbox.stop(level)
        if level is not HaltLevel.HOLD:
            await self._cancel_now()
        event = ev.HaltRequested(level=level, reason=reason, by=by)
        return await self._tell(_Urgency.HALT, event)

    async def resume(self, reason: str, *, by: str) -> Seen:
        """Lift the halt that is there now; raise `Halted` where a newer one has come meanwhile."""
        halt = self.state.halt
        if halt is None:
            raise InvalidInput("trading is not halted; there is nothing to resume")
        event = ev.ResumeRequested(reason=reason, operator=by, lifts=halt.since)
        seen = await self.tell(event)
        if seen.state.halt is not None:
            raise Halted(f"trading was halted anew meanwhile: {seen.state.halt.reason}")
        return seen

    async def stop(self, reason: str, *, patience: float) -> Stopped:
        """End cleanly: cancel what works, wait `patience` seconds for proof, say what stays."""
        self._outbox.stop(HaltLevel.CANCEL)
        await self._cancel_now()
        await self._tell(_Urgency.HALT, ev.StopRequested(reason=reason))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self.state.open_orders():
                    await asyncio.sleep(STOP_POLL_SECONDS)
        stays = tuple(order.approved.intent.ref for order in self.state.open_orders())
        self.stopped = Stopped(reason=reason, stays=stays)
        self._wake()
        return self.stopped

    async def run_until(
        self,
        is_done: Callable[[DeskState], bool],
        *,
        timeout: float | None,
        beside: Iterable[Callable[[], Coroutine[Any, Any, None]]] = (),
    ) -> None:
        """Step the desk until `is_done` holds for its state, or raise `TimeoutError`.

        `timeout` is in seconds of the loop's time, None for no end. A clean stop ends it, too.
        `beside` is work that runs as long as the desk does.
        """
        if self.state.halt is not None:
            self._outbox.stop(self.state.halt.level)
        self.spawn(self._listen())
        for start in beside:
            self.spawn(start())
        try:
            async with asyncio.timeout(timeout):
                while not is_done(self.state) and self.stopped is None:
                    await self._handle(await self._inbox.get())
                    self._raise_failure()
        except JournalFailed:
            await self._stop_unrecorded()
            raise
        finally:
            await self._stop()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` beside the loop; its failure stops the loop instead of being lost."""
        task = asyncio.create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._finished)
        return task

    def _put(
        self, urgency: _Urgency, event: ev.Event, answer: asyncio.Future[Seen] | None = None
    ) -> None:
        self._inbox.put_nowait(_Letter(urgency, next(self._numbers), event, answer))

    async def _tell(self, urgency: _Urgency, event: ev.Event) -> Seen:
        if self._has_ended:
            raise Halted("the desk has ended; start it again")
        answer: asyncio.Future[Seen] = asyncio.get_running_loop().create_future()
        self._put(urgency, event, answer)
        return await answer

    async def _cancel_now(self) -> None:
        await self._outbox.overtake([o.approved.intent.ref for o in self.state.open_orders()])

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self._wake()

    def _wake(self) -> None:
        self._put(_Urgency.HALT, ev.MarketObserved(quotes={}))

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def _stop(self) -> None:
        self._has_ended = True
        for task in tuple(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        while not self._inbox.empty():
            answer = self._inbox.get_nowait().answer
            if answer is not None and not answer.done():
                answer.set_exception(Halted("the desk has ended; start it again"))

    async def _stop_unrecorded(self) -> None:
        """Cancel everything of ours although nothing can be recorded: the disk is not asked."""
        self._outbox.stop(HaltLevel.CANCEL)
        with contextlib.suppress(BrokerError, TimeoutError):
            async with asyncio.timeout(UNRECORDED_CANCEL_SECONDS):
                await self._broker.cancel_all_ours()

    async def _listen(self) -> None:
        async for report in self._broker.reports():
            self.post(report)

    async def _handle(self, letter: _Letter) -> None:
        """Step once: decide, cancel at once, record, commit, act."""
        event = letter.event
        if isinstance(event, ev.MarketObserved):
            self._market_waits = False
        state, commands = step(self._rules, self.state, self._clock.tick(), event)
        if isinstance(event, ev.MarketObserved) and not commands:
            return
        self._latch(event, commands)
        await self._outbox.cancel_first(commands)
        entries = self._record(event, commands)
        self.state = state
        if self._outbox.expect(commands):
            await self._journal.committed(entries[-1].sequence)
        for command in commands:
            await self._carry_out(command)
        if isinstance(event, ev.ResumeRequested) and state.halt is None:
            self._outbox.release()
        seen = Seen(
            sequence=entries[0].sequence,
            at=entries[0].at,
            event=event,
            commands=commands,
            state=state,
        )
        for observer in self._observers:
            observer.saw(seen)
        if letter.answer is not None and not letter.answer.done():
            letter.answer.set_result(seen)

    def _latch(self, event: ev.Event, commands: tuple[Command, ...]) -> None:
        """Close the latch before anything leaves: on a halt that came, or that a rule decided."""
        for command in commands:
            if isinstance(command, HaltTrading):
                self._outbox.stop(command.level)
        match event:
            case ev.HaltRequested(level=level):
                self._outbox.stop(level)
            case ev.StopRequested():
                self._outbox.stop(HaltLevel.CANCEL)
            case _:
                return

    def _record(self, event: ev.Event, commands: tuple[Command, ...]) -> tuple[Entry, ...]:
        """Append the event and what it led to as one group, stamped with the step's own time."""
        cause = self._journal.last_sequence + 1
        kind, value = encode(event)
        decided = (NewEntry.of(kind, value, cause=cause) for kind, value in map(encode, commands))
        return self._journal.append([NewEntry.of(kind, value), *decided])

    async def _carry_out(self, command: Command) -> None:
        match command:
            case PlaceOrder() | AmendOrder():
                await self._outbox.send(command)
            case ReadSnapshot():
                self.spawn(self._read_snapshot())
            case ComputeSignal():
                self.spawn(self._answer(self._workers.compute_signal()))
            case ComputePlan(edge_waiver=waiver):
                self.spawn(self._answer(self._workers.compute_plan(self.state, waiver)))
            case ComputeClosing():
                self.spawn(self._answer(self._workers.compute_closing(self.state, command)))
            case ComputeTargets():
                self.spawn(self._resolve(command))
            case AskApproval(verdict=verdict):
                self.spawn(self._ask(verdict))
            case _:
                return

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

    async def _resolve(self, command: ComputeTargets) -> None:
        """Size the rest of the program anew, in a thread."""
        found = await asyncio.to_thread(resolve, command.request)
        if isinstance(found, str):
            self.post(ev.TargetsImpossible(remedy=command.remedy, reason=found))
        else:
            self.post(ev.TargetsComputed(remedy=command.remedy, targets=found))

    async def _ask(self, verdict: GateVerdict) -> None:
        plan = self.state.plan
        if plan is None:
            return
        text = await self._operator.confirm(plan, verdict)
        self.post(
            ev.OperatorAnswered(plan_hash=plan.plan_hash, text=text, operator=self._operator.name)
        )
