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


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionBook:
    """Every execution once: duplicates change nothing, corrections replace, order is irrelevant."""

    executions: Mapping[str, Execution] = field(default_factory=dict)
    commissions: Mapping[str, Commission] = field(default_factory=dict)

    def with_execution(self, execution: Execution) -> "ExecutionBook":
        """Return the book with `execution` recorded."""
        base, revision = execution_key(execution.exec_id)
        known = self.executions.get(base)
        if known is not None and execution_key(known.exec_id)[1] >= revision:
            return self
        return replace(self, executions={**self.executions, base: execution})

    def with_commission(self, commission: Commission) -> "ExecutionBook":
        """Return the book with `commission` recorded, before or after its execution."""
        base, revision = execution_key(commission.exec_id)
        known = self.commissions.get(base)
        if known is not None and execution_key(known.exec_id)[1] >= revision:
            return self
        return replace(self, commissions={**self.commissions, base: commission})

    def of(self, ref: OrderRef) -> tuple[Execution, ...]:
        """Executions of one order."""
        return tuple(row for row in self.executions.values() if row.order_ref == ref)

    def commission_of(self, ref: OrderRef) -> Decimal:
        """Commission known so far for one order."""
        keys = {key for key, row in self.executions.items() if row.order_ref == ref}
        return sum(
            (self.commissions[key].amount for key in keys & self.commissions.keys()), Decimal(0)
        )

    def lacks_commission(self, ref: OrderRef) -> bool:
        """Whether an execution of this order still waits for its commission."""
        keys = {key for key, row in self.executions.items() if row.order_ref == ref}
        return bool(keys - self.commissions.keys())

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
