"""What did the broker tell us, translated once into our words?"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from dispersa.orders.executions import Commission, Execution
from dispersa.orders.ids import OrderRef, PermId


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderWorking:
    """The broker shows the order as live, at this limit (first acknowledgement or amend)."""

    ref: OrderRef
    perm_id: PermId
    limit_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled:
    """The broker proves that the order no longer works; executions may still follow."""

    ref: OrderRef
    message: str
    expired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRejected:
    """The broker refused the order by a code that is proven to end it."""

    ref: OrderRef
    code: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDoubtful:
    """Something happened to the order that proves nothing: unknown code, lost link, silence."""

    ref: OrderRef
    code: int | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendRefused:
    """The change was refused: the order still works at `limit_price`, its last accepted one."""

    ref: OrderRef
    code: int
    message: str
    limit_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionReported:
    """One leg executed, or an earlier execution was corrected."""

    execution: Execution


@dataclass(frozen=True, slots=True, kw_only=True)
class CommissionReported:
    """The charge for one execution."""

    commission: Commission


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLost:
    """A link to the broker is not proven good; nothing risky may be sent."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRestored:
    """Both links are good again; `data_lost` says that subscriptions must be renewed."""

    account: str
    server_version: int
    data_lost: bool
    at: datetime


BrokerReport = (
    OrderWorking
    | OrderCancelled
    | OrderRejected
    | OrderDoubtful
    | AmendRefused
    | ExecutionReported
    | CommissionReported
    | LinkLost
    | LinkRestored
)
