"""What is an order of ours at the exchange, from acceptance to its end?"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from dispersa.gateway import events
from dispersa.gateway.exchange.commissions import LegCharge
from dispersa.gateway.exchange.fillmodel import Arrivals
from dispersa.gateway.exchange.nbbo import ComboPart
from dispersa.gateway.model import Contract, Order, OrderState, SecType, Status

DONE = frozenset({Status.FILLED, Status.CANCELLED, Status.API_CANCELLED, Status.INACTIVE})
CANCEL_REFUSAL_CODES = {
    Status.FILLED: 10148,
    Status.CANCELLED: 10148,
    Status.API_CANCELLED: 10148,
    Status.INACTIVE: 161,
}
"""How a cancel of an order that is done is refused.

IBKR knows both codes for it; which one meets which state is not verified. Here 10148 answers for
an order that came to an end in the market, 161 for one that was rejected before it got there.
"""
OrderKey = tuple[int, int]
"""Client id and order id."""


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
        )

    def cancel_refusal(self) -> events.OrderError:
        """Return why a cancel of this order, which is done, can not be."""
        code = CANCEL_REFUSAL_CODES[self.status]
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
