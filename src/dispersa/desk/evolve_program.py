"""How do the desk's own commands and its orders' fates change the program?"""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from dispersa.desk.commands import (
    AmendOrder,
    CancelOrder,
    ComputeTargets,
    DenyOrder,
    EndPackage,
    EndProgram,
    PausePackage,
    PlaceOrder,
    RaiseAlert,
    ResumePackage,
    Retarget,
    StartProgram,
    SuspectMove,
    WindDown,
)
from dispersa.desk.events import OrderWithheld
from dispersa.desk.program_view import signed_at_risk
from dispersa.desk.state import DeskState, Stage
from dispersa.errors import BrokenInvariant
from dispersa.execution.outcome import slippage_of
from dispersa.execution.policy import Remedy, RepriceStyle, Trigger
from dispersa.execution.program import (
    PackageProgress,
    PackageState,
    Program,
    ProgramState,
    balance_of,
    begin_program,
)
from dispersa.execution.residuals import filled_of
from dispersa.execution.walker import Walk
from dispersa.market import Symbol
from dispersa.orders import Order, OrderChange, OrderRef, OrderState, next_state

MESSAGE_WINDOW = timedelta(seconds=1)
DENIAL_PAUSE = timedelta(seconds=5)
FILL_MEMORY = 0.5
"""Share of the newest order in the average time that a name takes to fill."""


def begin(state: DeskState, at: datetime, command: StartProgram) -> DeskState:
    """Turn the approved plan into a running program."""
    if state.plan is None:
        raise BrokenInvariant("a program starts without a plan; expected PlanProposed before it")
    program = begin_program(
        command.program,
        state.plan,
        command.policy,
        command.walk_policy,
        at,
    )
    known = None if state.account is None else state.account.initial_margin
    program = replace(
        program, margin_before_usd=known or Decimal(0), fill_seconds=state.fill_seconds
    )
    return replace(
        state,
        stage=Stage.EXECUTION,
        program=program,
        program_starts=(*state.program_starts, at),
        denials={},
    )


def place_order(state: DeskState, at: datetime, command: PlaceOrder) -> DeskState:
    """Reserve a new order and give it to its package."""
    intent = command.approved.intent
    order = Order(
        approved=command.approved,
        state=OrderState.INTENDED,
        intended_at=at,
        arrival_mid=command.arrival_mid,
        working_limit=intent.limit_price,
        limit_path=((at, intent.limit_price),),
    )
    placed = replace(
        state.with_order(order),
        orders_made=state.orders_made + 1,
        unit_vegas={**state.unit_vegas, intent.ref: command.unit_vega},
    )
    placed = _count_message(placed, at, intent.ref)
    program = placed.program
    if program is None or intent.program != program.program:
        return placed
    row = program.packages[intent.package.partition("/")[2]]
    worked = replace(
        row,
        state=PackageState.WORKING,
        order=intent.ref,
        walk=command.walk,
        refs=(*row.refs, intent.ref),
    )
    launched = replace(program.with_package(worked), last_launch_at=at)
    return _with_program(placed, at, launched)


def amend_order(state: DeskState, at: datetime, command: AmendOrder) -> DeskState:
    """Note the limit that was asked for; the order works at its old one until echoed."""
    intent = command.approved.intent
    order = state.orders[intent.ref]
    anew = command.walk is not None and command.walk.arrival_at == at
    changed = replace(
        order,
        approved=command.approved,
        arrival_mid=command.walk.arrival_mid if command.walk and anew else order.arrival_mid,
        amend_pending=True,
        limit_path=(*order.limit_path, (at, intent.limit_price)),
    )
    counted = _count_message(state.with_order(changed), at, intent.ref)
    program = counted.program
    row = None if program is None else program.package_of(intent.ref)
    if program is None or row is None:
        return counted
    moved = program.with_package(replace(row, walk=command.walk))
    return replace(counted, program=moved)


def cancel_order(state: DeskState, at: datetime, command: CancelOrder) -> DeskState:
    """Note that the cancel was asked for; the order can still fill."""
    order = state.orders[command.ref]
    changed = replace(
        order,
        state=next_state(order.state, OrderChange.CANCEL_REQUESTED),
        cancel_asked_at=at,
        message=command.reason,
    )
    asked = _count_message(state.with_order(changed), at, command.ref)
    program = asked.program
    row = None if program is None else program.package_of(command.ref)
    if program is None or row is None or not command.walk_ended:
        return asked
    failed = row.failed_walks + int(command.walk_failed)
    ended = replace(row, failed_walks=failed, walk=None, reason=command.reason)
    return replace(asked, program=program.with_package(ended))


def deny_order(state: DeskState, at: datetime, command: DenyOrder) -> DeskState:
    """Let the package wait after a denial."""
    counted = {**state.denials, command.package: state.denials.get(command.package, 0) + 1}
    refused = {**state.denied, command.denial.ref: command.denial.sentence}
    denied = replace(state, denials=counted, denied=refused)
    program = denied.program
    if program is None or command.program != program.program:
        return denied
    row = program.packages[command.package]
    waits = replace(row, rests_until=at + DENIAL_PAUSE, reason=command.denial.sentence)
    return replace(denied, program=program.with_package(waits))


def end_package(state: DeskState, command: EndPackage) -> DeskState:
    """Close a package for good."""
    program = state.program
    if program is None:
        return state
    row = program.packages[command.package]
    ended = replace(row, state=command.state, reason=command.reason, order=None)
    return replace(state, program=program.with_package(ended))


def pause_package(state: DeskState, at: datetime, command: PausePackage) -> DeskState:
    """Decide nothing about a package until it is quoted again."""
    program = state.program
    if program is None:
        return state
    row = replace(program.packages[command.package], paused_at=at, reason=command.reason)
    return replace(state, program=program.with_package(row))


def resume_package(state: DeskState, command: ResumePackage) -> DeskState:
    """Go on with a package; without an order, a walk that began before the pause is over."""
    program = state.program
    if program is None:
        return state
    row = program.packages[command.package]
    resumed = replace(row, paused_at=None, walk=None if row.order is None else row.walk)
    return replace(state, program=program.with_package(resumed))


def suspect_move(state: DeskState, at: datetime, command: SuspectMove) -> DeskState:
    """Remember since when the index seems to have moved too far."""
    program = state.program
    if program is None:
        return state
    since = at if command.is_suspected else None
    return replace(state, program=replace(program, move_suspected_at=since))


def compute_targets(state: DeskState, at: datetime, command: ComputeTargets) -> DeskState:
    """Launch nothing more until the worker has answered."""
    program = state.program
    if program is None:
        return state
    remedies = (*program.remedies, command.remedy)
    asked = replace(program, asked=command.remedy, asked_at=at, remedies=remedies)
    return replace(state, program=asked)


def forget_question(state: DeskState) -> DeskState:
    """The worker had no answer: the next remedy is due."""
    program = state.program
    return state if program is None else replace(state, program=replace(program, asked=None))


def retarget(state: DeskState, at: datetime, command: Retarget) -> DeskState:
    """Give every package its new target; what had ended goes on where it now has a gap."""
    program = state.program
    if program is None:
        return state
    packages = {row.key: row for row in program.plan.reserves}
    rows = dict(program.packages)
    for key, target in command.targets.items():
        row = rows.get(key) or PackageProgress(plan=packages[key], target=0)
        if key in rows or target:
            rows[key] = _retargeted(row, target)
    asked = program.asked is command.remedy
    used = program.remedies if asked else (*program.remedies, command.remedy)
    changed = replace(program, packages=rows, remedies=used, asked=None, sentence=command.reason)
    if command.remedy is Remedy.UNWIND:
        deadline = at + program.policy.unwind_within
        changed = replace(changed, state=ProgramState.UNWINDING, deadline_at=deadline)
    return replace(state, program=changed)


def _retargeted(row: PackageProgress, target: int) -> PackageProgress:
    has_gap = target != row.filled
    if not has_gap or row.state is PackageState.WORKING:
        return replace(row, target=target)
    waits = replace(row, state=PackageState.WAITING, failed_walks=0, walk=None, paused_at=None)
    return replace(waits, target=target)


def raise_alert(state: DeskState, command: RaiseAlert) -> DeskState:
    """Remember what was told, so that it is told once."""
    program = state.program
    if program is None or program.program != command.program:
        return state
    return replace(state, program=replace(program, alerts=(*program.alerts, command.alert)))


def wind_down(state: DeskState, command: WindDown) -> DeskState:
    """Open nothing more: what is filled is the target now."""
    program = state.program
    if program is None:
        return state
    rows = {key: replace(row, target=row.filled) for key, row in program.packages.items()}
    stopped = replace(
        program,
        packages=rows,
        state=ProgramState.STOPPING,
        sentence=command.reason,
        may_unwind=command.may_unwind and program.may_unwind,
        asked=None,
    )
    return replace(state, program=stopped)


def end_program(state: DeskState, at: datetime, command: EndProgram) -> DeskState:
    """Record how the program ended and whether the broker agrees."""
    program = state.program
    if program is None:
        return state
    ended = replace(program, state=command.state, sentence=command.sentence, ended_at=at)
    held = (program.program,) if any(row.filled for row in program.packages.values()) else ()
    return replace(
        state,
        program=ended,
        stage=Stage.ENDED,
        programs_held=(*state.programs_held, *held),
    )


def note_link(state: DeskState, at: datetime) -> DeskState:
    """The link came or went: nothing is sent until the broker was read in full again."""
    program = state.program
    if program is None or program.state.has_ended:
        return state
    return replace(state, program=replace(program, unproven_since=at))


def note_proof(state: DeskState) -> DeskState:
    """A full read has ended a gap."""
    program = state.program
    if program is None or program.unproven_since is None or not state.linked:
        return state
    return replace(state, program=replace(program, unproven_since=None))


def note_fill(state: DeskState, at: datetime, ref: OrderRef) -> DeskState:
    """Recount the package that sent `ref` from the legs of all its orders."""
    program = state.program
    row = None if program is None else program.package_of(ref)
    if program is None or row is None:
        return state
    counted = replace(
        row,
        filled=filled_of(row.plan, row.refs, _live(state, row), state.book),
        settles_at=at + program.policy.quiet,
        walk=_walk_after_fill(program, row, at, ref),
        slippages={**row.slippages, ref: slippage_of(state.orders[ref], state.book)},
    )
    if program.state is ProgramState.STOPPING:
        counted = replace(counted, target=counted.filled)
    if counted.gap and counted.state is PackageState.FILLED:
        counted = replace(counted, state=PackageState.WAITING)
    return _with_program(state, at, program.with_package(counted))


def _live(state: DeskState, row: PackageProgress) -> Order | None:
    return None if row.order is None else state.orders[row.order]


def _walk_after_fill(
    program: Program, row: PackageProgress, at: datetime, ref: OrderRef
) -> Walk | None:
    waits_anew = row.order == ref and Trigger.FILL in program.walk_policy.triggers
    return row.walk.met(at) if row.walk is not None and waits_anew else row.walk


def note_order_end(state: DeskState, at: datetime, order: Order) -> DeskState:
    """Free the package whose order has just ended; it rests before its next slice."""
    program = state.program
    row = None if program is None else program.package_of(order.approved.intent.ref)
    if program is None or row is None or row.order != order.approved.intent.ref:
        return state
    row = replace(row, filled=filled_of(row.plan, row.refs, order, state.book))
    freed = _freed(row, order, program.walk_policy.style, at + program.policy.quiet)
    rejected = int(order.state is OrderState.REJECTED)
    changed = replace(program.with_package(freed), rejections=program.rejections + rejected)
    return replace(_remember_speed(state, at, order), program=changed)


def note_refusal(state: DeskState, event: OrderWithheld) -> DeskState:
    """Count an order that the connection itself would not take, or it would be tried for ever."""
    program = state.program
    row = None if program is None else program.package_of(event.ref)
    if program is None or row is None:
        return state
    counted = replace(row, failed_walks=row.failed_walks + 1, reason=event.reason)
    return replace(state, program=program.with_package(counted))


def _freed(
    row: PackageProgress, order: Order, style: RepriceStyle, rested: datetime
) -> PackageProgress:
    """Let the package wait; a walk goes on only where moving the limit means resubmitting."""
    row = replace(row, settles_at=rested)
    if row.state is not PackageState.WORKING:
        return replace(row, order=None)
    filled = order.state is OrderState.FILLED
    goes_on = style is RepriceStyle.CANCEL_REPLACE and not filled
    return replace(
        row,
        state=PackageState.WAITING,
        order=None,
        walk=row.walk if goes_on else None,
        failed_walks=0 if filled else row.failed_walks + int(order.state is OrderState.REJECTED),
        rests_until=None if filled else rested,
    )


def _remember_speed(state: DeskState, at: datetime, order: Order) -> DeskState:
    """Average how long a name's orders take to fill: the slow ones go first next time."""
    if order.state is not OrderState.FILLED:
        return state
    name: Symbol = order.approved.intent.combo.symbol
    took = (at - order.intended_at).total_seconds()
    known = state.fill_seconds.get(name, took)
    average = FILL_MEMORY * took + (1 - FILL_MEMORY) * known
    return replace(state, fill_seconds={**state.fill_seconds, name: average})


def _with_program(state: DeskState, at: datetime, program: Program) -> DeskState:
    """Store the program with the largest worst-case imbalance that it has had, and its age."""
    balance = balance_of(program, signed_at_risk(state, program))
    since = program.imbalanced_since
    is_off = abs(balance.filled) > program.corridor_usd / 2
    changed = replace(
        program,
        imbalance_max_usd=max(program.imbalance_max_usd, balance.worst),
        imbalanced_since=(since or at) if is_off else None,
    )
    return replace(state, program=changed)


def _count_message(state: DeskState, at: datetime, ref: OrderRef) -> DeskState:
    sent = {**state.messages_sent, ref: state.messages_sent.get(ref, 0) + 1}
    recent = tuple(when for when in state.message_times if at - when < MESSAGE_WINDOW)
    return replace(state, messages_sent=sent, message_times=(*recent, at))
