"""What was really traded? Executions, corrected and de-duplicated, and their commissions."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from dispersa.market import ConId, Side, Symbol
from dispersa.orders.ids import ExecId, OrderRef, PermId
from dispersa.orders.intents import Combo


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One leg execution as the broker reports it (combo-level lines never become one).

    `quantity` counts contracts (or shares), unsigned; `price` is per share.
    """

    exec_id: ExecId
    order_ref: OrderRef
    perm_id: PermId
    account: str
    con_id: ConId
    symbol: Symbol
    side: Side
    quantity: Decimal
    price: Decimal
    multiplier: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Commission:
    """What the broker charged for one execution; positive is a cost."""

    exec_id: ExecId
    amount: Decimal
    currency: str


def execution_key(exec_id: ExecId) -> tuple[str, int]:
    """Split an execution id into its identity and its correction revision.

    ``0000e1a7.6882c67b.02.01`` is revision 1 of ``0000e1a7.6882c67b.02``: IBKR marks a correction
    by raising the part after the last dot, and the highest revision replaces the others.
    """
    base, dot, revision = exec_id.rpartition(".")
    if dot and revision.isdigit():
        return base, int(revision)
    return exec_id, 0


class _Indexed:
    """Room for a derived index, which is neither compared nor written down."""

    __slots__ = ("_index",)
    _index: "Mapping[OrderRef, tuple[str, ...]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionBook(_Indexed):
    """Every execution once: duplicates change nothing, corrections replace, order is irrelevant."""

    executions: Mapping[str, Execution] = field(default_factory=dict)
    commissions: Mapping[str, Commission] = field(default_factory=dict)

    def with_execution(self, execution: Execution) -> "ExecutionBook":
        """Return the book with `execution` recorded."""
        base, revision = execution_key(execution.exec_id)
        known = self.executions.get(base)
        if known is not None and execution_key(known.exec_id)[1] >= revision:
            return self
        book = replace(self, executions={**self.executions, base: execution})
        ref, index = execution.order_ref, self._keys_by_order()
        if known is None:
            _keep_index(book, {**index, ref: (*index.get(ref, ()), base)})
        return book

    def with_commission(self, commission: Commission) -> "ExecutionBook":
        """Return the book with `commission` recorded, before or after its execution."""
        base, revision = execution_key(commission.exec_id)
        known = self.commissions.get(base)
        if known is not None and execution_key(known.exec_id)[1] >= revision:
            return self
        book = replace(self, commissions={**self.commissions, base: commission})
        _keep_index(book, self._keys_by_order())
        return book

    def of(self, ref: OrderRef) -> tuple[Execution, ...]:
        """Executions of one order."""
        return tuple(self.executions[key] for key in self._keys_of(ref))

    def commission_of(self, ref: OrderRef) -> Decimal:
        """Commission known so far for one order."""
        keys = self.commissions.keys() & self._keys_of(ref)
        return sum((self.commissions[key].amount for key in keys), Decimal(0))

    def lacks_commission(self, ref: OrderRef) -> bool:
        """Whether an execution of this order still waits for its commission."""
        return any(key not in self.commissions for key in self._keys_of(ref))

    def units_filled(self, ref: OrderRef, combo: Combo) -> int:
        """Whole combo units that the leg executions of one order amount to, by quantity."""
        traded = self._quantity_by_contract(ref)
        return min(
            int(traded.get(leg.contract.con_id, Decimal(0)) // leg.ratio) for leg in combo.legs
        )

    def legs_unequal(self, ref: OrderRef, combo: Combo) -> bool:
        """Whether the legs of one order have filled out of ratio (legging, or reports missing)."""
        traded = self._quantity_by_contract(ref)
        units = {traded.get(leg.contract.con_id, Decimal(0)) / leg.ratio for leg in combo.legs}
        return len(units) > 1

    def net_price(self, ref: OrderRef, combo: Combo) -> Decimal | None:
        """Average net price per share of one unit bought, None before anything is filled.

        sum over legs of sign x ratio x (quantity-weighted average leg price).
        """
        rows = self.of(ref)
        total = Decimal(0)
        for leg in combo.legs:
            legs = [row for row in rows if row.con_id == leg.contract.con_id]
            quantity = sum((row.quantity for row in legs), Decimal(0))
            if not quantity:
                return None
            cost = sum((row.price * row.quantity for row in legs), Decimal(0))
            total += leg.side.sign * leg.ratio * cost / quantity
        return total

    def _quantity_by_contract(self, ref: OrderRef) -> dict[ConId, Decimal]:
        traded: dict[ConId, Decimal] = {}
        for row in self.of(ref):
            traded[row.con_id] = traded.get(row.con_id, Decimal(0)) + row.quantity
        return traded

    def _keys_of(self, ref: OrderRef) -> tuple[str, ...]:
        return self._keys_by_order().get(ref, ())

    def _keys_by_order(self) -> Mapping[OrderRef, tuple[str, ...]]:
        """Keys of the executions by order, kept from book to book: a scan per fill is quadratic."""
        try:
            return self._index
        except AttributeError:
            index: dict[OrderRef, tuple[str, ...]] = {}
            for key, row in self.executions.items():
                index[row.order_ref] = (*index.get(row.order_ref, ()), key)
            _keep_index(self, index)
            return index


def _keep_index(book: ExecutionBook, index: Mapping[OrderRef, tuple[str, ...]]) -> None:
    object.__setattr__(book, "_index", index)  # derived: the book itself never changes
