"""How does one program run from plan to end, and what has it cost? On the gateway, seeded."""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from dispersa.broker.ibkr.connection import IbkrConnection, connect
from dispersa.broker.ibkr.settings import IbkrSettings
from dispersa.correlation.terms import Direction, Signal, SignalPolicy
from dispersa.desk import events as ev
from dispersa.desk.rules import DeskRules
from dispersa.desk.state import DeskState
from dispersa.execution.outcome import outcome_of
from dispersa.execution.plan import DroppedName
from dispersa.execution.policy import PRESETS, ProgramPolicy
from dispersa.execution.program import balance_of
from dispersa.gateway.exchange.orders import WorkingOrder
from dispersa.gateway.script import ScriptedFault, schedule
from dispersa.gateway.server import RunningGateway, serve
from dispersa.gateway.settings import GatewaySettings
from dispersa.gateway.venue import Venue
from dispersa.journal import Journal
from dispersa.market import Basket, Symbol, Weight
from dispersa.portfolio import positions_from
from dispersa.risk import SIMULATED_LIMITS, Gate
from dispersa.runtime import trade_session
from dispersa.runtime.clock import LoopClock
from dispersa.runtime.demo import EDGE_WAIVER, ScriptedOperator
from dispersa.runtime.desk_loop import Seen
from dispersa.runtime.loop import Virtual, run
from dispersa.runtime.market_reading import TenorWindow, read_market
from dispersa.runtime.memory_transport import InMemory
from dispersa.runtime.planning import PlanningPolicy
from dispersa.runtime.step_clock import StepClock
from dispersa.runtime.trade_session import TradeSetup, run_trade
from dispersa.runtime.workers import MarketWorkers, TradePolicies
from dispersa.sizing import SizingPolicy, VegaNeutralSizer
from dispersa.sizing.stress import StressPolicy
from tests.soak.markets import carried, faults_of

T = TypeVar("T")
Story = Callable[[RunningGateway, TradeSetup], Coroutine[Any, Any, T]]
ACCOUNT = "DU1234567"
INDEX = Symbol("QQQ")
PREFIX = "soak"
START = datetime.fromisoformat("2026-11-20T10:00:00-05:00")
STEP_SECONDS = 1.0
"""Market and desk look once a second here, four times by default: a third of the work."""
RESTS_AFTER_END = 30.0
"""Market time after the end in which anything still alive at the exchange would show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One program to run: market, fill preset, seed, names beside the index, account, speed.

    `reserves` names more are read and may stand in.

    `speed` None is virtual time with connections in memory; a number is real TCP, so many times
    as fast as the wall clock.
    """

    market: str
    fills: str
    seed: int
    names: int = 2
    reserves: int = 0
    cash: int = 5_000_000
    preset: str = "standard"
    speed: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one program has shown; shares are fractions, `seconds` market time."""

    cell: Cell
    state: str
    sentence: str
    seconds: float
    seconds_to_balance: float
    imbalance_share: float
    half_spread_shares: tuple[float, ...]
    messages_per_package: float
    duplicate_seconds_max: float
    orphans: int
    are_positions_exact: bool
    remedies: str
    alerts: int


def measure(cell: Cell) -> Measured:
    """Run one program to its end and measure it."""
    return _measured(work(cell))


def work(cell: Cell, policy: ProgramPolicy | None = None) -> "Worked":
    """Run one program to its end; the same cell gives the same story in virtual time."""

    async def story(gateway: RunningGateway, setup: TradeSetup) -> Worked:
        watch = Watch(gateway)
        state = await run_trade(
            replace(setup, rules=replace(setup.rules, program_policy=policy or ProgramPolicy())),
            edge_waiver=EDGE_WAIVER,
            observers=[watch],
        )
        watch.look()
        await asyncio.sleep(RESTS_AFTER_END)
        watch.look()
        return Worked(cell=cell, state=state, watch=watch)

    return told(cell, story)


def told(cell: Cell, story: "Story[T]") -> T:
    """Tell a story on a gateway with a desk that has just been set up for the cell."""
    gc.disable()
    usual = trade_session.OBSERVE_EVERY
    trade_session.OBSERVE_EVERY = timedelta(seconds=STEP_SECONDS)
    try:
        with TemporaryDirectory() as folder:
            speed = cell.speed or Virtual(network=InMemory(seed=cell.seed))
            return run(lambda: _told(cell, story, Path(folder)), speed)
    finally:
        trade_session.OBSERVE_EVERY = usual
        gc.enable()
        gc.collect()


async def _told(cell: Cell, story: "Story[T]", folder: Path) -> T:
    settings = GatewaySettings(
        port=4002 if cell.speed is None else 0,
        seed=cell.seed,
        start=START,
        account=ACCOUNT,
        cash=Decimal(cell.cash),
        names=cell.names + cell.reserves,
        step_seconds=STEP_SECONDS,
        venue_rules={"fill_model": cell.fills},
    )
    with carried(cell.market):
        gateway = await serve(settings)
    async with gateway:
        return await _desk(cell, story, gateway, folder)


async def _desk(cell: Cell, story: "Story[T]", gateway: RunningGateway, folder: Path) -> T:
    clock = StepClock(LoopClock(gateway.clock.now(), asyncio.get_running_loop()))
    connection = await connect(
        IbkrSettings(host=gateway.host, port=gateway.port, account=ACCOUNT), clock.live
    )
    journal = Journal.open(folder / "soak.sqlite", build_id="soak", now=clock.now)
    try:
        with journal:
            return await story(gateway, _setup(cell, gateway, connection, journal, clock))
    finally:
        await connection.close()


def _setup(
    cell: Cell,
    gateway: RunningGateway,
    connection: IbkrConnection,
    journal: Journal,
    clock: StepClock,
) -> TradeSetup:
    policies = TradePolicies(
        basket=_basket(gateway),
        names=cell.names,
        window=TenorWindow(),
        signal=SignalPolicy(),
        planning=PlanningPolicy(spread_max_vol_points=30.0),
        stress=StressPolicy(),
        sizer=VegaNeutralSizer(SizingPolicy(tolerance=0.02)),
    )
    return TradeSetup(
        profile="sim",
        account=ACCOUNT,
        live_allowed=False,
        rules=DeskRules(
            gate=Gate(SIMULATED_LIMITS),
            order_prefix=PREFIX,
            walk_policy=PRESETS[cell.preset],
        ),
        connection=connection,
        journal=journal,
        clock=clock,
        workers=QuickWorkers(
            gateway,
            cell,
            feed=connection.feed,
            broker=connection.orders,
            policies=policies,
            clock=clock.live,
        ),
        operator=ScriptedOperator(ACCOUNT),
        time_limit=timedelta(hours=3),
    )


def _basket(gateway: RunningGateway) -> Basket:
    rows = gateway.venue.basket(INDEX)
    return Basket(
        index=INDEX,
        as_of=gateway.clock.now().date(),
        weights=tuple(Weight(symbol=Symbol(name), weight=part) for name, part in rows.items()),
    )


class QuickWorkers(MarketWorkers):
    """Plans on the market as read, without two years of history: execution is measured here.

    The market's faults begin when the plan is made.
    """

    def __init__(self, gateway: RunningGateway, cell: Cell, **parts: object) -> None:
        super().__init__(**parts)  # type: ignore[arg-type]
        self._gateway, self._cell = gateway, cell

    async def compute_signal(self) -> ev.Event:
        self._reading = await read_market(
            self._feed, self.symbols, window=self._policies.window, clock=self._clock
        )
        self._spare = tuple(self.symbols[1 + self._cell.names :])
        self._left_out = tuple(DroppedName(symbol=one, reason="spare") for one in self._spare)
        return ev.SignalComputed(
            signal=Signal(
                as_of=self._reading.at,
                tenor_days=30,
                index=INDEX,
                direction=Direction.LONG_DISPERSION,
                considered=Direction.LONG_DISPERSION,
                edge_gross=1.0,
                edge_net=0.5,
                thresholds=SignalPolicy(),
                reasons=(),
            )
        )

    async def compute_plan(self, state: DeskState, edge_waiver: str | None) -> ev.Event:
        event = await super().compute_plan(state, edge_waiver)
        names = [str(symbol) for symbol in self.symbols]
        elapsed = (self._gateway.clock.now() - START).total_seconds()
        struck = faults_of(self._cell.market, self._cell.seed, names)
        schedule([_later(fault, elapsed) for fault in struck], self._gateway)
        return event


def _later(fault: ScriptedFault, seconds: float) -> ScriptedFault:
    assert isinstance(fault.moment, float)
    return replace(fault, moment=fault.moment + seconds)


class Watch:
    """Looks at the exchange's own books whenever the desk steps."""

    def __init__(self, gateway: RunningGateway) -> None:
        assert isinstance(gateway.venue, Venue)
        self._venue, self._clock = gateway.venue, gateway.clock
        self._twice_since: dict[str, datetime] = {}
        self.duplicate_seconds = 0.0
        self.duplicates = 0
        self.balanced_at: datetime | None = None

    def saw(self, seen: Seen) -> None:
        """Take notice of one step."""
        self.look()
        program = seen.state.program
        if program is None:
            return
        filled = [row.filled for row in program.packages.values()]
        neutral = abs(balance_of(program, {}).filled) <= program.tolerance_usd
        if not (any(filled) and neutral):
            self.balanced_at = None
        elif self.balanced_at is None:
            self.balanced_at = seen.at

    def look(self) -> None:
        """Count live orders by reference, and how long a reference has been live twice."""
        now = self._clock.now()
        live: dict[str, list[int]] = {}
        for order in self._live():
            live.setdefault(order.order.order_ref, []).append(order.order_id)
        twice = {ref: ids for ref, ids in live.items() if len(ids) > 1}
        self.duplicates = max(self.duplicates, len(self._twice_since | twice))
        for ref in twice:
            since = self._twice_since.setdefault(ref, now)
            self.duplicate_seconds = max(self.duplicate_seconds, (now - since).total_seconds())

    def _live(self) -> list[WorkingOrder]:
        return [
            order
            for order in self._venue.truth.orders
            if not order.is_done and order.order.order_ref.startswith(PREFIX)
        ]

    @property
    def orphans(self) -> int:
        """Orders of ours that are alive at the exchange."""
        return len(self._live())

    @property
    def positions(self) -> dict[int, Decimal]:
        """What the account holds, by contract."""
        return {key: value for key, value in self._venue.truth.positions.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """A program that was run: the desk's last state and what was seen at the exchange."""

    cell: Cell
    state: DeskState
    watch: Watch

    @property
    def are_positions_exact(self) -> bool:
        """Whether our executions amount to what the exchange says that the account holds."""
        held = {
            int(key): Decimal(one.quantity)
            for key, one in positions_from(self.state.book).items()
            if one.quantity
        }
        return held == self.watch.positions


def _measured(worked: Worked) -> Measured:
    cell, state, watch = worked.cell, worked.state, worked.watch
    program = state.program
    if program is None:
        return _refused(cell, state)
    outcome = outcome_of(program, state.orders, state.book, state.messages_sent)
    shares = [row.half_spread_share for row in outcome.packages]
    balanced = watch.balanced_at or program.ended_at or program.started_at
    return Measured(
        cell=cell,
        state=program.state.value,
        sentence=program.sentence,
        seconds=outcome.seconds,
        seconds_to_balance=(balanced - program.started_at).total_seconds(),
        imbalance_share=program.imbalance_max_usd / program.corridor_usd,
        half_spread_shares=tuple(share for share in shares if share is not None),
        messages_per_package=sum(row.messages for row in outcome.packages) / len(outcome.packages),
        duplicate_seconds_max=watch.duplicate_seconds,
        orphans=watch.orphans,
        are_positions_exact=worked.are_positions_exact,
        remedies=",".join(remedy.value for remedy in program.remedies),
        alerts=len(program.alerts),
    )


def _refused(cell: Cell, state: DeskState) -> Measured:
    return Measured(
        cell=cell,
        state="REFUSED",
        sentence=state.decline_reason,
        seconds=0.0,
        seconds_to_balance=0.0,
        imbalance_share=0.0,
        half_spread_shares=(),
        messages_per_package=0.0,
        duplicate_seconds_max=0.0,
        orphans=0,
        are_positions_exact=True,
        remedies="",
        alerts=0,
    )
