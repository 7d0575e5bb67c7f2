"""Strategy-based margin against published and hand-worked numbers."""

from decimal import Decimal

import pytest
from ledger import book_of, execution, option, option_mark, share_mark

from dispersa.market import ConId, Right, Side, UnderlyingKind
from dispersa.portfolio import Mark, modelled_margin, positions_from

D = Decimal
CALL, PUT, INDEX = Right.CALL, Right.PUT, UnderlyingKind.INDEX


def margin_of(legs: list[tuple[Mark, str]]) -> dict[str, Decimal]:
    rows = [
        execution(
            number,
            con_id=mark.con_id,
            side=Side.BUY if D(size) > 0 else Side.SELL,
            quantity=str(abs(D(size))),
            symbol=mark.symbol,
        )
        for number, (mark, size) in enumerate(legs)
    ]
    marks = {mark.con_id: mark for mark, _ in legs}
    return {str(k): v for k, v in modelled_margin(positions_from(book_of(rows)), marks).items()}


def test_short_index_straddle_agrees_with_the_answer_file() -> None:
    # Answer computed apart from this code: index and strike 5,500 at the broad-index rate.
    legs = [
        option_mark(option(number, right, strike="5500"), price=price, spot="5500", kind=INDEX)
        for number, (right, price) in enumerate(
            [(CALL, "95.25606555045263"), (PUT, "80.82474692121755")]
        )
    ]
    found = margin_of([(leg, "-1") for leg in legs])
    assert float(found["QQQ"]) == pytest.approx(100108.081247167, abs=1e-6)


def test_short_stock_straddle_agrees_with_the_hand() -> None:
    # 20 % of 45, 2 out of the money for the call struck at 47, and its price of 2.10: 9.10 a share,
    # as in the published example of a broker (tastytrade support article 43000435282).
    call = option_mark(option(1, CALL, strike="47"), price="2.10", spot="45")
    put = option_mark(option(2, PUT, strike="43"), price="1.20", spot="45")
    assert margin_of([(call, "-1")]) == {"QQQ": 910}
    assert margin_of([(put, "-1")]) == {"QQQ": 820}


def test_floor_of_ten_percent_holds_far_out_of_the_money() -> None:
    call = option_mark(option(1, CALL, strike="140"), price="0.10", spot="100")
    put = option_mark(option(2, PUT, strike="60"), price="0.05", spot="100")
    assert margin_of([(call, "-1"), (put, "-1")]) == {"QQQ": 1_010 + 605}


def test_unequal_shorts_pair_as_straddles_and_the_rest_is_naked() -> None:
    # ATM at 100, call 3, put 2: straddle 23 + 2 = 25; a naked call 23 (per share)
    call = option_mark(option(1, CALL, strike="100"), price="3", spot="100")
    put = option_mark(option(2, PUT, strike="100"), price="2", spot="100")
    assert margin_of([(call, "-3"), (put, "-2")]) == {"QQQ": D(2 * 2500 + 2300)}


def test_long_legs_count_at_their_price_and_relieve_nothing() -> None:
    call = option_mark(option(1, CALL, strike="100"), price="3", spot="100")
    far = option_mark(option(2, CALL, strike="105"), price="1", spot="100")
    assert margin_of([(call, "-1"), (far, "1")]) == {"QQQ": D(2300 + 100)}


def test_two_trading_classes_at_one_strike_are_not_mixed_up() -> None:
    one = option_mark(option(1, CALL, strike="100", trading_class="SPX"), price="3", spot="100")
    two = option_mark(option(2, CALL, strike="100", trading_class="SPXW"), price="3", spot="100")
    assert margin_of([(one, "-1"), (two, "-1")]) == {"QQQ": D(4600)}


def test_hedge_stock_is_left_to_the_gross_exposure() -> None:
    assert margin_of([(share_mark(3), "100")]) == {}
    assert modelled_margin({}, {ConId(3): share_mark(3)}) == {}
