"""Which nouns do the gateway's wire, its server, its exchange and its world share?

IB's nouns in snake_case. Prices, strikes and volatilities are floats inside the gateway,
quantities of orders, fills and positions are `Decimal`, tick and bar sizes are integers.
`None` means "unset"; the many spellings of unset live in `gateway.wire` alone. All instants are
aware.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum


class SecType(StrEnum):
    """Security types that the gateway knows."""

    STOCK = "STK"
    OPTION = "OPT"
    INDEX = "IND"
    FUTURE = "FUT"
    FOREX = "CASH"
    BAG = "BAG"


class Action(StrEnum):
    """Sides of an order or of a combo leg."""

    BUY = "BUY"
    SELL = "SELL"


class Status(StrEnum):
    """Order statuses, spelled as IB spells them."""

    API_PENDING = "ApiPending"
    PENDING_SUBMIT = "PendingSubmit"
    PENDING_CANCEL = "PendingCancel"
    PRE_SUBMITTED = "PreSubmitted"
    SUBMITTED = "Submitted"
    API_CANCELLED = "ApiCancelled"
    CANCELLED = "Cancelled"
    FILLED = "Filled"
    INACTIVE = "Inactive"


BAG_CON_ID = 28812380
"""Contract id that IB reports on every BAG-level execution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer of no: IB's error code and its sentence; an expected outcome, not an exception."""

    code: int
    text: str
    advanced_reject: str = ""


# -- contracts -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ComboLeg:
    """One leg of a BAG; `action` is the side of the leg when the combo is bought."""

    con_id: int
    ratio: int
    action: str
    exchange: str
    open_close: int = 0
    short_sale_slot: int = 0
    designated_location: str = ""
    exempt_code: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaNeutral:
    """The delta-neutral underlying of a contract."""

    con_id: int
    delta: float
    price: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A contract as clients describe it; a description may be partial.

    `last_trade_date` is `YYYYMMDD` or a contract month `YYYYMM`; `right` is "C", "P" or "";
    `multiplier` is text as on the wire ("" where it does not apply).
    """

    con_id: int = 0
    symbol: str = ""
    sec_type: str = ""
    last_trade_date: str = ""
    strike: float = 0.0
    right: str = ""
    multiplier: str = ""
    exchange: str = ""
    primary_exchange: str = ""
    currency: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    combo_legs: tuple[ComboLeg, ...] = ()
    combo_legs_description: str = ""
    delta_neutral: DeltaNeutral | None = None
    include_expired: bool = False
    sec_id_type: str = ""
    sec_id: str = ""
    issuer_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractDetails:
    """A complete definition of one contract.

    `last_trade_time` ("08:30") and `time_zone_id` ("US/Central", never with a hyphen) qualify
    `contract.last_trade_date`. Hours read `20261123:0930-20261123:1600;20261124:CLOSED`.
    `market_rule_ids` pairs one to one with `valid_exchanges`, both comma separated.
    """

    contract: Contract
    market_name: str = ""
    min_tick: float = 0.01
    order_types: str = ""
    valid_exchanges: str = "SMART"
    price_magnifier: int = 1
    under_con_id: int = 0
    long_name: str = ""
    contract_month: str = ""
    industry: str = ""
    category: str = ""
    subcategory: str = ""
    last_trade_time: str = ""
    time_zone_id: str = "US/Eastern"
    trading_hours: str = ""
    liquid_hours: str = ""
    sec_ids: tuple[tuple[str, str], ...] = ()
    agg_group: int = 1
    under_symbol: str = ""
    under_sec_type: str = ""
    market_rule_ids: str = ""
    real_expiration_date: str = ""
    stock_type: str = ""
    min_size: Decimal = Decimal(1)
    size_increment: Decimal = Decimal(1)
    suggested_size_increment: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractDescription:
    """One hit of a symbol search."""

    contract: Contract
    derivative_sec_types: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecDefOptParams:
    """One exchange's option chain of an underlying: the unions of expirations and strikes."""

    exchange: str
    under_con_id: int
    trading_class: str
    multiplier: str
    expirations: tuple[str, ...]
    strikes: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceIncrement:
    """From `low_edge` upward prices move in steps of `increment`."""

    low_edge: float
    increment: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketRule:
    """A tick-size rule."""

    rule_id: int
    increments: tuple[PriceIncrement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SmartComponent:
    """One exchange behind SMART: its bit in a BBO mask, its name and its letter."""

    bit: int
    exchange: str
    letter: str


# -- market data: `kind` is IB's live tick type; the server turns it into the delayed one --------


@dataclass(frozen=True, slots=True, kw_only=True)
class TickPrice:
    """A price (kinds 1 bid, 2 ask, 4 last, 6 high, 7 low, 9 close, 14 open, 37 mark ...)."""

    kind: int
    price: float
    size: int = 0
    attributes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TickSize:
    """A size (kinds 0 bid, 3 ask, 5 last, 8 volume, 27/28 call/put open interest ...)."""

    kind: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TickGeneric:
    """A number (23 historical vol, 24 implied vol, 49 halted ...)."""

    kind: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TickString:
    """A text (32/33 bid/ask exchange, 45 last timestamp in epoch seconds ...)."""

    kind: int
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TickOption:
    """Option computation (10 bid, 11 ask, 12 last, 13 model, 53 custom); None = not computed.

    Greeks are per share: vega per one vol point, theta per calendar day; `implied_vol` is a
    fraction. `price_based` is IB's tick attribute (0 return-based, 1 price-based).
    """

    kind: int
    implied_vol: float | None = None
    delta: float | None = None
    price: float | None = None
    pv_dividend: float | None = None
    gamma: float | None = None
    vega: float | None = None
    theta: float | None = None
    under_price: float | None = None
    price_based: bool = True


Tick = TickPrice | TickSize | TickGeneric | TickString | TickOption
TickSink = Callable[[Tick], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A running market data line; the last three answer `tickReqParams`."""

    subscription_id: int
    contract: Contract
    min_tick: float
    bbo_exchange: str = ""
    snapshot_permissions: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar; a `date` for daily and longer bars, the instant of its start for shorter ones.

    Bars of anything but trades carry volume, wap and count of -1.
    """

    start: datetime | date
    open: float
    high: float
    low: float
    close: float
    volume: int = -1
    wap: float = -1.0
    count: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTick:
    """One tick of the past: a trade or a middle at `price`, or a quote with `ask` beside it."""

    time: datetime
    price: float
    size: int = 0
    ask: float = 0.0
    ask_size: int = 0
    exchange: str = ""


# -- orders --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as its client sent it.

    `echo` keeps every other field of placeOrder, by its snake_case name and in wire spelling, so
    that openOrder can give it back. `conditions` are kept in wire spelling too.
    """

    action: str
    quantity: Decimal
    order_type: str
    limit_price: float | None = None
    aux_price: float | None = None
    tif: str = "DAY"
    oca_group: str = ""
    oca_type: int = 0
    account: str = ""
    order_ref: str = ""
    transmit: bool = True
    parent_id: int = 0
    outside_rth: bool = False
    all_or_none: bool = False
    min_quantity: int | None = None
    good_after_time: str = ""
    good_till_date: str = ""
    trail_stop_price: float | None = None
    trailing_percent: float | None = None
    cash_quantity: float | None = None
    combo_leg_prices: tuple[float | None, ...] = ()
    smart_combo_routing: tuple[tuple[str, str], ...] = ()
    algo_strategy: str = ""
    algo_params: tuple[tuple[str, str], ...] = ()
    conditions: tuple[tuple[str, ...], ...] = ()
    what_if: bool = False
    echo: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_non_guaranteed(self) -> bool:
        """Whether the client waived the guarantee that all legs of a BAG fill together."""
        return ("NonGuaranteed", "1") in self.smart_combo_routing


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderState:
    """Status, margins and commission of an order; margins None outside a what-if answer."""

    status: str
    init_margin_before: float | None = None
    maint_margin_before: float | None = None
    equity_with_loan_before: float | None = None
    init_margin_change: float | None = None
    maint_margin_change: float | None = None
    equity_with_loan_change: float | None = None
    init_margin_after: float | None = None
    maint_margin_after: float | None = None
    equity_with_loan_after: float | None = None
    commission: float | None = None
    min_commission: float | None = None
    max_commission: float | None = None
    commission_currency: str = ""
    warning_text: str = ""
