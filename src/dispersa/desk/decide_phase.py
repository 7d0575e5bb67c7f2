"""How does a plan get to its start? By a person, a window or by itself, as the phase says.

Approved is not started: the plan waits for fresh quotes of every leg. If the market has moved away
meanwhile, or the gate now says no, a new plan is needed.
"""

from datetime import datetime, timedelta

from dispersa.desk import events as ev
from dispersa.desk import phase_events as pe
from dispersa.desk.commands import AskApproval, Command, DeclineTrade, DenyPlan, StartProgram
from dispersa.desk.drift import drift_of
from dispersa.desk.evolve_phase import ITSELF
from dispersa.desk.facts import gate_facts, plan_request
from dispersa.desk.phase_commands import AnnounceStart, ApprovePlan, ChangePhase, RefusePhase
from dispersa.desk.phases import (
    Approval,
    Phase,
    PhaseRules,
    action_of,
    live_refusal,
    promotion_refusal,
)
from dispersa.desk.rules import DeskRules
from dispersa.desk.state import DeskState
from dispersa.desk.window import WindowState
from dispersa.execution.plan import PlanKind, TradePlan
from dispersa.orders import ProgramId
from dispersa.risk import GateVerdict, HaltLevel


def decide_phase(state: DeskState, event: ev.Event) -> Command | None:
    """Return the next command about phases: a demotion first, then what was asked for."""
    phasing = state.phasing
    if phasing.incident and phasing.phase is not Phase.CRAWL:
        return ChangePhase(
            phase=Phase.CRAWL,
            by=ITSELF,
            reason=f"taken back by itself: {phasing.incident}",
            evidence=phasing.evidence,
        )
    if not isinstance(event, pe.PhaseRequested) or not phasing.is_asked:
        return None
    refusal = promotion_refusal(phasing, event.phase)
    if refusal is not None:
        return RefusePhase(phase=event.phase, reason=refusal)
    return ChangePhase(
        phase=event.phase,
        by=event.by,
        reason=event.reason,
        evidence=phasing.evidence,
        live_waiver=event.live_waiver,
    )


def trade_refusal(rules: DeskRules, state: DeskState) -> str | None:
    """Say why no trade may be begun in this phase, None where one may."""
    phasing = state.phasing
    if phasing.asked is not None and phasing.asked.rank > phasing.phase.rank:
        return (
            f"phase {phasing.asked} was asked for and this journal is in {phasing.phase}; promote "
            "it first: dispersa phase"
        )
    return live_refusal(phasing, state.profile, rules.phases.paper_days_min)


def after_gate(
    rules: DeskRules, state: DeskState, plan: TradePlan, verdict: GateVerdict, at: datetime
) -> Command:
    """Say what the phase wants before a plan that the gate has passed may start."""
    phases = rules.phases
    phase = state.phasing.effective
    match _approval(rules, state, plan):
        case Approval.ASK:
            return AskApproval(plan_hash=plan.plan_hash, verdict=verdict)
        case Approval.WINDOW:
            refusal = arming_refusal(state, phases)
            if refusal is not None:
                return DeclineTrade(stage="window", reason=refusal)
            return AnnounceStart(plan_hash=plan.plan_hash, verdict=verdict, policy=phases.window)
        case Approval.AUTOMATIC:
            return approve(rules, state, plan, verdict, at, by=f"phase {phase}")


def _approval(rules: DeskRules, state: DeskState, plan: TradePlan) -> Approval:
    """What the phase wants; after a FLATTEN a person is asked in every phase but Run."""
    phase = state.phasing.effective
    is_flattening = state.halt is not None and state.halt.level is HaltLevel.FLATTEN
    if is_flattening and phase is not Phase.RUN:
        return Approval.ASK
    return rules.phases.approval(phase, action_of(plan.kind))


def arming_refusal(state: DeskState, phases: PhaseRules) -> str | None:
    """Say why Walk's window can not be armed, None where it can."""
    url, proven = phases.public_url, state.phasing.page_proven
    if url is None:
        return (
            "walk does not arm: web.public_url is not set, so nobody could cancel from outside; "
            "set it, open the test link once, or go on in crawl"
        )
    if proven != url:
        return (
            f"walk does not arm: nobody has proven that {url} reaches the page; open the test "
            "link that `dispersa phase prove` sends"
        )
    return None


def approve(
    rules: DeskRules,
    state: DeskState,
    plan: TradePlan,
    verdict: GateVerdict,
    at: datetime,
    *,
    by: str,
) -> Command:
    """Let the plan start once fresh quotes are seen; at once where no drift is looked for."""
    if rules.phases.drift is None:
        return start(rules, state, plan, at)
    return ApprovePlan(plan_hash=plan.plan_hash, by=by, verdict=verdict)


def after_window(rules: DeskRules, state: DeskState, at: datetime) -> Command | None:
    """Follow the window: nothing while it is open, the approval or the end when it has ended."""
    window, plan = state.phasing.window, state.plan
    if window is None or plan is None:
        return None
    match window.state:
        case WindowState.ANNOUNCED | WindowState.OPEN:
            return None
        case WindowState.CANCELLED | WindowState.LAPSED:
            return DeclineTrade(stage="window", reason=f"{window.reason}; nothing was sent")
        case WindowState.ELAPSED:
            return checked(rules, state, plan, at, by="walk: nobody cancelled")


def expired(plan: TradePlan) -> str:
    """Say that a plan is too old to start."""
    return f"the plan expired at {plan.expires_at:%H:%M:%S %Z}; make a new one"


def checked(
    rules: DeskRules, state: DeskState, plan: TradePlan, at: datetime, *, by: str
) -> Command:
    """Ask expiry and gate once more, then approve."""
    if at > plan.expires_at:
        return DeclineTrade(stage="approval", reason=expired(plan))
    verdict = rules.gate.check_plan(plan_request(state, plan), gate_facts(state, at))
    if not verdict.passed:
        return DenyPlan(plan_hash=plan.plan_hash, verdict=verdict)
    return approve(rules, state, plan, verdict, at, by=by)


def after_quotes(
    rules: DeskRules, state: DeskState, at: datetime, seen: ev.MarketObserved
) -> Command | None:
    """Start the approved plan if the market is where the plan saw it; wait while it is not seen.

    A closing starts wherever the market is: it is worked at the quotes of now.
    """
    policy, plan, since = rules.phases.drift, state.plan, state.phasing.let_start_at
    if policy is None or plan is None or since is None:
        return None
    if at > plan.expires_at:
        return DeclineTrade(stage="drift", reason=expired(plan))
    drift = drift_of(plan, seen.quotes, at, policy)
    if drift.unseen:
        if at - since <= timedelta(seconds=policy.patience_seconds):
            return None
        reason = f"no fresh quotes of {', '.join(drift.unseen)}; make a new plan"
        return DeclineTrade(stage="drift", reason=reason)
    if drift.moved and plan.kind is not PlanKind.EXIT:
        reason = f"the market has moved since the plan: {'; '.join(drift.moved)}; make a new plan"
        return DeclineTrade(stage="drift", reason=reason)
    verdict = rules.gate.check_plan(plan_request(state, plan), gate_facts(state, at))
    if not verdict.passed:
        return DenyPlan(plan_hash=plan.plan_hash, verdict=verdict)
    return start(rules, state, plan, at)


def start(rules: DeskRules, state: DeskState, plan: TradePlan, at: datetime) -> StartProgram:
    """Begin the program of this plan."""
    number = len(state.program_starts) + 1
    return StartProgram(
        program=ProgramId(f"{at:%Y%m%d}-{plan.plan_hash[:6]}-{number}"),
        plan_hash=plan.plan_hash,
        policy=rules.program_policy,
        walk_policy=rules.walk_policy,
    )
