"""A crash at every journal write and at every send, one after the other, and a start after each.

The desk loop, its journal and its recovery are the product's; the broker's side is the scripted
scene, which keeps its own books. At each instant the world is copied as a crash would leave it:
what is committed, and what has reached the broker.
"""

import asyncio
import copy
import os
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from dispersa.desk import events as ev
from dispersa.desk.state import DeskState, Stage
from dispersa.journal import Entry, Journal, NewEntry
from dispersa.orders import ApprovedOrder, OrderRef
from dispersa.portfolio import positions_from
from dispersa.runtime.desk_loop import DeskLoop
from dispersa.runtime.replay import replayed
from dispersa.runtime.step_clock import StepClock
from tests.desk.scene import TICK, Scene, rules
from tests.runtime.desk_bench import Bench, MarketClock, Nothing, ScriptedBroker

EVERY = int(os.environ.get("DISPERSA_INSTANTS_EVERY", "9"))
"""Start after every so many instants; `make soak` starts after each."""
ROUNDS = 30
"""Turns of the loop in which everything that waits in memory is handled."""


@dataclass(frozen=True)
class Instant:
    """The world at one moment: the journal as committed, the broker as it stands."""

    label: str
    image: bytes
    scene: Scene


class Watching:
    """Copies the world before and after whatever writes or sends."""

    def __init__(self, journal: Journal, broker: ScriptedBroker) -> None:
        self.instants: list[Instant] = []
        self._journal, self._broker = journal, broker
        self._append, self._place, self._amend, self._cancel = (
            journal.append,
            broker.place,
            broker.amend,
            broker.cancel,
        )
        journal.append = self.append  # type: ignore[method-assign]  # the seam under test
        broker.place = self.place  # type: ignore[method-assign]  # likewise
        broker.amend = self.amend  # type: ignore[method-assign]  # likewise
        broker.cancel = self.cancel  # type: ignore[method-assign]  # likewise

    def copy(self, label: str) -> None:
        scene = copy.copy(self._broker.scene)
        scene.live, scene.arrived = dict(scene.live), dict(scene.arrived)
        scene.executions = list(scene.executions)
        self.instants.append(Instant(label, self._journal.image(), scene))

    def append(self, entries: Sequence[NewEntry]) -> tuple[Entry, ...]:
        self.copy(f"before writing {entries[0].kind}")
        placed = self._append(entries)
        self.copy(f"after writing {entries[0].kind}")
        return placed

    async def place(self, order: ApprovedOrder) -> None:
        self.copy(f"before sending {order.intent.ref}")
        await self._place(order)
        self.copy(f"after sending {order.intent.ref}")

    async def amend(self, order: ApprovedOrder) -> None:
        await self._amend(order)
        self.copy(f"after changing {order.intent.ref}")

    async def cancel(self, ref: OrderRef) -> None:
        await self._cancel(ref)
        self.copy(f"after cancelling {ref}")


async def drain() -> None:
    for _ in range(ROUNDS):
        await asyncio.sleep(0)


async def work(desk: Bench, rng: random.Random, *, ticks: int) -> None:
    """Let time pass; the broker fills by chance until the program has ended."""
    scene = desk.scene
    for number in range(ticks):
        if desk.loop.state.stage is Stage.ENDED:
            return
        desk.clock.at += TICK
        scene.now, scene.state = desk.clock.at, desk.loop.state
        if number % 40 == 0:
            desk.loop.post(scene.conditions())
        desk.loop.post(scene.quotes())
        await drain()
        for ref, approved in tuple(scene.live.items()):
            if rng.random() < 0.2:
                fill(desk, ref, approved, rng, number)
        await drain()


def fill(
    desk: Bench, ref: OrderRef, approved: ApprovedOrder, rng: random.Random, number: int
) -> None:
    scene = desk.scene
    done = sum(int(row.quantity) for row in scene.executions if row.order_ref == ref) // 2
    units = rng.randint(1, approved.intent.quantity - done)
    tag = f"{ref}-{number}-{len(scene.executions)}"
    for report in scene.reports_of_fill(approved, units, tag):
        desk.broker.queue.put_nowait(report)  # type: ignore[arg-type]  # reports of a fill
    if done + units == approved.intent.quantity:
        del scene.live[ref]


def desk_on(journal: Journal, scene: Scene) -> Bench:
    clock = MarketClock(scene.now)
    nothing, broker = Nothing(), ScriptedBroker(scene=scene)
    loop = DeskLoop(
        rules=rules(),
        journal=journal,
        broker=broker,
        clock=StepClock(clock),
        workers=nothing,
        operator=nothing,
    )
    running = asyncio.create_task(loop.run_until(lambda _: False, timeout=None))
    return Bench(loop=loop, broker=broker, clock=clock, journal=journal, running=running)


def memory(clock: StepClock, image: bytes | None = None) -> Journal:
    return Journal.in_memory(build_id="test", now=clock.now, monotonic_ns=lambda: 0, image=image)


async def one_trade(seed: int) -> list[Instant]:
    """Work a program to its end and copy the world at every write and send."""
    scene = Scene()
    clock = MarketClock(scene.now)
    desk = desk_on(memory(StepClock(clock)), scene)
    watching = Watching(desk.journal, desk.broker)
    await desk.start_program()
    await work(desk, random.Random(seed), ticks=3000)
    assert desk.loop.state.stage is Stage.ENDED
    await end(desk)
    return watching.instants


async def end(desk: Bench) -> None:
    desk.running.cancel()
    await asyncio.wait({desk.running})


async def start_again(instant: Instant, seed: int) -> tuple[Scene, DeskState]:
    """Start on what the crash has left, as `run_trade` does, and go on to the end."""
    scene = instant.scene
    desk = desk_on(memory(StepClock(MarketClock(scene.now)), instant.image), scene)
    desk.loop.state = replayed(desk.journal.entries())
    if desk.loop.state.stage is not Stage.EXECUTION:
        await end(desk)
        return scene, desk.loop.state
    tell = desk.loop.tell
    await tell(ev.DeskOpened(profile="sim", account="DU1234567", live_allowed=False))
    session = desk.loop.state.session
    await tell(ev.BrokerSynchronized(snapshot=scene.snapshot(), session=session))
    await tell(scene.conditions())
    await work(desk, random.Random(seed), ticks=3000)
    await end(desk)
    return scene, desk.loop.state


def check(instant: Instant, scene: Scene, state: DeskState) -> None:
    """The broker's books and ours tell one story, and nothing hangs in the air."""
    label = instant.label
    assert {*scene.arrived} <= {*state.orders}, label  # all that was sent had been written down
    executed: Counter[int] = Counter()
    for row in scene.executions:
        executed[row.con_id] += row.side.sign * int(row.quantity)
    held = Counter({key: int(row.quantity) for key, row in positions_from(state.book).items()})
    assert {k: v for k, v in executed.items() if v} == {k: v for k, v in held.items() if v}, label
    assert sum(state.units_at_risk().values()) == 0, label
    assert not state.unknown_names(), label
    assert state.reconciliation is None or state.reconciliation.agrees, label
    if state.program is not None:
        assert state.program.state.has_ended, label
        for name, row in state.program.packages.items():
            assert row.filled <= row.plan.quantity, (label, name)


@pytest.mark.parametrize("seed", [1])
def test_start_after_a_crash_at_any_write_or_send_ends_in_one_truth(seed: int) -> None:
    instants = asyncio.run(one_trade(seed))
    kinds = Counter(instant.label.split(" ")[1] for instant in instants)
    assert kinds["writing"] > 100
    assert kinds["sending"] > 20
    for number, instant in enumerate(instants):
        if number % EVERY:
            continue
        scene, state = asyncio.run(start_again(instant, seed=number))
        check(instant, scene, state)
