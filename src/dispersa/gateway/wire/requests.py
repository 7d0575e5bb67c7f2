"""What can a client ask for?  One noun per request of ibkr-api.md section 1.4."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from dispersa.gateway.events import ExecutionFilter
from dispersa.gateway.model import Contract, Order


class Cancelable(Enum):
    """Running requests that a client can end by their request id."""

    ACCOUNT_SUMMARY = "account summary"
    ACCOUNT_UPDATES_MULTI = "account updates multi"
    POSITIONS_MULTI = "positions multi"
    MARKET_DATA = "market data"
    TICK_BY_TICK = "tick-by-tick data"
    HISTORICAL_DATA = "historical data"
    HEAD_TIMESTAMP = "head timestamp"
    IMPLIED_VOL = "implied volatility"
    OPTION_PRICE = "option price"
    PNL = "PnL"
    PNL_SINGLE = "single PnL"


class Plain(Enum):
    """Requests that carry nothing beyond their id."""

    NEXT_ID = 8
    MANAGED_ACCOUNTS = 17
    CURRENT_TIME = 49
    SET_LOG_LEVEL = 14
    POSITIONS = 61
    CANCEL_POSITIONS = 64
    GLOBAL_CANCEL = 58
    OPEN_ORDERS = 5
    ALL_OPEN_ORDERS = 16
    FAMILY_CODES = 80
    MARKET_DEPTH_EXCHANGES = 82
    NEWS_PROVIDERS = 85


@dataclass(frozen=True, slots=True, kw_only=True)
class StartApi:
    """Begin the conversation as client `client_id`."""

    client_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMarketDataType:
    """Choose live (1), frozen (2), delayed (3) or delayed-frozen (4) data."""

    kind: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSummary:
    """Subscribe account tags."""

    request_id: int
    group: str
    tags: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUpdates:
    """Subscribe or unsubscribe account values and portfolio."""

    subscribe: bool
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUpdatesMulti:
    """Subscribe account values by account and model."""

    request_id: int
    account: str
    model: str
    ledger_and_nlv: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsMulti:
    """Subscribe positions by account and model."""

    request_id: int
    account: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetContractDetails:
    """Ask for every contract that fits a description."""

    request_id: int
    contract: Contract


@dataclass(frozen=True, slots=True, kw_only=True)
class GetOptionParameters:
    """Ask for the option chains of an underlying."""

    request_id: int
    symbol: str
    exchange: str
    sec_type: str
    con_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GetMatchingSymbols:
    """Search symbols and names."""

    request_id: int
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSmartComponents:
    """Ask which exchanges a BBO mask stands for."""

    request_id: int
    bbo_exchange: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetMarketRule:
    """Ask for a tick-size rule."""

    rule_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketData:
    """Subscribe ticks, or ask for one snapshot of them."""

    request_id: int
    contract: Contract
    generic_ticks: tuple[int, ...]
    snapshot: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TickByTick:
    """Subscribe single ticks (Last, AllLast, BidAsk or MidPoint), `past_count` past ones first."""

    request_id: int
    contract: Contract
    kind: str
    past_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalData:
    """Ask for bars; with `keep_up_to_date` the last bar keeps being sent as it grows."""

    request_id: int
    contract: Contract
    end: datetime | None
    bar_size: str
    duration: str
    regular_hours: bool
    what: str
    epoch_dates: bool
    keep_up_to_date: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadTimestamp:
    """Ask for the earliest data of a contract."""

    request_id: int
    contract: Contract
    regular_hours: bool
    what: str
    epoch_dates: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalTicks:
    """Ask for `count` past single ticks from `start`, or up to `end`; one of both is None."""

    request_id: int
    contract: Contract
    start: datetime | None
    end: datetime | None
    count: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CalculateImpliedVol:
    """Ask for the vol at which an option has this price."""

    request_id: int
    contract: Contract
    option_price: float
    under_price: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CalculateOptionPrice:
    """Ask for the price of an option at this vol."""

    request_id: int
    contract: Contract
    volatility: float
    under_price: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder:
    """Place a new order, or amend the client's own with the same id."""

    order_id: int
    contract: Contract
    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder:
    """Cancel one of the client's orders."""

    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoOpenOrders:
    """Bind orders entered by hand to client 0."""

    bind: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedOrders:
    """Ask for orders that are done."""

    api_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Executions:
    """Ask for the executions of the day."""

    request_id: int
    filter: ExecutionFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribePnl:
    """Subscribe the account's profit."""

    request_id: int
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribePnlSingle:
    """Subscribe one position's profit."""

    request_id: int
    account: str
    con_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExerciseOptions:
    """Exercise or lapse a long option position."""

    request_id: int
    contract: Contract
    lapse: bool
    quantity: int
    account: str
    override: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """End a running request."""

    what: Cancelable
    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSoftDollarTiers:
    """Ask for the soft dollar tiers of the login."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GetUserInfo:
    """Ask for the white-branding id of the login."""

    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported:
    """A request of the protocol that this gateway does not simulate."""

    what: str
    request_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A message without an answer about something that this gateway does not simulate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A message id that this gateway does not know."""

    message_id: str


ReferenceRequest = (
    GetContractDetails
    | GetOptionParameters
    | GetMatchingSymbols
    | GetSmartComponents
    | GetMarketRule
)
QuoteRequest = MarketData | TickByTick | SetMarketDataType
CalculationRequest = CalculateImpliedVol | CalculateOptionPrice
HistoryRequest = HistoricalData | HeadTimestamp | HistoricalTicks
OrderRequest = (
    PlaceOrder | CancelOrder | ExerciseOptions | AutoOpenOrders | CompletedOrders | Executions
)
AccountRequest = (
    AccountSummary
    | AccountUpdates
    | AccountUpdatesMulti
    | PositionsMulti
    | SubscribePnl
    | SubscribePnlSingle
)
SideRequest = StartApi | GetSoftDollarTiers | GetUserInfo | Unsupported | Ignored | Unknown
Request = (
    Plain
    | Cancel
    | ReferenceRequest
    | QuoteRequest
    | CalculationRequest
    | HistoryRequest
    | OrderRequest
    | AccountRequest
    | SideRequest
)
