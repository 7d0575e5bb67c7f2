"""How do the desk's own commands and its orders' fates change the program?"""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from dispersa.desk.commands import (
    AmendOrder,
    CancelOrder,
    DenyOrder,
    EndPackage,
    EndProgram,
    PlaceOrder,
    StartProgram,
    WindDown,
)
from dispersa.desk.state import DeskState, Stage
from dispersa.errors import BrokenInvariant
from dispersa.execution.program import (
    PackageProgress,
    PackageState,
    Program,
    ProgramState,
    balance_of,
    begin_program,
)
from dispersa.execution.walker import RepriceStyle
from dispersa.orders import Order, OrderChange, OrderRef, OrderState, next_state

MESSAGE_WINDOW = timedelta(seconds=1)
DENIAL_PAUSE = timedelta(seconds=5)


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
    program = replace(program, margin_before_usd=known or Decimal(0))
    return replace(
        state, stage=Stage.EXECUTION, program=program, program_starts=(*state.program_starts, at)
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
    row = program.packages[intent.combo.symbol]
    worked = replace(
        row,
        state=PackageState.WORKING,
        order=intent.ref,
        walk=command.walk,
        refs=(*row.refs, intent.ref),
    )
    launched = replace(program.with_package(worked), last_launch_at=at)
    return _with_program(placed, launched)


def amend_order(state: DeskState, at: datetime, command: AmendOrder) -> DeskState:
    """Note the limit that was asked for; the order works at its old one until echoed."""
    intent = command.approved.intent
    order = state.orders[intent.ref]
    changed = replace(
        order,
        approved=command.approved,
        amend_pending=True,
        limit_path=(*order.limit_path, (at, intent.limit_price)),
    )
    return _count_message(state.with_order(changed), at, intent.ref)


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
    counted = {**state.denials, command.symbol: state.denials.get(command.symbol, 0) + 1}
    refused = {**state.denied, command.denial.ref: command.denial.sentence}
    denied = replace(state, denials=counted, denied=refused)
    program = denied.program
    if program is None or command.program != program.program:
        return denied
    row = program.packages[command.symbol]
    waits = replace(row, rests_until=at + DENIAL_PAUSE, reason=command.denial.sentence)
    return replace(denied, program=program.with_package(waits))


def end_package(state: DeskState, command: EndPackage) -> DeskState:
    """Close a package for good."""
    program = state.program
    if program is None:
        return state
    row = program.packages[command.symbol]
    ended = replace(row, state=command.state, reason=command.reason, order=None)
    return replace(state, program=program.with_package(ended))


def wind_down(state: DeskState, command: WindDown) -> DeskState:
    """Launch nothing more."""
    program = state.program
    if program is None:
        return state
    stopped = replace(program, state=ProgramState.CANCELLING, sentence=command.reason)
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


def note_fill(state: DeskState, ref: OrderRef) -> DeskState:
    """Recount the package that sent `ref` from all its orders."""
    program = state.program
    row = None if program is None else program.package_of(ref)
    if program is None or row is None:
        return state
    filled = sum(state.orders[each].filled for each in row.refs)
    return _with_program(state, program.with_package(replace(row, filled=filled)))


def note_order_end(state: DeskState, at: datetime, order: Order) -> DeskState:
    """Free the package whose order has just ended; it rests before its next slice."""
    program = state.program
    row = None if program is None else program.package_of(order.approved.intent.ref)
    if program is None or row is None or row.order != order.approved.intent.ref:
        return state
    rested = at + program.policy.quiet
    return replace(
        state, program=program.with_package(_freed(row, order, program.walk_policy.style, rested))
    )


def _freed(
    row: PackageProgress, order: Order, style: RepriceStyle, rested: datetime
) -> PackageProgress:
    """Let the package wait; a walk goes on only where moving the limit means resubmitting."""
    if row.state is not PackageState.WORKING:
        return replace(row, order=None)
    filled = order.state is OrderState.FILLED
    goes_on = style is RepriceStyle.CANCEL_REPLACE and not filled
    return replace(
        row,
        state=PackageState.WAITING,
        order=None,
        walk=row.walk if goes_on else None,
        failed_walks=0 if filled else row.failed_walks,
        rests_until=None if filled else rested,
    )


def _with_program(state: DeskState, program: Program) -> DeskState:
    """Store the program and keep the largest worst-case imbalance that it has had."""
    worst = balance_of(program, state.units_at_risk()).worst
    peak = max(program.imbalance_max_usd, worst)
    return replace(state, program=replace(program, imbalance_max_usd=peak))


def _count_message(state: DeskState, at: datetime, ref: OrderRef) -> DeskState:
    sent = {**state.messages_sent, ref: state.messages_sent.get(ref, 0) + 1}
    recent = tuple(when for when in state.message_times if at - when < MESSAGE_WINDOW)
    return replace(state, messages_sent=sent, message_times=(*recent, at))
