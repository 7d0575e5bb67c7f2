"""What does the broker say that we have? Readings, each with its time."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from dispersa.market import ConId, OptionContract, Quote, Side, Symbol
from dispersa.orders.executions import Commission, Execution
from dispersa.orders.ids import OrderRef, PermId


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReading:
    """Account values as last reported, in `currency`; None where the broker sent none."""

    account: str
    is_paper: bool
    currency: str
    net_liquidation: Decimal | None
    available_funds: Decimal | None
    initial_margin: Decimal | None
    maintenance_margin: Decimal | None
    total_cash: Decimal | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VixReading:
    """The VIX index as quoted."""

    level: float
    quote: Quote


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionReading:
    """One position by the broker's books; `quantity` is signed, cost includes the multiplier.

    `option` is None for a position that is not an option.
    """

    con_id: ConId
    symbol: Symbol
    quantity: Decimal
    average_cost: Decimal
    option: OptionContract | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrderReading:
    """One order that the broker shows as live, of any client.

    `limit_price` is None where it has none: a market order typed into TWS, for example.
    """

    ref: OrderRef
    perm_id: PermId
    client_id: int
    symbol: Symbol
    side: Side
    quantity: Decimal
    filled: Decimal
    limit_price: Decimal | None
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedOrderReading:
    """One order that the broker shows as ended today."""

    ref: OrderRef
    perm_id: PermId
    filled: Decimal
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSnapshot:
    """One full read: account, positions, open and completed orders, executions, commissions.

    It exists only when every part arrived with its end marker; an incomplete read proves nothing.
    """

    account: AccountReading
    positions: tuple[PositionReading, ...]
    open_orders: tuple[OpenOrderReading, ...]
    completed_orders: tuple[CompletedOrderReading, ...]
    executions: tuple[Execution, ...]
    commissions: tuple[Commission, ...]
    at: datetime
