"""What do our executions add up to, contract by contract?

A position is a fold of executions: any order of arrival, duplication, splitting or correction of
the same executions gives the same book.
"""

import operator
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from dispersa.errors import require
from dispersa.market import ConId, Symbol
from dispersa.orders import Execution, ExecutionBook, OrderRef, execution_key
from dispersa.portfolio.bookings import Booking

PRICE_PLACES = Decimal("1e-10")


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One contract as our own executions add up; `quantity` is signed, prices are per share.

    `average_price` is the average cost of what is still held (zero when flat), `realized` the
    profit of what was closed and `cash` the net cash that the executions brought in, both before
    commission and in the contract's currency, so that

        cash = realized - average_price x quantity x multiplier.

    `commission` is what is known so far, positive as a cost; `income` is cash that came without a
    trade, such as dividends, and is in none of the others.
    """

    con_id: ConId
    symbol: Symbol
    multiplier: int
    quantity: Decimal
    average_price: Decimal
    realized: Decimal
    cash: Decimal
    commission: Decimal
    income: Decimal = Decimal(0)

    @property
    def is_flat(self) -> bool:
        """Whether nothing is held any more."""
        return self.quantity == 0


@dataclass(frozen=True, slots=True)
class _Change:
    """One signed change of a contract's position, of whichever origin."""

    at: datetime
    identity: str
    con_id: ConId
    symbol: Symbol
    multiplier: int
    quantity: Decimal
    price: Decimal
    income: Decimal = Decimal(0)


def positions_from(
    executions: ExecutionBook, bookings: Iterable[Booking] = ()
) -> Mapping[ConId, Position]:
    """Fold a book of executions, and bookings beside it, into positions, flat ones included.

    Average-cost accounting: a change against the position realizes the difference to the average
    price; one that crosses zero opens the rest at its own price. The fold runs in order of time
    with exact fractions, so neither arrival order nor splitting shows. A booking counts once.
    """
    by_contract: dict[ConId, list[Execution | Booking]] = {}
    for execution in executions.executions.values():
        by_contract.setdefault(execution.con_id, []).append(execution)
    for booking in {row.booking: row for row in bookings}.values():
        by_contract.setdefault(booking.con_id, []).append(booking)
    charges = _commission_by_contract(executions)
    return {
        con_id: _charged(_folded(_SameRows(tuple(rows))), charges.get(con_id))
        for con_id, rows in sorted(by_contract.items())
    }


class _SameRows:
    """A key that equals another only when both hold the very same rows, in the same order.

    Books share what did not change: one fill should fold one contract, not all of them.
    """

    __slots__ = ("rows",)

    def __init__(self, rows: tuple[Execution | Booking, ...]) -> None:
        self.rows = rows

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _SameRows) or len(self.rows) != len(other.rows):
            return False
        return all(map(operator.is_, self.rows, other.rows))

    def __hash__(self) -> int:
        return hash(tuple(map(id, self.rows)))


@lru_cache(maxsize=2048)
def _folded(key: _SameRows) -> Position:
    return _position(
        [_of_execution(row) if isinstance(row, Execution) else _of_booking(row) for row in key.rows]
    )


def _charged(position: Position, commission: Decimal | None) -> Position:
    return position if commission is None else replace(position, commission=commission)


def _of_execution(row: Execution) -> _Change:
    return _Change(
        at=row.at,
        identity=execution_key(row.exec_id)[0],
        con_id=row.con_id,
        symbol=row.symbol,
        multiplier=row.multiplier,
        quantity=row.side.sign * row.quantity,
        price=row.price,
    )


def _of_booking(row: Booking) -> _Change:
    return _Change(
        at=row.at,
        identity=row.booking,
        con_id=row.con_id,
        symbol=row.symbol,
        multiplier=row.multiplier,
        quantity=row.quantity,
        price=row.price,
        income=row.income,
    )


def positions_of(
    executions: ExecutionBook, refs: Iterable[OrderRef], bookings: Iterable[Booking] = ()
) -> Mapping[ConId, Position]:
    """Fold only the executions of these orders, and these bookings: one package or program."""
    wanted = frozenset(refs)
    chosen = {key: row for key, row in executions.executions.items() if row.order_ref in wanted}
    own = ExecutionBook(executions=chosen, commissions=executions.commissions)
    return positions_from(own, bookings)


def _commission_by_contract(book: ExecutionBook) -> dict[ConId, Decimal]:
    charges: dict[ConId, Decimal] = {}
    for key, commission in book.commissions.items():
        execution = book.executions.get(key)
        if execution is not None:
            known = charges.get(execution.con_id, Decimal(0))
            charges[execution.con_id] = known + commission.amount
    return charges


def _position(rows: list[_Change]) -> Position:
    first = rows[0]
    require(
        all((row.symbol, row.multiplier) == (first.symbol, first.multiplier) for row in rows),
        f"executions of contract {first.con_id} name several symbols or multipliers; expected one: "
        "the executions are not of one contract",
    )
    average, realized = _fold(sorted(rows, key=lambda row: (row.at, row.identity)))
    quantity = sum((row.quantity for row in rows), Decimal(0))
    return Position(
        con_id=first.con_id,
        symbol=first.symbol,
        multiplier=first.multiplier,
        quantity=quantity,
        average_price=_to_price(average if quantity else Fraction(0)),
        realized=_to_price(realized * first.multiplier),
        cash=sum((-row.quantity * row.price * row.multiplier for row in rows), Decimal(0)),
        commission=Decimal(0),
        income=sum((row.income for row in rows), Decimal(0)),
    )


def _fold(rows: list[_Change]) -> tuple[Fraction, Fraction]:
    """Return average price and realized profit per multiplier unit.

    Neighbors on one side that do not cross zero count as one change at their average price: the
    sums are exact, and fractions are slow.
    """
    held, average, realized = Fraction(0), Fraction(0), Fraction(0)
    for traded, price in _merged(rows):
        if held * traded >= 0:
            average = (average * held + price * traded) / (held + traded)
            held += traded
            continue
        closed = min(abs(held), abs(traded))
        realized += closed * (price - average) * (1 if held > 0 else -1)
        if abs(traded) > abs(held):
            average = price
        held += traded
    return average, realized


def _merged(rows: list[_Change]) -> Iterator[tuple[Fraction, Fraction]]:
    """Yield signed quantity and price, neighbors that trade the position the same way as one."""
    held, quantity, cost = Decimal(0), Decimal(0), Decimal(0)
    for row in rows:
        if not row.quantity:
            continue
        is_same = quantity * row.quantity > 0
        crosses = (held + quantity) * held < 0 or (held + quantity + row.quantity) * held < 0
        if quantity and (not is_same or crosses):
            yield Fraction(quantity), Fraction(cost) / Fraction(quantity)
            held, quantity, cost = held + quantity, Decimal(0), Decimal(0)
        quantity, cost = quantity + row.quantity, cost + row.quantity * row.price
    if quantity:
        yield Fraction(quantity), Fraction(cost) / Fraction(quantity)


def _to_price(value: Fraction) -> Decimal:
    return (Decimal(value.numerator) / Decimal(value.denominator)).quantize(PRICE_PLACES)
