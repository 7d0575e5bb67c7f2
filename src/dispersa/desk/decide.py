"""What is the next decision? One at a time, on a state in which the last one is already folded."""

from datetime import datetime

from dispersa.correlation.terms import Direction
from dispersa.desk import events as ev
from dispersa.desk.commands import (
    AskApproval,
    Command,
    ComputePlan,
    ComputeSignal,
    DeclineTrade,
    DenyPlan,
    RecordReconciliation,
    StartProgram,
)
from dispersa.desk.decide_halt import decide_halt
from dispersa.desk.decide_program import decide_alert, decide_program
from dispersa.desk.decide_single import decide_single
from dispersa.desk.facts import gate_facts, plan_request
from dispersa.desk.rules import DeskRules
from dispersa.desk.state import DeskState, Stage
from dispersa.orders import ProgramId
from dispersa.portfolio import reconcile

APPROVAL_WORD = "EXECUTE"


def decide(rules: DeskRules, state: DeskState, at: datetime, event: ev.Event) -> Command | None:
    """Return the next command that `event` calls for, or None when nothing more is to be done."""
    if (reconciled := _reconcile(rules, state)) is not None:
        return reconciled
    if (stopped := decide_halt(state, event)) is not None:
        return stopped
    if (alert := decide_alert(state, at, event)) is not None:
        return alert
    if isinstance(event, ev.OrderRequested | ev.CancelRequested):
        return decide_single(rules, state, at, event)
    if state.stage is Stage.EXECUTION:
        return decide_program(rules, state, at, event)
    return _decide_road(rules, state, at, event)


def _reconcile(rules: DeskRules, state: DeskState) -> Command | None:
    """Compare the books with every full read, once."""
    snapshot = state.snapshot
    if snapshot is None or state.reconciled_at == snapshot.at:
        return None
    return RecordReconciliation(
        reconciliation=reconcile(
            state.book,
            snapshot,
            baseline=state.baseline,
            orders=tuple(state.orders.values()),
            grace=rules.fill_grace,
        )
    )


def _decide_road(
    rules: DeskRules, state: DeskState, at: datetime, event: ev.Event
) -> Command | None:
    """Signal, plan, gate, approval: each stage waits for its event."""
    match event, state.stage:
        case ev.TradeRequested(), Stage.IDLE:
            return _begin_trade(state)
        case ev.SignalComputed(), Stage.SIGNAL:
            return _after_signal(state)
        case ev.PlanImpossible(), Stage.SIGNAL | Stage.PLAN:
            return DeclineTrade(stage=state.stage.value, reason=event.reason)
        case ev.PlanProposed(), Stage.PROPOSED:
            return _after_plan(rules, state, at)
        case ev.OperatorAnswered(), Stage.APPROVAL:
            return _after_answer(rules, state, at, event)
        case ev.ProgramCancelRequested(), Stage.SIGNAL | Stage.PLAN | Stage.APPROVAL:
            reason = f"cancelled by {event.by}: {event.reason}"
            return DeclineTrade(stage=state.stage.value, reason=reason)
        case _:
            return None


def _begin_trade(state: DeskState) -> Command:
    if state.halt is not None:
        return DeclineTrade(stage="halt", reason=f"trading is halted: {state.halt.reason}")
    if state.stopping:
        return DeclineTrade(stage="halt", reason=f"this process is ending: {state.stopping}")
    return ComputeSignal()


def _after_signal(state: DeskState) -> Command:
    signal = state.signal
    if signal is None:
        return DeclineTrade(stage="signal", reason="there is no signal")
    if signal.direction is Direction.NO_TRADE and state.edge_waiver is None:
        reason = "; ".join(each.sentence for each in signal.reasons)
        return DeclineTrade(stage="signal", reason=reason)
    return ComputePlan(edge_waiver=state.edge_waiver)


def _after_plan(rules: DeskRules, state: DeskState, at: datetime) -> Command:
    plan = state.plan
    if plan is None:
        return DeclineTrade(stage="plan", reason="there is no plan")
    verdict = rules.gate.check_plan(plan_request(state, plan), gate_facts(state, at))
    if not verdict.passed:
        return DenyPlan(plan_hash=plan.plan_hash, verdict=verdict)
    return AskApproval(plan_hash=plan.plan_hash, verdict=verdict)


def _after_answer(
    rules: DeskRules, state: DeskState, at: datetime, answer: ev.OperatorAnswered
) -> Command:
    """Bind the word to the plan it was asked for, and ask the gate once more."""
    plan = state.plan
    if plan is None or answer.plan_hash != plan.plan_hash:
        reason = f"the answer was given for plan {answer.plan_hash}, which is not the one shown"
        return DeclineTrade(stage="approval", reason=reason)
    if answer.text.strip() != APPROVAL_WORD:
        return DeclineTrade(
            stage="approval", reason=f"not confirmed: expected {APPROVAL_WORD}, nothing was sent"
        )
    if at > plan.expires_at:
        reason = f"the plan expired at {plan.expires_at:%H:%M:%S %Z}; make a new one"
        return DeclineTrade(stage="approval", reason=reason)
    verdict = rules.gate.check_plan(plan_request(state, plan), gate_facts(state, at))
    if not verdict.passed:
        return DenyPlan(plan_hash=plan.plan_hash, verdict=verdict)
    number = len(state.program_starts) + 1
    return StartProgram(
        program=ProgramId(f"{at:%Y%m%d}-{plan.plan_hash[:6]}-{number}"),
        plan_hash=plan.plan_hash,
        policy=rules.program_policy,
        walk_policy=rules.walk_policy,
    )
