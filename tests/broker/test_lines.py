"""Which ticks become quotes and Greeks, and which stop at the door."""

import math
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispersa.broker.ibkr.feed import vix_reading
from dispersa.broker.ibkr.lines import LineBook, model_greeks
from dispersa.errors import MarketDataMissing
from dispersa.market import ConId, DataKind, GreeksSource, Quote, Right, Symbol, UnderlyingKind

from .builders import CALL_ID, NOON, PUT_ID, STOCK, FixedClock, option

CALL = option(Right.CALL, CALL_ID)
UNSET = 1.7976931348623157e308
GOOD = (0.31, 0.52, 6.1, 0.0, 0.021, 0.29, -0.11, 272.4)


def book_with_call(kind: DataKind = DataKind.LIVE) -> tuple[LineBook, FixedClock]:
    clock = FixedClock()
    book = LineBook(clock=clock, lines_max=3, kind=kind)
    book.add(CALL, 1)
    return book, clock


def quote_of(book: LineBook) -> Quote:
    return book.quotes()[ConId(CALL_ID)]


def test_two_prices_with_sizes_are_a_quote_with_our_time() -> None:
    book, clock = book_with_call()
    book.on_price(1, 1, 6.05, 12)
    clock.time += timedelta(seconds=3)
    book.on_price(1, 2, 6.15, 7)
    assert quote_of(book) == Quote(
        bid=Decimal("6.05"),
        ask=Decimal("6.15"),
        bid_size=12,
        ask_size=7,
        at=NOON + timedelta(seconds=3),
        kind=DataKind.LIVE,
    )


@pytest.mark.parametrize("price", [-1.0, 0.0, math.nan, math.inf, UNSET])
def test_no_price_is_none(price: float) -> None:
    book, _ = book_with_call()
    book.on_price(1, 1, price, 5)
    book.on_price(1, 2, 6.15, 5)
    assert quote_of(book).bid is None
    assert quote_of(book).ask == Decimal("6.15")


@pytest.mark.parametrize(
    ("ticks", "known"),
    [
        ([(27, 4210), (28, 0)], 4210),
        ([(28, 0), (27, 4210)], 4210),
        ([(27, 0), (28, 0)], 0),
        ([(28, 0)], 0),
        ([(27, -1)], None),
        ([(27, math.nan)], None),
        ([(27, UNSET)], None),
        ([(8, 900)], None),
    ],
)
def test_open_interest_is_that_of_the_option_and_never_a_sentinel(
    ticks: list[tuple[int, float]], known: int | None
) -> None:
    book, _ = book_with_call()
    for kind, size in ticks:
        book.on_size(1, kind, size)
    assert book.open_interest().get(ConId(CALL_ID)) == known


def test_price_without_size_is_no_quote_until_the_size_comes() -> None:
    book, _ = book_with_call()
    book.on_price(1, 1, 6.05, 0)
    assert quote_of(book).bid is None
    book.on_size(1, 0, 4)
    assert (quote_of(book).bid, quote_of(book).bid_size) == (Decimal("6.05"), 4)
    book.on_size(1, 0, 0)
    assert quote_of(book).bid is None


def test_line_that_has_said_nothing_has_no_quote() -> None:
    book, _ = book_with_call()
    assert book.quotes() == {}


def test_any_message_of_the_line_confirms_the_quote() -> None:
    book, clock = book_with_call()
    book.on_price(1, 1, 6.05, 12)
    clock.time += timedelta(seconds=9)
    book.on_greeks(1, 13, (-1.0, -2.0, -1.0, -1.0, -2.0, -2.0, -2.0, 272.4))
    assert quote_of(book).at == clock.time


def test_delayed_ticks_are_never_called_live() -> None:
    book, _ = book_with_call()
    book.on_price(1, 66, 6.05, 12)
    book.on_price(1, 67, 6.15, 12)
    assert quote_of(book).kind is DataKind.DELAYED


@pytest.mark.parametrize(("number", "kind"), list(enumerate(DataKind, start=1)))
def test_data_kind_is_what_the_broker_says(number: int, kind: DataKind) -> None:
    book, _ = book_with_call()
    book.on_data_kind(1, number)
    book.on_price(1, 1, 6.05, 12)
    assert quote_of(book).kind is kind


def test_unknown_data_kind_is_not_live() -> None:
    book, _ = book_with_call()
    book.on_data_kind(1, 9)
    book.on_price(1, 1, 6.05, 12)
    assert quote_of(book).kind is not DataKind.LIVE


@pytest.mark.parametrize("code", [101, 200, 354, 10089, 10168, 10197])
def test_refused_line_has_no_quote_and_a_reason(code: int) -> None:
    book, _ = book_with_call()
    book.on_price(1, 1, 6.05, 12)
    assert book.on_line_error(1, code, "not subscribed")
    assert book.quotes() == {}
    assert str(code) in book.faults([ConId(CALL_ID)])[ConId(CALL_ID)]


@pytest.mark.parametrize("code", [10090, 10167])
def test_advisory_leaves_the_line_alive(code: int) -> None:
    book, _ = book_with_call()
    book.on_price(1, 1, 6.05, 12)
    assert book.on_line_error(1, code, "delayed")
    assert book.quotes()


def test_complete_model_greeks_are_kept_with_provenance() -> None:
    greeks = model_greeks(GOOD, at=NOON)
    assert greeks is not None
    assert greeks.source is GreeksSource.BROKER_MODEL
    assert (greeks.implied_vol, greeks.delta, greeks.price) == (0.31, 0.52, 6.1)
    assert (greeks.gamma, greeks.vega, greeks.theta) == (0.021, 0.29, -0.11)
    assert (greeks.underlying_price, greeks.at) == (272.4, NOON)


SENTINELS = {0: -1.0, 1: -2.0, 2: -1.0, 4: -2.0, 5: -2.0, 6: -2.0, 7: -1.0}


@pytest.mark.parametrize("place", sorted(SENTINELS))
@pytest.mark.parametrize("bad", ["sentinel", math.nan, math.inf, -math.inf, UNSET])
def test_one_sentinel_spoils_the_set(place: int, bad: float | str) -> None:
    values = list(GOOD)
    values[place] = SENTINELS[place] if isinstance(bad, str) else bad
    assert model_greeks(tuple(values), at=NOON) is None


def test_dividend_is_not_needed() -> None:
    assert model_greeks((*GOOD[:3], -1.0, *GOOD[4:]), at=NOON) is not None


def test_put_delta_of_minus_one_is_a_delta() -> None:
    greeks = model_greeks((0.3, -1.0, *GOOD[2:]), at=NOON)
    assert greeks is not None
    assert greeks.delta == -1.0


@pytest.mark.parametrize("kind", [10, 11, 12, 53, 80, 81, 82])
def test_only_the_model_tick_is_believed(kind: int) -> None:
    book, _ = book_with_call()
    book.on_greeks(1, kind, GOOD)
    assert book.greeks() == {}


def test_incomplete_set_does_not_replace_an_older_complete_one() -> None:
    book, clock = book_with_call()
    book.on_greeks(1, 13, GOOD)
    clock.time += timedelta(seconds=30)
    book.on_greeks(1, 13, (-1.0, *GOOD[1:]))
    assert book.greeks()[ConId(CALL_ID)].at == NOON


@given(st.tuples(*[st.floats(allow_nan=True, allow_infinity=True)] * 8))
def test_no_number_that_is_none_ever_becomes_a_greek(values: tuple[float, ...]) -> None:
    greeks = model_greeks(values, at=NOON)
    if greeks is not None:
        numbers = (greeks.implied_vol, greeks.delta, greeks.gamma, greeks.vega, greeks.theta)
        assert all(math.isfinite(number) for number in numbers)
        assert greeks.implied_vol > 0
        assert greeks.vega >= 0
        assert -1 <= greeks.delta <= 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from((1, 2, 66, 67)),
            st.floats(allow_nan=True, allow_infinity=True),
            st.floats(allow_nan=True, allow_infinity=True),
        ),
        max_size=8,
    )
)
def test_no_number_that_is_none_ever_becomes_a_quote(
    ticks: list[tuple[int, float, float]],
) -> None:
    book, _ = book_with_call()
    for kind, price, size in ticks:
        book.on_price(1, kind, price, size)
    for quote in book.quotes().values():
        assert all(side is None or side > 0 for side in (quote.bid, quote.ask))
        assert min(quote.bid_size, quote.ask_size) >= 0


def test_line_beyond_the_allowance_is_refused_in_words() -> None:
    book, _ = book_with_call()
    with pytest.raises(MarketDataMissing, match=r"3 more .* 2 of 3 are free"):
        book.require_free(3)


def test_closed_line_gives_its_place_back_and_takes_no_more_ticks() -> None:
    book, _ = book_with_call()
    assert book.remove(ConId(CALL_ID)) == 1
    assert book.free == 3
    book.on_price(1, 1, 6.05, 12)
    assert book.quotes() == {}
    assert not book.on_line_error(1, 354, "late")


def test_cleared_book_names_the_contracts_to_renew() -> None:
    book, _ = book_with_call()
    book.add(option(Right.PUT, PUT_ID), 2)
    assert {row.con_id for row in book.clear()} == {CALL_ID, PUT_ID}
    assert len(book) == 0


def test_index_is_quoted_without_sizes_and_read_by_its_last() -> None:
    vix = replace(STOCK, symbol=Symbol("VIX"), kind=UnderlyingKind.INDEX)
    book = LineBook(clock=FixedClock(), lines_max=1, kind=DataKind.LIVE)
    book.add(vix, 1)
    line = book.line(vix.con_id)
    assert line is not None
    book.on_price(1, 1, 17.1, 0)
    assert vix_reading(line) is None
    book.on_price(1, 2, 17.3, 0)
    reading = vix_reading(line)
    assert reading is not None
    assert reading.level == pytest.approx(17.2)
    book.on_price(1, 4, 17.25, 0)
    reading = vix_reading(line)
    assert reading is not None
    assert reading.level == 17.25
    assert (reading.quote.bid, reading.quote.ask) == (Decimal("17.1"), Decimal("17.3"))


def test_level_of_an_index_without_quotes_stands_on_both_sides() -> None:
    spx = replace(STOCK, symbol=Symbol("SPX"), kind=UnderlyingKind.INDEX)
    book = LineBook(clock=FixedClock(), lines_max=1, kind=DataKind.LIVE)
    book.add(spx, 1)
    book.on_price(1, 4, 6801.25, 0)
    quote = book.quotes()[spx.con_id]
    assert quote.bid == quote.ask == quote.mid == Decimal("6801.25")
    book.on_price(1, 4, -1.0, 0)
    assert book.quotes()[spx.con_id].mid is None
