"""How does the main job run with nothing but this package? On an embedded simulated gateway.

Gateway, connector and desk share one event loop and meet only through TCP. A scripted operator
types EXECUTE through the same door a person would use; it works on simulated accounts only. The
signal's verdict is reported and traded whatever it says, labeled so; every other check binds.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from dispersa.broker.ibkr.connection import connect
from dispersa.broker.ibkr.settings import Deadlines, IbkrSettings
from dispersa.correlation.share_classes import merged
from dispersa.correlation.terms import SignalPolicy
from dispersa.desk.controls import HaltPolicy
from dispersa.desk.rules import DeskRules
from dispersa.desk.state import DeskState
from dispersa.errors import Denied, InvalidInput
from dispersa.execution.plan import TradePlan
from dispersa.gateway.server import RunningGateway, serve
from dispersa.gateway.settings import GatewaySettings
from dispersa.journal import Journal, read_entries, verify
from dispersa.market import Basket, Symbol, Weight
from dispersa.risk import SIMULATED_LIMITS, Gate, GateVerdict
from dispersa.runtime.build import build_id
from dispersa.runtime.clock import LoopClock
from dispersa.runtime.desk_loop import Observer, Operator
from dispersa.runtime.market_reading import TenorWindow
from dispersa.runtime.planning import PlanningPolicy
from dispersa.runtime.step_clock import StepClock
from dispersa.runtime.trade_session import TradeSetup, replayed, run_trade
from dispersa.runtime.workers import MarketWorkers, TradePolicies
from dispersa.sizing import SizingPolicy, VegaNeutralSizer
from dispersa.sizing.stress import StressPolicy

DEMO_ACCOUNT = "DU1234567"
DEMO_CASH = Decimal(50_000_000)
DEMO_INDEX = Symbol("QQQ")
DEMO_RULES = DeskRules(
    gate=Gate(SIMULATED_LIMITS),
    order_prefix="demo",
    halts=HaltPolicy(link_seconds_max=1e6, blind_seconds_max=1e6),  # scaled time
)
EDGE_WAIVER = "demo: the verdict is reported, not obeyed"
PATIENT = Deadlines(
    connect_seconds=120,
    request_seconds=120,
    contract_seconds=300,
    history_seconds=300,
    what_if_seconds=120,
    snapshot_seconds=300,
    first_quote_seconds=120,
    silence_seconds=30,
)
"""Market time may run many times as fast as the machine; deadlines here are for real failures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What a user may choose for a demo; `market` None is the built-in synthetic market."""

    seed: int = 1
    speed: float = 20.0
    names: int = 10
    market: Path | None = None
    weights: Path | None = None
    market_date: date | None = None

    def __post_init__(self) -> None:
        if not 2 <= self.names <= 30:
            raise InvalidInput(f"--names is {self.names}; choose from 2 to 30 component names")
        if self.market is None and (self.weights or self.market_date):
            raise InvalidInput("--weights and --date belong to --market; give the chain file too")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """The desk's last state, the rules it decided by, and what its journal has shown."""

    state: DeskState
    rules: DeskRules
    journal: Path
    entries: int
    journal_ok: bool
    fill_model: str


class ScriptedOperator:
    """Types EXECUTE for a simulated account, and refuses for any other."""

    name = "scripted operator"

    def __init__(self, account: str) -> None:
        if not account.startswith("DU"):
            raise Denied(f"the scripted operator confirms simulated accounts only, not {account}")

    async def confirm(self, plan: TradePlan, verdict: GateVerdict) -> str:
        """Confirm the plan as soon as it is shown."""
        if not verdict.passed:
            raise Denied(f"plan {plan.plan_hash} was shown although the gate has denied it")
        await asyncio.sleep(0)
        return "EXECUTE"


async def run_demo(
    options: DemoOptions, journal: Path, *, observers: Sequence[Observer] = ()
) -> DemoResult:
    """Start the gateway, trade once over TCP, and check the journal against the last state."""
    async with AsyncExitStack() as stack:
        stage = await set_stage(options, journal, ScriptedOperator(DEMO_ACCOUNT), stack)
        state = await run_trade(stage.setup, edge_waiver=EDGE_WAIVER, observers=observers)
        fill_model = stage.gateway.venue.fill_model_text
    checked = verify(journal)
    entries = list(read_entries(journal))
    return DemoResult(
        state=state,
        rules=DEMO_RULES,
        journal=journal,
        entries=len(entries),
        journal_ok=checked.is_intact and replayed(entries) == state,
        fill_model=fill_model,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoStage:
    """The running gateway, and everything that a trade on it is wired from."""

    gateway: RunningGateway
    setup: TradeSetup


async def set_stage(
    options: DemoOptions, journal: Path, operator: Operator, stack: AsyncExitStack
) -> DemoStage:
    """Start the gateway and connect to it; `stack` ends both."""
    listed = None if options.market is None else _weights_of_file(options, options.market)
    settings = GatewaySettings(
        port=0,
        seed=options.seed,
        speed=options.speed,
        account=DEMO_ACCOUNT,
        cash=DEMO_CASH,
        market=options.market,
        market_date=options.market_date,
        weights=options.weights,
        names=options.names if listed is None else _lines_for(listed, options.names),
    )
    gateway = await stack.enter_async_context(await serve(settings))
    basket = _weights_of_world(gateway) if listed is None else _merged(listed)
    setup = await _setup(options, gateway, basket, journal, stack)
    return DemoStage(gateway=gateway, setup=replace(setup, operator=operator))


async def _setup(
    options: DemoOptions,
    gateway: RunningGateway,
    basket: Basket,
    path: Path,
    stack: AsyncExitStack,
) -> TradeSetup:
    clock = StepClock(LoopClock(gateway.clock.now(), asyncio.get_running_loop()))
    connection = await connect(
        IbkrSettings(host=gateway.host, port=gateway.port, account=DEMO_ACCOUNT, deadlines=PATIENT),
        clock.live,
    )
    stack.push_async_callback(connection.close)
    journal = stack.enter_context(Journal.open(path, build_id=build_id(), now=clock.now))
    policies = TradePolicies(
        basket=basket,
        names=options.names,
        window=TenorWindow(),
        signal=SignalPolicy(),
        planning=PlanningPolicy(),
        stress=StressPolicy(),
        sizer=VegaNeutralSizer(SizingPolicy()),
    )
    workers = MarketWorkers(
        feed=connection.feed, broker=connection.orders, policies=policies, clock=clock.live
    )
    return TradeSetup(
        profile="sim",
        account=DEMO_ACCOUNT,
        live_allowed=False,
        rules=DEMO_RULES,
        connection=connection,
        journal=journal,
        clock=clock,
        workers=workers,
        operator=ScriptedOperator(DEMO_ACCOUNT),
        time_limit=timedelta(hours=2),
    )


def _weights_of_world(gateway: RunningGateway) -> Basket:
    """Weights that the synthetic market builds its index from."""
    rows = gateway.venue.basket(DEMO_INDEX)
    return Basket(
        index=DEMO_INDEX,
        as_of=gateway.clock.now().date(),
        weights=tuple(Weight(symbol=Symbol(name), weight=part) for name, part in rows.items()),
    )


def _weights_of_file(options: DemoOptions, market: Path) -> Basket:
    """Weights of a chain file's date, every line of every company."""
    from dispersa.history.weights import read_weights

    path = options.weights or market.parent / "estimated_weights.csv.gz"
    weights = read_weights(path, DEMO_INDEX)
    day = options.market_date or weights.dates[-1]
    basket = next((each for each in weights.baskets if each.as_of == day), None)
    if basket is None:
        raise InvalidInput(
            f"{path} has no {DEMO_INDEX} weights of {day}; it has {weights.dates[0]} to "
            f"{weights.dates[-1]}: choose another --date or --weights"
        )
    return basket


def _merged(listed: Basket) -> Basket:
    """Both lines of one company as one name, in the line that trades more."""
    return merged(listed, frozenset(row.symbol for row in listed.weights))


def _lines_for(listed: Basket, names: int) -> int:
    """How many of the file's heaviest lines hold the `names` heaviest companies."""
    wanted = {row.symbol for row in _merged(listed).heaviest(names).weights}
    ranked = [row.symbol for row in listed.heaviest(len(listed.weights)).weights]
    return 1 + max(ranked.index(symbol) for symbol in wanted)
