"""Thirty-one working orders, a halt, and what then reaches the gateway over TCP, frame by frame."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from dispersa.desk.state import DeskState
from dispersa.gateway.server import serve
from dispersa.gateway.settings import GatewaySettings
from dispersa.gateway.tape import Recorder, read_tape
from dispersa.journal import Journal
from dispersa.market import Side
from dispersa.orders import ApprovedOrder, Combo, Leg, Order, OrderState, OrderWorking
from dispersa.risk import HaltLevel
from dispersa.runtime.desk_loop import DeskLoop
from dispersa.runtime.step_clock import StepClock
from tests.broker.conformance.bench import Bench, bench_on
from tests.desk.scene import rules
from tests.runtime.desk_bench import Nothing

PLACE_ORDER, CANCEL_ORDER = b"3", b"4"
ORDERS = 31
QUESTIONS = 150
"""Most data requests that wait for their turn when the halt comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """What the gateway read after the command: seconds since it, and the message's number."""

    frames: tuple[tuple[float, bytes], ...]
    cancelled: frozenset[bytes]
    confirmed_seconds: float
    placed: int

    @property
    def last_cancel_seconds(self) -> float:
        return max(at for at, kind in self.frames if kind == CANCEL_ORDER)


async def halted(folder: Path) -> Wire:
    """Let 31 orders work through the real connector, keep its pacer busy, and halt."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    recorder = Recorder(folder / "halt.tape", loop.time)
    settings = GatewaySettings(port=0, names=2, step_seconds=0.0625)
    running = await serve(settings, recorder)
    try:
        async with bench_on(running) as bench:
            orders = [_far_order(bench, number) for number in range(ORDERS)]
            for order in orders:
                await bench.orders.place(order)
            await bench.ledger.wait(OrderWorking, times=ORDERS)
            commanded, confirmed = await _halt(bench, orders)
    finally:
        await running.close()
        recorder.close()
    return _wire(folder / "halt.tape", commanded - began, confirmed - commanded)


def _far_order(bench: Bench, number: int) -> ApprovedOrder:
    """An order that rests; by turns in three contracts, since IBKR takes fifteen for each side."""
    ref = f"test-{number}"
    leg = (None, bench.straddle.call, bench.straddle.put)[number % 3]
    if leg is None:
        return bench.order(bench.far(), ref=ref)
    bid = bench.leg_quote(leg).bid
    assert bid is not None
    limit = (bid * Decimal("0.8")).quantize(Decimal("0.01"))
    return bench.order(limit, ref=ref, combo=Combo(legs=(Leg(contract=leg, side=Side.BUY),)))


async def _halt(bench: Bench, orders: list[ApprovedOrder]) -> tuple[float, float]:
    """Halt while data requests wait; return when it was commanded and when all was confirmed."""
    loop, clock = asyncio.get_running_loop(), StepClock(bench.clock)
    bench.ledger.task.cancel()
    await asyncio.wait({bench.ledger.task})
    bench.ledger.task = asyncio.ensure_future(asyncio.sleep(0))  # the desk hears the reports now
    nothing = Nothing()
    with Journal.in_memory(build_id="test", now=clock.now, monotonic_ns=lambda: 0) as journal:
        desk = DeskLoop(
            rules=rules(),
            journal=journal,
            broker=bench.orders,
            clock=clock,
            workers=nothing,
            operator=nothing,
        )
        desk.state = _state(orders, bench)
        running = asyncio.create_task(desk.run_until(lambda _: False, timeout=60))
        expiry = bench.straddle.call.expiry
        questions = [
            asyncio.create_task(bench.feed.options(bench.underlying, expiry, [strike]))
            for strike in bench.strikes[:QUESTIONS]
        ]
        await asyncio.sleep(0.3)
        commanded = loop.time()
        await desk.halt(HaltLevel.CANCEL, "measured", by="test")
        async with asyncio.timeout(20):
            while desk.state.open_orders():
                await asyncio.sleep(0.005)
        confirmed = loop.time()
        await asyncio.sleep(0.5)
        for task in (running, *questions):
            task.cancel()
        await asyncio.wait({running, *questions})
    return commanded, confirmed


def _state(orders: list[ApprovedOrder], bench: Bench) -> DeskState:
    """What the desk knows after 31 acknowledgements."""
    now = bench.clock.now()
    return DeskState(
        linked=True,
        orders={
            order.intent.ref: Order(
                approved=order,
                state=OrderState.WORKING,
                intended_at=now,
                acknowledged_at=now,
                working_limit=order.intent.limit_price,
            )
            for order in orders
        },
        unit_vegas=dict.fromkeys((order.intent.ref for order in orders), 1.0),
    )


def _wire(tape: Path, commanded: float, confirmed_seconds: float) -> Wire:
    frames: list[tuple[float, bytes]] = []
    cancelled: set[bytes] = set()
    placed = 0
    for frame in sorted((f for row in read_tape(tape).values() for f in row), key=lambda f: f.at):
        kind, *fields = frame.payload.split(b"\0")
        if frame.way != "in" or frame.at < commanded:
            placed += frame.way == "in" and kind == PLACE_ORDER
            continue
        frames.append((frame.at - commanded, kind))
        if kind == CANCEL_ORDER:
            cancelled.add(fields[0] if len(fields[0]) > 1 else fields[1])
    return Wire(
        frames=tuple(frames),
        cancelled=frozenset(cancelled),
        confirmed_seconds=confirmed_seconds,
        placed=placed,
    )
