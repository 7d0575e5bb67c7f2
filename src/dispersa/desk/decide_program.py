"""What is the next decision while a program is worked, the most protective first?"""

from datetime import datetime, timedelta
from decimal import Decimal

from dispersa.desk import events as ev
from dispersa.desk.commands import (
    CancelOrder,
    Command,
    DoubtOrder,
    RaiseAlert,
    ReadSnapshot,
    SuspectMove,
    WindDown,
)
from dispersa.desk.decide_end import end_program, is_settled, proof_due, remedy
from dispersa.desk.decide_packages import end_package, launch, pause_or_resume, repair, reprice
from dispersa.desk.program_view import ProgramView, view_of
from dispersa.desk.rules import DeskRules
from dispersa.desk.state import DeskState
from dispersa.execution.alerts import FillSeen, fill_alerts
from dispersa.execution.plan import PlanKind, Role
from dispersa.execution.program import Program, ProgramState
from dispersa.orders import ExecutionReported, Order, OrderRejected, OrderState

SNAPSHOT_RETRY = timedelta(seconds=5)
MARGIN_REJECTION = 201
MOVE_PROVEN_AFTER = timedelta(seconds=10)
"""A move of the index that lasts this long is no bad quote."""
COLLAR_USED_MAX = Decimal("0.8")


def decide_program(
    rules: DeskRules, state: DeskState, at: datetime, event: ev.Event
) -> Command | None:
    """Return the next command for the running program, most protective first."""
    if state.program is None:
        return None
    quotes = event.quotes if isinstance(event, ev.MarketObserved) else {}
    view = view_of(rules, state, state.program, at, quotes)
    return (
        _wind_down(view, event)
        or _suspect(view)
        or _cancel_surplus(view)
        or _doubt_silent(view)
        or _ask_snapshot(view)
        or pause_or_resume(view)
        or end_package(view)
        or remedy(view, event)
        or reprice(view)
        or repair(view)
        or launch(view)
        or end_program(view)
    )


def decide_alert(state: DeskState, at: datetime, event: ev.Event) -> Command | None:
    """Tell of a fill that is not as it should be; also after the program has ended.

    A broker reports the day's executions again after every connection: those are known.
    """
    program = state.program
    if program is None or not isinstance(event, ExecutionReported) or state.last_fill_at != at:
        return None
    order = state.orders.get(event.execution.order_ref)
    row = program.package_of(event.execution.order_ref)
    if order is None or row is None:
        return None
    package = row.plan
    seen = FillSeen(
        execution=event.execution,
        order=order,
        book=state.book,
        at=at,
        half_spread=(package.quote.width or Decimal(0)) / 2,
        expected_usd=package.cost_expected_usd / package.quantity,
    )
    known = {(alert.kind, alert.subject) for alert in program.alerts}
    for alert in fill_alerts(seen):
        if (alert.kind, alert.subject) not in known:
            return RaiseAlert(program=program.program, alert=alert)
    return None


def _wind_down(view: ProgramView, event: ev.Event) -> Command | None:
    """Stop opening when the trade as a whole has lost its ground."""
    program = view.program
    if not program.state.may_launch:
        return None
    if any(len(order.perm_ids) > 1 for order in view.state.open_orders()):
        return WindDown(reason="one order of ours is live twice at the broker")
    is_opening = program.state is ProgramState.RUNNING
    if (rejected := _margin_rejection(program, event)) is not None:
        return WindDown(reason=rejected, may_unwind=is_opening)
    if view.at >= program.deadline_at:
        return WindDown(reason="the program's deadline has passed", may_unwind=is_opening)
    reason = _market_stop(view) if is_opening else None
    return None if reason is None else WindDown(reason=reason, may_unwind=True)


def _margin_rejection(program: Program, event: ev.Event) -> str | None:
    if not isinstance(event, OrderRejected) or program.package_of(event.ref) is None:
        return None
    if event.code != MARGIN_REJECTION:
        return None
    return f"the broker rejected {event.ref} ({event.code}): {event.message}"


def _market_stop(view: ProgramView) -> str | None:
    """Why the market forbids going on, None while it does not."""
    policy, program = view.program.policy, view.program
    if program.rejections >= policy.rejections_max:
        return f"the broker rejected {program.rejections} orders of this program"
    if program.plan.kind is PlanKind.EXIT:
        return None  # the worse the market, the more a closing is wanted
    vix, limit = view.state.vix, view.rules.gate.limits.vix_max
    if vix is not None and vix.level >= limit:
        return f"VIX is {vix.level:.1f}; nothing is opened from {limit:g}"
    since = program.move_suspected_at
    if since is None or view.at - since < MOVE_PROVEN_AFTER:
        return None
    return _market_left(view)


def _suspect(view: ProgramView) -> Command | None:
    """Note when the market begins to look as if it has left the plan, and when it no longer does.

    A moment without a quote of the index teaches nothing.
    """
    rows = view.program.packages.values()
    is_closing = view.program.plan.kind is PlanKind.EXIT
    if view.program.state is not ProgramState.RUNNING or is_closing:
        return None
    if any(row.plan.role is Role.INDEX and view.spot(row) is None for row in rows):
        return None
    is_far = _market_left(view) is not None
    if is_far is (view.program.move_suspected_at is not None):
        return None
    return SuspectMove(is_suspected=is_far)


def _market_left(view: ProgramView) -> str | None:
    """How the index has left the plan: its level, or its vol so far that the gate soon denies.

    Stopping before the collar around our own value is met leaves room to trade back.
    """
    program, start = view.program, view.program.index_spot_at_start
    row = next((r for r in program.packages.values() if r.plan.role is Role.INDEX), None)
    spot = None if row is None else view.spot(row)
    if row is None or spot is None or start is None:
        return None
    moved, most = spot / start - 1, program.policy.index_move_max
    if abs(moved) > most:
        return f"{row.plan.symbol} has moved {moved:+.2%}; at most {most:.2%} is worked through"
    quote, fair = view.package_quote(row), view.fair_value(row)
    if quote is None or quote.mid is None or not fair:
        return None
    apart = quote.mid / fair - 1
    if abs(apart) <= COLLAR_USED_MAX * view.rules.gate.limits.collar_share:
        return None
    return f"{row.plan.symbol} is quoted {apart:+.1%} off our own value at the plan's vol"


def _cancel_surplus(view: ProgramView) -> Command | None:
    """Cancel a working order that would trade beyond its package's target, or against it."""
    for row in view.program.packages.values():
        order = view.order_of(row)
        if order is None or not _can_cancel(order):
            continue
        intent = order.approved.intent
        is_repair = len(intent.combo.legs) == 1
        fits = is_repair or (intent.side is row.side and order.remaining <= row.remaining)
        if not fits or (is_repair and view.program.state is ProgramState.STOPPING):
            reason = view.program.sentence or f"{row.plan.key} is to hold {row.target} now"
            return CancelOrder(ref=intent.ref, reason=reason, walk_ended=True, walk_failed=False)
    return None


def _can_cancel(order: Order) -> bool:
    return order.state in {OrderState.INTENDED, OrderState.SENT, OrderState.WORKING}


def _doubt_silent(view: ProgramView) -> Command | None:
    """Call an order UNKNOWN when nothing was heard of it in time: silence is not a rejection."""
    patience = view.program.policy.acknowledge_within
    for order in view.state.open_orders():
        waits_since = _silent_since(order)
        if waits_since is not None and view.at - waits_since > patience:
            return DoubtOrder(
                ref=order.approved.intent.ref, reason=f"no answer from the broker for {patience}"
            )
    return None


def _silent_since(order: Order) -> datetime | None:
    match order.state:
        case OrderState.INTENDED | OrderState.SENT:
            return order.intended_at
        case OrderState.CANCEL_PENDING:
            return order.cancel_asked_at
        case OrderState.WORKING if order.amend_pending:
            return order.limit_path[-1][0]
        case _:
            return None


def _ask_snapshot(view: ProgramView) -> Command | None:
    """Read the broker in full where only that can settle something."""
    state = view.state
    failed = state.snapshot_failed_at
    if state.snapshot_request is not None or not state.linked:
        return None
    if failed is not None and view.at - failed < SNAPSHOT_RETRY:
        return None
    reason = _doubts(view) or _gap(view) or _final_check(view) or _package_check(view)
    return None if reason is None else ReadSnapshot(reason=reason)


def _doubts(view: ProgramView) -> str | None:
    last = view.state.snapshot_at
    orders = view.state.orders.values()
    doubted = [order.doubted_at for order in orders if order.state is OrderState.UNKNOWN]
    if not doubted:
        return None
    newest = max(at for at in doubted if at is not None)
    due = last is None or last < newest or view.at - last >= view.rules.snapshot_interval
    return "an order's outcome is unknown" if due else None


def _gap(view: ProgramView) -> str | None:
    since = view.program.unproven_since
    return None if since is None else "the link was lost: nothing is sent until the books are read"


def _final_check(view: ProgramView) -> str | None:
    if not is_settled(view):
        return None
    last, proof = view.state.snapshot_at, proof_due(view)
    due = view.at >= proof and (last is None or last < proof)
    return "the program's orders have ended" if due else None


def _package_check(view: ProgramView) -> str | None:
    """Packages that have reached their targets wait for one read together."""
    last, interval = view.state.snapshot_at, view.program.policy.check_interval
    if last is not None and view.at - last < interval:
        return None
    waiting = [
        row.plan.key
        for row in view.program.packages.values()
        if row.is_open
        and row.order is None
        and row.settles_at is not None
        and row.settles_at <= view.at
        and not view.is_checked(row)
        and (not row.gap or not view.legs(row).is_whole)
    ]
    return f"{', '.join(waiting)}: executions are checked" if waiting else None
