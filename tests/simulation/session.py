"""How does one seed run? Gateway, unmodified client, desk and journal on one simulated loop."""

import asyncio
import contextlib
import gc
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from time import process_time
from typing import Any

from dispersa.broker.ibkr.connection import IbkrConnection, connect
from dispersa.broker.ibkr.settings import IbkrSettings
from dispersa.correlation.terms import SignalPolicy
from dispersa.desk.events import BrokerSynchronized, HaltRequested, ResumeRequested
from dispersa.desk.rules import DeskRules
from dispersa.desk.state import DeskState, Stage
from dispersa.errors import BrokerError
from dispersa.execution.plan import PlanKind, TradePlan
from dispersa.gateway.conditions import Conditions
from dispersa.gateway.outages import Outage
from dispersa.gateway.script import VenueFault
from dispersa.gateway.server import RunningGateway, serve
from dispersa.gateway.settings import GatewaySettings
from dispersa.journal import Entry, Journal
from dispersa.market import Basket, Symbol, Weight
from dispersa.risk import Gate, GateVerdict, HaltLevel, Limits
from dispersa.runtime import trade_session
from dispersa.runtime.clock import LoopClock
from dispersa.runtime.daemon_alerts import Alarm
from dispersa.runtime.demo import EDGE_WAIVER, ScriptedOperator
from dispersa.runtime.desk_loop import DeskLoop, Seen
from dispersa.runtime.loop import SimulatedLoop, Virtual, run
from dispersa.runtime.market_reading import TenorWindow
from dispersa.runtime.planning import PlanningPolicy
from dispersa.runtime.step_clock import StepClock
from dispersa.runtime.trade_session import TradeSetup, replayed, run_trade
from dispersa.runtime.workers import MarketWorkers, TradePolicies
from dispersa.sizing import SizingPolicy, VegaNeutralSizer
from dispersa.sizing.stress import StressPolicy
from tests.simulation.checkers import CANCEL_SECONDS, Checkers, Violation
from tests.simulation.disk import SlowDisk, open_journal
from tests.simulation.duties import ALERT_SECONDS, Duties
from tests.simulation.exchange import Exchange
from tests.simulation.person import WORDS, Browser, Operator
from tests.simulation.scenario import ORDER_CLIENT_ID, Crash, Deed, Fault, Scenario, Silence, Visit
from tests.simulation.wire import WireTap

ACCOUNT = "DU1234567"
INDEX = Symbol("QQQ")
PREFIX = "sim"
PORT = 4002
GRACE_SECONDS = 240.0
"""Calm market time after which every session has come to its end, in words."""
RESTART_SECONDS = 5.0
LATENCY_MAX = 0.3
PAGE_SECONDS = 40.0
"""How long a person waits for the page."""
STRANGERS = frozenset({Deed.FORGED_RESUME, Deed.FOREIGN_HOST})
LEFT_SECONDS = 15.0
"""How long after the end what was under way may still come to its own deadline."""


class Trader(ScriptedOperator):
    """Executes the trade and refuses every closing: a FLATTEN must do nothing without a word."""

    async def confirm(self, plan: TradePlan, verdict: GateVerdict) -> str:
        """Answer for one plan."""
        return "NO" if plan.kind is PlanKind.EXIT else await super().confirm(plan, verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one seed has shown."""

    scenario: Scenario
    violations: tuple[Violation, ...]
    digest: str
    steps: int
    entries: int
    virtual_seconds: float
    cpu_seconds: float
    end: str
    reached: Counter[str]


def simulate(scenario: Scenario) -> Outcome:
    """Run one scenario to its end; the same scenario and build give the same outcome."""
    begun = process_time()
    session = Session(scenario)
    gc.disable()  # it runs when it likes, and finalizers would tell of it
    try:
        outcome = run(session.run, Virtual(network=scenario.network))
    finally:
        gc.enable()
    return replace(outcome, cpu_seconds=process_time() - begun)


class Session:
    """One seed from the gateway's start to the last comparison."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._chaos_began: float | None = None
        self._chaos = asyncio.Event()
        self._desk: DeskLoop | None = None
        self._image: bytes | None = None
        self._state = DeskState()
        self._disk: SlowDisk | None = None
        self._has_opened = False
        self._has_traded = False
        self._is_dying = False
        self._end = "did not end"
        self._faults = 0
        self._resumes = 0
        self._entries = 0

    async def run(self) -> Outcome:
        """Run everything and compare."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        self._loop = loop
        scenario = self.scenario
        settings = GatewaySettings(
            port=PORT,
            seed=scenario.world,
            start=scenario.start,
            account=ACCOUNT,
            cash=scenario.cash,
            names=scenario.names,
        )
        async with await serve(settings) as gateway:
            self._gateway = gateway
            self._exchange = Exchange(gateway, PREFIX)
            self._checkers = Checkers(scenario, self._exchange, ACCOUNT, loop.time)
            self._operator = Operator(scenario.seed, loop.time)
            self._duties = Duties(
                scenario,
                self._exchange,
                self._operator,
                loop.time,
                gateway.clock.now,
                self._checkers.broken,
            )
            self._checkers.duties = self._duties
            self._operator.phone.on_alert = self._duties.on_alert
            self._tap = WireTap(loop.network, self._checkers.on_written)
            self._tap.on_connect = lambda: self._checkers.cut(is_cut=False)
            self._tap.on_life = self._duties.on_life
            gateway.venue.listen(lambda _: self._checkers.on_exchange())
            with contextlib.closing(self._operator):
                await self._watched(gateway)
        traffic = gateway.floor.traffic
        return Outcome(
            scenario=scenario,
            violations=tuple(self._checkers.found),
            digest=sha256(self._image or b"").hexdigest(),
            steps=traffic.messages_in + traffic.messages_out + loop.jumps + self._faults,
            entries=self._entries,
            virtual_seconds=loop.time(),
            cpu_seconds=math.nan,
            end=self._end,
            reached=self._checkers.reached + self._duties.reached,
        )

    async def _watched(self, gateway: RunningGateway) -> None:
        """Run the product until it ends, breaks an invariant, or is out of time."""
        chaos = asyncio.ensure_future(self._cause_chaos(gateway))
        product = asyncio.ensure_future(self._live_through_crashes())
        broken = self._loop.create_future()
        self._checkers.on_violation = lambda: None if broken.done() else broken.set_result(None)
        self._loop.set_exception_handler(self._on_stray_error)
        try:
            await asyncio.wait({product, broken, chaos}, return_when=asyncio.FIRST_COMPLETED)
            if not (product.done() or broken.done()):
                await asyncio.wait(
                    {product, broken},
                    timeout=self.scenario.program.deadline.total_seconds() + GRACE_SECONDS,
                    return_when=asyncio.FIRST_COMPLETED,
                )
            if not (product.done() or broken.done()):
                self._checkers.broken("INV-31", f"no end long after the faults: {self._position()}")
            if product.done():
                self._conclude(product)
        finally:
            for task in (product, chaos):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task

    def _on_stray_error(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        if self._is_dying:
            return  # nobody is left to hear of it
        if isinstance(error, BrokerError) and "Future" in str(context.get("message")):
            return  # one of several questions of one reader, whose first failure was told
        self._checkers.broken("INV-15", f"lost error: {context.get('message')}: {error!r}")

    def _conclude(self, product: "asyncio.Future[None]") -> None:
        error = product.exception()
        if error is not None:
            kind = type(error).__name__
            self._end = f"{kind}: {error}"
            self._checkers.broken("INV-15", f"the session ended with {kind}: {error}")
            return
        self._end = self._position()
        if not self._checkers.found:
            self._checkers.on_end(self._state)
            self._duties.on_end(self._state)

    def _position(self) -> str:
        state = self._desk.state if self._desk is not None else self._state
        program = state.program
        if program is not None:
            open_orders = [f"{o.approved.intent.ref} {o.state.value}" for o in state.open_orders()]
            words = f"{program.state.value}: {program.sentence}"
            return f"{words}; open: {', '.join(open_orders)}" if open_orders else words
        return f"{state.stage.value}: {state.decline_reason}"

    # -- the product -----------------------------------------------------------------------------

    async def _live_through_crashes(self) -> None:
        """Run the desk, kill it where the scenario says so, start it again."""
        crashes = list(self.scenario.crashes)
        while True:
            crash = crashes.pop(0) if crashes else None
            life = asyncio.ensure_future(self._one_life())
            death = asyncio.ensure_future(self._death(crash))
            await asyncio.wait({life, death}, return_when=asyncio.FIRST_COMPLETED)
            if not (life.done() or self._has_traded or crash is None):
                await self._kill(life)
                await asyncio.sleep(crash.down_seconds)
                self._is_dying = False
                continue
            death.cancel()
            if not await self._has_to_start_again(life):
                return

    async def _has_to_start_again(self, life: "asyncio.Future[None]") -> bool:
        """Whether the books could not be read at the start, so that a person tries again."""
        try:
            await life
        except BrokerError:
            if self._has_opened:
                raise
            self._checkers.reached["start refused"] += 1
            self._unplug()
            await asyncio.sleep(RESTART_SECONDS)
            return True
        return False

    async def _death(self, crash: Crash | None) -> None:
        if crash is None:
            await self._loop.create_future()
            return
        await self._chaos.wait()
        assert self._chaos_began is not None
        await asyncio.sleep(max(0.0, self._chaos_began + crash.after_seconds - self._loop.time()))

    async def _kill(self, life: "asyncio.Future[None]") -> None:
        """Stop everything as a dead process does: nothing more is written or committed."""
        self._checkers.reached["crash"] += 1
        self._is_dying = True
        self._unplug()
        self._tap.cut_all()
        life.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await life
        self._tap.cut_all()

    def _unplug(self) -> None:
        """Keep what is on the disk, and let nothing more reach it."""
        if self._disk is not None:
            self._disk.die()
            self._image = self._disk.image()
            self._disk = None

    async def _one_life(self) -> None:
        """One process: connect, open the journal, trade until the end."""
        before = asyncio.all_tasks()
        self._tap.life = life = self._duties.begin_life()
        clock = StepClock(LoopClock(self._gateway.clock.now(), self._loop))
        alarm = self._operator.alarm(clock.live.now)
        connection = await self._connected(clock)
        journal, disk = open_journal(
            clock,
            seed=self.scenario.seed,
            rounds_max=self.scenario.commit_rounds_max,
            image=self._image,
        )
        disk.on_commit = lambda entry: self._on_commit(life, entry)
        self._disk, self._has_opened = disk, False
        alarm.repeat(journal, replayed(journal.entries()))
        ringing = asyncio.ensure_future(alarm.run())
        try:
            with journal, self._watching_desk(alarm, journal, clock):
                self._state = await run_trade(
                    self._setup(clock, connection, journal),
                    edge_waiver=EDGE_WAIVER,
                    observers=[self, alarm],
                )
                self._has_traded = True  # a death after this would begin another trade
                await self._hear_the_last(ringing)
                self._check_replay(journal)
        finally:
            self._operator.leaves()
            ringing.cancel()
            await asyncio.gather(ringing, return_exceptions=True)
            await connection.close()
        await self._check_nothing_left(before)

    def _on_commit(self, life: int, entry: Entry) -> None:
        self._duties.on_life(life, f"committed entry {entry.sequence}")
        self._checkers.intents.take(entry)

    async def _hear_the_last(self, ringing: "asyncio.Future[None]") -> None:
        """Leave the alarm the seconds it may take for what was written last."""
        await asyncio.sleep(ALERT_SECONDS + 0.1)
        self._duties.on_last()
        if ringing.done():
            self._checkers.broken("INV-15", f"the alarm has ended: {ringing.exception()!r}")

    async def _check_nothing_left(self, before: "set[asyncio.Task[Any]]") -> None:
        """No task of the product outlives it: each wait has had its end (INV-16)."""
        await asyncio.sleep(LEFT_SECONDS)
        mine = self._gateway.floor.background
        left = [task for task in asyncio.all_tasks() - before - mine if _is_products(task)]
        for task in left:
            self._checkers.broken("INV-16", f"a task outlives the session: {task.get_coro()}")

    def _check_replay(self, journal: Journal) -> None:
        entries = list(journal.entries())
        self._entries = len(entries)
        self._image = journal.image()
        if replayed(entries) != self._state:
            self._checkers.broken("INV-23", "the journal does not fold to the state that was")

    async def _connected(self, clock: StepClock) -> IbkrConnection:
        """Connect; while the gateway refuses, wait as a supervisor would."""
        settings = IbkrSettings(port=PORT, account=ACCOUNT, order_client_id=ORDER_CLIENT_ID)
        while True:
            try:
                return await connect(settings, clock.live)
            except BrokerError:
                await asyncio.sleep(RESTART_SECONDS)

    def _setup(self, clock: StepClock, connection: IbkrConnection, journal: Journal) -> TradeSetup:
        scenario = self.scenario
        policies = TradePolicies(
            basket=self._basket(),
            names=scenario.names,
            window=TenorWindow(),
            signal=SignalPolicy(),
            planning=PlanningPolicy(),
            stress=StressPolicy(),
            sizer=VegaNeutralSizer(SizingPolicy(tolerance=0.1)),
        )
        return TradeSetup(
            profile="sim",
            account=ACCOUNT,
            live_allowed=False,
            rules=DeskRules(
                gate=Gate(Limits()),
                order_prefix=PREFIX,
                walk_policy=scenario.walk,
                program_policy=scenario.program,
            ),
            connection=connection,
            journal=journal,
            clock=clock,
            workers=MarketWorkers(
                feed=connection.feed, broker=connection.orders, policies=policies, clock=clock.live
            ),
            operator=Trader(ACCOUNT),
            time_limit=timedelta(hours=2),
        )

    def _basket(self) -> Basket:
        rows = self._gateway.venue.basket(INDEX)
        return Basket(
            index=INDEX,
            as_of=self._gateway.clock.now().date(),
            weights=tuple(Weight(symbol=Symbol(name), weight=part) for name, part in rows.items()),
        )

    @contextlib.contextmanager
    def _watching_desk(self, alarm: Alarm, journal: Journal, clock: StepClock) -> Iterator[None]:
        """Keep hold of the loop that the session makes, and put the page in front of it."""
        session, name = self, DeskLoop.__name__

        class Held(DeskLoop):
            def __init__(self, **parts: Any) -> None:
                super().__init__(**parts)
                session._desk = self
                session._operator.faces(self, journal, alarm, clock.live.now)

        setattr(trade_session, name, Held)
        try:
            yield
        finally:
            setattr(trade_session, name, DeskLoop)

    def saw(self, seen: Seen) -> None:
        """Take notice of one step of the desk."""
        if self._chaos_began is None and seen.state.stage is Stage.EXECUTION:
            self._chaos_began = self._loop.time()
            self._chaos.set()
        self._has_opened |= isinstance(seen.event, BrokerSynchronized)
        self._resumes += isinstance(seen.event, ResumeRequested)
        self._checkers.on_desk(seen)
        self._duties.on_desk(seen, 0 if self._desk is None else self._desk.waiting)

    # -- the faults ------------------------------------------------------------------------------

    async def _cause_chaos(self, gateway: RunningGateway) -> None:
        """Cause every fault at its time, then let all be well again."""
        if self.scenario.begins_at_once:
            self._chaos_began = self._loop.time()
            self._chaos.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._chaos.wait(), 60.0)
        self._chaos_began = began = self._chaos_began or self._loop.time()
        self._chaos.set()
        for strike in self.scenario.strikes:
            self._loop.call_at(began + strike.after_seconds, self._strike, gateway, strike.fault)
        for halt in self.scenario.halts:
            self._loop.call_at(began + halt.after_seconds, self._halt, halt.level)
        for silence in self.scenario.silences:
            self._loop.call_at(began + silence.after_seconds, self._silence, silence)
        async with asyncio.TaskGroup() as together:
            together.create_task(self._visit(began))
            until = began + self.scenario.chaos_seconds
            together.create_task(asyncio.sleep(max(0.0, until - self._loop.time())))
        self._calm(gateway)

    def _silence(self, silence: Silence) -> None:
        """The mail server takes nothing for a while; the phone must not wait for it."""
        mail = self._operator.mail
        mail.is_silent = True
        self._faults += 1
        self._checkers.reached["silent mail"] += 1
        self._loop.call_later(silence.seconds, setattr, mail, "is_silent", False)

    async def _visit(self, began: float) -> None:
        """Do on the page what the scenario says, one thing after the other."""
        for visit in self.scenario.visits:
            await asyncio.sleep(max(0.0, began + visit.after_seconds - self._loop.time()))
            self._faults += 1
            browser = await self._operator.browser()
            if browser is not None and self._desk is not None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PAGE_SECONDS):
                        await self._do(browser, visit)

    async def _do(self, browser: Browser, visit: Visit) -> None:
        """Act, and hold the page's answer against what it should be (INV-15, INV-28)."""
        self._checkers.reached[f"page: {visit.deed}"] += 1
        before = self._resumes
        match visit.deed:
            case Deed.LOOK:
                status, fine = await browser.look(visit.path), {200}
            case Deed.HOLD | Deed.CANCEL | Deed.FLATTEN:
                level, reason = visit.deed.value, "drill on the page"
                status, fine = await browser.post("/halt", level=level, reason=reason), {303}
            case Deed.RESUME:
                answer = browser.post("/resume", reason="looked", passphrase=WORDS)
                status, fine = await answer, {303}
            case Deed.FORGED_RESUME:
                status, fine = await browser.forge("/resume", reason="let me in"), {403}
            case _:
                status, fine = await browser.rebind(visit.path), {421}
        if status not in fine:
            invariant = "INV-28" if visit.deed in STRANGERS else "INV-15"
            self._checkers.broken(invariant, f"the page answered {visit.deed} with {status}")
            return
        if visit.deed in {Deed.CANCEL, Deed.FLATTEN}:
            self._expect_cancels(HaltLevel.CANCEL)
        if visit.deed in STRANGERS and self._resumes != before:
            self._checkers.broken("INV-28", f"{visit.deed} has changed the desk")

    def _strike(self, gateway: RunningGateway, fault: Fault) -> None:
        self._faults += 1
        self._checkers.reached[fault.code] += 1
        match fault:
            case Outage():
                if fault.code in {"A5", "A7"}:
                    self._checkers.cut(is_cut=fault.code == "A5")
                gateway.outages.strike(fault)
            case VenueFault():
                if fault.code in {"C3", "C4"}:
                    self._checkers.spoiled(fault.code, fault.symbol, fault.seconds)
                gateway.venue.faults.arm(
                    fault.code,
                    order_ref=fault.order_ref,
                    symbol=fault.symbol,
                    seconds=fault.seconds,
                    count=fault.count,
                )

    def _halt(self, level: HaltLevel) -> None:
        self._faults += 1
        if self._desk is not None:
            self._desk.post(HaltRequested(level=level, reason="drill"))
        self._expect_cancels(level)

    def _expect_cancels(self, level: HaltLevel) -> None:
        """Have it checked that every cancel is on the wire soon, where a link is up."""
        is_sure = not (self.scenario.crashes or self._is_disturbed())
        if level is not HaltLevel.HOLD and is_sure:
            self._loop.call_later(CANCEL_SECONDS + 2 * LATENCY_MAX, self._checkers.check_cancelled)

    def _is_disturbed(self) -> bool:
        """Whether a link may be down, so that a cancel can not leave at once."""
        return any(code.startswith("A") for code in self.scenario.codes)

    def _resume(self) -> None:
        if self._desk is not None:
            self._desk.post(ResumeRequested(reason="the drill is over", operator="drill"))

    def _calm(self, gateway: RunningGateway) -> None:
        self._checkers.cut(is_cut=False)
        if self.scenario.resumes:
            self._resume()
        gateway.venue.faults.disarm()
        for link in list(gateway.floor.connections):
            link.delay(0.0)
        fresh, floor = Conditions(), gateway.floor.conditions
        for name in Conditions.__slots__:
            setattr(floor, name, getattr(fresh, name))
        gateway.outages.strike(Outage(code="A6"))


def _is_products(task: "asyncio.Task[Any]") -> bool:
    """Whether a task runs the product's code and not the harness's or the gateway's."""
    code = getattr(task.get_coro(), "cr_code", None)
    file = "" if code is None else code.co_filename
    return "/dispersa/" in file and "/dispersa/gateway/" not in file
