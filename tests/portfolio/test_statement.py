"""The broker's statement of the day against our book."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from ledger import AT, book_of, execution
from pydantic import TypeAdapter

from dispersa.errors import InvalidInput
from dispersa.market import ConId, Side
from dispersa.orders import Commission, Execution, ExecutionBook
from dispersa.portfolio import Statement, StatementBreakKind, parse_statement, statement_breaks

K = StatementBreakKind
ACCOUNT = "DU1234567"
CALL = execution(1, con_id=1, side=Side.SELL, quantity="3", price="10.05")
PUT = execution(2, con_id=2, side=Side.SELL, quantity="3", price="9.95")

TRADE = (
    '<Trade accountId="{account}" currency="USD" assetCategory="OPT" symbol="QQQ 261218C00500000" '
    'underlyingSymbol="QQQ" conid="{con_id}" multiplier="100" tradeDate="20261120" '
    'dateTime="20261120;102000" quantity="{quantity}" tradePrice="{price}" ibCommission="-1.95" '
    'ibExecID="{exec_id}" orderReference="{ref}" levelOfDetail="EXECUTION" />'
)
POSITION = '<OpenPosition conid="{con_id}" position="{quantity}" levelOfDetail="SUMMARY" />'


def trade(row: Execution, **changes: Any) -> str:
    values = {
        "account": ACCOUNT,
        "con_id": row.con_id,
        "quantity": row.side.sign * row.quantity,
        "price": row.price,
        "exec_id": row.exec_id,
        "ref": row.order_ref,
    }
    return TRADE.format(**{**values, **changes})


def position(con_id: int, quantity: str) -> str:
    return POSITION.format(con_id=con_id, quantity=quantity)


def flex(
    *rows: str, account: str = ACCOUNT, days: tuple[str, str] = ("20261120", "20261120")
) -> str:
    return (
        '<FlexQueryResponse queryName="dispersa" type="AF"><FlexStatements count="1">'
        f'<FlexStatement accountId="{account}" fromDate="{days[0]}" toDate="{days[1]}">'
        f"<Trades>{''.join(r for r in rows if r.startswith('<Trade'))}</Trades>"
        f"<OpenPositions>{''.join(r for r in rows if r.startswith('<Open'))}</OpenPositions>"
        "</FlexStatement></FlexStatements></FlexQueryResponse>"
    )


def charged(*rows: Execution, amount: str = "1.95") -> ExecutionBook:
    book = book_of(rows)
    for row in rows:
        charge = Commission(exec_id=row.exec_id, amount=Decimal(amount), currency="USD")
        book = book.with_commission(charge)
    return book


POSITIONS = (position(1, "-3"), position(2, "-3"))
EQUAL = (trade(CALL), trade(PUT), *POSITIONS)


def kinds(book: ExecutionBook, *rows: str, **outside: Decimal) -> list[K]:
    statement = parse_statement(flex(*rows), account=ACCOUNT)
    baseline = {ConId(int(key[1:])): value for key, value in outside.items()}
    return [row.kind for row in statement_breaks(book, statement, outside=baseline)]


def test_statement_equal_to_the_book_has_no_breaks() -> None:
    assert kinds(charged(CALL, PUT), *EQUAL) == []


ROWS: list[tuple[ExecutionBook, tuple[str, ...], list[K]]] = [
    (charged(CALL, PUT), (trade(CALL), *POSITIONS), [K.NOT_IN_STATEMENT]),
    (charged(CALL), (trade(CALL), trade(PUT), position(1, "-3")), [K.NOT_IN_BOOK]),
    (charged(CALL), (trade(CALL), trade(PUT, ref="manual"), position(1, "-3")), []),
    (charged(CALL, PUT), (trade(CALL, price="10.06"), trade(PUT), *POSITIONS), [K.TERMS_DIFFER]),
    (charged(CALL, PUT), (trade(CALL, quantity="3"), trade(PUT), *POSITIONS), [K.TERMS_DIFFER]),
    (charged(CALL, PUT, amount="1.94"), EQUAL, [K.COMMISSION_DIFFERS] * 2),
    (charged(CALL, PUT, amount="1.945"), EQUAL, []),
    (book_of([CALL, PUT]), EQUAL, [K.COMMISSION_DIFFERS] * 2),
    (charged(CALL, PUT), (trade(CALL), trade(PUT), position(1, "-3")), [K.POSITION_DIFFERS]),
]


@pytest.mark.parametrize(("book", "rows", "expected"), ROWS)
def test_difference_is_found_and_named(
    book: ExecutionBook, rows: tuple[str, ...], expected: list[K]
) -> None:
    assert kinds(book, *rows) == expected


def test_correction_in_the_statement_is_compared_with_ours() -> None:
    corrected = replace(CALL, exec_id=execution(1, revision=2).exec_id, price=Decimal("10.00"))
    rows = (trade(CALL), trade(corrected), trade(PUT), *POSITIONS)
    assert kinds(charged(CALL, PUT), *rows) == [K.TERMS_DIFFER]
    assert kinds(charged(corrected, PUT), *rows) == []


def test_external_book_and_later_days_are_left_out() -> None:
    later = execution(3, con_id=1, side=Side.BUY, quantity="3", at=AT + timedelta(days=1))
    book = charged(CALL, PUT).with_execution(later)
    rows = (trade(CALL), trade(PUT), position(1, "-3"), position(2, "4"))
    assert kinds(book, *rows, c2=Decimal(7)) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not well-formed"),
        ("<a>", "not well-formed"),
        ("<a/>", "0 Flex statements of account DU1234567"),
        (flex(account="U9"), "0 Flex statements"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "declares XML entities"),
        (flex(trade(CALL).replace('ibExecID="', 'other="')), "no ibExecID"),
        (flex(trade(CALL, price="n/a")), "tradePrice of a Trade is 'n/a'"),
        (flex(trade(CALL, price="NaN")), "expected a finite number"),
        (flex(days=("soon", "20261120")), "fromDate of the statement is 'soon'"),
    ],
)
def test_unusable_statement_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        parse_statement(text, account=ACCOUNT)


def test_order_level_rows_and_lots_are_not_counted_twice() -> None:
    order = trade(CALL).replace('levelOfDetail="EXECUTION"', 'levelOfDetail="ORDER"')
    lot = position(1, "-3").replace("SUMMARY", "LOT")
    statement = parse_statement(flex(*EQUAL, order, lot), account=ACCOUNT)
    assert len(statement.trades) == 2
    assert statement.positions == {1: -3, 2: -3}


def test_statement_is_equal_after_the_journal() -> None:
    adapter = TypeAdapter(Statement)
    statement = parse_statement(flex(*EQUAL), account=ACCOUNT)
    assert adapter.validate_json(adapter.dump_json(statement)) == statement
