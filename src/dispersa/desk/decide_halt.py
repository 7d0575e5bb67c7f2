"""What does a halt, or the end of the process, call for? Cancels first, whatever else is going on.

HOLD sends nothing new and moves no limit; orders keep working where they are. CANCEL and FLATTEN
wind the program down and cancel every order of ours; so does a process that is asked to end. The
closing that follows a FLATTEN is left to work.
"""

from dispersa.desk import events as ev
from dispersa.desk.commands import CancelOrder, Command, WindDown
from dispersa.desk.flatten import is_flattening
from dispersa.desk.state import DeskState, Stage
from dispersa.orders import Order, OrderState

_CANCELLABLE = frozenset({OrderState.INTENDED, OrderState.SENT, OrderState.WORKING})


def decide_halt(state: DeskState, event: ev.Event) -> Command | None:
    """Return the next command that a halt or a stop calls for."""
    reason = _why_all_ends(state)
    if reason is None:
        return _cancel_program(state, event)
    if _is_running(state):
        return WindDown(reason=reason)
    for order in state.open_orders():
        if order.state in _CANCELLABLE or _is_worth_one_cancel(state, order):
            return CancelOrder(
                ref=order.approved.intent.ref, reason=reason, walk_ended=False, walk_failed=False
            )
    return None


def _why_all_ends(state: DeskState) -> str | None:
    if state.halt is not None and state.halt.cancels and not is_flattening(state):
        return f"halted: {state.halt.reason}"
    return f"the process is ending: {state.stopping}" if state.stopping else None


def _cancel_program(state: DeskState, event: ev.Event) -> Command | None:
    """Wind the program down because a person says so; its own rules cancel what works."""
    if not isinstance(event, ev.ProgramCancelRequested) or not _is_running(state):
        return None
    if not cancels(state, event):
        return None
    return WindDown(reason=f"cancelled by {event.by}: {event.reason}")


def cancels(state: DeskState, event: ev.ProgramCancelRequested) -> bool:
    """Whether a cancel is for what is under way; a link cancels only the plan it is for."""
    if event.plan_hash is None:
        return True
    return state.plan is not None and state.plan.plan_hash == event.plan_hash


def _is_running(state: DeskState) -> bool:
    program = state.program
    return state.stage is Stage.EXECUTION and program is not None and program.state.may_launch


def _is_worth_one_cancel(state: DeskState, order: Order) -> bool:
    """Whether an order of unknown outcome has not been cancelled since the halt began."""
    if order.state is not OrderState.UNKNOWN or state.halt is None:
        return False
    asked = order.cancel_asked_at
    return asked is None or asked < state.halt.since
