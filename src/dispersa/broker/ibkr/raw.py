"""What did the wire say about orders, before anybody draws a conclusion?"""

from dataclasses import dataclass

from ib_async.contract import Contract
from ib_async.objects import CommissionReport, Execution
from ib_async.order import Order, OrderState


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoedOrder:
    """An openOrder message: the order as the broker holds it, with the broker's own contract."""

    order_id: int
    contract: Contract
    order: Order
    state: OrderState


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusLine:
    """An orderStatus message."""

    order_id: int
    status: str
    filled: float
    remaining: float
    perm_id: int
    client_id: int
    why_held: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionLine:
    """An execDetails message, live or replayed."""

    contract: Contract
    execution: Execution


@dataclass(frozen=True, slots=True, kw_only=True)
class CommissionLine:
    """A commissionReport message."""

    report: CommissionReport


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorLine:
    """An error message; `request_id` is an order id, a request id or -1."""

    request_id: int
    code: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedLine:
    """A completedOrder message."""

    contract: Contract
    order: Order
    state: OrderState


OrderLine = EchoedOrder | StatusLine | ExecutionLine | CommissionLine | ErrorLine
