"""What does the desk know? One immutable value, a fold over the journal."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from dispersa.correlation.terms import Direction, Signal
from dispersa.desk.controls import Controls
from dispersa.desk.phases import Phasing
from dispersa.execution.plan import TradePlan
from dispersa.execution.program import Program
from dispersa.market import ConId, Symbol, TradingSession
from dispersa.orders import (
    AccountReading,
    BrokerSnapshot,
    ExecutionBook,
    Order,
    OrderRef,
    OrderState,
    PositionReading,
    ProgramId,
    VixReading,
)
from dispersa.portfolio import Booking, Mark, Reconciliation
from dispersa.risk import GateVerdict, HaltLevel, Limits


class Stage(StrEnum):
    """How far today's trade has come on the road."""

    IDLE = "idle"
    SIGNAL = "signal"
    PLAN = "plan"
    PROPOSED = "proposed"
    APPROVAL = "approval"
    WINDOW = "window"
    APPROVED = "approved"
    EXECUTION = "execution"
    DECLINED = "declined"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Trading is stopped at this level for this reason; `since` is when it was last asked for.

    `rule` names the automatic one, empty where a person or a program outside has halted.
    """

    level: HaltLevel
    reason: str
    since: datetime
    by: str = ""
    rule: str = ""

    @property
    def cancels(self) -> bool:
        """Whether what works is to be cancelled, too."""
        return self.level in {HaltLevel.CANCEL, HaltLevel.FLATTEN}


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRequest:
    """A full read of the broker that has been asked for and has not arrived."""

    reason: str
    asked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """The closing on the road: which trade, why, how much of it, and whether it is rolled."""

    trade: ProgramId
    reason: str
    share: float
    rolls: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeStart:
    """The market as a trade was opened or last rolled: what its exit rules look back to.

    `vols` are the plan's, by name, the index among them; `weights` those of its components.
    """

    index: Symbol
    direction: Direction
    vix: float | None
    vols: Mapping[Symbol, float]
    weights: Mapping[Symbol, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskState:
    """Everything that decisions rest on.

    `baseline` holds the positions that were there before we traded (the external book);
    `absences` says, for each order that is UNKNOWN, when a full read first did not show it;
    `unit_vegas` gives the vega of one unit of each order, in dollars per point;
    `account_missing` and `vix_missing` say why these could not be read; `order_id_high_water` is
    the highest number under which an order went to the broker;
    `messages_sent` counts order messages by reference; `denials` counts the gate's refusals by
    symbol, `denied` keeps their sentences by reference; `fill_seconds` is how long an order of a
    name lately took to fill; `stopping` says why the process is about
    to end, empty while it is not. `marks` value what earlier trades have left, `resumed_at` is when
    a person last let trading go on; `limits` are those in force and `limits_reason` says why they
    were last changed. `bookings` changed positions without a trade; `trade_of` says for each
    program that closes or rolls which program opened the trade; `closing` is the one on the road;
    `trade_starts` is the market at which each trade began.
    `flattened` names the trades whose closing the FLATTEN that stands has asked for.
    """

    profile: str = ""
    account_expected: str = ""
    live_allowed: bool = False
    linked: bool = False
    link_message: str = ""
    stage: Stage = Stage.IDLE
    edge_waiver: str | None = None
    account: AccountReading | None = None
    vix: VixReading | None = None
    account_missing: str = ""
    vix_missing: str = ""
    session: TradingSession | None = None
    baseline: tuple[PositionReading, ...] = ()
    foreign_executions: tuple[str, ...] = ()
    signal: Signal | None = None
    plan: TradePlan | None = None
    verdict: GateVerdict | None = None
    decline_stage: str = ""
    decline_reason: str = ""
    program: Program | None = None
    orders: Mapping[OrderRef, Order] = field(default_factory=dict)
    unit_vegas: Mapping[OrderRef, float] = field(default_factory=dict)
    messages_sent: Mapping[OrderRef, int] = field(default_factory=dict)
    message_times: tuple[datetime, ...] = ()
    absences: Mapping[OrderRef, datetime] = field(default_factory=dict)
    book: ExecutionBook = field(default_factory=ExecutionBook)
    last_fill_at: datetime | None = None
    reconciliation: Reconciliation | None = None
    reconciled_at: datetime | None = None
    snapshot_request: SnapshotRequest | None = None
    snapshot_failed_at: datetime | None = None
    snapshot_at: datetime | None = None
    snapshot: BrokerSnapshot | None = None
    halt: Halt | None = None
    controls: Controls = field(default_factory=Controls)
    stopping: str = ""
    resumed_at: datetime | None = None
    marks: Mapping[ConId, Mark] = field(default_factory=dict)
    limits: Limits | None = None
    limits_reason: str = ""
    denials: Mapping[str, int] = field(default_factory=dict)
    denied: Mapping[OrderRef, str] = field(default_factory=dict)
    orders_made: int = 0
    order_id_high_water: int = 0
    program_starts: tuple[datetime, ...] = ()
    programs_held: tuple[ProgramId, ...] = ()
    fill_seconds: Mapping[str, float] = field(default_factory=dict)
    phasing: Phasing = field(default_factory=Phasing)
    bookings: tuple[Booking, ...] = ()
    trade_of: Mapping[ProgramId, ProgramId] = field(default_factory=dict)
    closing: Closing | None = None
    flattened: tuple[ProgramId, ...] = ()
    trade_starts: Mapping[ProgramId, TradeStart] = field(default_factory=dict)

    def with_order(self, order: Order) -> "DeskState":
        """Return the state with one order replaced."""
        return replace(self, orders={**self.orders, order.approved.intent.ref: order})

    def units_at_risk(self) -> dict[str, int]:
        """Combo units per symbol that working and unknown orders may still fill."""
        units: dict[str, int] = {}
        for order in self.orders.values():
            symbol = order.approved.intent.combo.symbol
            units[symbol] = units.get(symbol, 0) + order.units_at_risk
        return units

    def open_orders(self) -> tuple[Order, ...]:
        """Orders whose end is not proven."""
        return tuple(order for order in self.orders.values() if order.state.may_fill)

    def unknown_names(self, *, apart_from: OrderRef | None = None) -> frozenset[Symbol]:
        """Symbols on which an order's outcome is UNKNOWN, one order left aside."""
        return frozenset(
            order.approved.intent.combo.symbol
            for ref, order in self.orders.items()
            if order.state is OrderState.UNKNOWN and ref != apart_from
        )

    def locked_names(self) -> frozenset[Symbol]:
        """Symbols on which our book and the broker's disagree."""
        return frozenset() if self.reconciliation is None else self.reconciliation.locked_names
