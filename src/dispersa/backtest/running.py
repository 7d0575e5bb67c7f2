"""How does a run go, day after day? Read, exit, hedge, ask for a trade, mark, settle.

A day in order: interest, early exercise and dividends of the night; the desk's full read; exits;
delta hedges; today's trade; marks at the close; what expires. Decisions and fills are at the day's
closing prices: the daily depth knows no path within a day.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import numpy as np

from dispersa.backtest.answering import PastAnswers, PastClock
from dispersa.backtest.contracts import Contracts
from dispersa.backtest.driving import OPERATOR, PastDesk
from dispersa.backtest.exchange import ACCOUNT, PastExchange
from dispersa.backtest.feed import PastFeed, vix_reading
from dispersa.backtest.lifecycle import Nights
from dispersa.backtest.market import Source
from dispersa.backtest.recording import Records
from dispersa.backtest.settings import BacktestSettings, Entry
from dispersa.backtest.valuing import Contract, Pricing, Valuer
from dispersa.backtest.wiring import (
    CLOSES,
    charges_of,
    days_of,
    forgotten,
    policies_of,
    rules_of,
    session_of,
)
from dispersa.desk import events as ev
from dispersa.desk.decide_single import reference
from dispersa.desk.exits import ExitDecision, TradeLook, exit_of
from dispersa.desk.hedging import Borrow, HedgeVerdict, hedge_of
from dispersa.desk.lifecycle import option_contracts, trade_positions
from dispersa.desk.phases import Phase
from dispersa.desk.state import DeskState, Stage
from dispersa.desk.weighing import held, positions
from dispersa.errors import require
from dispersa.gateway.exchange.fillmodel import fill_model
from dispersa.market import PENNY, ConId, Quote, Side, TradingSession, Underlying
from dispersa.orders import AccountReading, Combo, Leg, ProgramId, Purpose, VixReading
from dispersa.portfolio import Mark, Position, modelled_margin
from dispersa.runtime.hedging import name_delta
from dispersa.runtime.profit import premium_at_start, profit_of
from dispersa.runtime.valuation import EXCHANGE_ZONE

DECIDES = time(14, 30)
READS_AT_NIGHT = timedelta(hours=1)
WAIVERS = {
    Entry.ALWAYS: "baseline always-on: the signal is shown, not obeyed",
    Entry.RANDOM: "baseline random entry: the signal is shown, not obeyed",
}
CAP_USED = Decimal("0.98")
NEVER = datetime.min.replace(tzinfo=UTC)
SHARES_OF_ANYBODY = 10**9
"""Shares that can be borrowed: the data does not say, so a fee is charged and no limit assumed."""


class Run:
    """One run over a source."""

    def __init__(self, settings: BacktestSettings, source: Source) -> None:
        self.settings = settings
        self.source = source
        self.days = days_of(settings, source)
        config = settings.config
        planning = config.planning.policy()
        self._rules = rules_of(config)
        pricing = Pricing(
            rate=planning.rate,
            width_multiple=settings.spread_multiple,
            displayed_size=settings.displayed_size,
        )
        first = source.market(self.days[0])
        self._valuer = Valuer(contracts=Contracts(), pricing=pricing, day=first)
        self._exchange = PastExchange(
            valuer=self._valuer,
            model=fill_model(settings.fills),
            charges=charges_of(settings),
            capital=settings.capital_usd,
            seed=settings.seed,
        )
        self._nights = Nights(
            exchange=self._exchange, valuer=self._valuer, settings=settings, rate=planning.rate
        )
        self._exits, self._hedging = config.exits.policy(), config.hedging.policy()
        self._loop = asyncio.new_event_loop()
        self._answers = self._answering()
        self._desk = PastDesk(
            rules=self._rules,
            exchange=self._exchange,
            world=self,
            answers=self._answers,
            saw=self._saw,
        )
        self._coin = np.random.default_rng(settings.seed)
        self._records = Records(source=source, capital=settings.capital_usd)
        self._marks: Mapping[ConId, Mark] = {}
        self._marked_at = NEVER
        self._orders = 0

    def _answering(self) -> PastAnswers:
        session = session_of(self.days[0])
        return PastAnswers(
            source=self.source,
            valuer=self._valuer,
            policies=policies_of(self.settings.config),
            loop=self._loop,
            feed=PastFeed(self._valuer, session),
            clock=PastClock(session.opens),
        )

    def go(self) -> Records:
        """Run every day and return what was recorded."""
        try:
            before: date | None = None
            for day in self.days:
                self._day(day, before)
                before = day
        finally:
            self._loop.close()
        return self._records

    def account(self, at: datetime) -> AccountReading:
        """Account values at own marks."""
        marks = self._marks_now(at)
        margin = sum(modelled_margin(self._own_positions(), marks).values(), Decimal(0))
        return self._exchange.account(marks, margin, at)

    def vix(self, at: datetime) -> VixReading | None:
        """The day's VIX."""
        level = self._valuer.day.vix
        return None if level is None else vix_reading(level, at)

    def quotes(self, state: DeskState, at: datetime) -> dict[ConId, Quote]:
        """Quotes of the running program's legs and underlyings."""
        plan = state.plan
        if plan is None:
            return {}
        wanted: list[Contract] = []
        for row in (*plan.packages, *plan.reserves):
            wanted.extend(row.straddle.legs)
            wanted.append(self._valuer.contracts.underlying(self._valuer.name(row.symbol)))
        self._answers.moved_to(at)
        return self._valuer.quotes(wanted, at)

    def _day(self, day: date, before: date | None) -> None:
        desk, session = self._desk, session_of(day)
        self._exchange.begin_day()
        if before is not None:
            self._nights.accrue(before, day)
        market = self.source.market(day)
        self._valuer.turn_to(market)
        self._marks = {}
        desk.now = datetime.combine(day, DECIDES, EXCHANGE_ZONE)
        if before is not None:
            self._nights.exercise_early(day, before)
        feed = PastFeed(self._valuer, session)
        self._answers.turn_to(feed, desk.now)
        if before is None:
            desk.tell(ev.DeskOpened(profile="sim", account=ACCOUNT, live_allowed=False))
        self._read_books(session)
        self._records.begin(day, self._answers, self._valuer)
        self._decide(day)
        self._end(day)

    def _read_books(self, session: TradingSession) -> None:
        """The first full read of a day, and what a person would make of it."""
        desk = self._desk
        snapshot = self._exchange.snapshot(self.account(desk.now), desk.now)
        desk.tell(ev.BrokerSynchronized(snapshot=snapshot, session=session))
        for event in self._nights.person_books(desk.state):
            desk.tell(event)
        for event in self._nights.dividends(desk.state, desk.now):
            desk.tell(event)
        self._require_agreement()
        desk.read_conditions()
        self._mark_book()
        if desk.state.halt is not None:
            desk.tell(
                ev.ResumeRequested(reason="the next morning of a backtest", operator=OPERATOR)
            )

    def _require_agreement(self) -> None:
        found = self._desk.state.reconciliation
        breaks = None if found is None else [each.sentence for each in found.breaks]
        require(
            breaks == [],
            f"the desk's books and the exchange's differ on {self._desk.now:%Y-%m-%d}: {breaks}",
        )

    def _mark_book(self) -> None:
        marks = tuple(self._marks_now(self._desk.now).values())
        self._desk.tell(ev.BookMarked(marks=marks))

    def _decide(self, day: date) -> None:
        desk = self._desk
        for trade in desk.state.programs_held:
            decision = self._exit(trade, day)
            if decision is not None:
                self._records.leaves(trade, decision)
                desk.tell(
                    ev.ClosingRequested(
                        trade=trade,
                        reason=decision.sentence,
                        requested_by=OPERATOR,
                        rolls=decision.rolls,
                    )
                )
                desk.work()
                self._mark_book()
        if self._wants_trade():
            desk.tell(
                ev.TradeRequested(
                    requested_by=OPERATOR,
                    edge_waiver=WAIVERS.get(self.settings.entry),
                    phase=Phase.CRAWL,
                )
            )
            desk.work()
            self._mark_book()
        self._level()

    def _exit(self, trade: ProgramId, day: date) -> ExitDecision | None:
        state, entry = self._desk.state, self._records.entry_of(trade)
        rows = {k: row for k, row in trade_positions(state, trade).items() if not row.is_flat}
        contracts = option_contracts(state)
        days = [contracts[key].days_to_expiry(day) for key in rows if key in contracts]
        if not days:
            return None
        signal = self._answers.signal_today
        look = TradeLook(
            profit_usd=profit_of(state, trade, state.marks).total_usd,
            premium_usd=premium_at_start(state, trade),
            days_to_expiry=min(days),
            edge_vol_points=None if signal is None else signal.edge_net,
            vix=None if state.vix is None else state.vix.level,
            vix_at_start=entry.vix,
            correlation=None if signal is None else signal.implied_correlation,
            correlation_at_start=entry.correlation,
        )
        return exit_of(look, self._exits)

    def _wants_trade(self) -> bool:
        state, settings = self._desk.state, self.settings
        toss = self._coin.random()
        if state.halt is not None or len(state.programs_held) >= settings.trades_at_once:
            return False
        return settings.entry is not Entry.RANDOM or toss < settings.entry_probability

    def _level(self) -> None:
        """Hedge what is held; sell or cover shares that no option needs any more."""
        desk = self._desk
        has_options = any(
            not isinstance(contract, Underlying) for contract, _ in self._exchange.holdings.values()
        )
        if not has_options:
            for contract, quantity in list(self._exchange.holdings.values()):
                if isinstance(contract, Underlying):
                    self._trade_shares(contract, -int(quantity))
            return
        if not self.settings.is_hedged or desk.state.halt is not None:
            return
        for stock, shares in self._hedges():
            self._trade_shares(stock, shares)

    def _hedges(self) -> list[tuple[Underlying, int]]:
        desk, session = self._desk, self._desk.state.session
        if session is None:
            return []
        found = []
        borrow = Borrow(shares=SHARES_OF_ANYBODY, fee=self.settings.borrow_fee)
        for row in held(desk.state).underlyings:
            if row.symbol not in self._valuer.day.names:
                continue
            stock = self._valuer.contracts.underlying(self._valuer.name(row.symbol))
            quote = self._valuer.share_quote(stock, desk.now)
            name = name_delta(desk.state, row, stock, quote, borrow)
            hedge = hedge_of(name, self._hedging, desk.now, session.opens, session.closes)
            if hedge.verdict is HedgeVerdict.TRADE:
                found.append((stock, hedge.shares))
        return found

    def _trade_shares(self, stock: Underlying, shares: int) -> None:
        """Trade shares in orders that the gate's cap on one hedge lets pass."""
        quote = self._valuer.quotes([stock], self._desk.now).get(stock.con_id)
        if quote is None or quote.ask is None or not shares:
            return
        cap = self._rules.gate.limits.hedge_order_usd_max
        most = max(int(cap * CAP_USED / quote.ask), 1)
        side, left = (Side.BUY if shares > 0 else Side.SELL), abs(shares)
        while left and self._order_shares(stock, side, min(left, most), quote):
            left -= min(left, most)

    def _order_shares(self, stock: Underlying, side: Side, quantity: int, quote: Quote) -> bool:
        """Ask for shares at the far side of their quote, as hedges are sent; say if they came."""
        desk = self._desk
        limit = quote.ask if side is Side.BUY else quote.bid
        if limit is None:
            return False
        self._orders += 1
        request = ev.OrderRequested(
            request=f"hedge-{stock.symbol}-{desk.now:%Y%m%d}-{self._orders}",
            requested_by="delta hedge",
            purpose=Purpose.HEDGE,
            combo=Combo(legs=(Leg(contract=stock, side=Side.BUY),)),
            side=side,
            quantity=quantity,
            limit_price=limit,
            quote=quote,
            increments=PENNY,
            fair_value=quote.mid,
            unit_vega=0.0,
            margin_increase=None,
        )
        desk.tell(request)
        ref = reference(self._rules, request.request)
        if ref in desk.state.denied:
            return False
        if desk.state.orders[ref].state.may_fill:
            desk.tell(ev.CancelRequested(ref=ref, reason="the hedge did not fill"))
        return True

    def _end(self, day: date) -> None:
        desk = self._desk
        desk.now = max(desk.now, datetime.combine(day, CLOSES, EXCHANGE_ZONE))
        require(not self._exchange.has_live_orders, f"orders work on after {day}")
        settled = self._nights.settle(day)
        self._marks = {}
        if settled:
            desk.now += READS_AT_NIGHT
            snapshot = self._exchange.snapshot(self.account(desk.now), desk.now)
            desk.tell(ev.BrokerSynchronized(snapshot=snapshot, session=desk.state.session))
            for event in self._nights.person_books(desk.state):
                desk.tell(event)
            self._require_agreement()
        self._mark_book()
        marks = self._marks_now(desk.now)
        if not self._exchange.holdings:  # delivered shares are sold by single orders
            desk.state = replace(desk.state, programs_held=())
        self._records.end(desk, self._exchange, marks, self.account(desk.now))
        if not self._exchange.holdings and desk.state.stage is not Stage.EXECUTION:
            desk.state = forgotten(desk.state)
            self._records.begin_anew()

    def _marks_now(self, at: datetime) -> Mapping[ConId, Mark]:
        """Own marks of what is held; the day's closing values, dated as of now."""
        contracts = {key: row for key, (row, _) in self._exchange.holdings.items()}
        if contracts.keys() - self._marks.keys() or at.time() >= CLOSES > self._marked_at.time():
            self._marks = self._valuer.marks(tuple(contracts.values()), at)
            self._marked_at = at
        return self._marks

    def _own_positions(self) -> Mapping[ConId, Position]:
        return positions(self._desk.state)

    def _saw(self, event: ev.Event, commands: tuple[object, ...]) -> None:
        self._records.saw(self._desk, event, commands)
