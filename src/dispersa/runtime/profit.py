"""What did each trade earn, day by day and since its beginning, and from what?

Every time the book was marked, the journal holds the marks. Between the last marking of one day and
that of the next the P&L is attributed, trade by trade; the days of a trade add up to the change of
what it is worth since its first execution.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from dispersa.desk import events as ev
from dispersa.desk.codec import decode
from dispersa.desk.evolve import evolve
from dispersa.desk.lifecycle import refs_by_trade, trade_of, trade_positions
from dispersa.desk.state import DeskState
from dispersa.journal import Entry
from dispersa.market import ConId, Symbol
from dispersa.orders import ProgramId
from dispersa.portfolio import (
    Basket,
    Booking,
    BookingKind,
    IndexVolMove,
    Mark,
    OptionMark,
    PnlAttribution,
    Position,
    Valued,
    attribute_pnl,
    restated,
)
from dispersa.portfolio.reconciliation import EXCHANGE_ZONE

ZERO = Decimal(0)
NAMES_MIN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPnl:
    """One trade over one day; `slippage_usd` is within `parts.trades`, shown beside it."""

    trade: ProgramId
    day: date
    pnl: PnlAttribution
    slippage_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeProfit:
    """What a trade is worth since its beginning: value, cash and income, less commission."""

    trade: ProgramId
    value_usd: Decimal
    cash_usd: Decimal
    income_usd: Decimal
    commission_usd: Decimal
    realized_usd: Decimal

    @property
    def total_usd(self) -> Decimal:
        """Profit since inception."""
        return self.value_usd + self.cash_usd + self.income_usd - self.commission_usd

    @property
    def open_usd(self) -> Decimal:
        """Profit of what is still held, before commission."""
        return self.value_usd + self.cash_usd - self.realized_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Marking:
    """The state as the book was marked, with the marks."""

    at: datetime
    state: DeskState
    marks: Mapping[ConId, Mark]


def markings(entries: Iterable[Entry]) -> tuple[Marking, ...]:
    """Fold a journal and return the last complete marking of each day.

    A marking without a mark of something that is held is not complete and does not count.
    """
    state = DeskState()
    found: dict[date, Marking] = {}
    for entry in entries:
        record = decode(entry.kind, entry.payload)
        state = evolve(state, entry.at, record)
        if isinstance(record, ev.BookMarked):
            marks = {mark.con_id: mark for mark in record.marks}
            if _is_complete(state, marks):
                day = entry.at.astimezone(EXCHANGE_ZONE).date()
                found[day] = Marking(at=entry.at, state=state, marks=marks)
    return tuple(found.values())


def _is_complete(state: DeskState, marks: Mapping[ConId, Mark]) -> bool:
    return all(
        row.is_flat or con_id in marks
        for trade in refs_by_trade(state)
        for con_id, row in trade_positions(state, trade).items()
    )


def profit_of(state: DeskState, trade: ProgramId, marks: Mapping[ConId, Mark]) -> TradeProfit:
    """Value one trade since its inception at these marks; what is held must be marked."""
    rows = trade_positions(state, trade)
    value = sum(
        (
            row.quantity * row.multiplier * marks[con_id].price
            for con_id, row in rows.items()
            if not row.is_flat
        ),
        ZERO,
    )
    return TradeProfit(
        trade=trade,
        value_usd=value,
        cash_usd=sum((row.cash for row in rows.values()), ZERO),
        income_usd=sum((row.income for row in rows.values()), ZERO),
        commission_usd=sum((row.commission for row in rows.values()), ZERO),
        realized_usd=sum((row.realized for row in rows.values()), ZERO),
    )


def daily_pnl(marked: Iterable[Marking], basket: Basket | None) -> tuple[DayPnl, ...]:
    """Attribute each trade's P&L between one marking and the next, the first from nothing.

    `basket` splits the index vega into what component vols and correlation did; without it, or
    with fewer than two names marked at both ends, all of it is the strike's own vol.
    """
    rows: list[DayPnl] = []
    before: Marking | None = None
    for after in marked:
        rows.extend(_day(trade, before, after, basket) for trade in refs_by_trade(after.state))
        before = after
    return tuple(rows)


def _day(trade: ProgramId, before: Marking | None, after: Marking, basket: Basket | None) -> DayPnl:
    end = trade_positions(after.state, trade)
    start = {} if before is None else trade_positions(before.state, trade)
    return DayPnl(
        trade=trade,
        day=after.at.astimezone(EXCHANGE_ZONE).date(),
        pnl=attribute_pnl(
            restated(
                _valued(after.at if before is None else before.at, start, before),
                _splits(trade, before, after),
            ),
            _valued(after.at, end, after),
            index_moves=_index_moves(before, after, basket),
            dividends=_income(start, end),
        ),
        slippage_usd=_slippage(trade, before, after),
    )


def _valued(at: datetime, positions: Mapping[ConId, Position], marking: Marking | None) -> Valued:
    return Valued(at=at, positions=positions, marks={} if marking is None else marking.marks)


def _splits(trade: ProgramId, before: Marking | None, after: Marking) -> tuple[Booking, ...]:
    """Splits of what the trade holds that were booked since the marking before."""
    known = set() if before is None else {row.booking for row in before.state.bookings}
    return tuple(
        row
        for row in after.state.bookings
        if row.kind is BookingKind.SPLIT
        and row.booking not in known
        and trade_of(after.state, row.program) == trade
    )


def _income(
    start: Mapping[ConId, Position], end: Mapping[ConId, Position]
) -> Mapping[ConId, Decimal]:
    gained = {
        con_id: row.income - (start[con_id].income if con_id in start else ZERO)
        for con_id, row in end.items()
    }
    return {con_id: amount for con_id, amount in gained.items() if amount}


def _slippage(trade: ProgramId, before: Marking | None, after: Marking) -> Decimal:
    """What fills of the day cost against the mid at their orders' arrival."""
    old = set() if before is None else set(before.state.book.executions)
    refs = set(refs_by_trade(after.state).get(trade, ()))
    paid = ZERO
    for ref in refs:
        order = after.state.orders[ref]
        price = after.state.book.net_price(ref, order.approved.intent.combo)
        is_new = any(
            row.order_ref == ref and key not in old
            for key, row in after.state.book.executions.items()
        )
        if price is None or order.arrival_mid is None or not is_new:
            continue
        intent = order.approved.intent
        each = intent.side.sign * (abs(price) - order.arrival_mid)
        paid += each * order.filled * intent.combo.multiplier
    return paid


def _index_moves(
    before: Marking | None, after: Marking, basket: Basket | None
) -> Mapping[Symbol, IndexVolMove]:
    from dispersa.pricing.attribution import index_vol_change

    if before is None or basket is None:
        return {}
    start, end = vols_of(before.marks), vols_of(after.marks)
    names = [name for name in basket.weights if name in start and name in end]
    if len(names) < NAMES_MIN or not {basket.index} <= start.keys() & end.keys():
        return {}
    total = sum(basket.weights[name] for name in names)
    change = index_vol_change(
        [basket.weights[name] / total for name in names],
        [start[name] for name in names],
        [end[name] for name in names],
        start[basket.index],
        end[basket.index],
    )
    move = IndexVolMove(
        components_points=100.0 * float(change.components),
        correlation_points=100.0 * float(change.correlation),
    )
    return {basket.index: move}


def vols_of(marks: Mapping[ConId, Mark]) -> Mapping[Symbol, float]:
    """Vol of each name, vega-weighted over its marked options."""
    sums: dict[Symbol, tuple[float, float]] = {}
    for mark in marks.values():
        if isinstance(mark, OptionMark):
            vega, total = mark.greeks.vega, sums.get(mark.symbol, (0.0, 0.0))
            sums[mark.symbol] = (total[0] + vega, total[1] + vega * mark.greeks.implied_vol)
    return {name: vol / vega for name, (vega, vol) in sums.items() if vega > 0}


def since_inception(days: Iterable[DayPnl]) -> Mapping[ProgramId, DayPnl]:
    """Add up the days of each trade; the sum of the totals is its profit since inception."""
    found: dict[ProgramId, DayPnl] = {}
    for row in days:
        known = found.get(row.trade)
        if known is None:
            found[row.trade] = row
            continue
        pnl = replace(
            row.pnl, start=known.pnl.start, legs=(), names=(), book=known.pnl.book + row.pnl.book
        )
        slippage = known.slippage_usd + row.slippage_usd
        found[row.trade] = replace(row, pnl=pnl, slippage_usd=slippage)
    return found


def premium_at_start(state: DeskState, trade: ProgramId) -> Decimal:
    """Absolute premium of both sides in the program that opened the trade."""
    refs = {
        ref
        for ref in refs_by_trade(state).get(trade, ())
        if state.orders[ref].approved.intent.program == trade
    }
    return sum(
        (
            row.quantity * row.price * row.multiplier
            for row in state.book.executions.values()
            if row.order_ref in refs
        ),
        ZERO,
    )
