"""How do reports and broker reads change orders, fills and positions?"""

from dataclasses import replace
from datetime import datetime

from dispersa.desk.commands import DoubtOrder
from dispersa.desk.events import OrderHandedOver, OrderWithheld
from dispersa.desk.evolve_program import note_fill, note_order_end, note_proof, note_refusal
from dispersa.desk.lifecycle_fold import note_single_fill
from dispersa.desk.state import DeskState
from dispersa.orders import (
    AmendRefused,
    BrokerSnapshot,
    Commission,
    Execution,
    OpenOrderReading,
    Order,
    OrderCancelled,
    OrderChange,
    OrderDoubtful,
    OrderRef,
    OrderRejected,
    OrderState,
    OrderWorking,
    next_state,
)

OrderNews = (
    OrderWorking
    | OrderCancelled
    | OrderRejected
    | OrderDoubtful
    | OrderHandedOver
    | OrderWithheld
    | DoubtOrder
)


def change_order(
    state: DeskState, at: datetime, ref: OrderRef, change: OrderChange, news: OrderNews
) -> DeskState:
    """Apply what was learned about one order; news of an order that is not ours changes nothing."""
    order = state.orders.get(ref)
    if order is None:
        return state
    changed = _with_details(replace(order, state=next_state(order.state, change)), at, news)
    return _settle(state, at, order, changed)


def _with_details(order: Order, at: datetime, news: OrderNews) -> Order:
    match news:
        case OrderWorking():
            perm_ids = order.perm_ids
            if news.perm_id and news.perm_id not in perm_ids:
                perm_ids = (*perm_ids, news.perm_id)
            return replace(
                order,
                perm_ids=perm_ids,
                acknowledged_at=order.acknowledged_at or at,
                working_limit=news.limit_price,
                amend_pending=order.amend_pending
                and news.limit_price != order.approved.intent.limit_price,
            )
        case OrderCancelled() | OrderRejected() | OrderDoubtful():
            return replace(order, message=news.message)
        case DoubtOrder() | OrderWithheld():
            return replace(order, message=news.reason)
        case OrderHandedOver():
            return order


def _settle(state: DeskState, at: datetime, before: Order, after: Order) -> DeskState:
    """Store the order and tell its package when it has just ended."""
    ended = after.state.is_terminal and not before.state.is_terminal
    if after.state is OrderState.UNKNOWN and before.state is not OrderState.UNKNOWN:
        after = replace(after, doubted_at=at)
    if ended:
        after = replace(after, ended_at=at, amend_pending=False)
    changed = state.with_order(after)
    if after.state is not OrderState.UNKNOWN and after.approved.intent.ref in state.absences:
        absences = {k: v for k, v in state.absences.items() if k != after.approved.intent.ref}
        changed = replace(changed, absences=absences)
    return note_order_end(changed, at, after) if ended else changed


def refuse_amend(state: DeskState, report: AmendRefused) -> DeskState:
    """Keep the order live at the limit that the broker still works."""
    order = state.orders.get(report.ref)
    if order is None:
        return state
    return state.with_order(
        replace(
            order,
            amend_pending=False,
            working_limit=report.limit_price,
            message=report.message,
        )
    )


def withhold(state: DeskState, at: datetime, event: OrderWithheld) -> DeskState:
    """Take back what was decided but never written: the order, or its new limit."""
    order = state.orders.get(event.ref)
    if order is None or not event.is_change:
        ended = change_order(state, at, event.ref, OrderChange.ABSENCE_PROVEN, event)
        is_refused = state.linked and state.halt is None and not state.stopping
        return note_refusal(ended, event) if is_refused else ended
    return state.with_order(replace(order, amend_pending=False, message=event.reason))


def book_execution(state: DeskState, at: datetime, execution: Execution) -> DeskState:
    """Record an execution once and derive the order's fill from leg quantities."""
    order = state.orders.get(execution.order_ref)
    if order is None:
        known = (*state.foreign_executions, execution.exec_id)
        return replace(state, foreign_executions=tuple(dict.fromkeys(known)))
    book = state.book.with_execution(execution)
    if book is state.book:
        return state
    intent = order.approved.intent
    filled = book.units_filled(intent.ref, intent.combo)
    counted = replace(order, filled=filled)
    if filled >= intent.quantity:
        counted = replace(counted, state=next_state(order.state, OrderChange.FILLED))
    recorded = replace(state, book=book, last_fill_at=at)
    settled = _settle(recorded, at, order, counted)
    return note_single_fill(note_fill(settled, at, intent.ref), intent)


def book_commission(state: DeskState, commission: Commission) -> DeskState:
    """Record what one execution cost."""
    return replace(state, book=state.book.with_commission(commission))


def absorb_snapshot(state: DeskState, at: datetime, snapshot: BrokerSnapshot) -> DeskState:
    """Fold a complete broker read: executions first, then what it proves about each order."""
    for execution in snapshot.executions:
        state = book_execution(state, at, execution)
    for commission in snapshot.commissions:
        state = book_commission(state, commission)
    live = {row.ref: row for row in snapshot.open_orders}
    ended = {row.ref for row in snapshot.completed_orders}
    for order in state.open_orders():
        ref = order.approved.intent.ref
        if ref in live:
            state = _still_open(state, at, live[ref])
        elif ref in ended:
            gone = OrderCancelled(ref=ref, message="shown as completed by the broker")
            state = change_order(state, at, ref, OrderChange.CANCELLED, gone)
        elif order.state is OrderState.UNKNOWN:
            state = _note_absence(state, at, ref)
    read = replace(
        state, account=snapshot.account, snapshot=snapshot, snapshot_at=at, snapshot_failed_at=None
    )
    return note_proof(read)


def _still_open(state: DeskState, at: datetime, shown: OpenOrderReading) -> DeskState:
    """Take up an order of ours that the broker shows as open; one without a limit is not ours."""
    if shown.limit_price is None:
        doubt = OrderDoubtful(
            ref=shown.ref, code=None, message="the broker shows it without a limit price"
        )
        return change_order(state, at, shown.ref, OrderChange.DOUBT, doubt)
    working = OrderWorking(ref=shown.ref, perm_id=shown.perm_id, limit_price=shown.limit_price)
    return _acknowledge(state, at, working)


def _acknowledge(state: DeskState, at: datetime, working: OrderWorking) -> DeskState:
    """Take the broker's open order as it is; a change that it does not show was not made."""
    order = state.orders[working.ref]
    if order.state is OrderState.CANCEL_PENDING:
        return state
    if order.state is OrderState.UNKNOWN:
        state = state.with_order(replace(order, amend_pending=False))
    return change_order(state, at, working.ref, OrderChange.ACKNOWLEDGED, working)


ABSENCE_GAP_SECONDS = 30


def _note_absence(state: DeskState, at: datetime, ref: OrderRef) -> DeskState:
    """Count a full read without the order; the second, 30 s later, proves that it never arrived."""
    first = state.absences.get(ref)
    if first is None:
        return replace(state, absences={**state.absences, ref: at})
    if (at - first).total_seconds() < ABSENCE_GAP_SECONDS or state.orders[ref].filled:
        return state
    gone = OrderCancelled(ref=ref, message="two full reads do not show it: it never arrived")
    return change_order(state, at, ref, OrderChange.ABSENCE_PROVEN, gone)
