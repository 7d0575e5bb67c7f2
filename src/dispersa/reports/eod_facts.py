"""Which facts make up one trading day? Plain values; what is missing says why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from dispersa.correlation.terms import Signal
from dispersa.desk.phases import Evidence, Phase
from dispersa.execution.outcome import ProgramOutcome
from dispersa.market import Symbol, TradingSession
from dispersa.portfolio import PnlAttribution
from dispersa.risk import HaltLevel
from dispersa.risk.headroom import LimitUse


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A number that is not known, and why."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRow:
    """One contract held at the day's end; money in USD, vega in USD per vol point."""

    symbol: Symbol
    contract: str
    quantity: Decimal
    average_price: Decimal
    price: Decimal | Missing
    value_usd: Decimal | Missing
    delta_usd: float | Missing
    vega_usd: float | Missing
    theta_usd: float | Missing
    expiry: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPoint:
    """One journaled day in the charts: values at its end."""

    day: date
    pnl_usd: Decimal | Missing
    net_liquidation_usd: Decimal | Missing
    implied_correlation: float | None
    realized_correlation: float | None
    programs: int
    breaks: int
    slippage_usd: Decimal
    fees_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """What became of an alert on one channel."""

    channel: str
    state: str
    at: datetime | None
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRow:
    """One alert of the day and its hand-over; a reason where nothing is known of it."""

    alert_id: str
    at: datetime
    severity: str
    headline: str
    happened: str
    handed_over: tuple[HandOver, ...] | Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakRow:
    """A comparison with the broker that found a difference."""

    at: datetime
    names: tuple[Symbol, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NextDay:
    """The next trading day; `closed` are weekdays in between on which the exchange is closed."""

    day: date
    session: TradingSession
    is_half_day: bool
    closed: tuple[date, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryRow:
    """An expiry of something held, and in how many calendar days it comes."""

    expiry: date
    days: int
    contracts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """What is known of the next days."""

    next_day: NextDay | Missing
    expiries: tuple[ExpiryRow, ...]
    ex_dates: Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class DayMoney:
    """The day in USD.

    `attribution_note` says what the attribution could not split. `pnl_inception_usd` counts from
    the journal's beginning; `commissions_usd` are those that became known on the day.
    """

    net_liquidation_usd: Decimal | Missing
    gross_exposure_usd: Decimal | Missing
    pnl_day_usd: Decimal | Missing
    pnl_inception_usd: Decimal | Missing
    commissions_usd: Decimal | Missing
    attribution: PnlAttribution | Missing
    attribution_note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBooks:
    """Whether our books and the broker's agree at the day's end, and what happened on the way."""

    reconciled_at: datetime | Missing
    agree: bool | Missing
    breaks: tuple[BreakRow, ...]
    locked_names: tuple[Symbol, ...]
    unknown_orders: tuple[str, ...]
    executions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayDesk:
    """The desk at the day's end; `has_ended` where the day was journaled to its end."""

    profile: str
    account: str
    phase: Phase
    evidence: Evidence
    halt: HaltLevel
    halt_reason: str
    is_half_day: bool
    has_ended: bool
    last_at: datetime
    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFacts:
    """One trading day as the journal tells it; money in USD, correlations as fractions.

    `curve` holds every journaled day up to this one.
    """

    day: date
    journal: str
    desk: DayDesk
    signal: Signal | Missing
    declined: tuple[str, ...]
    held: tuple[HeldRow, ...]
    money: DayMoney
    programs: tuple[ProgramOutcome, ...]
    limits: tuple[LimitUse, ...] | Missing
    books: DayBooks
    alerts: tuple[AlertRow, ...]
    ahead: Ahead
    curve: tuple[DayPoint, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A report ready to be kept or mailed; `pictures` are PNG by the name used in `html`.

    `html` names its pictures as `cid:NAME`; `page` is the same with the pictures inside.
    """

    subject: str
    text: str
    html: str
    page: str
    pictures: Mapping[str, bytes]
    document: dict[str, object]
