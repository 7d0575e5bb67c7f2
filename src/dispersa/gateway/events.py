"""What does the venue report: the life of orders, fills, money and positions?

Order events name the client and order they belong to; the server decides who may see them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from dispersa.gateway.model import Contract, Order, OrderState


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrder:
    """An order as the venue holds it now."""

    client_id: int
    order_id: int
    perm_id: int
    contract: Contract
    order: Order
    state: OrderState


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStatus:
    """Progress of an order; a BAG counts combo units and its net price."""

    client_id: int
    order_id: int
    perm_id: int
    status: str
    filled: Decimal
    remaining: Decimal
    average_fill_price: float = 0.0
    last_fill_price: float = 0.0
    parent_id: int = 0
    why_held: str = ""
    market_cap_price: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderError:
    """A message about one order of one client: rejection, warning, failed cancel."""

    client_id: int
    order_id: int
    code: int
    text: str
    advanced_reject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One execution: BAG level (`exec_id` ends in .01.01) or one leg (.02.01 and on)."""

    client_id: int
    order_id: int
    perm_id: int
    exec_id: str
    contract: Contract
    time: datetime
    account: str
    exchange: str
    side: str
    """BOT or SLD."""
    shares: Decimal
    price: float
    cumulative_quantity: Decimal
    average_price: float
    order_ref: str = ""
    last_liquidity: int = 2
    pending_price_revision: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CommissionReport:
    """The commission of one execution; `realized_pnl` None where nothing was closed."""

    client_id: int
    exec_id: str
    commission: float
    currency: str = "USD"
    realized_pnl: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A holding; `average_cost` includes the multiplier."""

    account: str
    contract: Contract
    quantity: Decimal
    average_cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioItem:
    """A holding with its valuation; `market_price` is per unit."""

    position: Position
    market_price: float
    market_value: float
    unrealized_pnl: float
    realized_pnl: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountValue:
    """One line of account data; `value` in wire spelling, `currency` "" where it has none."""

    account: str
    key: str
    value: str
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChanged:
    """Something moved cash, margin or holdings: who subscribed account updates gets them anew."""

    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message to every client that concerns no request (connectivity, data farms)."""

    code: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedOrder:
    """An order that is done."""

    order: OpenOrder
    filled: Decimal
    completed_time: datetime
    completed_status: str
    """For example `Filled Size: 100` or `Cancelled by Trader`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionFilter:
    """Which executions a client asks for; empty, zero and None mean any."""

    client_id: int = 0
    account: str = ""
    since: datetime | None = None
    symbol: str = ""
    sec_type: str = ""
    exchange: str = ""
    side: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pnl:
    """Profit of an account or of one position (which also has `position` and `value`)."""

    daily: float | None
    unrealized: float | None
    realized: float | None
    position: Decimal = Decimal(0)
    value: float | None = None


Event = (
    OpenOrder
    | OrderStatus
    | OrderError
    | Execution
    | CommissionReport
    | Position
    | AccountChanged
    | Notice
)
Listener = Callable[[Event], None]
