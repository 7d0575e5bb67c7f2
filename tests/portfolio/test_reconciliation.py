"""Three ways to disagree; each difference locks its name and says what to do."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger import AT, book_of, execution, held, option, snapshot
from pydantic import TypeAdapter

from dispersa.market import Right, Side, Straddle, Symbol
from dispersa.orders import (
    ApprovedOrder,
    CompletedOrderReading,
    Execution,
    OpenOrderReading,
    Order,
    OrderIntent,
    OrderRef,
    OrderState,
    PackageId,
    PermId,
    ProgramId,
    Purpose,
    straddle_combo,
)
from dispersa.portfolio import BreakKind, Reconciliation, external_book, reconcile

K = BreakKind
CALL = execution(1, con_id=1, side=Side.SELL, quantity="3")
PUT = execution(2, con_id=2, side=Side.SELL, quantity="3")
OURS = (CALL, PUT)
HELD = (held(1, "-3"), held(2, "-3"))


def compare(
    book: tuple[Execution, ...] = OURS,
    positions: tuple[Any, ...] = HELD,
    executions: tuple[Execution, ...] = OURS,
    **more: Any,
) -> Reconciliation:
    reading = {
        key: more.pop(key) for key in ("open_orders", "completed_orders", "at") if key in more
    }
    more.setdefault("baseline", ())
    return reconcile(
        book_of(book), snapshot(positions=positions, executions=executions, **reading), **more
    )


def kinds(found: Reconciliation) -> list[BreakKind]:
    return [row.kind for row in found.breaks]


def test_equal_books_agree_and_lock_nothing() -> None:
    found = compare()
    assert found.agrees
    assert (found.locked_names, found.external, found.settling) == (frozenset(), (), ())


def test_external_book_in_the_baseline_is_kept_apart() -> None:
    baseline = (held(2, "7"), held(50, "100", "IBM"))
    positions = (held(1, "-3"), held(2, "4"), held(50, "100", "IBM"))
    found = compare(positions=positions, baseline=baseline)
    assert found.agrees
    assert {(row.con_id, row.quantity) for row in found.external} == {(2, 7), (50, 100)}


def test_position_that_the_broker_lacks_locks_the_name() -> None:
    found = compare(positions=(held(1, "-3"),))
    assert kinds(found) == [K.POSITION_DIFFERS]
    assert found.locked_names == {"QQQ"}
    [row] = found.breaks
    assert (row.found, row.expected) == ("0", "-3")
    assert "assignment" in row.sentence


def test_assignment_shows_as_stock_and_missing_options() -> None:
    found = compare(positions=(held(1, "-2"), held(2, "-3"), held(77, "-100")))
    assert kinds(found) == [K.POSITION_DIFFERS, K.POSITION_DIFFERS]
    assert found.locked_names == {"QQQ"}


def test_manual_trade_in_our_contract_is_named_as_one() -> None:
    manual = execution(9, con_id=1, side=Side.BUY, quantity="3", ref="")
    found = compare(positions=(held(1, "0"), held(2, "-3")), executions=(CALL, PUT, manual))
    assert kinds(found) == [K.EXTERNAL_TRADE]


def test_manual_trade_in_a_foreign_name_is_external_and_no_break() -> None:
    manual = execution(9, con_id=60, symbol="KO", ref="", multiplier=1)
    found = compare(positions=(*HELD, held(60, "1", "KO")), executions=(*OURS, manual))
    assert found.agrees
    assert [row.symbol for row in found.external] == ["KO"]


def test_closing_trade_of_the_baseline_is_a_break() -> None:
    found = compare(baseline=(held(50, "100", "IBM"),))
    assert kinds(found) == [K.POSITION_DIFFERS]
    assert found.locked_names == {"IBM"}


def test_missed_execution_is_a_break_with_its_position() -> None:
    found = compare(book=(CALL,))
    assert kinds(found) == [K.EXECUTION_MISSED, K.POSITION_DIFFERS]


def test_first_execution_of_an_order_is_ours_by_the_order() -> None:
    found = compare(book=(), orders=(order(OrderState.WORKING),))
    assert kinds(found)[:2] == [K.EXECUTION_MISSED, K.EXECUTION_MISSED]


def test_execution_that_the_broker_does_not_show_today_is_a_break() -> None:
    found = compare(executions=(CALL,))
    assert kinds(found) == [K.EXECUTION_UNCONFIRMED]


def test_execution_of_an_earlier_day_is_beyond_the_brokers_read() -> None:
    old = replace(PUT, at=AT - timedelta(days=1))
    assert compare(book=(CALL, old), executions=(CALL,)).agrees


@pytest.mark.parametrize(("hour", "breaks"), [(4, []), (5, [K.EXECUTION_UNCONFIRMED])])
def test_brokers_day_begins_at_midnight_in_new_york(hour: int, breaks: list[BreakKind]) -> None:
    row = replace(PUT, at=AT.replace(hour=hour, minute=0))
    assert kinds(compare(book=(CALL, row), executions=(CALL,))) == breaks


@pytest.mark.parametrize("change", [{"quantity": Decimal(2)}, {"price": Decimal("10.01")}])
def test_execution_with_other_terms_is_a_break(change: dict[str, Any]) -> None:
    found = compare(executions=(CALL, replace(PUT, **change)))
    assert kinds(found) == [K.EXECUTION_DIFFERS]


def test_correction_that_we_have_not_booked_is_a_break_until_booked() -> None:
    corrected = execution(2, con_id=2, side=Side.SELL, quantity="2", revision=2)
    positions = (held(1, "-3"), held(2, "-2"))
    found = compare(positions=positions, executions=(CALL, PUT, corrected))
    assert kinds(found) == [K.EXECUTION_DIFFERS, K.POSITION_DIFFERS]
    booked = (CALL, PUT, corrected)
    assert compare(book=booked, positions=positions, executions=booked).agrees


GRACE = timedelta(seconds=5)
FRESH = replace(PUT, at=AT - timedelta(seconds=4))


@pytest.mark.parametrize(
    ("book", "positions", "executions"),
    [
        ((CALL, FRESH), (held(1, "-3"),), (CALL,)),
        ((CALL,), HELD, (CALL, FRESH)),
        ((CALL, FRESH), (held(1, "-3"),), (CALL, FRESH)),
        ((CALL, FRESH), (held(1, "-3"), held(2, "-1")), (CALL, FRESH)),
    ],
)
def test_fresh_fill_may_settle(book: Any, positions: Any, executions: Any) -> None:
    found = compare(book=book, positions=positions, executions=executions, grace=GRACE)
    assert found.agrees
    assert found.settling == ("QQQ",)
    late = compare(
        book=book, positions=positions, executions=executions, grace=timedelta(seconds=3)
    )
    assert not late.agrees


def test_difference_beyond_the_fresh_fill_is_a_break_all_the_same() -> None:
    found = compare(book=(CALL, FRESH), positions=(held(1, "-3"), held(2, "-9")), grace=GRACE)
    assert K.POSITION_DIFFERS in kinds(found)


def order(state: OrderState, filled: int = 0) -> Order:
    straddle = Straddle(call=option(1, Right.CALL), put=option(2, Right.PUT))
    intent = OrderIntent(
        ref=OrderRef("ours/1"),
        program=ProgramId("p"),
        package=PackageId("p/QQQ"),
        purpose=Purpose.OPEN,
        account="DU1234567",
        combo=straddle_combo(straddle),
        side=Side.SELL,
        quantity=3,
        limit_price=Decimal(20),
    )
    return Order(
        approved=ApprovedOrder(intent=intent, revision=0, approved_at=AT, passed=()),
        state=state,
        intended_at=AT,
        filled=filled,
        working_limit=Decimal(20),
    )


def live(perm_id: int = 1) -> OpenOrderReading:
    return OpenOrderReading(
        ref=OrderRef("ours/1"),
        perm_id=PermId(perm_id),
        client_id=1,
        symbol=Symbol("QQQ"),
        side=Side.SELL,
        quantity=Decimal(3),
        filled=Decimal(0),
        limit_price=Decimal(20),
        status="Submitted",
    )


def completed(filled: int) -> CompletedOrderReading:
    return CompletedOrderReading(
        ref=OrderRef("ours/1"), perm_id=PermId(1), filled=Decimal(filled), status="Filled"
    )


ORDER_ROWS: list[tuple[OrderState, int, dict[str, Any], list[BreakKind]]] = [
    (OrderState.WORKING, 0, {"open_orders": (live(),)}, []),
    (OrderState.UNKNOWN, 0, {"open_orders": (live(),)}, []),
    (OrderState.CANCELLED, 0, {"open_orders": (live(),)}, [K.ORDER_STILL_LIVE]),
    (OrderState.NEVER_ARRIVED, 0, {"open_orders": (live(),)}, [K.ORDER_STILL_LIVE]),
    (OrderState.WORKING, 0, {"open_orders": (live(1), live(2))}, [K.ORDER_DUPLICATED]),
    (OrderState.FILLED, 3, {"completed_orders": (completed(3),)}, []),
    (OrderState.CANCELLED, 2, {"completed_orders": (completed(3),)}, [K.ORDER_FILLED_DIFFERS]),
    (OrderState.WORKING, 2, {"completed_orders": (completed(3),)}, []),
]


@pytest.mark.parametrize(("state", "filled", "reading", "expected"), ORDER_ROWS)
def test_orders_are_compared_with_open_and_completed_orders(
    state: OrderState, filled: int, reading: dict[str, Any], expected: list[BreakKind]
) -> None:
    found = compare(orders=(order(state, filled),), **reading)
    assert kinds(found) == expected
    if expected:
        assert found.locked_names == {"QQQ"}


@pytest.mark.parametrize(
    "reading", [{"open_orders": (live(),)}, {"completed_orders": (completed(3),)}]
)
def test_order_that_has_just_ended_may_settle(reading: dict[str, Any]) -> None:
    ended = replace(order(OrderState.CANCELLED), ended_at=AT - timedelta(seconds=4))
    assert compare(orders=(ended,), grace=GRACE, **reading).agrees
    assert not compare(orders=(ended,), grace=timedelta(seconds=4), **reading).agrees


def test_name_unlocks_when_the_books_are_equal_again() -> None:
    assert compare(positions=(held(1, "-3"),)).locked_names == {"QQQ"}
    assert compare().locked_names == frozenset()


def test_adopted_external_book_makes_the_books_equal() -> None:
    positions = (held(1, "-2"), held(77, "-100"))
    reading = snapshot(positions=positions, executions=OURS)
    adopted = external_book(book_of(OURS), reading)
    assert {(row.con_id, row.quantity) for row in adopted} == {(1, 1), (2, 3), (77, -100)}
    assert reconcile(book_of(OURS), reading, baseline=adopted).agrees


sizes = st.dictionaries(st.integers(1, 6), st.integers(-5, 5), max_size=6)


@given(broker=sizes, trades=st.lists(st.tuples(st.integers(1, 6), st.integers(1, 5)), max_size=6))
def test_any_external_book_taken_from_a_read_reconciles_with_it(
    broker: dict[int, int], trades: list[tuple[int, int]]
) -> None:
    rows = tuple(
        execution(number, con_id=con_id, quantity=str(size))
        for number, (con_id, size) in enumerate(trades)
    )
    reading = snapshot(
        positions=tuple(held(con_id, str(size)) for con_id, size in broker.items()),
        executions=rows,
    )
    adopted = external_book(book_of(rows), reading)
    assert reconcile(book_of(rows), reading, baseline=adopted).agrees


@given(number=st.integers(0, 1), shift=st.sampled_from([-1, 1]))
def test_any_mutated_position_is_found(number: int, shift: int) -> None:
    positions = list(HELD)
    positions[number] = replace(positions[number], quantity=positions[number].quantity + shift)
    assert kinds(compare(positions=tuple(positions))) == [K.POSITION_DIFFERS]


def test_reconciliation_is_equal_after_the_journal() -> None:
    adapter = TypeAdapter(Reconciliation)
    found = compare(positions=(held(1, "-3"), held(60, "4", "KO")))
    assert adapter.validate_json(adapter.dump_json(found)) == found
