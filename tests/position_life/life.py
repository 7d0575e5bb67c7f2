"""A desk and a gateway on one virtual clock, from one day to the next."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from dispersa.broker.ibkr.connection import IbkrConnection, connect
from dispersa.broker.ibkr.settings import IbkrSettings
from dispersa.correlation.terms import SignalPolicy
from dispersa.desk import events as ev
from dispersa.desk.rules import DeskRules
from dispersa.desk.state import DeskState
from dispersa.gateway.server import RunningGateway, serve
from dispersa.gateway.settings import GatewaySettings
from dispersa.gateway.venue import Venue
from dispersa.journal import Journal
from dispersa.market import Basket, ConId, Symbol, Weight
from dispersa.orders import ProgramId
from dispersa.risk import SIMULATED_LIMITS, Gate
from dispersa.runtime.clock import LoopClock
from dispersa.runtime.demo import EDGE_WAIVER, PATIENT, ScriptedOperator
from dispersa.runtime.market_reading import TenorWindow
from dispersa.runtime.planning import PlanningPolicy
from dispersa.runtime.step_clock import StepClock
from dispersa.runtime.trade_session import TradeSetup, run_trade
from dispersa.runtime.workers import MarketWorkers, TradePolicies
from dispersa.sizing import SizingPolicy, VegaNeutralSizer
from dispersa.sizing.stress import StressPolicy

ACCOUNT = "DU1234567"
INDEX = Symbol("QQQ")
PORT = 4002
NIGHT_STEP_SECONDS = 1800.0
FEW_NAMES = SignalPolicy(edge_min_vol_points=-50.0, premium_min=-1.0, names_min=2, coverage_min=0.1)
"""Says yes to a basket of three: a roll needs a signal that does."""
RULES = DeskRules(gate=Gate(replace(SIMULATED_LIMITS, active_positions_max=3)), order_prefix="life")


@dataclass
class Life:
    """One gateway, one journal; sessions come and go."""

    gateway: RunningGateway
    journal: Path
    clock: StepClock
    names: int

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[IbkrConnection]:
        settings = IbkrSettings(port=PORT, account=ACCOUNT, deadlines=PATIENT)
        connection = await connect(settings, self.clock.live)
        try:
            yield connection
        finally:
            await connection.close()

    @asynccontextmanager
    async def desk(self) -> AsyncIterator[TradeSetup]:
        """Connect and take the journal."""
        async with self.connected() as connection:
            with Journal.open(self.journal, build_id="life", now=self.clock.now) as journal:
                yield TradeSetup(
                    profile="sim",
                    account=ACCOUNT,
                    live_allowed=False,
                    rules=RULES,
                    connection=connection,
                    journal=journal,
                    clock=self.clock,
                    workers=self.workers(connection),
                    operator=ScriptedOperator(ACCOUNT),
                    time_limit=timedelta(hours=2),
                )

    def workers(self, connection: IbkrConnection) -> MarketWorkers:
        rows = self.venue.basket(INDEX)
        weights = tuple(Weight(symbol=Symbol(name), weight=part) for name, part in rows.items())
        basket = Basket(index=INDEX, as_of=self.clock.live.now().date(), weights=weights)
        policies = TradePolicies(
            basket=basket,
            names=self.names,
            window=TenorWindow(),
            signal=FEW_NAMES,
            planning=PlanningPolicy(),
            stress=StressPolicy(loss_share_max=0.005),
            sizer=VegaNeutralSizer(SizingPolicy()),
        )
        return MarketWorkers(
            feed=connection.feed, broker=connection.orders, policies=policies, clock=self.clock.live
        )

    async def trade(self) -> DeskState:
        """Open today's trade."""
        async with self.desk() as setup:
            return await run_trade(setup, edge_waiver=EDGE_WAIVER)

    async def close(
        self, trade: str, *, share: float = 1.0, rolls: bool = False, reason: str = "test"
    ) -> DeskState:
        """Close or roll a trade."""
        asked = ev.ClosingRequested(
            trade=ProgramId(trade), reason=reason, requested_by="test", share=share, rolls=rolls
        )
        async with self.desk() as setup:
            return await run_trade(setup, edge_waiver=None, closing=asked)

    @property
    def venue(self) -> Venue:
        """The exchange behind the gateway."""
        found = self.gateway.venue
        assert isinstance(found, Venue)
        return found

    def holdings(self) -> dict[ConId, Decimal]:
        """What the broker's ledger holds, by contract."""
        return {ConId(key): size for key, size in self.venue.truth.positions.items() if size}

    def cash(self) -> Decimal:
        """Cash by the broker's ledger."""
        return self.venue.truth.cash

    async def sleep_until(self, when: datetime) -> None:
        """Let virtual time pass in long steps of the market, while nobody is connected."""
        if when <= self.clock.live.now():
            return
        floor, awake = self.gateway.floor, self.gateway.floor.settings
        floor.settings = replace(awake, step_seconds=NIGHT_STEP_SECONDS)
        seconds = (when - self.clock.live.now()).total_seconds() - NIGHT_STEP_SECONDS
        await asyncio.sleep(max(seconds, 0.0))
        floor.settings = awake
        await asyncio.sleep(max((when - self.clock.live.now()).total_seconds(), 0.0))


@asynccontextmanager
async def living(
    journal: Path,
    *,
    start: datetime,
    names: int = 5,
    seed: int = 1,
    cash: Decimal = Decimal(1_000_000),
    **more: object,
) -> AsyncIterator[Life]:
    """Start a gateway on the running (virtual) loop."""
    settings = GatewaySettings(
        port=PORT, seed=seed, start=start, account=ACCOUNT, names=names,
        cash=cash, step_seconds=1.0,
        **more,  # type: ignore[arg-type]
    )  # fmt: skip
    async with await serve(settings) as gateway:
        clock = StepClock(LoopClock(gateway.clock.now(), asyncio.get_running_loop()))
        yield Life(gateway=gateway, journal=journal, clock=clock, names=names)


__all__: Sequence[str] = ("ACCOUNT", "INDEX", "Life", "living")
