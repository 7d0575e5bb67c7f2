"""A desk on a real loop and a real journal, with a broker seam that a test writes on.

The broker here is the seam's other side, scripted: what it is asked is noted with the wall time,
and what it says is put into its reports by the test.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from dispersa.broker import WhatIf
from dispersa.desk import events as ev
from dispersa.desk.commands import ComputeClosing
from dispersa.desk.phases import PhaseRules
from dispersa.desk.state import DeskState, Stage
from dispersa.execution.plan import TradePlan
from dispersa.journal import Journal
from dispersa.market import TradingSession
from dispersa.orders import (
    ApprovedOrder,
    BrokerReport,
    BrokerSnapshot,
    Combo,
    OrderCancelled,
    OrderRef,
)
from dispersa.risk import GateVerdict
from dispersa.runtime.desk_loop import DeskLoop
from dispersa.runtime.reachable import Reach
from dispersa.runtime.step_clock import StepClock
from tests.desk.scene import ACCOUNT, T0, TICK, Scene, plan, rules, signal


@dataclass
class MarketClock:
    """Market time as the test sets it."""

    at: datetime = T0

    def now(self) -> datetime:
        return self.at


@dataclass
class ScriptedBroker:
    """Notes what leaves; acknowledges orders and cancels where it is told to."""

    scene: Scene
    acknowledges: bool = True
    confirms_cancels: bool = True
    placed: list[tuple[float, ApprovedOrder]] = field(default_factory=list)
    amended: list[tuple[float, ApprovedOrder]] = field(default_factory=list)
    cancelled: list[tuple[float, OrderRef]] = field(default_factory=list)
    before_place: Callable[[ApprovedOrder], None] | None = None
    queue: "asyncio.Queue[BrokerReport | None]" = field(default_factory=asyncio.Queue)

    def use_order_ids_above(self, highest: int) -> None:
        raise AssertionError(f"the bench opens no books, so nobody asks for ids above {highest}")

    async def place(self, order: ApprovedOrder) -> None:
        if self.before_place is not None:
            self.before_place(order)
        self.placed.append((time.monotonic(), order))
        self.scene.live[order.intent.ref] = order
        self.scene.arrived[order.intent.ref] = order
        if self.acknowledges:
            self.queue.put_nowait(self.scene.working(order))

    async def amend(self, order: ApprovedOrder) -> None:
        self.amended.append((time.monotonic(), order))
        if self.acknowledges:
            self.queue.put_nowait(self.scene.working(order))

    async def cancel(self, ref: OrderRef) -> None:
        self.cancelled.append((time.monotonic(), ref))
        if self.confirms_cancels and self.scene.live.pop(ref, None) is not None:
            self.queue.put_nowait(OrderCancelled(ref=ref, message="cancelled"))

    async def cancel_all_ours(self) -> int:
        refs = tuple(self.scene.live)
        for ref in refs:
            await self.cancel(ref)
        return len(refs)

    async def reports(self) -> AsyncIterator[BrokerReport]:
        while (report := await self.queue.get()) is not None:
            yield report

    async def snapshot(self) -> BrokerSnapshot:
        return self.scene.snapshot()

    async def what_if(
        self, *, combo: Combo, order_ref: OrderRef, limit_price: Decimal, quantity: int
    ) -> WhatIf:
        raise AssertionError(f"who previews {order_ref} {combo} {limit_price} x {quantity}?")


class Nothing:
    """Workers and operator that are never asked: the test tells the desk itself."""

    name = "test"

    async def compute_signal(self) -> ev.Event:
        return ev.SignalComputed(signal=signal())

    async def compute_plan(self, state: DeskState, edge_waiver: str | None) -> ev.Event:
        assert (state.stage, edge_waiver) == (Stage.PLAN, None)
        return ev.PlanProposed(plan=plan())

    async def compute_closing(self, state: DeskState, asked: ComputeClosing) -> ev.Event:
        assert state.closing is not None
        assert state.closing.trade == asked.trade
        return ev.PlanImpossible(reason=f"nobody prices it here: {asked.reason}", dropped=())

    async def confirm(self, plan: TradePlan, verdict: GateVerdict) -> str:
        await asyncio.Event().wait()
        raise AssertionError(f"the wait for {plan.plan_hash} {verdict} is for ever")


@dataclass
class Bench:
    """One running desk."""

    loop: DeskLoop
    broker: ScriptedBroker
    clock: MarketClock
    journal: Journal
    running: "asyncio.Task[None]"

    @property
    def scene(self) -> Scene:
        return self.broker.scene

    async def open(self, *, account: str = ACCOUNT) -> None:
        """Bring the desk to the question for EXECUTE."""
        tell = self.loop.tell
        await tell(ev.DeskOpened(profile="sim", account=account, live_allowed=False))
        session = TradingSession(opens=T0 - timedelta(minutes=30), closes=T0 + timedelta(hours=6))
        await tell(ev.BrokerSynchronized(snapshot=self.scene.snapshot(), session=session))
        await tell(self.scene.conditions())
        await tell(ev.TradeRequested(requested_by="test", edge_waiver=None))
        await self.until(lambda state: state.stage is Stage.APPROVAL)

    async def start_program(self) -> None:
        """Approve the plan."""
        await self.open()
        found = self.loop.state.plan
        assert found is not None
        await self.loop.tell(
            ev.OperatorAnswered(plan_hash=found.plan_hash, text="EXECUTE", operator="test")
        )
        assert self.loop.state.stage is Stage.EXECUTION, self.loop.state.decline_reason

    async def tick(self, count: int = 1) -> None:
        """Let market time pass and show the desk the quotes."""
        for _ in range(count):
            self.clock.at += TICK
            self.scene.now = self.clock.at
            await self.settle()
            self.loop.post(self.scene.quotes())
            await self.settle()

    async def settle(self) -> None:
        """Let everything that waits be handled."""
        for _ in range(6):
            await asyncio.sleep(0.002)

    async def until(self, holds: Callable[[DeskState], bool], *, seconds: float = 5.0) -> None:
        async with asyncio.timeout(seconds):
            while not holds(self.loop.state):
                await asyncio.sleep(0.005)


CRAWL_RULES = PhaseRules()


@asynccontextmanager
async def bench(
    path: Path,
    *,
    scene: Scene | None = None,
    seconds: float = 60.0,
    phases: PhaseRules = CRAWL_RULES,
) -> AsyncIterator[Bench]:
    """Run a desk on a journal file, reachable from outside, until the block ends."""
    clock = MarketClock()
    step_clock = StepClock(clock)
    broker = ScriptedBroker(scene=scene or Scene())
    with Journal.open(path, build_id="test", now=step_clock.now) as journal:
        nothing = Nothing()
        loop = DeskLoop(
            rules=replace(rules(), phases=phases),
            journal=journal,
            broker=broker,
            clock=step_clock,
            workers=nothing,
            operator=nothing,
        )
        reach = Reach(loop, journal)
        running = asyncio.create_task(
            loop.run_until(lambda _: False, timeout=seconds, beside=reach.work(signals=False))
        )
        await asyncio.sleep(0.02)
        try:
            yield Bench(loop=loop, broker=broker, clock=clock, journal=journal, running=running)
        finally:
            running.cancel()
            await asyncio.wait({running})
