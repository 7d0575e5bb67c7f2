"""What is written down of a run? Fills, trades and days, from the desk's events and the books.

Two books are kept: the exchange's cash and positions give each day's P&L by name, the desk's own
fold of executions gives it by cause. A day on which they differ ends the run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from decimal import Decimal

from dispersa.backtest.answering import PastAnswers
from dispersa.backtest.driving import PastDesk
from dispersa.backtest.exchange import Flows, Part, PastExchange
from dispersa.backtest.market import MarketDay, Source
from dispersa.backtest.open_trades import NAN, OpenTrade, number_of
from dispersa.backtest.result import DayRow, FillRow, TradeRow
from dispersa.backtest.valuing import Valuer
from dispersa.correlation.terms import Signal
from dispersa.desk import events as ev
from dispersa.desk.commands import DeclineTrade, DenyOrder, DenyPlan, EndProgram, StartProgram
from dispersa.desk.controls import HaltTrading
from dispersa.desk.decide_single import SINGLE_ORDERS
from dispersa.desk.exits import ExitDecision
from dispersa.desk.lifecycle import option_contracts, trade_of
from dispersa.desk.weighing import held, positions
from dispersa.errors import require
from dispersa.execution.plan import PlanKind, Role
from dispersa.execution.program import ProgramState
from dispersa.market import ConId, Symbol
from dispersa.orders import (
    AccountReading,
    CommissionReported,
    Execution,
    ExecutionReported,
    ProgramId,
)
from dispersa.portfolio import (
    IndexVolMove,
    Mark,
    PnlParts,
    Position,
    Valued,
    attribute_pnl,
)

ZERO = Decimal(0)
POINTS = 100.0
NAMES_MIN = 2
AGREE_TO = Decimal("0.05")
"""Books kept in floats of vol and cents of cash agree to a few cents."""
NOTES_MAX = 200


@dataclass(slots=True, kw_only=True)
class Records:
    """Everything written down so far."""

    source: Source
    capital: Decimal
    daily: list[DayRow] = field(default_factory=list)
    trades: list[TradeRow] = field(default_factory=list)
    fills: list[FillRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    declined: dict[str, int] = field(default_factory=dict)
    _open: dict[ProgramId, OpenTrade] = field(default_factory=dict)
    _day: date = date.min
    _market: MarketDay | None = None
    _signal: Signal | None = None
    _problem: str = ""
    _valuer: Valuer | None = None
    _verdict: str = ""
    _halt: str = ""
    _slippage: float = 0.0
    _equity: Decimal = ZERO
    _value: dict[Part, Decimal] = field(default_factory=dict)
    _start: Valued | None = None
    _vols: dict[Symbol, float] = field(default_factory=dict)
    _last_day_trades: tuple[ProgramId, ...] = ()

    def begin(self, day: date, answers: PastAnswers, valuer: Valuer) -> None:
        """Begin a day."""
        self._day, self._market, self._valuer = day, valuer.day, valuer
        self._signal, self._problem = answers.signal_today, answers.problem_today
        self._verdict, self._halt, self._slippage = "", "", 0.0
        if self._equity == ZERO:
            self._equity = self.capital

    def saw(self, desk: PastDesk, event: ev.Event, commands: tuple[object, ...]) -> None:
        """Take notice of one step of the desk."""
        if isinstance(event, ExecutionReported):
            self._fill(desk, event.execution)
        elif isinstance(event, CommissionReported):
            charged = float(event.commission.amount)
            self.fills[-1] = replace(self.fills[-1], commission=charged)  # it follows its execution
        for command in commands:
            match command:
                case StartProgram(program=program):
                    self._started(desk, program)
                case DeclineTrade(stage=stage, reason=reason):
                    self._no_trade(stage, reason)
                case DenyPlan(verdict=verdict):
                    failed = "; ".join(check.sentence for check in verdict.failures)
                    self._no_trade("gate", failed)
                case DenyOrder(package=package, denial=denial):
                    self.note(f"{self._day}: order on {package} denied: {denial.sentence}")
                case HaltTrading(reason=reason):
                    self._halt = reason
                    self.note(f"{self._day}: halted: {reason}")
                case EndProgram(state=state, sentence=sentence):
                    self._ended(desk, state.value, sentence)
                case _:
                    continue

    def note(self, sentence: str) -> None:
        """Keep a sentence about something unusual."""
        if len(self.notes) < NOTES_MAX:
            self.notes.append(sentence)

    def entry_of(self, trade: ProgramId) -> OpenTrade:
        """How a trade was entered."""
        return self._open[trade]

    def leaves(self, trade: ProgramId, decision: ExitDecision) -> None:
        """Remember why a trade is closed."""
        self._open[trade].reason = decision.reason.value

    def begin_anew(self) -> None:
        """The desk's book was forgotten: it held nothing."""
        if self._start is not None:
            self._start = Valued(at=self._start.at, positions={}, marks={})

    def _no_trade(self, stage: str, reason: str) -> None:
        self._verdict = f"{stage}: {reason}"
        self.declined[stage] = self.declined.get(stage, 0) + 1

    def _started(self, desk: PastDesk, program: ProgramId) -> None:
        plan, signal = desk.state.plan, desk.state.signal
        if plan is None or plan.kind not in {PlanKind.DISPERSION, PlanKind.ROLL}:
            return
        self._verdict = f"traded: {plan.sizing_note}"
        vix = desk.state.vix
        self._open[program] = OpenTrade(
            trade=program,
            opened=self._day,
            direction=plan.direction.value,
            names=sum(row.role is Role.COMPONENT for row in plan.packages),
            premium=float(plan.premium_usd),
            vega=plan.vega_budget_usd,
            edge_net=number_of(plan.edge_vol_points),
            correlation=None if signal is None else signal.implied_correlation,
            vix=None if vix is None else vix.level,
        )

    def _ended(self, desk: PastDesk, state: str, sentence: str) -> None:
        program = desk.state.program
        if program is None:
            return
        trade = trade_of(desk.state, program.program)
        known = self._open.get(trade)
        if known is not None:
            known.end_state = state
        if state != ProgramState.COMPLETED.value:
            self.note(f"{self._day}: program {program.program} ended {state}: {sentence}")

    def _fill(self, desk: PastDesk, row: Execution) -> None:
        order = desk.state.orders[row.order_ref]
        option = option_contracts(desk.state).get(row.con_id)
        trade = trade_of(desk.state, order.approved.intent.program)
        slippage, half_spread = self._paid(row)
        self._slippage += slippage
        if trade in self._open:
            self._open[trade].slippage += slippage
        self.fills.append(
            FillRow(
                day=self._day,
                trade="" if trade == SINGLE_ORDERS else trade,
                order=row.order_ref,
                symbol=row.symbol,
                contract=row.symbol if option is None else option.label,
                side=row.side.value,
                purpose=order.approved.intent.purpose.value,
                quantity=float(row.quantity),
                price=float(row.price),
                commission=0.0,
                slippage=slippage,
                half_spread=half_spread,
            )
        )

    def _paid(self, row: Execution) -> tuple[float, float]:
        """What a leg cost against its mid, and half of its spread, USD."""
        valuer = self._valuer
        quote = None if valuer is None else valuer.quoted(row.con_id)
        if quote is None or quote.mid is None or quote.width is None:
            return NAN, NAN
        size = row.quantity * row.multiplier
        paid = row.side.sign * (row.price - quote.mid) * size
        return float(paid), float(quote.width / 2 * size)

    def end(
        self,
        desk: PastDesk,
        exchange: PastExchange,
        marks: Mapping[ConId, Mark],
        account: AccountReading,
    ) -> None:
        """Write the day down."""
        flows = exchange.take_flows()
        by_part = self._by_part(exchange, marks, flows)
        trading = sum(by_part.values(), ZERO)
        equity = exchange.cash + sum(self._value.values(), ZERO)
        pnl = equity - self._equity
        require(
            pnl == trading + flows.interest,
            f"the exchange's books do not add up on {self._day}: {pnl} and {trading}",
        )
        parts = self._attributed(desk, marks, flows)
        own = sum((Decimal(repr(value)) for value in parts.values()), ZERO)
        require(
            abs(own - trading) <= AGREE_TO + abs(trading) * Decimal("1e-9"),
            f"P&L of {self._day} is {trading} by the exchange and {own} by the desk's own book",
        )
        index = sum((v for (name, _), v in by_part.items() if name == self.source.index), ZERO)
        hedges = sum((v for (_, is_option), v in by_part.items() if not is_option), ZERO)
        self._share_out(desk, float(trading), float(index), float(hedges), flows)
        self.daily.append(
            self._row(desk, account, flows, (pnl, trading, index), parts, float(equity))
        )
        self._equity = equity
        self._close_trades(desk)

    def _by_part(
        self, exchange: PastExchange, marks: Mapping[ConId, Mark], flows: Flows
    ) -> dict[Part, Decimal]:
        """P&L of the day by name, options and shares apart."""
        before, self._value = self._value, exchange.value(marks)
        keys = before.keys() | self._value.keys() | flows.by_part.keys()
        return {
            key: self._value.get(key, ZERO) - before.get(key, ZERO) + flows.by_part.get(key, ZERO)
            for key in sorted(keys)
        }

    def _attributed(
        self, desk: PastDesk, marks: Mapping[ConId, Mark], flows: Flows
    ) -> Mapping[str, float]:
        own = positions(desk.state)
        end = Valued(at=desk.now, positions=own, marks=marks)
        start = self._start or Valued(at=desk.now, positions={}, marks={})
        self._start = end
        moves = self._index_moves()
        if not own and not start.positions:
            return {"borrow": -float(flows.borrow)} if flows.borrow else {}
        found = attribute_pnl(start, end, index_moves=moves, dividends=_income(start, own))
        parts = {spec.name: float(getattr(found.book, spec.name)) for spec in fields(PnlParts)}
        return {**parts, "borrow": -float(flows.borrow)}

    def _index_moves(self) -> Mapping[Symbol, IndexVolMove]:
        """How the index vol has moved since yesterday: by component vols and by correlation."""
        from dispersa.pricing.attribution import index_vol_change

        market, index = self._market, self.source.index
        if market is None:
            return {}
        tenor = self.source.tenor_days
        before = self._vols
        self._vols = {name: day.vol_at(tenor) for name, day in market.names.items()}
        weights = {row.symbol: row.weight for row in self.source.basket(self._day).weights}
        names = [name for name in weights if name in before and name in self._vols]
        if len(names) < NAMES_MIN or index not in before or index not in self._vols:
            return {}
        total = sum(weights[name] for name in names)
        change = index_vol_change(
            [weights[name] / total for name in names],
            [before[name] for name in names],
            [self._vols[name] for name in names],
            before[index],
            self._vols[index],
        )
        move = IndexVolMove(
            components_points=POINTS * float(change.components),
            correlation_points=POINTS * float(change.correlation),
        )
        return {index: move}

    def _share_out(
        self, desk: PastDesk, trading: float, index: float, hedges: float, flows: Flows
    ) -> None:
        """Give the day's P&L to the trades that were held: equal parts where there are several."""
        today = tuple(dict.fromkeys((*self._last_day_trades, *desk.state.programs_held)))
        known = [self._open[trade] for trade in today if trade in self._open]
        for row in known:
            part = 1 / len(known)
            row.pnl += trading * part
            row.index += index * part
            row.hedges += hedges * part
            row.commissions += float(flows.commissions) * part
            row.days += 1
        self._last_day_trades = desk.state.programs_held

    def _close_trades(self, desk: PastDesk) -> None:
        for trade in [each for each in self._open if each not in desk.state.programs_held]:
            self.trades.append(self._written(self._open.pop(trade), closed=self._day))

    def finish(self) -> None:
        """Write down the trades that are still held when the data ends."""
        self.trades += [self._written(row, closed=None) for row in self._open.values()]
        self._open.clear()

    def _written(self, trade: OpenTrade, *, closed: date | None) -> TradeRow:
        now = None if self._signal is None else self._signal.implied_correlation
        return trade.row(closed=closed, correlation=now)

    def _row(
        self,
        desk: PastDesk,
        account: AccountReading,
        flows: Flows,
        money: tuple[Decimal, Decimal, Decimal],
        parts: Mapping[str, float],
        equity: float,
    ) -> DayRow:
        pnl, trading, index = money
        exposure, signal, market = held(desk.state), self._signal, self._market
        sums, vix = exposure.book, None if market is None else market.vix
        return DayRow(
            day=self._day,
            equity=equity,
            pnl=float(pnl),
            trading=float(trading),
            interest=float(flows.interest),
            index=float(index),
            components=float(trading - index),
            commissions=float(flows.commissions),
            slippage=self._slippage,
            dividends=float(flows.dividends),
            borrow=float(flows.borrow),
            margin=number_of(
                None if account.initial_margin is None else float(account.initial_margin)
            ),
            gross_exposure=number_of(None if exposure.gross is None else float(exposure.gross)),
            net_vega=sums.greeks.vega_usd,
            gross_vega=sums.greeks.gross_vega_usd,
            net_delta=sums.greeks.delta_usd,
            trades_held=len(desk.state.programs_held),
            implied_correlation=number_of(None if signal is None else signal.implied_correlation),
            forecast_correlation=number_of(None if signal is None else signal.forecast_correlation),
            premium=number_of(None if signal is None else signal.correlation_premium),
            edge_gross=number_of(None if signal is None else signal.edge_gross),
            edge_net=number_of(None if signal is None else signal.edge_net),
            cost=_cost(signal),
            direction="" if signal is None else signal.direction.value,
            verdict=self._verdict or self._problem,
            vix=number_of(vix),
            index_vol=number_of(None if signal is None else signal.index_vol),
            average_vol=number_of(None if signal is None else signal.average_vol),
            stale_marks=0
            if self._valuer is None
            else self._valuer.stale_count(positions(desk.state)),
            halt=self._halt,
            attribution=parts,
        )


def _income(start: Valued, own: Mapping[ConId, Position]) -> Mapping[ConId, Decimal]:
    gained = {
        con_id: row.income - (start.positions[con_id].income if con_id in start.positions else ZERO)
        for con_id, row in own.items()
    }
    return {con_id: amount for con_id, amount in gained.items() if amount}


def _cost(signal: Signal | None) -> float:
    if signal is None or signal.cost_round_trip is None or signal.cost_hedging is None:
        return NAN
    return signal.cost_round_trip + signal.cost_hedging
