"""Exposure by leg, straddle, name and book, worked by hand."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from ledger import AT, book_of, execution, option, option_mark, share_mark
from pydantic import TypeAdapter

from dispersa.errors import InvalidInput
from dispersa.market import ConId, Right, Side
from dispersa.portfolio import (
    Exposure,
    Mark,
    Position,
    exposure_of,
    gross_exposure,
    positions_from,
)

D = Decimal

CALL = option(1, Right.CALL)
PUT = option(2, Right.PUT)
MARKS: dict[ConId, Mark] = {
    CALL.con_id: option_mark(CALL, price="10", delta=0.5),
    PUT.con_id: option_mark(PUT, price="9", delta=-0.5, at=AT - timedelta(seconds=9)),
    ConId(3): share_mark(3),
}


def positions() -> dict[ConId, Position]:
    """Three straddles short at 20 and 40 shares short at 498."""
    rows = [
        execution(1, con_id=1, side=Side.SELL, quantity="3", price="11"),
        execution(2, con_id=2, side=Side.SELL, quantity="3", price="9"),
        execution(3, con_id=3, side=Side.SELL, quantity="40", price="498", multiplier=1),
    ]
    return dict(positions_from(book_of(rows)))


def exposure(**changes: Any) -> Exposure:
    return exposure_of(positions(), MARKS, at=AT, **changes)


def test_book_agrees_with_the_hand() -> None:
    found = exposure()
    book = found.book
    assert book.premium == 300 * 10 + 300 * 9
    assert book.market_value == -5_700 - 20_000
    assert book.notional == 2 * 300 * 500  # each leg controls 300 shares
    assert book.hedge_stock == 20_000
    assert book.open_profit == 300 * 1 + 0 - 40 * 2
    # ATM short straddle of an ETF: (20 % x 500 + 10) + 9 = 119 per share
    assert found.margin_modelled == 300 * 119
    assert found.gross == 300 * 119 + 20_000
    assert found.unmarked == ()
    assert found.oldest_mark_at == AT - timedelta(seconds=9)


def test_sensitivities_agree_with_the_hand() -> None:
    greeks = exposure().book.greeks
    assert greeks.delta_shares == pytest.approx(-40)
    assert greeks.delta_usd == pytest.approx(-20_000)
    assert greeks.vega_usd == pytest.approx(-2 * 300 * 0.6)
    assert greeks.gross_vega_usd == pytest.approx(2 * 300 * 0.6)
    assert greeks.gamma_usd == pytest.approx(-2 * 300 * 0.01 * 500**2)
    assert greeks.theta_usd == pytest.approx(2 * 300 * 0.2)


def test_straddles_and_names_are_grouped() -> None:
    found = exposure()
    [straddle] = found.straddles
    assert (straddle.straddles, straddle.unpaired) == (-3, 0)
    [name] = found.underlyings
    assert name.symbol == "QQQ"
    assert name.sums == found.book
    assert name.margin == found.margin_modelled


def test_unequal_legs_show_what_is_unpaired() -> None:
    rows = [
        execution(1, con_id=1, side=Side.BUY, quantity="5"),
        execution(2, con_id=2, side=Side.BUY, quantity="2"),
    ]
    [straddle] = exposure_of(positions_from(book_of(rows)), MARKS, at=AT).straddles
    assert (straddle.straddles, straddle.unpaired) == (2, 3)


def test_synthetic_stock_is_no_straddle() -> None:
    rows = [
        execution(1, con_id=1, side=Side.BUY, quantity="5"),
        execution(2, con_id=2, side=Side.SELL, quantity="5"),
    ]
    [straddle] = exposure_of(positions_from(book_of(rows)), MARKS, at=AT).straddles
    assert (straddle.straddles, straddle.unpaired) == (0, 10)


def test_position_without_a_mark_leaves_no_gross_exposure() -> None:
    marks = {con_id: mark for con_id, mark in MARKS.items() if con_id != PUT.con_id}
    found = exposure_of(positions(), marks, at=AT)
    assert found.unmarked == (PUT.con_id,)
    assert found.gross is None


def test_flat_position_needs_no_mark() -> None:
    rows = [execution(1, con_id=9), execution(2, con_id=9, side=Side.SELL)]
    found = exposure_of(positions_from(book_of(rows)), {}, at=AT)
    assert (found.unmarked, found.gross, found.oldest_mark_at) == ((), 0, None)


@pytest.mark.parametrize(
    ("broker", "margin"), [(None, 35_700), (D(1), 35_700), (D(90_000), 90_000)]
)
def test_larger_of_modelled_and_broker_margin_binds(broker: Decimal | None, margin: int) -> None:
    assert exposure(margin_broker=broker).margin == margin


def test_gross_exposure_takes_the_larger_and_adds_stock_unsigned() -> None:
    assert gross_exposure(premium=D(5), margin=D(7), hedge_stock=D(-3)) == 10
    assert gross_exposure(premium=D(9), margin=D(7), hedge_stock=D(3)) == 12


def test_mark_at_an_impossible_price_is_refused() -> None:
    with pytest.raises(InvalidInput, match="is marked at NaN"):
        option_mark(CALL, price="NaN")
    with pytest.raises(InvalidInput, match="underlying price of 0"):
        option_mark(CALL, spot="0")


def test_exposure_is_equal_after_the_journal() -> None:
    adapter = TypeAdapter(Exposure)
    found = exposure(margin_broker=D(1))
    assert adapter.validate_json(adapter.dump_json(found)) == found
