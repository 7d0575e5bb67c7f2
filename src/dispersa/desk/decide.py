"""What is the next decision? One at a time, on a state in which the last one is already folded."""

from datetime import datetime

from dispersa.correlation.terms import Direction
from dispersa.desk import events as ev
from dispersa.desk.auto_halt import decide_automatic
from dispersa.desk.commands import (
    Command,
    ComputeClosing,
    ComputePlan,
    ComputeSignal,
    DeclineTrade,
    DenyPlan,
    RecordReconciliation,
)
from dispersa.desk.decide_halt import cancels, decide_halt
from dispersa.desk.decide_phase import (
    after_gate,
    after_quotes,
    after_window,
    checked,
    decide_phase,
    expired,
    trade_refusal,
)
from dispersa.desk.decide_program import decide_alert, decide_program
from dispersa.desk.decide_single import decide_single
from dispersa.desk.facts import gate_facts, plan_request
from dispersa.desk.flatten import decide_flatten, is_planning
from dispersa.desk.lifecycle import decide_lifecycle
from dispersa.desk.rules import DeskRules
from dispersa.desk.state import DeskState, Stage
from dispersa.portfolio import reconcile
from dispersa.risk import HaltLevel

APPROVAL_WORD = "EXECUTE"


def decide(rules: DeskRules, state: DeskState, at: datetime, event: ev.Event) -> Command | None:
    """Return the next command that `event` calls for, or None when nothing more is to be done."""
    if (reconciled := _reconcile(rules, state)) is not None:
        return reconciled
    if (booked := decide_lifecycle(state)) is not None:
        return booked
    stopped = (
        decide_automatic(rules, state, at, event)
        or decide_halt(state, event)
        or decide_flatten(state, event)
    )
    if stopped is not None:
        return stopped
    if (alert := decide_alert(state, at, event)) is not None:
        return alert
    if (phased := decide_phase(state, event)) is not None:
        return phased
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
            bookings=state.bookings,
        )
    )


def _decide_road(
    rules: DeskRules, state: DeskState, at: datetime, event: ev.Event
) -> Command | None:
    """Signal, plan, gate, approval: each stage waits for its event."""
    match event, state.stage:
        case ev.TradeRequested(), Stage.IDLE:
            return _begin_trade(rules, state)
        case ev.ClosingRequested(), Stage.IDLE:
            return _begin_closing(state)
        case ev.SignalComputed(), Stage.SIGNAL:
            return _after_signal(state)
        case ev.PlanImpossible(), Stage.SIGNAL | Stage.PLAN:
            return DeclineTrade(stage=state.stage.value, reason=event.reason)
        case ev.PlanProposed(), Stage.PROPOSED:
            return _after_plan(rules, state, at)
        case ev.OperatorAnswered(), Stage.APPROVAL:
            return _after_answer(rules, state, at, event)
        case (
            ev.ProgramCancelRequested() | ev.HaltRequested() | ev.StopRequested() | ev.DeskOpened(),
            Stage.SIGNAL
            | Stage.PLAN
            | Stage.PROPOSED
            | Stage.APPROVAL
            | Stage.WINDOW
            | Stage.APPROVED,
        ):
            return _give_up(state, event)
        case _:
            return _decide_start(rules, state, at, event)


def _decide_start(
    rules: DeskRules, state: DeskState, at: datetime, event: ev.Event
) -> Command | None:
    """Walk's window and the wait for fresh quotes."""
    if state.stage is Stage.WINDOW:
        return after_window(rules, state, at)
    if state.stage is Stage.APPROVED and isinstance(event, ev.MarketObserved):
        return after_quotes(rules, state, at, event)
    return None


def _give_up(
    state: DeskState,
    event: ev.ProgramCancelRequested | ev.HaltRequested | ev.StopRequested | ev.DeskOpened,
) -> Command | None:
    """End what is being prepared: it was cancelled, all is halted, or its process has ended."""
    if isinstance(event, ev.ProgramCancelRequested) and not cancels(state, event):
        return None
    if isinstance(event, ev.HaltRequested) and is_planning(state):
        return None
    return DeclineTrade(stage=state.stage.value, reason=_why_given_up(event))


def _why_given_up(
    event: ev.ProgramCancelRequested | ev.HaltRequested | ev.StopRequested | ev.DeskOpened,
) -> str:
    match event:
        case ev.ProgramCancelRequested():
            return f"cancelled by {event.by}: {event.reason}"
        case ev.HaltRequested():
            return f"trading was halted: {event.reason}"
        case ev.StopRequested():
            return f"this process is ending: {event.reason}"
        case ev.DeskOpened():
            return "the engine was restarted before the trade began; nothing was sent"


def _begin_trade(rules: DeskRules, state: DeskState) -> Command:
    if state.halt is not None:
        return DeclineTrade(stage="halt", reason=f"trading is halted: {state.halt.reason}")
    if state.stopping:
        return DeclineTrade(stage="halt", reason=f"this process is ending: {state.stopping}")
    if (refusal := trade_refusal(rules, state)) is not None:
        return DeclineTrade(stage="phase", reason=refusal)
    return ComputeSignal()


def _begin_closing(state: DeskState) -> Command | None:
    """Have the closing planned; a held trade may be closed under a HOLD, not beyond it."""
    closing = state.closing
    if closing is None:
        return None
    if state.halt is not None and state.halt.level is HaltLevel.CANCEL:
        return DeclineTrade(stage="halt", reason=f"trading is halted: {state.halt.reason}")
    if state.stopping:
        return DeclineTrade(stage="halt", reason=f"this process is ending: {state.stopping}")
    if closing.trade not in state.programs_held:
        reason = f"nothing is held of trade {closing.trade}; `dispersa programs` shows what is"
        return DeclineTrade(stage="closing", reason=reason)
    return ComputeClosing(
        trade=closing.trade, reason=closing.reason, share=closing.share, rolls=closing.rolls
    )


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
    return after_gate(rules, state, plan, verdict, at)


def _after_answer(
    rules: DeskRules, state: DeskState, at: datetime, answer: ev.OperatorAnswered
) -> Command:
    """Bind the word to the plan it was asked for, and ask the gate once more."""
    plan = state.plan
    if plan is None or answer.plan_hash != plan.plan_hash:
        reason = f"the answer was given for plan {answer.plan_hash}, which is not the one shown"
        return DeclineTrade(stage="approval", reason=reason)
    if at > plan.expires_at:
        return DeclineTrade(stage="approval", reason=expired(plan))
    if answer.text.strip() != APPROVAL_WORD:
        return DeclineTrade(
            stage="approval", reason=f"not confirmed: expected {APPROVAL_WORD}, nothing was sent"
        )
    return checked(rules, state, plan, at, by=answer.operator)
