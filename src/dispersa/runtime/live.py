"""How is a session wired from the configuration? Connection, clock, journal, workers."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Protocol

from dispersa.broker.ibkr.connection import IbkrConnection, connect
from dispersa.broker.ibkr.settings import Deadlines
from dispersa.correlation.share_classes import merged
from dispersa.desk.rules import DeskRules
from dispersa.errors import InvalidConfig, MarketDataMissing
from dispersa.history.place import default_store
from dispersa.journal import Journal
from dispersa.market import Basket, Symbol, Weight
from dispersa.risk import Gate, Limits
from dispersa.runtime.build import build_id
from dispersa.runtime.clock import WallClock
from dispersa.runtime.config.settings import Settings
from dispersa.runtime.control_desk import how_to_reach
from dispersa.runtime.desk_loop import Operator
from dispersa.runtime.heartbeat import beat_file, beating
from dispersa.runtime.market_reading import TenorWindow
from dispersa.runtime.snapshot_keeping import SnapshotKeeper, keeping
from dispersa.runtime.step_clock import Clock, StepClock
from dispersa.runtime.trade_session import TradeSetup
from dispersa.runtime.workers import MarketWorkers, TradePolicies
from dispersa.sizing import SizingPolicy, VegaNeutralSizer

SKEW_MAX = timedelta(seconds=2)


class BrokerClock:
    """The wall clock, moved once to the broker's time where the market is simulated."""

    def __init__(self) -> None:
        self._wall = WallClock()
        self._offset = timedelta(0)

    def now(self) -> datetime:
        """Return the time now, aware, in UTC."""
        return self._wall.now() + self._offset

    def monotonic_ns(self) -> int:
        """Return nanoseconds since some fixed instant; never stepped."""
        return self._wall.monotonic_ns()

    def align(self, broker_time: datetime) -> None:
        """Go by the broker's time from now on."""
        self._offset += broker_time - self.now()


class AlignableClock(Protocol):
    """Time on both clocks, which a simulated market may set."""

    def now(self) -> datetime:
        """Return the time now, aware, in UTC."""
        ...

    def monotonic_ns(self) -> int:
        """Return nanoseconds since some fixed instant; never stepped."""
        ...

    def align(self, broker_time: datetime) -> None:
        """Go by the broker's time from now on."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """A live connection with its clock: enough to read, not to trade.

    `snapshots` keeps every chain that is read through it.
    """

    settings: Settings
    connection: IbkrConnection
    clock: Clock
    snapshots: SnapshotKeeper

    def workers(self) -> MarketWorkers:
        """What computes signal and plan on this connection."""
        return MarketWorkers(
            feed=self.connection.feed,
            broker=self.connection.orders,
            policies=trade_policies(self.settings, self.clock.now().date()),
            clock=self.clock,
            keep=self.snapshots.keep,
        )


@asynccontextmanager
async def open_market(
    settings: Settings,
    clock: AlignableClock | None = None,
    deadlines: Deadlines | None = None,
) -> AsyncIterator[Market]:
    """Connect both links; the simulated gateway's clock is followed, any other only checked.

    Raises
    ------
    BrokerError
        If nobody listens, or the account is not the configured one.
    MarketDataMissing
        If the machine's clock and the broker's differ by more than two seconds.
    """
    clock = clock or BrokerClock()
    terms = settings.ibkr()
    terms = terms if deadlines is None else replace(terms, deadlines=deadlines)
    connection = await connect(terms, clock)
    try:
        broker_time = await connection.feed.server_time()
        if settings.profile == "sim":
            clock.align(broker_time)
        elif abs(broker_time - clock.now()) > SKEW_MAX:
            raise MarketDataMissing(
                f"this machine's clock says {clock.now():%F %T}, the broker's {broker_time:%F %T} "
                f"UTC; expected at most {SKEW_MAX.total_seconds():.0f} s between them: set the "
                "clock by a time server (a simulated gateway has a time of its own: profile 'sim')"
            )
        is_simulated = settings.profile == "sim"
        source = "simulated snapshot" if is_simulated else "ibkr snapshot"
        async with keeping(default_store(is_simulated=is_simulated), source) as snapshots:
            yield Market(settings=settings, connection=connection, clock=clock, snapshots=snapshots)
    finally:
        await connection.close()


def trade_policies(settings: Settings, today: date) -> TradePolicies:
    """Return how signal and plan are made by this configuration."""
    universe = settings.universe
    return TradePolicies(
        basket=basket_on(settings, today),
        names=universe.names,
        window=TenorWindow(
            target_days=universe.dte_target, days_min=universe.dte_min, days_max=universe.dte_max
        ),
        signal=settings.signal.policy(),
        planning=settings.planning.policy(),
        stress=settings.stress.policy(),
        sizer=VegaNeutralSizer(within(settings.sizing.policy(), settings.risk.limits())),
        basket_rules=settings.basket.policy(),
    )


def basket_on(settings: Settings, today: date) -> Basket:
    """Weights of the index known on a day, both lines of a company merged, exclusions left out.

    Raises
    ------
    InvalidConfig
        No weights are configured, or none of them is as old as the day.
    """
    listed = _listed(settings, today)
    both = merged(listed, frozenset(row.symbol for row in listed.weights))
    kept = tuple(row for row in both.weights if row.symbol not in settings.universe.excluded)
    return Basket(index=both.index, as_of=both.as_of, weights=kept)


def _listed(settings: Settings, today: date) -> Basket:
    from dispersa.history.weights import read_weights

    path, index = settings.universe.weights, Symbol(settings.universe.index)
    if path is not None:
        weights = read_weights(path, index)
        if (known := weights.on(today)) is None:
            raise InvalidConfig(
                f"the weights of {index} in {path} begin on {weights.dates[0]}; expected some on "
                f"or before {today}: use a file that goes back that far"
            )
        return known
    if settings.profile != "sim":
        raise InvalidConfig(
            "universe.weights is not set; expected a file with date, symbol, weight, etf. Only "
            "the simulated market brings weights of its own"
        )
    from dispersa.gateway.world.synthetic import synthetic_universe

    rows = synthetic_universe(today).weights[index]
    return Basket(
        index=index,
        as_of=today,
        weights=tuple(Weight(symbol=Symbol(name), weight=part) for name, part in rows.items()),
    )


def within(policy: SizingPolicy, limits: Limits) -> SizingPolicy:
    """Keep the vega of one leg where the gate lets both legs of the program pass."""
    # Both legs together are the program's gross vega; one may be larger by the tolerance.
    gross = min(limits.program.vega_usd_max, limits.day.vega_usd_max)
    half = gross / (2 + policy.tolerance) * (1 - 1e-9)  # rounding must not cross the cap
    most = min(half, limits.package.vega_usd_max)
    own = policy.vega_max_usd_per_point
    return replace(policy, vega_max_usd_per_point=most if own is None else min(own, most))


@asynccontextmanager
async def open_desk(
    settings: Settings,
    operator: Operator,
    *,
    owns_process: bool = False,
    clock: AlignableClock | None = None,
    deadlines: Deadlines | None = None,
) -> AsyncIterator[TradeSetup]:
    """Connect, take the journal, and wire everything that a trade needs.

    `owns_process` where the desk may take the process's signals.
    """
    async with open_market(settings, clock, deadlines) as market:
        steps = StepClock(market.clock)
        journal = Journal.open(
            settings.journal_file,
            build_id=build_id(),
            now=steps.now,
            monotonic_ns=time.monotonic_ns,
            contact=how_to_reach(),
        )
        with journal:
            async with beating(beat_file(settings.journal_file.resolve())):
                yield TradeSetup(
                    profile=settings.profile,
                    account=market.connection.account,
                    live_allowed=settings.profile == "live" and settings.live.enabled,
                    rules=desk_rules(settings),
                    connection=market.connection,
                    journal=journal,
                    clock=steps,
                    workers=market.workers(),
                    operator=operator,
                    limits_reason=settings.risk.change_reason,
                    fresh_workers=market.workers,
                    owns_process=owns_process,
                )


def desk_rules(settings: Settings) -> DeskRules:
    """Return the rules that the desk decides by."""
    return DeskRules(
        gate=Gate(settings.risk.limits()),
        order_prefix=f"dispersa-{settings.profile}",
        walk_policy=settings.execution.walk_policy(),
        program_policy=settings.execution.program_policy(),
        phases=settings.phases.rules(settings.web.public_url),
        halts=settings.halts.policy(),
    )
