"""Strategy-based margin against published and hand-worked numbers."""

from decimal import Decimal

import pytest
from ledger import book_of, execution, option, option_mark, share_mark

from dispersa.errors import InvalidInput
from dispersa.market import ConId, Right, Side, UnderlyingKind
from dispersa.portfolio import (
    Mark,
    margin_rate,
    modelled_margin,
    positions_from,
    short_straddle_margin,
    short_strangle_margin,
)

D = Decimal
CALL, PUT = Right.CALL, Right.PUT


def test_short_strangle_agrees_with_the_published_example() -> None:
    # tastytrade support article 43000435282: stock 45, short 47 call 2.10 and 43 put 1.20.
    found = short_strangle_margin(
        spot=D(45), call=(D(47), D("2.10")), put=(D(43), D("1.20")), rate=D("0.20")
    )
    assert (found.call_side * 100, found.put_side * 100) == (910, 820)
    assert found.total * 100 == 1030


def test_short_index_straddle_agrees_with_the_answer_file() -> None:
    # Answers computed apart from this code: index and strike 5,500 at the broad-index rate.
    found = short_straddle_margin(
        spot=D(5500),
        strike=D(5500),
        call_price=D("95.25606555045263"),
        put_price=D("80.82474692121755"),
        rate=margin_rate(UnderlyingKind.INDEX),
    )
    assert float(found.call_side) * 100 == pytest.approx(92025.60655504526, abs=1e-8)
    assert float(found.put_side) * 100 == pytest.approx(90582.47469212176, abs=1e-8)
    assert float(found.total) * 100 == pytest.approx(100108.081247167, abs=1e-8)


def test_floor_of_ten_percent_holds_far_out_of_the_money() -> None:
    # call: 20 % of 100 less 40 out of the money is below 10 % of spot; put: 10 % of strike 60
    found = short_strangle_margin(
        spot=D(100), call=(D(140), D("0.10")), put=(D(60), D("0.05")), rate=D("0.20")
    )
    assert (found.call_side, found.put_side) == (D("10.10"), D("6.05"))
    assert found.total == D("10.15")


@pytest.mark.parametrize("bad", [{"spot": D(0)}, {"strike": D("NaN")}, {"call_price": D(-1)}])
def test_margin_of_impossible_prices_is_refused(bad: dict[str, Decimal]) -> None:
    terms = {"spot": D(100), "strike": D(100), "call_price": D(1), "put_price": D(1)}
    with pytest.raises(InvalidInput, match="margin of an option"):
        short_straddle_margin(**{**terms, **bad}, rate=D("0.20"))


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
