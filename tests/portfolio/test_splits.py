"""A split must not look like a profit: what was held before, in terms of the shares after it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from ledger import AT, book_of, execution, option, option_mark, share_mark

from dispersa.market import ConId, Right, Side, Symbol
from dispersa.orders import ProgramId
from dispersa.portfolio import (
    Booking,
    BookingKind,
    SecondOrder,
    Valued,
    attribute_pnl,
    positions_from,
    restated,
)

CALL, NEW, STOCK = option(1, Right.CALL), option(21, Right.CALL, strike="125"), 9
AFTER = AT + timedelta(days=1)


def booking(con_id: int, quantity: int, price: str, *, replaces: int | None = None) -> Booking:
    return Booking(
        booking=f"split-{con_id}",
        kind=BookingKind.SPLIT,
        con_id=ConId(con_id),
        symbol=Symbol("QQQ"),
        multiplier=1 if con_id == STOCK else 100,
        quantity=Decimal(quantity),
        price=Decimal(price),
        at=AFTER,
        reason="4 for 1",
        accepted_by="test",
        program=ProgramId("t"),
        ratio=Decimal(4),
        replaces=None if replaces is None else ConId(replaces),
        option=None if replaces is None else NEW,
    )


SPLIT = (booking(STOCK, 300, "0"), booking(1, 3, "10"), booking(21, -12, "2.5", replaces=1))
BOOK = book_of(
    [
        execution(1, side=Side.SELL, quantity="3", price="10"),
        execution(2, con_id=STOCK, quantity="100", price="500", multiplier=1),
    ]
)
BEFORE = Valued(
    at=AT,
    positions=positions_from(BOOK),
    marks={
        ConId(1): replace(
            option_mark(CALL, price="12", spot="500", delta=0.5, gamma=0.01, vega=0.6, theta=-0.2),
            second_order=SecondOrder(vanna=0.001, volga=0.02),
        ),
        ConId(STOCK): share_mark(STOCK, price="500"),
    },
)


def test_a_split_alone_earns_nothing_and_leaves_no_residual() -> None:
    after = Valued(
        at=AT,
        positions=positions_from(BOOK, SPLIT),
        marks={
            ConId(21): option_mark(NEW, price="3", spot="125"),
            ConId(STOCK): share_mark(STOCK, price="125"),
        },
    )
    found = attribute_pnl(restated(BEFORE, SPLIT), after, index_moves={}, dividends={}).book
    assert found.total == 0
    assert (found.trades, found.residual, found.hedges, found.delta) == (0, 0, 0, 0)


def test_a_move_after_a_split_is_told_by_the_greeks_of_the_new_contract() -> None:
    """One dollar of the new stock is four of the old: -3 x 100 x (0.5 x 4 + 0.01 x 16 / 2)."""
    after = Valued(
        at=AT,
        positions=positions_from(BOOK, SPLIT),
        marks={
            ConId(21): option_mark(NEW, price="3.52", spot="126"),
            ConId(STOCK): share_mark(STOCK, price="126"),
        },
    )
    found = attribute_pnl(restated(BEFORE, SPLIT), after, index_moves={}, dividends={}).book
    assert found.delta == Decimal("-600")
    assert found.gamma == Decimal("-24")
    assert found.hedges == Decimal(400)
    assert found.total == Decimal("-12") * 100 * Decimal("0.52") + 400


def test_the_worth_before_is_the_same_in_new_terms() -> None:
    new = restated(BEFORE, SPLIT)
    worth = {
        name: sum(
            (row.quantity * row.multiplier * each.marks[key].price + row.cash)
            if not row.is_flat
            else row.cash
            for key, row in each.positions.items()
        )
        for name, each in (("before", BEFORE), ("new", new))
    }
    assert worth["before"] == worth["new"]
    assert new.positions[ConId(21)].quantity == -12
    assert new.positions[ConId(1)].is_flat
