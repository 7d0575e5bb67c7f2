"""What does this connection know about one order reference?"""

from dataclasses import dataclass, field
from decimal import Decimal

from ib_async.contract import Contract

from dispersa.orders import ApprovedOrder, BrokerReport, ExecutionBook, OrderRef, PermId


@dataclass(slots=True)
class TrackedOrder:
    """One reference: what we sent, what the broker has shown, what was executed."""

    ref: OrderRef
    order_id: int | None = None
    other_order_ids: set[int] = field(default_factory=set)
    """Ids under which the broker shows the same reference once more: all are cancelled."""
    sent: ApprovedOrder | None = None
    echo: Contract | None = None
    limit_price: Decimal | None = None
    """The last limit that the broker has shown, or the first one sent."""
    pending_limit: Decimal | None = None
    """The limit of a change that is not answered yet."""
    perm_ids: set[PermId] = field(default_factory=set)
    ended_perm_ids: set[PermId] = field(default_factory=set)
    book: ExecutionBook = field(default_factory=ExecutionBook)
    units_said: Decimal = Decimal(0)
    cancel_pending: bool = False
    acknowledged: bool = False
    ended: bool = False
    cancelled_short: str | None = None
    """What said cancelled while executions were missing: it counts once they are in."""
    is_mismatched: bool = False
    """The broker holds another order than the one sent: no status makes it working."""
    last_report: BrokerReport | None = None

    @property
    def units_executed(self) -> int:
        """Whole units that the leg executions amount to; 0 when we do not know the legs."""
        if self.sent is None:
            return 0
        return self.book.units_filled(self.ref, self.sent.intent.combo)

    @property
    def is_filled(self) -> bool:
        """Whether the executions of an order that we sent add up to all of it."""
        return self.sent is not None and self.units_executed >= self.sent.intent.quantity

    @property
    def is_short_of_fills(self) -> bool:
        """Whether the broker counts more units filled than the legs have executed."""
        return self.sent is not None and self.units_said > self.units_executed

    @property
    def cancellable_ids(self) -> tuple[int, ...]:
        """Every order id under which this reference may work."""
        own = () if self.order_id is None else (self.order_id,)
        return (*own, *sorted(self.other_order_ids))
