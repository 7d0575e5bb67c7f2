"""How is the slow work done that the desk asks for? Reading, assessing, sizing, previewing."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TypeVar

from dispersa.broker import Broker, BrokerFeed
from dispersa.broker.protocol import BarContent, DailyBar
from dispersa.correlation.narrowing import Asked, BasketPolicy, narrowed
from dispersa.correlation.past import DailySeries
from dispersa.correlation.selection import EarningsPolicy
from dispersa.correlation.signal import assess
from dispersa.correlation.terms import (
    Direction,
    ReasonCode,
    Signal,
    SignalInputs,
    SignalName,
    SignalPolicy,
)
from dispersa.desk import events as ev
from dispersa.desk.commands import ComputeClosing
from dispersa.desk.state import DeskState
from dispersa.errors import BrokerError, MarketDataMissing
from dispersa.execution.plan import DroppedName, TradePlan
from dispersa.market import Basket, Symbol
from dispersa.orders import OrderRef, straddle_combo
from dispersa.runtime.closing import ClosingDesk, closing_plan, rolled
from dispersa.runtime.market_reading import (
    MarketReading,
    NameReading,
    TenorWindow,
    read_market,
)
from dispersa.runtime.planning import (
    PlanningPolicy,
    PlanRequestInputs,
    anything_quoted,
    find_candidates,
    propose,
)
from dispersa.runtime.snapshot_keeping import Keep, keep_nothing
from dispersa.runtime.step_clock import Clock
from dispersa.runtime.valuation import (
    nearest_to_forward,
    report_event,
    value_expiry,
    vol_at_tenor,
)
from dispersa.sizing import VegaNeutralSizer
from dispersa.sizing.stress import StressPolicy

HISTORY_DAYS = 504
EVENT_VOL_REMOVED = "event_vol_removed"
REQUESTS_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TradePolicies:
    """How signal and plan are made; `names` is how many are wanted, `basket_rules` which."""

    basket: Basket
    names: int
    window: TenorWindow
    signal: SignalPolicy
    planning: PlanningPolicy
    stress: StressPolicy
    sizer: VegaNeutralSizer
    basket_rules: BasketPolicy = field(default_factory=anything_quoted)


_Workers = TypeVar("_Workers")


class MarketWorkers:
    """Reads the market through the broker's feed and answers the desk's compute commands."""

    def __init__(
        self,
        *,
        feed: BrokerFeed,
        broker: Broker,
        policies: TradePolicies,
        clock: Clock,
        keep: Keep = keep_nothing,
    ) -> None:
        self.keep = keep
        self._feed = feed
        self._broker = broker
        self._policies = policies
        self._clock = clock
        self._reading: MarketReading | None = None
        self._left_out: tuple[DroppedName, ...] = ()
        self._spare: tuple[Symbol, ...] = ()

    def remade(self, make: Callable[..., _Workers], **more: object) -> _Workers:
        """Make other workers on the same feed, broker, policies and clock."""
        return make(
            feed=self._feed,
            broker=self._broker,
            policies=self._policies,
            clock=self._clock,
            keep=self.keep,
            **more,
        )

    @property
    def basket(self) -> Basket:
        """Weights of the index that signal and plan go by."""
        return self._policies.basket

    @property
    def symbols(self) -> list[Symbol]:
        """The index, then its heaviest names, from which the basket is chosen."""
        basket = self._policies.basket
        return [basket.index, *(row.symbol for row in self._candidates().weights)]

    def _candidates(self) -> Basket:
        policies = self._policies
        return policies.basket.heaviest(policies.basket_rules.to_read(policies.names))

    async def compute_signal(self) -> ev.Event:
        """Answer the desk with today's signal."""
        return ev.SignalComputed(signal=await self.assess_signal())

    async def assess_signal(self) -> Signal:
        """Read chains and history of all names and assess today's signal."""
        self._reading = await read_market(
            self._feed, self.symbols, window=self._policies.window, clock=self._clock
        )
        self.keep(self._reading)
        everything = await self._signal_inputs(self._reading)
        asked = Asked(
            names=self._policies.names,
            expiry=self._reading.expiry,
            event_vols=frozenset(
                name.symbol for name in everything.components if EVENT_VOL_REMOVED in name.flags
            ),
        )
        inputs = await asyncio.to_thread(narrowed, everything, self._policies.basket_rules, asked)
        self._left_out = tuple(
            DroppedName(symbol=one.name.symbol, reason=one.reason.sentence)
            for one in inputs.left_out
        )
        self._spare = tuple(
            one.name.symbol
            for one in inputs.left_out
            if one.reason.code is ReasonCode.NAME_NOT_CHOSEN
        )
        return await asyncio.to_thread(assess, inputs, self._policies.signal)

    async def compute_plan(self, state: DeskState, edge_waiver: str | None) -> ev.Event:
        """Size the trade on the market that the signal was read from."""
        reading, signal, account = self._reading, state.signal, state.account
        if reading is None or signal is None or account is None:
            return ev.PlanImpossible(
                reason="market, signal or account values are missing", dropped=()
            )
        weights = {row.symbol: row.weight for row in self._candidates().weights}
        candidates, dropped = find_candidates(
            reading.without(self._left_out), weights, self._policies.planning
        )
        reserves, _ = find_candidates(reading.only(self._spare), weights, self._policies.planning)
        inputs = PlanRequestInputs(
            reading=reading,
            signal=signal,
            account=account,
            candidates=candidates,
            dropped=dropped,
            sizer=self._policies.sizer,
            stress=self._policies.stress,
            policy=self._policies.planning,
            now=self._clock.now(),
            reserves=reserves,
        )
        plan = await asyncio.to_thread(propose, inputs, edge_waived=edge_waiver)
        if isinstance(plan, str):
            return ev.PlanImpossible(reason=plan, dropped=dropped)
        return ev.PlanProposed(plan=await self._previewed(plan))

    async def compute_closing(self, state: DeskState, asked: ComputeClosing) -> ev.Event:
        """Plan the closing of a trade; a roll needs today's signal and a plan of its own."""
        desk = ClosingDesk(
            feed=self._feed,
            clock=self._clock,
            policy=self._policies.planning,
            index=self._policies.basket.index,
        )
        if not asked.rolls:
            return ev.PlanProposed(plan=await closing_plan(desk, state, asked))
        signal = await self.assess_signal()
        if signal.direction is Direction.NO_TRADE:
            why = "; ".join(row.sentence for row in signal.reasons)
            reason = f"there is nothing to roll into, close the trade instead: {why}"
            return ev.PlanImpossible(reason=reason, dropped=())
        opening = await self.compute_plan(replace(state, signal=signal), None)
        if not isinstance(opening, ev.PlanProposed):
            return opening
        closing = await closing_plan(desk, state, asked)
        return ev.PlanProposed(plan=rolled(closing, opening.plan))

    async def _previewed(self, plan: TradePlan) -> TradePlan:
        """Add the broker's margin previews, package by package: no relief between names."""
        previews = [await self._preview(plan, number) for number in range(len(plan.packages))]
        return replace(plan, margin_what_if_usd=sum(previews, Decimal(0)))

    async def _preview(self, plan: TradePlan, number: int) -> Decimal:
        package = plan.packages[number]
        mid = package.quote.mid
        if mid is None:
            raise MarketDataMissing(f"{package.symbol} lost its quote while the plan was made")
        answer = await self._broker.what_if(
            combo=straddle_combo(package.straddle),
            order_ref=OrderRef(f"what-if-{plan.plan_hash}-{number}"),
            limit_price=package.increments.round_passive(mid, package.side),
            quantity=package.side.sign * package.quantity,
        )
        change = answer.initial_margin_change
        if change is None:
            raise BrokerError(
                f"the broker gave no margin preview for {package.symbol}; without one nothing "
                "is opened"
            )
        return max(change, Decimal(0))

    async def _signal_inputs(self, reading: MarketReading) -> SignalInputs:
        room = asyncio.Semaphore(REQUESTS_AT_ONCE)
        index = self._policies.basket.index
        weights = {row.symbol: row.weight for row in self._candidates().weights} | {index: 1.0}

        async def one(name: NameReading) -> SignalName:
            async with room:
                return await self._signal_name(reading, name, weights[name.symbol])

        names = await asyncio.gather(*(one(name) for name in reading.names.values()))
        by_symbol = {row.symbol: row for row in names}
        return SignalInputs(
            as_of=reading.at,
            tenor_days=self._policies.window.target_days,
            index=by_symbol[index],
            components=tuple(row for row in names if row.symbol != index),
        )

    async def _signal_name(
        self, reading: MarketReading, name: NameReading, weight: float
    ) -> SignalName:
        vol, spread, flags = self._vol_and_spread(reading, name)
        vol, flags = self._without_report(reading, name, vol, flags)
        vols = await self._history(name, BarContent.OPTION_IMPLIED_VOLATILITY)
        closes = await self._history(name, BarContent.TRADES)
        width = name.spot_quote.width
        return SignalName(
            symbol=name.symbol,
            weight=weight,
            implied_vol=vol,
            spread_vol_points=spread,
            share_spread=None if width is None else float(width / name.spot),
            implied_vols=vols,
            closes=closes,
            open_interest=name.open_interest(reading.expiry),
            flags=flags,
        )

    def _vol_and_spread(
        self, reading: MarketReading, name: NameReading
    ) -> tuple[float | None, float | None, tuple[str, ...]]:
        rate = self._policies.planning.rate
        try:
            vol = vol_at_tenor(
                name,
                tenor_days=self._policies.window.target_days,
                today=reading.today,
                now=reading.at,
                rate=rate,
            )
            valued = nearest_to_forward(
                value_expiry(name, reading.expiry, now=reading.at, rate=rate), name.symbol
            )
        except MarketDataMissing as error:
            return None, None, (str(error),)
        width = valued.reading.quote.width
        return vol, None if width is None else float(width) / valued.vega, ()

    def _without_report(
        self,
        reading: MarketReading,
        name: NameReading,
        vol: float | None,
        flags: tuple[str, ...],
    ) -> tuple[float | None, tuple[str, ...]]:
        """Take the variance of a known report out of a name's vol, where the policy wants that."""
        rules = self._policies.basket_rules
        report = rules.next_report(name.symbol, reading.today)
        wanted = rules.eligibility.earnings is EarningsPolicy.ALLOW_WITH_EVENT_VOL
        if vol is None or report is None or not wanted:
            return vol, flags
        try:
            event = report_event(name, report, reading, rate=self._policies.planning.rate)
        except MarketDataMissing as error:
            return vol, (*flags, str(error))
        return event.base_vol, (
            *flags,
            EVENT_VOL_REMOVED,
            f"report on {report}: expected move {event.expected_absolute_move:.1%}",
        )

    async def _history(self, name: NameReading, content: BarContent) -> DailySeries:
        bars = await self._feed.daily_bars(name.underlying, content, days=HISTORY_DAYS)
        return _series(bars)


def _series(bars: Sequence[DailyBar]) -> DailySeries:
    return DailySeries(
        dates=tuple(bar.day for bar in bars), values=tuple(bar.close for bar in bars)
    )
