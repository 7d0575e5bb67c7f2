"""What is an order of ours at the exchange, from acceptance to its end?"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from dispersa.gateway import events
from dispersa.gateway.exchange.commissions import LegCharge
from dispersa.gateway.exchange.fillmodel import Arrivals
from dispersa.gateway.exchange.nbbo import ComboPart
from dispersa.gateway.exchange.switches import Switches
from dispersa.gateway.model import Contract, Order, OrderState, SecType, Status

LIMIT_TYPES = frozenset({"LMT", "REL + LMT", "LMT + MKT"})
"""Types whose price is a limit on the whole order; a relative one with a market leg has none."""
DONE = frozenset({Status.FILLED, Status.CANCELLED, Status.API_CANCELLED, Status.INACTIVE})
NOT_FOUND = {
    10147: "OrderId {} that needs to be cancelled is not found.",
    135: "Can't find order with ID = {}",
}
"""How a cancel of an unknown order is refused."""
OrderKey = tuple[int, int]
"""Client id and order id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Legging:
    """Units of a non-guaranteed combo whose first leg has traded, and whose others have not."""

    base: str
    """What the ids of its executions begin with."""
    units: int
    first_price: float


@dataclass(slots=True, kw_only=True)
class WorkingOrder:
    """An order and its progress; quantities in units (of the combo for a BAG)."""

    client_id: int
    order_id: int
    perm_id: int
    contract: Contract
    order: Order
    parts: tuple[ComboPart, ...]
    arrivals: Arrivals
    accepted: datetime
    status: Status = Status.PRE_SUBMITTED
    filled: Decimal = Decimal(0)
    value: Decimal = Decimal(0)
    last_price: float = 0.0
    commission: Decimal = Decimal(0)
    charges: dict[int, LegCharge] = field(default_factory=dict)
    expires: datetime | None = None
    starts: datetime | None = None
    ended: datetime | None = None
    end_text: str = ""
    legging: Legging | None = None
    why_held: str = ""

    @property
    def key(self) -> OrderKey:
        """Client id and order id."""
        return self.client_id, self.order_id

    @property
    def is_bag(self) -> bool:
        """Whether the order is for a combo."""
        return self.contract.sec_type == SecType.BAG

    @property
    def is_done(self) -> bool:
        """Whether nothing can happen to the order any more."""
        return self.status in DONE

    @property
    def limit_price(self) -> float | None:
        """The price on which the order insists, None for an order at the market."""
        return self.order.limit_price if self.order.order_type in LIMIT_TYPES else None

    @property
    def remaining(self) -> Decimal:
        """Units still to fill."""
        return self.order.quantity - self.filled

    @property
    def average_price(self) -> float:
        """Average (net) price of the fills, 0 without any."""
        return float(self.value / self.filled) if self.filled else 0.0

    def open_order(self, state: OrderState | None = None) -> events.OpenOrder:
        """Return the order as it stands."""
        return events.OpenOrder(
            client_id=self.client_id,
            order_id=self.order_id,
            perm_id=self.perm_id,
            contract=self.contract,
            order=self.order,
            state=state or OrderState(status=self.status),
        )

    def order_status(self) -> events.OrderStatus:
        """Return the order's progress."""
        return events.OrderStatus(
            client_id=self.client_id,
            order_id=self.order_id,
            perm_id=self.perm_id,
            status=self.status,
            filled=self.filled,
            remaining=self.remaining,
            average_fill_price=self.average_price,
            last_fill_price=self.last_price,
            parent_id=self.order.parent_id,
            why_held=self.why_held,
        )

    def cancel_refusal(self, rules: Switches) -> events.OrderError:
        """Return why a cancel of this order, which is done, can not be."""
        code = rules.cancel_code(self.status)
        if code == 10147:
            return self.error(code, NOT_FOUND[code].format(self.order_id))
        if code == 136:
            return self.error(code, "This order cannot be cancelled.")
        if code == 161:
            text = "Cancel attempted when order is not in a cancellable state. Order permId = "
            return self.error(code, f"{text}{self.perm_id}")
        return self.error(
            code,
            f"OrderId {self.order_id} that needs to be cancelled can not be cancelled, "
            f"state: {self.status}.",
        )

    def error(self, code: int, text: str) -> events.OrderError:
        """Return a message about the order."""
        return events.OrderError(
            client_id=self.client_id, order_id=self.order_id, code=code, text=text
        )
