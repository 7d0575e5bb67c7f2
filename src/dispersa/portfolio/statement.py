"""Does the broker's statement of the day say what our book says?

Reads an IBKR Flex statement (activity query, XML, saved to a file by the user) and compares it
with the book: executions by execution id, prices, commissions, positions at the day's end.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from xml.etree import ElementTree as ET

from dispersa.errors import InvalidInput
from dispersa.market import ConId, Symbol
from dispersa.orders import Execution, ExecutionBook, OrderRef, execution_key
from dispersa.orders.ids import ExecId
from dispersa.portfolio.positions import positions_from
from dispersa.portfolio.reconciliation import EXCHANGE_ZONE

STATEMENT_SIZE_MAX = 64 * 1024 * 1024
CENT = Decimal("0.01")


class StatementBreakKind(StrEnum):
    """In which way the statement and our book differ."""

    NOT_IN_STATEMENT = "not_in_statement"
    NOT_IN_BOOK = "not_in_book"
    TERMS_DIFFER = "terms_differ"
    COMMISSION_DIFFERS = "commission_differs"
    POSITION_DIFFERS = "position_differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementTrade:
    """One execution of the statement; `quantity` is signed, `commission` positive as a cost."""

    exec_id: ExecId
    order_ref: OrderRef
    con_id: ConId
    symbol: Symbol
    quantity: Decimal
    price: Decimal
    commission: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What the broker states for one account over whole days, both ends included."""

    account: str
    first_day: date
    last_day: date
    trades: tuple[StatementTrade, ...]
    positions: Mapping[ConId, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementBreak:
    """One difference between the statement (`found`) and our book (`expected`)."""

    kind: StatementBreakKind
    symbol: Symbol
    found: str
    expected: str
    sentence: str


def parse_statement(text: str, *, account: str) -> Statement:
    """Read the Flex statement of `account`.

    Raises
    ------
    InvalidInput
        If it is not a Flex statement, is not of this account, declares entities, or an execution
        or position lacks what the comparison needs.
    """
    if len(text) > STATEMENT_SIZE_MAX or "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise InvalidInput(
            "the statement is too large or declares XML entities; expected a Flex activity "
            "statement as IBKR sends it"
        )
    try:
        root = ET.fromstring(text)  # noqa: S314 - no document type, no entities: see above
    except ET.ParseError as error:
        raise InvalidInput(
            f"the statement is not well-formed XML ({error}); download the Flex query again"
        ) from error
    found = [row for row in root.iter("FlexStatement") if row.get("accountId") == account]
    if len(found) != 1:
        raise InvalidInput(
            f"the file has {len(found)} Flex statements of account {account}; expected one: "
            "choose the query of this account, in XML"
        )
    return _statement(found[0], account)


def _statement(node: ET.Element, account: str) -> Statement:
    trades = [
        _trade(row)
        for row in node.iter("Trade")
        if row.get("levelOfDetail", "EXECUTION") == "EXECUTION"
    ]
    positions: dict[ConId, Decimal] = {}
    for row in node.iter("OpenPosition"):
        if row.get("levelOfDetail", "SUMMARY") == "SUMMARY":
            con_id = ConId(int(_number(row, "conid")))
            positions[con_id] = positions.get(con_id, Decimal(0)) + _number(row, "position")
    return Statement(
        account=account,
        first_day=_day(node, "fromDate"),
        last_day=_day(node, "toDate"),
        trades=tuple(trades),
        positions=positions,
    )


def _trade(row: ET.Element) -> StatementTrade:
    return StatementTrade(
        exec_id=ExecId(_text(row, "ibExecID")),
        order_ref=OrderRef(row.get("orderReference", "")),
        con_id=ConId(int(_number(row, "conid"))),
        symbol=Symbol(row.get("underlyingSymbol") or _text(row, "symbol")),
        quantity=_number(row, "quantity"),
        price=_number(row, "tradePrice"),
        commission=-_number(row, "ibCommission"),
    )


def _text(row: ET.Element, name: str) -> str:
    value = row.get(name)
    if not value:
        raise InvalidInput(
            f"a {row.tag} of the statement has no {name}; expected it: add the field to the Flex "
            "query and download it again"
        )
    return value


def _number(row: ET.Element, name: str) -> Decimal:
    text = _text(row, name)
    try:
        value = Decimal(text.replace(",", ""))
    except InvalidOperation as error:
        raise InvalidInput(f"{name} of a {row.tag} is {text!r}; expected a number") from error
    if not value.is_finite():
        raise InvalidInput(f"{name} of a {row.tag} is {text!r}; expected a finite number")
    return value


def _day(row: ET.Element, name: str) -> date:
    text = _text(row, name)
    try:
        return (
            datetime.strptime(text.replace("-", ""), "%Y%m%d").replace(tzinfo=EXCHANGE_ZONE).date()
        )
    except ValueError as error:
        raise InvalidInput(f"{name} of the statement is {text!r}; expected YYYYMMDD") from error


def statement_breaks(
    book: ExecutionBook,
    statement: Statement,
    *,
    outside: Mapping[ConId, Decimal],
) -> tuple[StatementBreak, ...]:
    """Compare our book with the statement.

    Executions of orders whose reference the book knows are ours; `outside` holds the external
    book's position per contract. Positions are compared at the end of the last day, for contracts
    that we have traded.
    """
    return (*_execution_breaks(book, statement), *_position_breaks(book, statement, outside))


def _execution_breaks(book: ExecutionBook, statement: Statement) -> Iterator[StatementBreak]:
    refs = {row.order_ref for row in book.executions.values()}
    stated: dict[str, StatementTrade] = {}
    for trade in statement.trades:
        key, revision = execution_key(trade.exec_id)
        known = stated.get(key)
        if known is None or revision > execution_key(known.exec_id)[1]:
            stated[key] = trade
    for key, trade in stated.items():
        ours = book.executions.get(key)
        if ours is not None:
            yield from _compare(book, key, ours, trade)
        elif trade.order_ref in refs:
            yield _break(
                StatementBreakKind.NOT_IN_BOOK,
                trade.symbol,
                f"execution {trade.exec_id}: {trade.quantity} at {trade.price}",
                "an execution that our book has too",
            )
    for key, ours in book.executions.items():
        if key not in stated and _is_within(ours, statement):
            yield _break(
                StatementBreakKind.NOT_IN_STATEMENT,
                ours.symbol,
                "no such execution",
                f"execution {ours.exec_id}: {_signed(ours)} at {ours.price}",
            )


def _compare(
    book: ExecutionBook, key: str, ours: Execution, trade: StatementTrade
) -> Iterator[StatementBreak]:
    if (ours.con_id, _signed(ours), ours.price) != (trade.con_id, trade.quantity, trade.price):
        yield _break(
            StatementBreakKind.TERMS_DIFFER,
            ours.symbol,
            f"{trade.exec_id}: {trade.quantity} at {trade.price} of contract {trade.con_id}",
            f"{ours.exec_id}: {_signed(ours)} at {ours.price} of contract {ours.con_id}",
        )
    charge = book.commissions.get(key)
    if charge is None or abs(charge.amount - trade.commission) >= CENT:
        yield _break(
            StatementBreakKind.COMMISSION_DIFFERS,
            ours.symbol,
            f"commission {trade.commission} for {trade.exec_id}",
            "no commission" if charge is None else f"commission {charge.amount}",
        )


def _position_breaks(
    book: ExecutionBook, statement: Statement, outside: Mapping[ConId, Decimal]
) -> Iterator[StatementBreak]:
    end = _midnight(statement.last_day + timedelta(days=1))
    until = {key: row for key, row in book.executions.items() if row.at < end}
    for con_id, position in positions_from(ExecutionBook(executions=until)).items():
        found = statement.positions.get(con_id, Decimal(0))
        expected = position.quantity + outside.get(con_id, Decimal(0))
        if found != expected:
            yield _break(
                StatementBreakKind.POSITION_DIFFERS,
                position.symbol,
                f"{found} of contract {con_id} on {statement.last_day}",
                str(expected),
            )


def _signed(row: Execution) -> Decimal:
    return row.side.sign * row.quantity


def _is_within(row: Execution, statement: Statement) -> bool:
    first = _midnight(statement.first_day)
    return first <= row.at < _midnight(statement.last_day + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=EXCHANGE_ZONE)


def _break(kind: StatementBreakKind, symbol: Symbol, found: str, expected: str) -> StatementBreak:
    return StatementBreak(
        kind=kind,
        symbol=symbol,
        found=found,
        expected=expected,
        sentence=(
            f"{symbol}: the statement has {found}, our book {expected}; compare with the broker's "
            "trade confirmation before trading the name"
        ),
    )
