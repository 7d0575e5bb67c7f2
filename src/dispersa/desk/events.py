"""What happened? Everything that reaches the desk from outside, each recorded before it counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from dispersa.correlation.terms import Signal
from dispersa.desk.controls import ClockStepped
from dispersa.desk.phase_events import PhaseEvent
from dispersa.desk.phases import Phase
from dispersa.execution.plan import DroppedName, TradePlan
from dispersa.execution.policy import Remedy
from dispersa.market import ConId, PriceIncrements, Quote, Side, Symbol, TradingSession
from dispersa.orders import (
    AccountReading,
    AmendRefused,
    BrokerSnapshot,
    Combo,
    CommissionReported,
    ExecutionReported,
    LinkLost,
    LinkRestored,
    OrderCancelled,
    OrderDoubtful,
    OrderRef,
    OrderRejected,
    OrderWorking,
    ProgramId,
    Purpose,
    VixReading,
)
from dispersa.portfolio import Booking, Mark
from dispersa.risk import HaltLevel, Limits, LimitsChanged


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskOpened:
    """A desk starts (or starts again) on this account."""

    profile: str
    account: str
    live_allowed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSynchronized:
    """A complete first read of the broker's books."""

    snapshot: BrokerSnapshot
    session: TradingSession | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionsRead:
    """Account values and VIX as of now; None where they could not be read, and then why."""

    account: AccountReading | None
    vix: VixReading | None
    account_missing: str = ""
    vix_missing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookMarked:
    """Own marks of contracts that earlier trades have left, as of now."""

    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingRecorded:
    """A position changed without a trade, and somebody accepts that, with a reason."""

    booking: Booking


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsAdopted:
    """A person takes what the account holds in a name beyond our trades as not ours."""

    symbol: Symbol
    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingRequested:
    """Somebody, or an exit rule, asks to close a trade.

    `share` is the part to close; with `rolls` the next trade is opened in the same program.
    """

    trade: ProgramId
    reason: str
    requested_by: str
    share: float = 1.0
    rolls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsBound:
    """The gate's limits at a start; `change` says what differs from the start before, and why."""

    limits: Limits
    change: LimitsChanged | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRequested:
    """Somebody or the schedule asks for today's trade.

    `edge_waiver` is a label under which the signal's verdict is reported but not obeyed (the
    demo profile only); None means that the verdict binds. `phase` is a lower phase that is wanted
    for this trade, None for the desk's own.
    """

    requested_by: str
    edge_waiver: str | None
    phase: Phase | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalComputed:
    """Today's signal, from a worker."""

    signal: Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanProposed:
    """A sized plan, from a worker."""

    plan: TradePlan


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanImpossible:
    """No plan could be made, and why."""

    reason: str
    dropped: tuple[DroppedName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetsComputed:
    """Other targets for the rest of the program by package key, from a worker."""

    remedy: Remedy
    targets: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetsImpossible:
    """The rest of the program could not be sized anew, and why."""

    remedy: Remedy
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAnswered:
    """What a person typed when asked to confirm the plan with this hash."""

    plan_hash: str
    text: str
    operator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketObserved:
    """Quotes of the program's legs at one moment, by contract id.

    It changes no state by itself, so it is recorded only when a decision rests on it.
    """

    quotes: Mapping[ConId, Quote]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequested:
    """A person asks for one order outside a program, with everything that the gate must know.

    `request` is unique; `quote`, `fair_value`, `unit_vega` and `margin_increase` are as measured
    when it was asked for, None where they could not be. `trade` is the trade that it hedges or
    reduces, whose order it then is, None for none.
    """

    request: str
    requested_by: str
    purpose: Purpose
    combo: Combo
    side: Side
    quantity: int
    limit_price: Decimal
    quote: Quote
    increments: PriceIncrements
    fair_value: Decimal | None
    unit_vega: float | None
    margin_increase: Decimal | None
    trade: ProgramId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested:
    """A person asks for the cancel of one order."""

    ref: OrderRef
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderHandedOver:
    """The order was written to the broker's socket.

    `order_id` is the broker's number of a new order, which no later order may be given again.
    """

    ref: OrderRef
    order_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRead:
    """A complete read that the desk had asked for."""

    snapshot: BrokerSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotFailed:
    """The read that the desk had asked for did not complete; it proves nothing."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltRequested:
    """A person or a control stops trading; `by` says who."""

    level: HaltLevel
    reason: str
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeRequested:
    """A person lets trading go on, with a reason.

    `lifts` is when the halt began that the person has seen: a newer one stays. None (in journals
    of early builds) lifts whatever is there.
    """

    reason: str
    operator: str
    lifts: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequested:
    """The process is asked to end: cancel what works, send nothing more. No halt stays behind."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramCancelRequested:
    """A person cancels the running program, or takes back the trade that is being prepared.

    With `plan_hash` (a link in an alert) only if it is that plan's.
    """

    reason: str
    by: str
    plan_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderWithheld:
    """A halt came between decision and hand-over, or the connection refused before it wrote.

    Proven never to have left the house.
    `is_change` for a new limit (the order works on at its old one), else the order itself.
    """

    ref: OrderRef
    reason: str
    is_change: bool


Event = (
    DeskOpened
    | BrokerSynchronized
    | ConditionsRead
    | BookMarked
    | BookingRecorded
    | PositionsAdopted
    | ClosingRequested
    | LimitsBound
    | TradeRequested
    | SignalComputed
    | PlanProposed
    | PlanImpossible
    | TargetsComputed
    | TargetsImpossible
    | OperatorAnswered
    | MarketObserved
    | OrderRequested
    | CancelRequested
    | OrderHandedOver
    | SnapshotRead
    | SnapshotFailed
    | HaltRequested
    | ResumeRequested
    | StopRequested
    | ProgramCancelRequested
    | OrderWithheld
    | OrderWorking
    | OrderCancelled
    | OrderRejected
    | OrderDoubtful
    | AmendRefused
    | ExecutionReported
    | CommissionReported
    | LinkLost
    | LinkRestored
    | PhaseEvent
    | ClockStepped
)
