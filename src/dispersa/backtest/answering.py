"""What does the slow work answer on a past day? Signal, plan and closing, by production code.

The signal is `correlation.assess` on the day's vols and the histories before the day; the plan is
read, valued, sized and written by the code that does so live, through a feed on the past day.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TypeVar

from dispersa.backtest.contracts import listed_expiries
from dispersa.backtest.feed import PastFeed
from dispersa.backtest.market import NameDay, Source
from dispersa.backtest.valuing import Valuer
from dispersa.broker.protocol import OptionListing
from dispersa.correlation.narrowing import Asked, BasketPolicy, narrowed
from dispersa.correlation.signal import assess
from dispersa.correlation.terms import Direction, Signal, SignalInputs, SignalName, SignalPolicy
from dispersa.desk import events as ev
from dispersa.desk.commands import ComputeClosing
from dispersa.desk.state import DeskState
from dispersa.errors import DispersaError, MarketDataMissing
from dispersa.execution.plan import DroppedName
from dispersa.market import Basket
from dispersa.market.contracts import STANDARD_MULTIPLIER
from dispersa.runtime.closing import ClosingDesk, closing_plan, rolled
from dispersa.runtime.market_reading import TenorWindow, choose_expiries, read_market
from dispersa.runtime.planning import (
    PlanningPolicy,
    PlanRequestInputs,
    find_candidates,
    propose,
)
from dispersa.sizing import StressPolicy, VegaNeutralSizer

ASSUMED_SPREAD = "assumed_spread"
MODEL_MARKED = "model_marked"
POINTS = 100.0
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """How signal and plan are made: the configuration's own policies."""

    names: int
    window: TenorWindow
    signal: SignalPolicy
    planning: PlanningPolicy
    stress: StressPolicy
    sizer: VegaNeutralSizer
    basket_rules: BasketPolicy


@dataclass(slots=True)
class PastClock:
    """The moment that the run stands at."""

    at: datetime

    def now(self) -> datetime:
        """Return it."""
        return self.at


@dataclass(slots=True, kw_only=True)
class PastAnswers:
    """Answers of one run; `signal_today` is computed once a day."""

    source: Source
    valuer: Valuer
    policies: Policies
    loop: asyncio.AbstractEventLoop
    feed: PastFeed
    clock: PastClock
    signal_today: Signal | None = None
    problem_today: str = ""
    _left_out: tuple[DroppedName, ...] = ()

    def turn_to(self, feed: PastFeed, at: datetime) -> None:
        """Begin a day: compute its signal."""
        self.feed, self.clock.at, feed.at = feed, at, at
        self.signal_today, self.problem_today = None, ""
        try:
            self.signal_today = self._signal(at)
        except MarketDataMissing as error:
            self.problem_today = str(error)

    def moved_to(self, at: datetime) -> None:
        """Stand at a later moment of the day."""
        self.clock.at = self.feed.at = at

    def signal(self) -> ev.Event:
        """Today's signal, or why there is none."""
        if self.signal_today is None:
            return ev.PlanImpossible(reason=self.problem_today, dropped=())
        return ev.SignalComputed(signal=self.signal_today)

    def plan(self, state: DeskState, edge_waiver: str | None) -> ev.Event:
        """A sized plan on the day's quotes."""
        signal, account = state.signal, state.account
        if signal is None or account is None:
            return ev.PlanImpossible(reason="signal or account values are missing", dropped=())
        policies, basket = self.policies, self._candidates()
        symbols = [self.source.index, *(row.symbol for row in basket.weights)]
        wanted = [symbol for symbol in symbols if symbol in self.valuer.day.names]
        try:
            reading = self._run(
                read_market(self.feed, wanted, window=policies.window, clock=self.clock)
            )
            candidates, dropped = find_candidates(
                reading.without(self._left_out),
                {row.symbol: row.weight for row in basket.weights},
                policies.planning,
            )
            inputs = PlanRequestInputs(
                reading=reading,
                signal=signal,
                account=account,
                candidates=candidates,
                dropped=dropped,
                sizer=policies.sizer,
                stress=policies.stress,
                policy=policies.planning,
                now=self.clock.at,
            )
            plan = propose(inputs, edge_waived=edge_waiver)
        except DispersaError as error:
            return ev.PlanImpossible(reason=str(error), dropped=())
        if isinstance(plan, str):
            return ev.PlanImpossible(reason=plan, dropped=dropped)
        return ev.PlanProposed(plan=plan)

    def closing(self, state: DeskState, asked: ComputeClosing) -> ev.Event:
        """The plan that closes a trade; a roll also opens the next one."""
        desk = ClosingDesk(
            feed=self.feed,
            clock=self.clock,
            policy=self.policies.planning,
            index=self.source.index,
        )
        try:
            closing = self._run(closing_plan(desk, state, asked))
        except MarketDataMissing as error:
            return ev.PlanImpossible(reason=str(error), dropped=())
        if not asked.rolls:
            return ev.PlanProposed(plan=closing)
        signal = self.signal_today
        if signal is None or signal.direction is Direction.NO_TRADE:
            reason = "there is nothing to roll into, close the trade instead"
            return ev.PlanImpossible(reason=reason, dropped=())
        opening = self.plan(replace(state, signal=signal), None)
        if not isinstance(opening, ev.PlanProposed):
            return opening
        return ev.PlanProposed(plan=rolled(closing, opening.plan))

    def _run(self, work: Coroutine[object, object, Answer]) -> Answer:
        return self.loop.run_until_complete(work)

    def _candidates(self) -> Basket:
        basket = self.source.basket(self.valuer.day.day)
        return basket.heaviest(self.policies.basket_rules.to_read(self.policies.names))

    def _signal(self, at: datetime) -> Signal:
        day, index = self.valuer.day, self.source.index
        if index not in day.names:
            raise MarketDataMissing(f"{index} is not in the data of {day.day}")
        components = tuple(
            self._name(day.names[row.symbol], row.weight)
            for row in self._candidates().weights
            if row.symbol in day.names
        )
        everything = SignalInputs(
            as_of=at,
            tenor_days=self.source.tenor_days,
            index=self._name(day.names[index], 1.0),
            components=components,
        )
        asked = Asked(names=self.policies.names, expiry=self._expiry())
        inputs = narrowed(everything, self.policies.basket_rules, asked)
        self._left_out = tuple(
            DroppedName(symbol=one.name.symbol, reason=one.reason.sentence)
            for one in inputs.left_out
        )
        return assess(inputs, self.policies.signal)

    def _expiry(self) -> date:
        name = self.valuer.day.names[self.source.index]
        today = self.valuer.day.day
        listing = OptionListing(
            symbol=name.symbol,
            trading_class=name.symbol,
            multiplier=STANDARD_MULTIPLIER,
            expiries=listed_expiries(name, today),
            strikes=(),
        )
        return choose_expiries({name.symbol: listing}, name.symbol, self.policies.window, today)[0]

    def _name(self, name: NameDay, weight: float) -> SignalName:
        vol = name.vol_at(self.source.tenor_days)
        vols, closes = self.source.history(name.symbol, self.valuer.day.day)
        flags = (ASSUMED_SPREAD, MODEL_MARKED) if self.source.is_model_marked else ()
        return SignalName(
            symbol=name.symbol,
            weight=weight,
            implied_vol=vol,
            spread_vol_points=POINTS * vol * self.valuer.straddle_width(name),
            share_spread=name.share_width * self.valuer.pricing.width_multiple,
            implied_vols=vols,
            closes=closes,
            open_interest=name.open_interest,
            flags=flags,
        )
