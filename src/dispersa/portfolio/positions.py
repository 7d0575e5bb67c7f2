"""What do our executions add up to, contract by contract?

A position is a fold of executions: any order of arrival, duplication, splitting or correction of
the same executions gives the same book.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from dispersa.errors import require
from dispersa.market import ConId, Symbol
from dispersa.orders import Execution, ExecutionBook, OrderRef, execution_key

PRICE_PLACES = Decimal("1e-10")


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One contract as our own executions add up; `quantity` is signed, prices are per share.

    `average_price` is the average cost of what is still held (zero when flat), `realized` the
    profit of what was closed and `cash` the net cash that the executions brought in, both before
    commission and in the contract's currency, so that

        cash = realized - average_price x quantity x multiplier.

    `commission` is what is known so far, positive as a cost.
    """

    con_id: ConId
    symbol: Symbol
    multiplier: int
    quantity: Decimal
    average_price: Decimal
    realized: Decimal
    cash: Decimal
    commission: Decimal

    @property
    def is_flat(self) -> bool:
        """Whether nothing is held any more."""
        return self.quantity == 0


def positions_from(executions: ExecutionBook) -> Mapping[ConId, Position]:
    """Fold a book of executions into positions, flat ones included.

    Average-cost accounting: an execution against the position realizes the difference to the
    average price; one that crosses zero opens the rest at its own price. The fold runs in order
    of execution time with exact fractions, so neither arrival order nor splitting shows.
    """
    by_contract: dict[ConId, list[Execution]] = {}
    for execution in executions.executions.values():
        by_contract.setdefault(execution.con_id, []).append(execution)
    charges = _commission_by_contract(executions)
    return {
        con_id: _position(rows, charges.get(con_id, Decimal(0)))
        for con_id, rows in sorted(by_contract.items())
    }


def positions_of(executions: ExecutionBook, refs: Iterable[OrderRef]) -> Mapping[ConId, Position]:
    """Fold only the executions of these orders: the positions of one package or program."""
    wanted = frozenset(refs)
    chosen = {key: row for key, row in executions.executions.items() if row.order_ref in wanted}
    return positions_from(ExecutionBook(executions=chosen, commissions=executions.commissions))


def _commission_by_contract(book: ExecutionBook) -> dict[ConId, Decimal]:
    charges: dict[ConId, Decimal] = {}
    for key, commission in book.commissions.items():
        execution = book.executions.get(key)
        if execution is not None:
            known = charges.get(execution.con_id, Decimal(0))
            charges[execution.con_id] = known + commission.amount
    return charges


def _position(rows: list[Execution], commission: Decimal) -> Position:
    first = rows[0]
    require(
        all((row.symbol, row.multiplier) == (first.symbol, first.multiplier) for row in rows),
        f"executions of contract {first.con_id} name several symbols or multipliers; expected one: "
        "the executions are not of one contract",
    )
    quantity, average, realized = _fold(sorted(rows, key=lambda row: (row.at, _identity(row))))
    return Position(
        con_id=first.con_id,
        symbol=first.symbol,
        multiplier=first.multiplier,
        quantity=sum((row.side.sign * row.quantity for row in rows), Decimal(0)),
        average_price=_to_price(average if quantity else Fraction(0)),
        realized=_to_price(realized * first.multiplier),
        cash=sum((_cash(row) for row in rows), Decimal(0)),
        commission=commission,
    )


def _identity(execution: Execution) -> str:
    return execution_key(execution.exec_id)[0]


def _cash(execution: Execution) -> Decimal:
    return -execution.side.sign * execution.quantity * execution.price * execution.multiplier


def _fold(rows: list[Execution]) -> tuple[Fraction, Fraction, Fraction]:
    """Return signed quantity, average price and realized profit per multiplier unit."""
    held, average, realized = Fraction(0), Fraction(0), Fraction(0)
    for row in rows:
        price, traded = Fraction(row.price), Fraction(row.quantity) * row.side.sign
        if held * traded >= 0:
            average = (average * held + price * traded) / (held + traded) if traded else average
            held += traded
            continue
        closed = min(abs(held), abs(traded))
        realized += closed * (price - average) * (1 if held > 0 else -1)
        if abs(traded) > abs(held):
            average = price
        held += traded
    return held, average, realized


def _to_price(value: Fraction) -> Decimal:
    return (Decimal(value.numerator) / Decimal(value.denominator)).quantize(PRICE_PLACES)
