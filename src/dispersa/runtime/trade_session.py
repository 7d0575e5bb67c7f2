"""How does one trade run, from the broker's books to the reconciled end? The road, live.

Start-up and recovery are one path: fold the journal, read the broker in full, go on.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any, Protocol, TypeVar

from dispersa.broker import Broker, BrokerFeed
from dispersa.desk import events as ev
from dispersa.desk.commands import AskApproval, DeclineTrade, DenyPlan, EndProgram, Retarget
from dispersa.desk.phase_commands import AnnounceStart, ApprovePlan
from dispersa.desk.rules import DeskRules
from dispersa.desk.state import DeskState, Stage
from dispersa.errors import BrokerError, Halted, MarketDataMissing, Unresolved
from dispersa.execution.plan import PlannedPackage
from dispersa.journal import Journal
from dispersa.market import ConId, OptionContract, Symbol, Underlying
from dispersa.orders import AccountReading, VixReading
from dispersa.runtime.clock_watch import watch_clock
from dispersa.runtime.desk_loop import DeskLoop, Observer, Operator, Seen
from dispersa.runtime.opening import bound_limits, read_held
from dispersa.runtime.reachable import Reach
from dispersa.runtime.replay import close_state, replayed, start_state
from dispersa.runtime.step_clock import StepClock
from dispersa.runtime.workers import MarketWorkers

__all__ = [
    "Connection",
    "TradeSetup",
    "open_books",
    "read_conditions",
    "replayed",
    "require_not_stopped",
    "run_trade",
]

OBSERVE_EVERY = timedelta(milliseconds=250)
CONDITIONS_EVERY = timedelta(seconds=15)

SUBSCRIBE_AGAIN = timedelta(seconds=1)
_PACKAGES_CHANGE = (AskApproval, AnnounceStart, ApprovePlan, Retarget)
_LIVES_BY_TICKS = frozenset({Stage.EXECUTION, Stage.APPROVED})
_RESTING = frozenset({Stage.IDLE, Stage.DECLINED, Stage.ENDED})
RESTING_ROUNDS = 8
"""While nothing is under way, account and VIX are read once in so many rounds."""
_PLAN_OVER = (DeclineTrade, DenyPlan, EndProgram)

_Reading = TypeVar("_Reading", AccountReading, VixReading)


class Connection(Protocol):
    """A broker connection with its two sides."""

    @property
    def orders(self) -> Broker:
        """The order side."""
        ...

    @property
    def feed(self) -> BrokerFeed:
        """The data side."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeSetup:
    """Everything that one trade session is wired from.

    `owns_process` where the session may take the process's signals; `limits_reason` is why the
    configured limits differ from those of the last start; `fresh_workers` makes workers that know
    the weights of today, for a session of many days.
    """

    profile: str
    account: str
    live_allowed: bool
    rules: DeskRules
    connection: Connection
    journal: Journal
    clock: StepClock
    workers: MarketWorkers
    operator: Operator
    time_limit: timedelta = timedelta(hours=2)
    owns_process: bool = False
    limits_reason: str = ""
    fresh_workers: Callable[[], MarketWorkers] | None = None


async def run_trade(
    setup: TradeSetup,
    *,
    edge_waiver: str | None,
    observers: Sequence[Observer] = (),
    closing: ev.ClosingRequested | None = None,
) -> DeskState:
    """Carry one trade from signal to reconciled end and return the desk's last state.

    With `closing` what is carried is the closing (or roll) of a trade that is held.

    A program that the journal shows unfinished is taken up again instead of a new trade.

    Raises
    ------
    BrokerError
        If the broker's books can not be read at the start.
    TimeoutError
        If the trade has not ended within the setup's time limit.
    """
    streaming = Streaming(setup)
    loop = DeskLoop(
        rules=setup.rules,
        journal=setup.journal,
        broker=setup.connection.orders,
        clock=setup.clock,
        workers=setup.workers,
        operator=setup.operator,
        observers=(*observers, streaming),
    )
    start = start_state(setup.journal)
    loop.state = start.state
    reach = Reach(loop, setup.journal)
    await open_books(setup, loop)
    if loop.state.stage is Stage.EXECUTION and loop.state.plan is not None:
        streaming.follow(loop.state)
    else:
        asked = ev.TradeRequested(requested_by=setup.operator.name, edge_waiver=edge_waiver)
        loop.post(asked if closing is None else closing)
    limit = setup.time_limit.total_seconds()
    await loop.run_until(
        lambda state: streaming.has_begun and _is_over(state),
        timeout=limit,
        beside=[*streaming.tasks(loop), *reach.work(signals=setup.owns_process)],
    )
    close_state(setup.journal, start, loop.state)
    require_not_stopped(loop)
    return loop.state


def require_not_stopped(loop: DeskLoop) -> None:
    """Raise `Halted` where a signal has ended the desk; `Unresolved` where orders stay behind."""
    if loop.stopped is None:
        return
    if loop.stopped.stays:
        raise Unresolved(
            f"ended by {loop.stopped.reason}; these orders may still work at the broker: "
            f"{', '.join(loop.stopped.stays)}. Look at them there; the next start takes them up"
        )
    raise Halted(f"ended by {loop.stopped.reason}; no order of ours works at the broker")


def _is_over(state: DeskState) -> bool:
    return state.stage in {Stage.DECLINED, Stage.ENDED}


async def open_books(setup: TradeSetup, loop: DeskLoop) -> None:
    """Bind the limits and read the broker's books before anything is decided."""
    feed = setup.connection.feed
    setup.connection.orders.use_order_ids_above(loop.state.order_id_high_water)
    loop.post(
        ev.DeskOpened(profile=setup.profile, account=setup.account, live_allowed=setup.live_allowed)
    )
    bound = bound_limits(
        loop.state,
        setup.rules.gate.limits,
        reason=setup.limits_reason,
        actor=setup.operator.name,
        at=setup.clock.live.now(),
    )
    if bound is not None:
        loop.post(bound)
    snapshot = await setup.connection.orders.snapshot()
    marked = await read_held(feed, loop.state, snapshot.positions, setup.clock.live)
    if marked is not None:
        loop.post(marked)
    index = await feed.underlying(setup.workers.symbols[0])
    loop.post(ev.BrokerSynchronized(snapshot=snapshot, session=await feed.session(index)))
    loop.post(await read_conditions(setup))


async def read_conditions(setup: TradeSetup) -> ev.ConditionsRead:
    """Read account and VIX; of what can not be read the gate says why it is missing."""
    feed = setup.connection.feed
    account, account_missing = await _or_reason(feed.account())
    vix, vix_missing = await _or_reason(feed.vix())
    return ev.ConditionsRead(
        account=account, vix=vix, account_missing=account_missing, vix_missing=vix_missing
    )


async def _or_reason(reading: Coroutine[Any, Any, _Reading]) -> tuple[_Reading | None, str]:
    try:
        return await reading, ""
    except (BrokerError, MarketDataMissing) as error:
        return None, str(error)


def _packages(state: DeskState) -> tuple[PlannedPackage, ...]:
    """What is worked, or shown for approval; a name given up with nothing held needs no quote."""
    program, plan = state.program, state.plan
    if program is None or program.state.has_ended:
        return () if plan is None else plan.packages
    rows = program.packages.values()
    return tuple(row.plan for row in rows if row.is_open or row.filled or row.gap)


class Streaming:
    """Keeps the plan's legs streaming and shows the desk the market while it works."""

    def __init__(self, setup: TradeSetup) -> None:
        self._setup = setup
        self._con_ids: frozenset[ConId] = frozenset()
        self.has_begun = False
        self._streamed: tuple[OptionContract | Underlying, ...] = ()
        self._wanted: asyncio.Queue[tuple[PlannedPackage, ...] | None] = asyncio.Queue()

    def saw(self, seen: Seen) -> None:
        """Stream the plan's contracts as soon as it is up for approval, reserves when they play."""
        self.has_begun |= isinstance(seen.event, ev.TradeRequested | ev.ClosingRequested)
        if any(isinstance(command, _PACKAGES_CHANGE) for command in seen.commands):
            self.follow(seen.state)
        elif any(isinstance(command, _PLAN_OVER) for command in seen.commands):
            self._wanted.put_nowait(None)

    def follow(self, state: DeskState) -> None:
        """Stream the contracts of the plan, or of the program that is under way."""
        self.has_begun = True
        wanted = _packages(state)
        if wanted:
            self._wanted.put_nowait(wanted)

    def tasks(self, loop: DeskLoop) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """What runs beside the desk."""
        return [
            self._subscribe,
            lambda: self._observe(loop),
            lambda: self._refresh_conditions(loop),
            lambda: watch_clock(self._setup.clock.live, loop.post),
        ]

    async def _subscribe(self) -> None:
        while True:
            packages = await self._wanted.get()
            if packages is None:
                await self._release()
                continue
            while not await self._streams(packages) and self._wanted.empty():
                await asyncio.sleep(SUBSCRIBE_AGAIN.total_seconds())

    async def _streams(self, packages: tuple[PlannedPackage, ...]) -> bool:
        """Whether the packages' contracts stream now; a lost link must not end a desk at work.

        What is no longer wanted gives its lines back first.
        """
        feed = self._setup.connection.feed
        contracts: list[OptionContract | Underlying] = []
        try:
            for package in packages:
                contracts.extend(package.straddle.legs)
                contracts.append(await self._underlying(package.symbol))
            wanted = frozenset(contract.con_id for contract in contracts)
            over = [each for each in self._streamed if each.con_id not in wanted]
            self._streamed = tuple(each for each in self._streamed if each.con_id in wanted)
            await feed.unsubscribe(over)
            await feed.subscribe(contracts)
        except (BrokerError, MarketDataMissing):
            return False
        self._streamed, self._con_ids = tuple(contracts), wanted
        return True

    async def _release(self) -> None:
        """Give the market data lines of a plan that is over back."""
        lines, self._streamed, self._con_ids = self._streamed, (), frozenset()
        with contextlib.suppress(BrokerError):
            await self._setup.connection.feed.unsubscribe(lines)

    async def _underlying(self, symbol: Symbol) -> Underlying:
        return await self._setup.connection.feed.underlying(symbol)

    async def _observe(self, loop: DeskLoop) -> None:
        while True:
            await asyncio.sleep(OBSERVE_EVERY.total_seconds())
            quotes = self._setup.connection.feed.quotes()
            known = {key: quotes[key] for key in sorted(self._con_ids) if key in quotes}
            if known or loop.state.stage in _LIVES_BY_TICKS:
                loop.post(ev.MarketObserved(quotes=known))

    async def _refresh_conditions(self, loop: DeskLoop) -> None:
        for round_number in count():
            await asyncio.sleep(CONDITIONS_EVERY.total_seconds())
            if loop.state.stage in _RESTING and round_number % RESTING_ROUNDS:
                continue
            loop.post(await read_conditions(self._setup))
