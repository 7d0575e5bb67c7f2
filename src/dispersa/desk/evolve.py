"""How does one recorded event or command change the state? The fold; it decides nothing."""

from dataclasses import replace
from datetime import datetime

from dispersa.desk import events as ev
from dispersa.desk.commands import (
    AmendOrder,
    AskApproval,
    CancelOrder,
    Command,
    ComputePlan,
    ComputeSignal,
    ComputeTargets,
    DeclineTrade,
    DenyOrder,
    DenyPlan,
    DoubtOrder,
    EndPackage,
    EndProgram,
    PausePackage,
    PlaceOrder,
    RaiseAlert,
    ReadSnapshot,
    RecordReconciliation,
    ResumePackage,
    Retarget,
    StartProgram,
    SuspectMove,
    WindDown,
)
from dispersa.desk.controls import ControlCommand
from dispersa.desk.decide_halt import cancels
from dispersa.desk.evolve_controls import control_command, note_controls
from dispersa.desk.evolve_orders import (
    absorb_snapshot,
    book_commission,
    book_execution,
    change_order,
    refuse_amend,
    withhold,
)
from dispersa.desk.evolve_phase import (
    cancel_window,
    lapse_by_restart,
    note_program_end,
    note_reconciliation,
    phase_command,
    phase_event,
    with_phasing,
)
from dispersa.desk.evolve_program import (
    amend_order,
    begin,
    cancel_order,
    compute_targets,
    deny_order,
    end_package,
    end_program,
    forget_question,
    note_link,
    pause_package,
    place_order,
    raise_alert,
    resume_package,
    retarget,
    suspect_move,
    wind_down,
)
from dispersa.desk.lifecycle_fold import (
    LifecycleRecord,
    hold_what_is_left,
    lifecycle_record,
    link_program,
)
from dispersa.desk.phase_commands import PhaseCommand
from dispersa.desk.phase_events import PhaseEvent
from dispersa.desk.state import DeskState, Halt, SnapshotRequest, Stage
from dispersa.orders import (
    AmendRefused,
    CommissionReported,
    ExecutionReported,
    LinkLost,
    LinkRestored,
    OrderCancelled,
    OrderChange,
    OrderDoubtful,
    OrderRejected,
    OrderWorking,
)
from dispersa.risk import HaltLevel

Record = ev.Event | Command


def evolve(state: DeskState, at: datetime, record: Record) -> DeskState:
    """Fold one record, made at `at`, into the state."""
    return note_controls(state, _evolve(state, at, record), at)


def _evolve(state: DeskState, at: datetime, record: Record) -> DeskState:
    if isinstance(record, ControlCommand):
        return control_command(state, at, record)
    if isinstance(record, Report):
        return _report(state, at, record)
    if isinstance(record, ProgramCommand):
        return _program_command(state, at, record)
    if isinstance(record, PackageCommand):
        return _package_command(state, at, record)
    if isinstance(record, RoadCommand):
        return _road_command(state, at, record)
    if isinstance(record, LifecycleRecord):
        return lifecycle_record(state, record)
    if isinstance(record, PhaseCommand):
        return phase_command(state, at, record)
    if isinstance(record, PhaseEvent):
        return phase_event(state, record)
    return _event(state, at, record)


Report = (
    OrderWorking
    | OrderCancelled
    | OrderRejected
    | OrderDoubtful
    | AmendRefused
    | ExecutionReported
    | CommissionReported
    | LinkLost
    | LinkRestored
    | ev.OrderHandedOver
    | ev.OrderWithheld
)


def _report(state: DeskState, at: datetime, report: Report) -> DeskState:
    match report:
        case OrderWorking():
            return change_order(state, at, report.ref, OrderChange.ACKNOWLEDGED, report)
        case OrderCancelled():
            change = OrderChange.EXPIRED if report.expired else OrderChange.CANCELLED
            return change_order(state, at, report.ref, change, report)
        case OrderRejected():
            return change_order(state, at, report.ref, OrderChange.REJECTED, report)
        case OrderDoubtful():
            return change_order(state, at, report.ref, OrderChange.DOUBT, report)
        case AmendRefused():
            return refuse_amend(state, report)
        case ExecutionReported():
            return book_execution(state, at, report.execution)
        case CommissionReported():
            return book_commission(state, report.commission)
        case LinkLost():
            lost = replace(state, linked=False, link_message=report.message)
            return note_link(lost, at)
        case LinkRestored():
            return note_link(replace(state, linked=True, link_message=""), at)
        case ev.OrderHandedOver():
            highest = max(state.order_id_high_water, report.order_id or 0)
            numbered = replace(state, order_id_high_water=highest)
            return change_order(numbered, at, report.ref, OrderChange.SENT, report)
        case ev.OrderWithheld():
            return withhold(state, at, report)


def _event(state: DeskState, at: datetime, event: ev.Event) -> DeskState:
    match event:
        case ev.DeskOpened():
            return _opened(state, event)
        case ev.BrokerSynchronized():
            synchronized = absorb_snapshot(state, at, event.snapshot)
            return replace(
                synchronized,
                linked=True,
                session=event.session,
                baseline=event.snapshot.positions if not state.orders else state.baseline,
            )
        case ev.ConditionsRead() | ev.BookMarked() | ev.LimitsBound():
            return _learn(state, event)
        case ev.TradeRequested():
            return _fresh_trade(state, event)
        case ev.SignalComputed():
            return replace(state, signal=event.signal)
        case ev.PlanProposed():
            return _propose(state, event)
        case ev.PlanImpossible():
            return replace(state, decline_reason=event.reason)
        case ev.TargetsImpossible():
            return forget_question(state)
        case ev.SnapshotRead():
            return absorb_snapshot(replace(state, snapshot_request=None), at, event.snapshot)
        case ev.SnapshotFailed():
            return replace(state, snapshot_request=None, snapshot_failed_at=at)
        case (
            ev.HaltRequested()
            | ev.ResumeRequested()
            | ev.StopRequested()
            | ev.ProgramCancelRequested()
        ):
            return _stop_or_go(state, at, event)
        case _:
            return state


def _opened(state: DeskState, event: ev.DeskOpened) -> DeskState:
    """Begin anew: a window, a question and a wish to end do not outlive their process."""
    return replace(
        lapse_by_restart(state),
        profile=event.profile,
        account_expected=event.account,
        live_allowed=event.live_allowed,
        stopping="",
        flattened=(),  # what the last process had begun to close is planned anew
        snapshot_request=None,  # whoever was to answer it has ended
        controls=replace(state.controls, blind={}),  # this process has yet to look
    )


def _propose(state: DeskState, event: ev.PlanProposed) -> DeskState:
    """Take the plan up, unless the trade it was made for has been taken back meanwhile."""
    if state.stage in {Stage.DECLINED, Stage.ENDED}:
        return state
    return replace(state, plan=event.plan, stage=Stage.PROPOSED)


def _stop_or_go(
    state: DeskState,
    at: datetime,
    event: ev.HaltRequested | ev.ResumeRequested | ev.StopRequested | ev.ProgramCancelRequested,
) -> DeskState:
    match event:
        case ev.ProgramCancelRequested():
            return cancel_window(state, event.by) if cancels(state, event) else state
        case ev.HaltRequested():
            anew = event.level is HaltLevel.FLATTEN
            halted = replace(state, halt=_halt(state.halt, at, event))
            return replace(halted, flattened=()) if anew else halted
        case ev.ResumeRequested():
            return replace(_resume(state, event), resumed_at=at)
        case ev.StopRequested():
            return replace(state, stopping=event.reason)


def _halt(present: Halt | None, at: datetime, event: ev.HaltRequested) -> Halt:
    """Stop at the level asked for; a HOLD never takes back more than that."""
    asked = Halt(level=event.level, reason=event.reason, since=at, by=event.by)
    if present is None or event.level is not HaltLevel.HOLD:
        return asked
    return replace(present, since=at)


def _learn(
    state: DeskState, event: ev.ConditionsRead | ev.BookMarked | ev.LimitsBound
) -> DeskState:
    """Take up what the shell has read; the reason of the last change of limits stays."""
    match event:
        case ev.ConditionsRead():
            return replace(
                state,
                account=event.account,
                vix=event.vix,
                account_missing=event.account_missing,
                vix_missing=event.vix_missing,
            )
        case ev.BookMarked():
            return replace(state, marks={mark.con_id: mark for mark in event.marks})
        case ev.LimitsBound():
            reason = state.limits_reason if event.change is None else event.change.reason
            return replace(state, limits=event.limits, limits_reason=reason)


def _resume(state: DeskState, event: ev.ResumeRequested) -> DeskState:
    """Lift the halt that the person has seen; one that came meanwhile stays."""
    if state.halt is None or event.lifts not in {None, state.halt.since}:
        return state
    return replace(state, halt=None)


def _fresh_trade(state: DeskState, event: ev.TradeRequested) -> DeskState:
    """Clear the road for a new trade; a program that is being worked goes on undisturbed."""
    if state.stage is Stage.EXECUTION:
        return state
    fresh = replace(
        state.phasing, asked=event.phase, window=None, let_start_at=None, let_start_by=""
    )
    return replace(
        with_phasing(state, fresh),
        edge_waiver=event.edge_waiver,
        stage=Stage.IDLE,
        closing=None,
        signal=None,
        plan=None,
        verdict=None,
        decline_stage="",
        decline_reason="",
    )


RoadCommand = (
    ComputeSignal
    | ComputePlan
    | DeclineTrade
    | DenyPlan
    | AskApproval
    | StartProgram
    | ReadSnapshot
    | RecordReconciliation
)


def _road_command(state: DeskState, at: datetime, command: RoadCommand) -> DeskState:
    match command:
        case ComputeSignal():
            return replace(state, stage=Stage.SIGNAL)
        case ComputePlan():
            return replace(state, stage=Stage.PLAN)
        case DeclineTrade():
            return replace(
                state,
                stage=Stage.DECLINED,
                decline_stage=command.stage,
                decline_reason=command.reason,
            )
        case DenyPlan():
            return replace(
                state,
                stage=Stage.DECLINED,
                verdict=command.verdict,
                decline_stage="gate",
                decline_reason="; ".join(check.sentence for check in command.verdict.failures),
            )
        case AskApproval():
            return replace(state, stage=Stage.APPROVAL, verdict=command.verdict)
        case StartProgram():
            return begin(link_program(state, command.program), at, command)
        case ReadSnapshot():
            request = SnapshotRequest(reason=command.reason, asked_at=at)
            return replace(state, snapshot_request=request)
        case RecordReconciliation():
            return replace(
                note_reconciliation(state, command.reconciliation),
                reconciliation=command.reconciliation,
                reconciled_at=command.reconciliation.at,
            )


ProgramCommand = (
    PlaceOrder | AmendOrder | CancelOrder | DenyOrder | DoubtOrder | WindDown | EndProgram
)
PackageCommand = (
    EndPackage | PausePackage | ResumePackage | SuspectMove | ComputeTargets | Retarget | RaiseAlert
)


def _program_command(state: DeskState, at: datetime, command: ProgramCommand) -> DeskState:
    match command:
        case PlaceOrder():
            return place_order(state, at, command)
        case AmendOrder():
            return amend_order(state, at, command)
        case CancelOrder():
            return cancel_order(state, at, command)
        case DenyOrder():
            return deny_order(state, at, command)
        case DoubtOrder():
            return change_order(state, at, command.ref, OrderChange.DOUBT, command)
        case WindDown():
            return wind_down(state, command)
        case EndProgram():
            return note_program_end(
                hold_what_is_left(end_program(state, at, command)), command.state
            )


def _package_command(state: DeskState, at: datetime, command: PackageCommand) -> DeskState:
    match command:
        case EndPackage():
            return end_package(state, command)
        case PausePackage():
            return pause_package(state, at, command)
        case ResumePackage():
            return resume_package(state, command)
        case SuspectMove():
            return suspect_move(state, at, command)
        case ComputeTargets():
            return compute_targets(state, at, command)
        case Retarget():
            return retarget(state, at, command)
        case RaiseAlert():
            return raise_alert(state, command)
