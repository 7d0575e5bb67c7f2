"""The book is a fold of executions: order, duplication, splitting and correction do not show."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger import AT, book_of, execution

from dispersa.errors import BrokenInvariant
from dispersa.market import ConId, Side, Symbol
from dispersa.orders import Commission, ExecId, Execution, OrderRef, ProgramId
from dispersa.portfolio import Booking, BookingKind, Position, positions_from, positions_of

BUY, SELL = Side.BUY, Side.SELL
ONE = ConId(1)


def walk(*trades: tuple[Side, str, str]) -> Position:
    """Trade in this order, a minute apart."""
    rows = [
        execution(number, side=side, quantity=size, price=price, at=AT + timedelta(minutes=number))
        for number, (side, size, price) in enumerate(trades)
    ]
    return positions_from(book_of(rows))[ONE]


# quantity, average price, realized, cash: worked by hand, multiplier 100
BY_HAND: list[tuple[list[tuple[Side, str, str]], tuple[str, str, str, str]]] = [
    ([(BUY, "2", "10")], ("2", "10", "0", "-2000")),
    ([(SELL, "3", "20")], ("-3", "20", "0", "6000")),
    ([(BUY, "1", "10"), (BUY, "3", "14")], ("4", "13", "0", "-5200")),
    ([(BUY, "4", "10"), (SELL, "1", "12")], ("3", "10", "200", "-2800")),
    ([(SELL, "4", "10"), (BUY, "1", "12")], ("-3", "10", "-200", "2800")),
    ([(BUY, "2", "10"), (SELL, "2", "9")], ("0", "0", "-200", "-200")),
    ([(BUY, "2", "10"), (SELL, "5", "12")], ("-3", "12", "400", "4000")),
    ([(SELL, "2", "10"), (BUY, "3", "7"), (SELL, "1", "8")], ("0", "0", "700", "700")),
]


@pytest.mark.parametrize(("trades", "expected"), BY_HAND)
def test_fold_agrees_with_the_hand(
    trades: list[tuple[Side, str, str]], expected: tuple[str, str, str, str]
) -> None:
    position = walk(*trades)
    found = (position.quantity, position.average_price, position.realized, position.cash)
    assert found == tuple(Decimal(value) for value in expected)
    assert position.is_flat is (position.quantity == 0)


def test_commission_of_known_executions_is_counted_before_or_after() -> None:
    row = execution(1)
    early = Commission(exec_id=row.exec_id, amount=Decimal("1.30"), currency="USD")
    stray = Commission(exec_id=ExecId("f.9.01"), amount=Decimal(99), currency="USD")
    book = book_of([]).with_commission(early).with_commission(stray).with_execution(row)
    assert positions_from(book)[ONE].commission == Decimal("1.30")


def test_correction_replaces_and_an_older_revision_changes_nothing() -> None:
    first, corrected = execution(1), execution(1, revision=2, price="11")
    for rows in ([first, corrected], [corrected, first], [first, corrected, first]):
        assert positions_from(book_of(rows))[ONE].average_price == 11


def test_positions_of_some_orders_leave_the_others_out() -> None:
    rows = [execution(1, ref="a"), execution(2, ref="b", quantity="5")]
    assert positions_of(book_of(rows), [OrderRef("b")])[ONE].quantity == 5


def test_executions_that_disagree_on_the_contract_are_refused() -> None:
    rows = [execution(1), replace(execution(2), symbol=Symbol("SPY"))]
    with pytest.raises(BrokenInvariant, match="several symbols or multipliers"):
        positions_from(book_of(rows))


cents = st.integers(1, 5_000).map(lambda value: str(Decimal(value) / 100))
trades = st.lists(
    st.builds(
        lambda number, side, size, price, minute, con_id: execution(
            number,
            con_id=con_id,
            side=side,
            quantity=str(size),
            price=price,
            at=AT + timedelta(minutes=minute),
        ),
        number=st.integers(0, 10_000),
        side=st.sampled_from(Side),
        size=st.integers(1, 20),
        price=cents,
        minute=st.integers(0, 30),
        con_id=st.integers(1, 3),
    ),
    max_size=20,
    unique_by=lambda row: row.exec_id,
)


@given(rows=trades, data=st.data())
def test_arrival_order_duplicates_and_stale_revisions_do_not_show(
    rows: list[Execution], data: st.DataObject
) -> None:
    stale = [
        replace(row, exec_id=ExecId(row.exec_id[:-2] + "00"), price=row.price + 1) for row in rows
    ]
    shuffled = data.draw(st.permutations(rows + rows[:5] + stale))
    assert positions_from(book_of(shuffled)) == positions_from(book_of(rows))


def booking(number: int, kind: BookingKind, size: int, price: str, minute: int) -> Booking:
    """What happened without a trade: shares and options that go or come, and cash alone."""
    is_free = kind in {BookingKind.EXPIRY, BookingKind.ASSIGNMENT, BookingKind.SPLIT}
    is_cash = kind is BookingKind.DIVIDEND
    return Booking(
        booking=f"{kind}-{number}",
        kind=kind,
        con_id=ConId(number % 3 + 1),
        symbol=Symbol("QQQ"),
        multiplier=100,
        quantity=Decimal(0 if is_cash else size),
        price=Decimal(0) if is_free else Decimal(price),
        at=AT + timedelta(minutes=minute),
        reason="it came so",
        accepted_by="test",
        program=ProgramId("t"),
        income=Decimal(size) * Decimal(price) if is_cash else Decimal(0),
        ratio=Decimal(2) if kind is BookingKind.SPLIT else Decimal(1),
    )


bookings = st.lists(
    st.builds(
        booking,
        number=st.integers(0, 10_000),
        kind=st.sampled_from(BookingKind),
        size=st.integers(-20, 20),
        price=cents,
        minute=st.integers(0, 30),
    ),
    max_size=8,
    unique_by=lambda row: row.booking,
)


@given(rows=trades, booked=bookings, data=st.data())
def test_bookings_fold_like_fills_in_any_order_and_however_often(
    rows: list[Execution], booked: list[Booking], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(rows + rows[:3]))
    again = data.draw(st.permutations(booked + booked[:3]))
    found = positions_from(book_of(shuffled), again)
    assert found == positions_from(book_of(rows), booked)
    for con_id, position in found.items():
        own = [row for row in booked if row.con_id == con_id]
        traded = [row for row in rows if row.con_id == con_id]
        moved = sum(row.quantity for row in own) + sum(r.side.sign * r.quantity for r in traded)
        assert position.quantity == moved
        assert position.income == sum(row.income for row in own)
        cost = position.average_price * position.quantity * position.multiplier
        assert abs(position.cash - (position.realized - cost)) < Decimal("0.000001")


@given(rows=trades, data=st.data())
def test_splitting_a_fill_does_not_show(rows: list[Execution], data: st.DataObject) -> None:
    parts: list[Execution] = []
    for row in rows:
        size = int(row.quantity)
        first = data.draw(st.integers(0, size))
        for number, quantity in enumerate((first, size - first)):
            if quantity:
                stem, tail = row.exec_id.rsplit(".", 1)
                part = ExecId(f"{stem}{number}.{tail}")
                parts.append(replace(row, exec_id=part, quantity=Decimal(quantity)))
    assert positions_from(book_of(parts)) == positions_from(book_of(rows))


@given(rows=trades)
def test_cash_is_realized_profit_less_the_cost_of_what_is_held(rows: list[Execution]) -> None:
    for position in positions_from(book_of(rows)).values():
        cost = position.average_price * position.quantity * position.multiplier
        assert abs(position.cash - (position.realized - cost)) < Decimal("0.000001")
