"""What did the desk decide? Each command is journaled with its cause, folded, then carried out.

A command is a decision: replay folds the recorded ones and never decides again. Some need the
shell (send, cancel, read, compute, ask), some only tell (a denial, an end).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from dispersa.desk.controls import ControlCommand
from dispersa.desk.phase_commands import PhaseCommand
from dispersa.execution.alerts import Alert
from dispersa.execution.policy import ProgramPolicy, Remedy, WalkPolicy
from dispersa.execution.program import PackageState, ProgramState
from dispersa.execution.remedies import ResolveRequest
from dispersa.execution.walker import Walk
from dispersa.orders import ApprovedOrder, OrderRef, ProgramId
from dispersa.portfolio import Booking, Reconciliation
from dispersa.risk import Denial, GateVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeSignal:
    """Read history and chains and compute today's signal in a worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputePlan:
    """Choose straddles and size them in a worker."""

    edge_waiver: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeClosing:
    """Price what a trade holds and write the plan that closes (or rolls) it, in a worker."""

    trade: ProgramId
    reason: str
    share: float
    rolls: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BookLifecycle:
    """Book what a difference of positions explains without doubt: an expiry, an assignment."""

    bookings: tuple[Booking, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineTrade:
    """No trade today, and why: the signal, the plan, or an operator who did not confirm."""

    stage: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DenyPlan:
    """The gate said no to the plan."""

    plan_hash: str
    verdict: GateVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class AskApproval:
    """Show the plan and ask a person for the word EXECUTE."""

    plan_hash: str
    verdict: GateVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class StartProgram:
    """The plan is approved: begin to work it."""

    program: ProgramId
    plan_hash: str
    policy: ProgramPolicy
    walk_policy: WalkPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder:
    """Send one order: a slice of the program's package (with its walk), or a single one.

    `unit_vega` is dollars per point of one unit; `arrival_mid` the mid that slippage counts from.
    """

    approved: ApprovedOrder
    walk: Walk | None
    arrival_mid: Decimal | None
    unit_vega: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendOrder:
    """Move the limit of a working order in place; `walk` is the walk with the new limit."""

    approved: ApprovedOrder
    walk: Walk | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder:
    """Cancel one working order.

    `walk_ended` when the next slice begins a new walk, `walk_failed` when the old one counts as
    failed: it met its cap and did not fill.
    """

    ref: OrderRef
    reason: str
    walk_ended: bool
    walk_failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DenyOrder:
    """The gate said no to an order or to a new limit; its package waits.

    `package` is the package's key in the plan, the symbol for a single order.
    """

    program: ProgramId
    package: str
    denial: Denial


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtOrder:
    """Silence for too long: the order is UNKNOWN and stays reserved at its worst case."""

    ref: OrderRef
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndPackage:
    """Nothing more is sent for this package, unless it gets another target."""

    package: str
    state: PackageState
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PausePackage:
    """The package has no usable quote: nothing is decided about it until it has."""

    package: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumePackage:
    """The package is quoted again."""

    package: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectMove:
    """The index seems to have moved too far (or no longer does): one quote alone proves nothing."""

    is_suspected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeTargets:
    """Size the rest of the program anew in a worker, fills fixed."""

    remedy: Remedy
    request: ResolveRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Retarget:
    """Give packages other targets: from here on their gaps are traded, forward or back."""

    remedy: Remedy
    targets: Mapping[str, int]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseAlert:
    """Tell people about an abnormal fill or end."""

    program: ProgramId
    alert: Alert


@dataclass(frozen=True, slots=True, kw_only=True)
class WindDown:
    """Stop opening: cancel what works, then end the program when all is settled.

    `may_unwind` lets the program trade an imbalance back; without it a person has to.
    """

    reason: str
    may_unwind: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSnapshot:
    """Read the broker's books in full."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordReconciliation:
    """What the comparison with the last full read has shown; breaks lock their names."""

    reconciliation: Reconciliation


@dataclass(frozen=True, slots=True, kw_only=True)
class EndProgram:
    """The program is over; its end in words."""

    state: ProgramState
    sentence: str


Command = (
    ComputeSignal
    | ComputePlan
    | ComputeClosing
    | BookLifecycle
    | DeclineTrade
    | DenyPlan
    | AskApproval
    | StartProgram
    | PlaceOrder
    | AmendOrder
    | CancelOrder
    | DenyOrder
    | DoubtOrder
    | EndPackage
    | PausePackage
    | ResumePackage
    | SuspectMove
    | ComputeTargets
    | Retarget
    | RaiseAlert
    | WindDown
    | ReadSnapshot
    | RecordReconciliation
    | EndProgram
    | PhaseCommand
    | ControlCommand
)
