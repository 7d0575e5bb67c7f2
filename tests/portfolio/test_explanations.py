"""Is an expiry, an assignment, a split or a renaming recognized, and nothing else taken for one?"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest
from ledger import EXPIRY, book_of, execution, held, option, snapshot

from dispersa.market import ConId, OptionContract, Right, Settlement, Side
from dispersa.orders import PositionReading
from dispersa.portfolio import BookingKind, Cause, Explanation, Known, explain, positions_from

CALL, PUT, STOCK = option(1, Right.CALL), option(2, Right.PUT), 9
AFTER = datetime.combine(EXPIRY, time(21, 30), UTC)
BEFORE = AFTER - timedelta(days=9)


def known(quantities: Mapping[OptionContract, int], *, shares: int = 0, outside: int = 0) -> Known:
    rows = [
        execution(
            n, con_id=contract.con_id, quantity=str(abs(size)), at=BEFORE - timedelta(days=3),
            side=Side.BUY if size > 0 else Side.SELL,
        )
        for n, (contract, size) in enumerate(quantities.items())
        if size
    ]  # fmt: skip
    if shares:
        rows.append(execution(50, con_id=STOCK, quantity=str(shares), multiplier=1))
    return Known(
        positions=positions_from(book_of(rows)),
        baseline=(held(STOCK, str(outside)),) if outside else (),
        options={contract.con_id: contract for contract in quantities},
    )


def told(
    ours: Known,
    *there: tuple[int, int],
    at: datetime = AFTER,
    extra: tuple[PositionReading, ...] = (),
) -> Explanation:
    positions = tuple(held(con_id, str(size)) for con_id, size in there)
    (found,) = explain(ours, snapshot(positions=(*positions, *extra), at=at))
    return found


def booked(found: Explanation) -> dict[tuple[int, BookingKind], tuple[int, Decimal]]:
    return {(c.con_id, c.kind): (int(c.quantity), c.price) for c in found.changes}


SHORT = known({CALL: -3, PUT: -3})


def test_a_short_straddle_that_ends_above_its_strike_delivers_shares() -> None:
    found = told(SHORT, (STOCK, -300))
    assert (found.cause, found.is_certain) == (Cause.DELIVERED, True)
    assert booked(found) == {
        (1, BookingKind.ASSIGNMENT): (3, Decimal(0)),
        (2, BookingKind.EXPIRY): (3, Decimal(0)),
        (STOCK, BookingKind.DELIVERY): (-300, Decimal(500)),
    }


def test_a_short_straddle_that_ends_below_its_strike_receives_shares() -> None:
    found = told(SHORT, (STOCK, 300))
    assert booked(found)[(STOCK, BookingKind.DELIVERY)] == (300, Decimal(500))
    assert booked(found)[(2, BookingKind.ASSIGNMENT)] == (3, Decimal(0))


def test_a_long_straddle_is_exercised_on_the_side_that_is_in_the_money() -> None:
    found = told(known({CALL: 2, PUT: 2}), (STOCK, -200))
    assert booked(found)[(2, BookingKind.EXERCISE)] == (-2, Decimal(0))
    assert booked(found)[(1, BookingKind.EXPIRY)] == (-2, Decimal(0))


def test_a_straddle_at_its_very_strike_lapses_whole() -> None:
    found = told(SHORT)
    assert (found.cause, found.is_certain) == (Cause.EXPIRED, True)
    assert {kind for _, kind in booked(found)} == {BookingKind.EXPIRY}


def test_shares_that_were_held_before_are_no_delivery() -> None:
    found = told(known({CALL: -3, PUT: -3}, outside=120), (STOCK, 420))
    assert booked(found)[(STOCK, BookingKind.DELIVERY)] == (300, Decimal(500))


def test_an_early_assignment_of_part_of_the_calls_is_recognized() -> None:
    found = told(SHORT, (1, -1), (2, -3), (STOCK, -200), at=BEFORE)
    assert (found.cause, found.is_certain) == (Cause.DELIVERED, True)
    assert booked(found) == {
        (1, BookingKind.ASSIGNMENT): (2, Decimal(0)),
        (STOCK, BookingKind.DELIVERY): (-200, Decimal(500)),
    }


@pytest.mark.parametrize(
    "there",
    [
        ((1, -1), (2, -3)),  # options gone before expiry, no shares
        (),  # the whole straddle gone before expiry, as by a transfer
        ((1, -3), (2, -3), (STOCK, -100)),  # shares, no option gone
        ((1, -5), (2, -3)),  # more short than before
        ((1, -1), (2, -3), (STOCK, -150)),  # shares that two calls do not deliver
    ],
)
def test_what_fits_nothing_stays_unknown_and_is_never_booked(
    there: tuple[tuple[int, int], ...],
) -> None:
    found = told(SHORT, *there, at=BEFORE)
    assert (found.cause, found.is_certain, found.changes) == (Cause.UNKNOWN, False, ())


@pytest.mark.parametrize(
    ("style", "word"), [(Settlement.CASH_AM, "opening"), (Settlement.CASH_PM, "closing")]
)
def test_cash_settled_options_name_their_print_and_wait_for_its_value(
    style: Settlement, word: str
) -> None:
    legs = {replace(CALL, settlement=style): -2, replace(PUT, settlement=style): -2}
    found = told(known(legs))
    assert (found.cause, found.is_certain) == (Cause.CASH_SETTLED, False)
    assert f"the {word} print" in found.sentence
    assert len(found.changes) == 2


def test_a_split_is_named_and_not_booked() -> None:
    found = told(known({CALL: -3, PUT: -3}, shares=100), (1, -12), (2, -12), (STOCK, 400))
    assert (found.cause, found.is_certain) == (Cause.SPLIT, False)
    assert "4 times" in found.sentence
    assert booked(found)[(1, BookingKind.SPLIT)] == (-9, Decimal(0))


def quartered(contract: OptionContract, con_id: int, size: int) -> PositionReading:
    """The option as it is listed after a 4:1 split, under another contract id."""
    terms = replace(contract, con_id=ConId(con_id), strike=contract.strike / 4)
    return replace(held(con_id, str(size)), option=terms)


def test_options_that_a_split_lists_anew_move_to_their_new_contracts_without_cash() -> None:
    new = (quartered(CALL, 21, -12), quartered(PUT, 22, -12))
    found = told(known({CALL: -3, PUT: -3}, shares=100), (STOCK, 400), extra=new)
    assert (found.cause, found.is_certain) == (Cause.SPLIT, False)
    assert booked(found) == {
        (STOCK, BookingKind.SPLIT): (300, Decimal(0)),
        (1, BookingKind.SPLIT): (3, Decimal(10)),
        (21, BookingKind.SPLIT): (-12, Decimal("2.5")),
        (2, BookingKind.SPLIT): (3, Decimal(10)),
        (22, BookingKind.SPLIT): (-12, Decimal("2.5")),
    }
    assert sum(row.quantity * row.price for row in found.changes) == 0
    assert {row.replaces for row in found.changes} == {None, 1, 2}
    assert all(row.ratio == 4 for row in found.changes)


def test_a_split_leaves_the_external_shares_to_the_external_book() -> None:
    found = told(known({CALL: -3}, shares=100, outside=50), (1, -12), (STOCK, 600))
    assert booked(found)[(STOCK, BookingKind.SPLIT)] == (300, Decimal(0))


def test_other_strikes_are_no_split() -> None:
    odd = replace(CALL, con_id=ConId(21), strike=Decimal(130))
    there = replace(held(21, "-12"), option=odd)
    found = told(known({CALL: -3}, shares=100), (STOCK, 400), extra=(there,))
    assert found.cause is Cause.UNKNOWN


def test_a_new_symbol_is_named() -> None:
    renamed = (
        replace(held(11, "-3", "NEW"), option=option(11, Right.CALL, symbol="NEW")),
        replace(held(12, "-3", "NEW"), option=option(12, Right.PUT, symbol="NEW")),
    )
    found = told(SHORT, at=BEFORE, extra=renamed)
    assert found.cause is Cause.SYMBOL_CHANGED
    assert "NEW" in found.sentence


def test_an_adjusted_deliverable_is_named() -> None:
    odd = replace(CALL, con_id=ConId(21), trading_class="QQQ1", multiplier=100)
    there = replace(held(21, "-3"), option=odd)
    found = told(SHORT, (2, -3), at=BEFORE, extra=(there,))
    assert found.cause is Cause.ADJUSTED
    assert "QQQ1" in found.sentence
