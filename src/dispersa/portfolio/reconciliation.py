"""Do our books and the broker's agree, and what is locked while they do not?

Three ways: our executions against the broker's executions, our orders against its open and
completed orders, our positions (with the external book) against its positions. A difference is a
value that locks its name; nothing is ever balanced by an invented fill.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from dispersa.market import ConId, OptionContract, Symbol
from dispersa.orders import (
    BrokerSnapshot,
    CompletedOrderReading,
    Execution,
    ExecutionBook,
    Order,
    OrderRef,
    PositionReading,
    execution_key,
)
from dispersa.portfolio.bookings import Booking
from dispersa.portfolio.positions import positions_from

EXCHANGE_ZONE = ZoneInfo("America/New_York")
NO_GRACE = timedelta(0)


class BreakKind(StrEnum):
    """In which way two books differ."""

    EXECUTION_MISSED = "execution_missed"
    EXECUTION_UNCONFIRMED = "execution_unconfirmed"
    EXECUTION_DIFFERS = "execution_differs"
    POSITION_DIFFERS = "position_differs"
    EXTERNAL_TRADE = "external_trade"
    ORDER_STILL_LIVE = "order_still_live"
    ORDER_DUPLICATED = "order_duplicated"
    ORDER_FILLED_DIFFERS = "order_filled_differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One difference: what the broker shows (`found`) against what our book says (`expected`)."""

    kind: BreakKind
    symbol: Symbol
    found: str
    expected: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What one comparison with a full broker read has shown.

    `external` is what the account holds beyond our own trades; `settling` names contracts whose
    difference is explained by fills fresher than the read, to be compared again.
    """

    at: datetime
    breaks: tuple[Break, ...]
    external: tuple[PositionReading, ...]
    settling: tuple[Symbol, ...]

    @property
    def agrees(self) -> bool:
        """Whether every book says the same."""
        return not self.breaks

    @property
    def locked_names(self) -> frozenset[Symbol]:
        """Names in which nothing may be traded until the books agree again."""
        return frozenset(row.symbol for row in self.breaks)


def reconcile(
    book: ExecutionBook,
    snapshot: BrokerSnapshot,
    *,
    baseline: tuple[PositionReading, ...],
    orders: Collection[Order] = (),
    grace: timedelta = NO_GRACE,
    bookings: tuple[Booking, ...] = (),
) -> Reconciliation:
    """Compare our books with one full read of the broker.

    Parameters
    ----------
    book
        Every execution of our own orders.
    baseline
        The external book: positions that were there before us or are not ours.
    orders
        Our orders, to tell our executions from foreign ones before the first is booked and to
        compare their ends. References in `book` are ours in any case.
    grace
        Fills and ends of orders younger than this at the time of the read may be missing on
        either side.
    bookings
        Changes of our positions without a trade: expiries, assignments, splits.
    """
    fresh_after = snapshot.at - grace
    ours = {row.order_ref for row in book.executions.values()}
    ours |= {order.approved.intent.ref for order in orders}
    reported = _reported(snapshot, ours)
    execution_breaks = _compare_executions(book, reported, snapshot.at, fresh_after)
    either = {**book.executions, **reported.executions}.values()
    fresh = [row for row in either if row.at > fresh_after]
    position_breaks, settling = _compare_positions(
        _Books(book, baseline, bookings), snapshot, ours, fresh
    )
    return Reconciliation(
        at=snapshot.at,
        breaks=(
            *execution_breaks,
            *_compare_orders(orders, snapshot, fresh_after),
            *position_breaks,
        ),
        external=external_book(book, snapshot, bookings),
        settling=settling,
    )


def external_book(
    book: ExecutionBook, snapshot: BrokerSnapshot, bookings: tuple[Booking, ...] = ()
) -> tuple[PositionReading, ...]:
    """What the account holds beyond our own trades: broker's positions less ours, by contract.

    Taken at the first start it is the baseline of later comparisons; taken after a break it is the
    baseline that a person may adopt, with a reason.
    """
    ours = positions_from(book, bookings)
    held = {row.con_id: row for row in snapshot.positions}
    rest = []
    for con_id, row in held.items():
        known = ours.get(con_id)
        quantity = row.quantity - (known.quantity if known is not None else 0)
        if quantity:
            rest.append(replace(row, quantity=quantity))
    for con_id, position in ours.items():
        if con_id not in held and not position.is_flat:
            rest.append(
                PositionReading(
                    con_id=con_id,
                    symbol=position.symbol,
                    quantity=-position.quantity,
                    average_cost=position.average_price * position.multiplier,
                    option=None,
                )
            )
    return tuple(rest)


def _reported(snapshot: BrokerSnapshot, ours: set[OrderRef]) -> ExecutionBook:
    reported = ExecutionBook()
    for row in snapshot.executions:
        if row.order_ref in ours:
            reported = reported.with_execution(row)
    return reported


def _compare_executions(
    book: ExecutionBook, reported: ExecutionBook, at: datetime, fresh_after: datetime
) -> list[Break]:
    breaks: list[Break] = []
    for key, theirs in reported.executions.items():
        known = book.executions.get(key)
        if known is None and theirs.at <= fresh_after:
            breaks.append(_missed(theirs))
        elif known is not None and _terms(known) != _terms(theirs):
            breaks.append(_differs(known, theirs))
    day_start = _day_start(at)
    breaks.extend(
        _unconfirmed(known)
        for key, known in book.executions.items()
        if key not in reported.executions and day_start <= known.at <= fresh_after
    )
    return breaks


def _day_start(at: datetime) -> datetime:
    """Midnight of the exchange's day: a broker read of executions reaches back to it."""
    return datetime.combine(at.astimezone(EXCHANGE_ZONE).date(), time.min, tzinfo=EXCHANGE_ZONE)


def _terms(row: Execution) -> tuple[object, ...]:
    revision = execution_key(row.exec_id)[1]
    return (revision, row.order_ref, row.con_id, row.side, row.quantity, row.price, row.multiplier)


def _wording(row: Execution) -> str:
    return f"{row.side} {row.quantity} at {row.price}"


def _missed(row: Execution) -> Break:
    return Break(
        kind=BreakKind.EXECUTION_MISSED,
        symbol=row.symbol,
        found=f"execution {row.exec_id}: {_wording(row)}",
        expected="an execution that our book has too",
        sentence=(
            f"{row.symbol}: the broker shows execution {row.exec_id} of our order {row.order_ref} "
            f"({_wording(row)}), our book does not; book the broker's report and compare again"
        ),
    )


def _unconfirmed(row: Execution) -> Break:
    return Break(
        kind=BreakKind.EXECUTION_UNCONFIRMED,
        symbol=row.symbol,
        found="no such execution today",
        expected=f"execution {row.exec_id}: {_wording(row)}",
        sentence=(
            f"{row.symbol}: our book has execution {row.exec_id} of order {row.order_ref} "
            f"({_wording(row)}), today's full read of the broker does not; read again, then ask "
            "the broker whether the trade was busted"
        ),
    )


def _differs(known: Execution, theirs: Execution) -> Break:
    return Break(
        kind=BreakKind.EXECUTION_DIFFERS,
        symbol=theirs.symbol,
        found=f"execution {theirs.exec_id}: {_wording(theirs)}",
        expected=f"execution {known.exec_id}: {_wording(known)}",
        sentence=(
            f"{theirs.symbol}: the broker reports execution {theirs.exec_id} as "
            f"{_wording(theirs)}, our book has {known.exec_id} as {_wording(known)}; book the "
            "correction and compare again"
        ),
    )


def _compare_orders(
    orders: Iterable[Order], snapshot: BrokerSnapshot, fresh_after: datetime
) -> list[Break]:
    """Compare our orders with the broker's; one that ended within the grace may still differ."""
    live = Counter(row.ref for row in snapshot.open_orders)
    completed = {row.ref: row for row in snapshot.completed_orders}
    breaks: list[Break] = []
    for order in orders:
        ref = order.approved.intent.ref
        if live[ref] > 1:
            breaks.append(_order_break(BreakKind.ORDER_DUPLICATED, order, f"{live[ref]} live"))
        elif _has_settled(order, fresh_after):
            breaks.extend(_compare_end(order, live[ref] > 0, completed.get(ref)))
    return breaks


def _has_settled(order: Order, fresh_after: datetime) -> bool:
    is_fresh = order.ended_at is not None and order.ended_at > fresh_after
    return order.state.is_terminal and not is_fresh


def _compare_end(
    order: Order, is_live: bool, completed: CompletedOrderReading | None
) -> Iterator[Break]:
    if is_live:
        yield _order_break(BreakKind.ORDER_STILL_LIVE, order, "live")
    if completed is not None and completed.filled != order.filled:
        found = f"{completed.filled} filled"
        yield _order_break(BreakKind.ORDER_FILLED_DIFFERS, order, found)


def _order_break(kind: BreakKind, order: Order, found: str) -> Break:
    intent = order.approved.intent
    expected = f"{order.state}, {order.filled} of {intent.quantity} filled"
    return Break(
        kind=kind,
        symbol=intent.combo.symbol,
        found=found,
        expected=expected,
        sentence=(
            f"{intent.combo.symbol}: the broker shows order {intent.ref} as {found}, our book as "
            f"{expected}; cancel what still works and read again before trading the name"
        ),
    )


@dataclass(frozen=True, slots=True)
class _Expected:
    symbol: Symbol
    ours: Decimal
    outside: Decimal


@dataclass(frozen=True, slots=True)
class _Books:
    book: ExecutionBook
    baseline: tuple[PositionReading, ...]
    bookings: tuple[Booking, ...]


def _compare_positions(
    books: _Books,
    snapshot: BrokerSnapshot,
    ours: set[OrderRef],
    fresh: list[Execution],
) -> tuple[list[Break], tuple[Symbol, ...]]:
    expected = _expected_positions(books)
    broker = {row.con_id: row for row in snapshot.positions}
    traded = {row.symbol for row in books.book.executions.values()}
    foreign = [row for row in snapshot.executions if row.order_ref not in ours]
    breaks: list[Break] = []
    settling: list[Symbol] = []
    for con_id in sorted(expected.keys() | broker.keys()):
        reading = broker.get(con_id)
        found = reading.quantity if reading is not None else Decimal(0)
        want = expected.get(con_id)
        wanted = want.ours + want.outside if want is not None else Decimal(0)
        if found == wanted:
            continue
        symbol = want.symbol if want is not None else broker[con_id].symbol
        if _explained(con_id, found - wanted, fresh):
            settling.append(symbol)
        elif symbol in traded or want is not None:
            label = _label(con_id, symbol, reading)
            is_foreign = any(row.con_id == con_id for row in foreign)
            breaks.append(_position_break(label, symbol, (found, want), is_foreign))
    return breaks, tuple(dict.fromkeys(settling))


def _expected_positions(books: _Books) -> Mapping[ConId, _Expected]:
    expected = {
        con_id: _Expected(symbol=row.symbol, ours=row.quantity, outside=Decimal(0))
        for con_id, row in positions_from(books.book, books.bookings).items()
    }
    for row in books.baseline:
        known = expected.get(row.con_id, _Expected(row.symbol, Decimal(0), Decimal(0)))
        expected[row.con_id] = replace(known, outside=known.outside + row.quantity)
    return expected


def _explained(con_id: ConId, difference: Decimal, fresh: list[Execution]) -> bool:
    """Whether fresh fills of this contract may amount to the difference."""
    traded = sum((row.quantity for row in fresh if row.con_id == con_id), Decimal(0))
    return abs(difference) <= traded


def _label(con_id: ConId, symbol: Symbol, reading: PositionReading | None) -> str:
    option: OptionContract | None = reading.option if reading is not None else None
    return option.label if option is not None else f"{symbol} contract {con_id}"


def _position_break(
    label: str, symbol: Symbol, sides: tuple[Decimal, _Expected | None], is_foreign: bool
) -> Break:
    found, want = sides
    ours = want.ours if want is not None else Decimal(0)
    outside = want.outside if want is not None else Decimal(0)
    if is_foreign:
        kind = BreakKind.EXTERNAL_TRADE
        mend = "an order that is not ours traded it today: a person assigns it, with a reason"
    else:
        kind = BreakKind.POSITION_DIFFERS
        mend = (
            "look for an assignment, an exercise, an expiry, a corporate action or a transfer, "
            "then a person adopts it, with a reason"
        )
    return Break(
        kind=kind,
        symbol=symbol,
        found=str(found),
        expected=str(ours + outside),
        sentence=(
            f"{label}: the broker holds {found}, our executions make {ours} and the external book "
            f"{outside}; {mend}"
        ),
    )
