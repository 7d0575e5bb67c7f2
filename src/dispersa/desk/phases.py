"""Who must approve what? Crawl, Walk and Run, what each needs, and what takes one back.

    Crawl   a person types EXECUTE for every plan
    Walk    a plan starts by itself 61 s after an alert was handed over, unless somebody cancels
    Run     a plan starts by itself within the limits

A phase goes up by a person with a reason, on evidence from the journal, and comes down by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType

from dispersa.desk.window import Window, WindowPolicy
from dispersa.execution.plan import PlanKind
from dispersa.market import Symbol

PAPER_DAYS_MIN = 20


class Phase(StrEnum):
    """How much the desk may do by itself."""

    CRAWL = "crawl"
    WALK = "walk"
    RUN = "run"

    @property
    def rank(self) -> int:
        """0 for crawl, 2 for run."""
        return list(Phase).index(self)


class Approval(StrEnum):
    """What must happen before a plan starts."""

    ASK = "ask"
    WINDOW = "window"
    AUTOMATIC = "automatic"


class Action(StrEnum):
    """What a plan is for, as far as its approval goes."""

    ENTRY = "entry"
    HEDGE = "hedge"
    EXIT = "exit"
    ROLL = "roll"


OF_PHASE: Mapping[Phase, Approval] = MappingProxyType(
    {Phase.CRAWL: Approval.ASK, Phase.WALK: Approval.WINDOW, Phase.RUN: Approval.AUTOMATIC}
)
"""How an entry is approved in each phase; no setting changes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseApprovals:
    """How hedges, exits and rolls are approved in one phase."""

    hedge: Approval
    exit: Approval
    roll: Approval

    def of(self, action: Action) -> Approval | None:
        """Return the setting for an action, None for an entry, which has none."""
        match action:
            case Action.ENTRY:
                return None
            case Action.HEDGE:
                return self.hedge
            case Action.EXIT:
                return self.exit
            case Action.ROLL:
                return self.roll


def _default_approvals() -> Mapping[Phase, PhaseApprovals]:
    ask, window, automatic = Approval.ASK, Approval.WINDOW, Approval.AUTOMATIC
    return MappingProxyType(
        {
            Phase.CRAWL: PhaseApprovals(hedge=ask, exit=ask, roll=ask),
            Phase.WALK: PhaseApprovals(hedge=automatic, exit=window, roll=window),
            Phase.RUN: PhaseApprovals(hedge=automatic, exit=automatic, roll=automatic),
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPolicy:
    """How far the market may move between a plan and its start.

    `mid_share` is of a straddle's mid, `spot_share` of the index; a plan without fresh quotes of
    every leg is waited for `patience_seconds`, then given up. `quote_seconds_max` is the oldest
    quote that counts as fresh.
    """

    mid_share: float = 0.10
    spot_share: float = 0.01
    quote_seconds_max: float = 15.0
    patience_seconds: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRules:
    """What the desk decides phases by.

    `public_url` is where the page is reached from outside, None where it is not: Walk then never
    arms. Without `drift` (backtests, the demo) a plan is started as it was approved.
    """

    approvals: Mapping[Phase, PhaseApprovals] = field(default_factory=_default_approvals)
    window: WindowPolicy = field(default_factory=WindowPolicy)
    public_url: str | None = None
    drift: DriftPolicy | None = None
    paper_days_min: int = PAPER_DAYS_MIN

    def approval(self, phase: Phase, action: Action) -> Approval:
        """Return what must happen in `phase` before a plan for `action` starts."""
        own = self.approvals[phase].of(action)
        return OF_PHASE[phase] if own is None else own


def action_of(kind: PlanKind) -> Action:
    """Return what a plan of this kind is for."""
    match kind:
        case PlanKind.DISPERSION | PlanKind.PROBE:
            return Action.ENTRY
        case PlanKind.EXIT:
            return Action.EXIT
        case PlanKind.ROLL:
            return Action.ROLL


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the journal has shown so far, counted since its beginning.

    `completed` counts programs that ended as planned by the phase they ran in; `days` are trading
    days that were journaled to their end.
    """

    completed: Mapping[Phase, int] = field(default_factory=dict)
    ended_otherwise: int = 0
    breaks: int = 0
    incidents: int = 0
    windows_lapsed: int = 0
    days: int = 0

    @property
    def sentence(self) -> str:
        """The evidence in words."""
        done = ", ".join(f"{self.completed.get(phase, 0)} in {phase}" for phase in Phase)
        return (
            f"programs completed: {done}; ended otherwise {self.ended_otherwise}; reconciliation "
            f"breaks {self.breaks}; incidents {self.incidents}; windows lapsed "
            f"{self.windows_lapsed}; trading days {self.days}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Phasing:
    """What the desk knows about its phase.

    `asked` is a lower phase that somebody wants for the trade under way. `window` is Walk's, with
    the policy it was opened by. `let_start_by` and `let_start_at` say who let the plan start, which
    then waits for fresh quotes. `page_proven` is the address that the operator has opened once.
    `paper_days` were counted in the paper journal before live trading, `live_waiver` is the reason
    for doing without them. `incident` asks for a demotion, empty while there is none; `is_asked`
    while a person's wish for another phase has no answer yet. `day` is the trading day that was
    opened last with `weights`, `day_ended` the last one that was journaled to its end.
    """

    phase: Phase = Phase.CRAWL
    since: datetime | None = None
    changed_by: str = ""
    reason: str = ""
    asked: Phase | None = None
    window: Window | None = None
    window_policy: WindowPolicy = field(default_factory=WindowPolicy)
    let_start_by: str = ""
    let_start_at: datetime | None = None
    page_proven: str = ""
    paper_days: int | None = None
    live_waiver: str = ""
    incident: str = ""
    is_asked: bool = False
    day: date | None = None
    weights: Mapping[Symbol, float] = field(default_factory=dict)
    day_ended: date | None = None
    evidence: Evidence = field(default_factory=Evidence)

    @property
    def effective(self) -> Phase:
        """The phase of the trade under way."""
        return self.phase if self.asked is None else min(self.phase, self.asked, key=_rank)


def _rank(phase: Phase) -> int:
    return phase.rank


def promotion_refusal(phasing: Phasing, to: Phase) -> str | None:
    """Say what speaks against a higher phase, None where nothing does.

    One step at a time, and at least one program completed in the phase before it, none of them
    while an incident is open.
    """
    if to.rank <= phasing.phase.rank:
        return None
    if to.rank > phasing.phase.rank + 1:
        return f"from {phasing.phase} the next phase is walk, not {to}: one step at a time"
    done = phasing.evidence.completed.get(phasing.phase, 0)
    if done == 0:
        return (
            f"the journal shows no program completed in {phasing.phase}; expected at least one "
            f"before {to}"
        )
    return None


def live_refusal(phasing: Phasing, profile: str, days_min: int) -> str | None:
    """Say why real money may not be traded yet, None where it may."""
    if profile != "live" or phasing.live_waiver:
        return None
    days = phasing.paper_days
    if days is not None and days >= days_min:
        return None
    found = "no paper journal was read" if days is None else f"{days} journaled paper days"
    return (
        f"{found}; live trading needs {days_min}: go on with profile paper, or waive it with a "
        "reason: dispersa phase crawl --waive-paper-days --reason …"
    )
