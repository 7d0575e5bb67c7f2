"""Exposure as rows, and what a point of correlation is worth."""

from datetime import timedelta

import pytest
from ledger import AT, book_of, execution, option, option_mark, share_mark

from dispersa.market import ConId, Right, Side, Symbol
from dispersa.portfolio import (
    correlation_usd_per_point,
    exposure_of,
    leg_rows,
    name_rows,
    positions_from,
)

CALL = option(1, Right.CALL)


def test_leg_rows_carry_source_and_age_of_every_mark() -> None:
    rows = [
        execution(1, side=Side.SELL, quantity="2", price="11"),
        execution(2, con_id=3, quantity="40", price="498", multiplier=1),
    ]
    marks = {CALL.con_id: option_mark(CALL), ConId(3): share_mark(3)}
    found = leg_rows(
        exposure_of(positions_from(book_of(rows)), marks, at=AT), at=AT + timedelta(seconds=7)
    )
    assert [row["contract"] for row in found] == ["QQQ 18DEC26 500 C", "QQQ shares"]
    assert [row["mark_source"] for row in found] == ["own_vol", "quote_mid"]
    assert [row["mark_age_seconds"] for row in found] == [7.0, 10.0]
    assert [row["market_value_usd"] for row in found] == [-2_000, 20_000]
    assert [row["strike"] for row in found] == [500, None]
    assert len({tuple(row) for row in found}) == 1


def test_name_rows_end_with_the_book() -> None:
    other = option(2, Right.PUT, symbol="SPY")
    rows = [execution(1), execution(2, con_id=2, symbol="SPY")]
    marks = {CALL.con_id: option_mark(CALL), other.con_id: option_mark(other, price="7")}
    found = name_rows(exposure_of(positions_from(book_of(rows)), marks, at=AT))
    assert [(row["symbol"], row["premium_usd"]) for row in found] == [
        ("QQQ", 1_000),
        ("SPY", 700),
        ("book", 1_700),
    ]


def test_point_of_correlation_agrees_with_the_answer_file() -> None:
    # Block H: two index straddles short, vega 1,253.06 per 1.00 of vol and share in all.
    call, put = option(1, Right.CALL, symbol="SPX"), option(2, Right.PUT, symbol="SPX")
    leg_vega = 1253.06366189077 / 2 / 100
    rows = [
        execution(number, con_id=number, side=Side.SELL, quantity="2", symbol="SPX")
        for number in (1, 2)
    ]
    marks = {leg.con_id: option_mark(leg, spot="5500", vega=leg_vega) for leg in (call, put)}
    components = {
        Symbol(f"C{number}"): pair
        for number, pair in enumerate(
            [(0.3, 0.28), (0.25, 0.24), (0.2, 0.35), (0.15, 0.45), (0.1, 0.22)]
        )
    }
    exposure = exposure_of(positions_from(book_of(rows)), marks, at=AT)
    assert exposure.book.greeks.vega_usd == pytest.approx(-2506.127323781547)
    found = correlation_usd_per_point(
        exposure, index=Symbol("SPX"), index_vol=0.18, components=components
    )
    assert found == pytest.approx(-497.8561157987809, rel=1e-12)
