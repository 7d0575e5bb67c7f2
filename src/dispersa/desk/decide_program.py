"""What is the next decision while a program is worked, the most protective first?"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from dispersa.desk import events as ev
from dispersa.desk.commands import (
    AmendOrder,
    CancelOrder,
    Command,
    DenyOrder,
    DoubtOrder,
    EndPackage,
    EndProgram,
    PlaceOrder,
    ReadSnapshot,
    WindDown,
)
from dispersa.desk.facts import gate_facts, order_context
from dispersa.desk.rules import DeskRules
from dispersa.desk.state import DeskState
from dispersa.execution.program import (
    PackageProgress,
    PackageState,
    Program,
    ProgramState,
    Slice,
    end_state,
    has_work_left,
    next_slice,
)
from dispersa.execution.walker import (
    GiveUp,
    Pause,
    RepriceStyle,
    Rest,
    Walk,
    begin_walk,
    next_step,
)
from dispersa.market import ConId, Quote, straddle_quote
from dispersa.orders import (
    Order,
    OrderIntent,
    OrderRef,
    OrderRejected,
    OrderState,
    PackageId,
    Purpose,
    straddle_combo,
)
from dispersa.risk import Denial

DENIALS_MAX = 20
SNAPSHOT_RETRY = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class _View:
    """What one decision looks at."""

    rules: DeskRules
    state: DeskState
    program: Program
    at: datetime
    quotes: Mapping[ConId, Quote]

    def package_quote(self, row: PackageProgress) -> Quote | None:
        """Quote of the package from its legs, None while a leg has none."""
        call = self.quotes.get(row.plan.straddle.call.con_id)
        put = self.quotes.get(row.plan.straddle.put.con_id)
        return None if call is None or put is None else straddle_quote(call, put)


def decide_program(
    rules: DeskRules, state: DeskState, at: datetime, event: ev.Event
) -> Command | None:
    """Return the next command for the running program, most protective first."""
    if state.program is None:
        return None
    quotes = event.quotes if isinstance(event, ev.MarketObserved) else {}
    view = _View(rules=rules, state=state, program=state.program, at=at, quotes=quotes)
    return (
        _wind_down(view, event)
        or _cancel_stopped(view)
        or _doubt_silent(view)
        or _ask_snapshot(view)
        or _end_package(view)
        or _reprice(view)
        or _launch(view)
        or _end_program(view)
    )


def _wind_down(view: _View, event: ev.Event) -> Command | None:
    """Stop launching on a rejection that concerns the whole trade, or at the deadline."""
    if view.program.state is not ProgramState.RUNNING:
        return None
    if isinstance(event, OrderRejected) and event.ref in view.state.orders:
        return WindDown(reason=f"the broker rejected {event.ref} ({event.code}): {event.message}")
    if any(len(order.perm_ids) > 1 for order in view.state.open_orders()):
        return WindDown(reason="one order of ours is live twice at the broker")
    if view.at >= view.program.deadline_at:
        return WindDown(reason="the program's deadline has passed")
    return None


def _cancel_stopped(view: _View) -> Command | None:
    """Cancel what still works once the program launches no more."""
    if view.program.state is not ProgramState.CANCELLING:
        return None
    for order in view.state.open_orders():
        if order.state in {OrderState.INTENDED, OrderState.SENT, OrderState.WORKING}:
            return CancelOrder(
                ref=order.approved.intent.ref,
                reason=view.program.sentence,
                walk_ended=False,
                walk_failed=False,
            )
    return None


def _doubt_silent(view: _View) -> Command | None:
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


def _ask_snapshot(view: _View) -> Command | None:
    """Read the broker in full while an order is UNKNOWN, and once when nothing works any more."""
    state = view.state
    failed = state.snapshot_failed_at
    if state.snapshot_request is not None or not state.linked:
        return None
    if failed is not None and view.at - failed < SNAPSHOT_RETRY:
        return None
    last = state.snapshot_at
    doubted = [o.doubted_at for o in state.orders.values() if o.state is OrderState.UNKNOWN]
    if doubted:
        newest = max(at for at in doubted if at is not None)
        due = last is None or last < newest or view.at - last >= view.rules.snapshot_interval
        return ReadSnapshot(reason="an order's outcome is unknown") if due else None
    if not _is_settled(view):
        return None
    quiet_from = _quiet_from(view)
    due = view.at >= quiet_from and (last is None or last < quiet_from)
    return ReadSnapshot(reason="the program's orders have ended") if due else None


def _end_package(view: _View) -> Command | None:
    """Close packages that are filled, given up too often, or have no more to match."""
    for row in view.program.packages.values():
        if row.state is not PackageState.WAITING:
            continue
        if row.remaining == 0:
            return EndPackage(
                symbol=row.plan.symbol, state=PackageState.FILLED, reason="filled in full"
            )
        if row.failed_walks >= view.program.policy.attempts_max:
            reason = f"{row.failed_walks} walks to the cap did not fill: {row.reason}"
            return EndPackage(symbol=row.plan.symbol, state=PackageState.ABANDONED, reason=reason)
        if view.state.denials.get(row.plan.symbol, 0) > DENIALS_MAX:
            return EndPackage(
                symbol=row.plan.symbol, state=PackageState.ABANDONED, reason=row.reason
            )
    return None


def _reprice(view: _View) -> Command | None:
    """Walk each working order: move it, leave it, or give up."""
    if not view.state.linked or view.program.state is not ProgramState.RUNNING:
        return None
    if view.state.halt is not None:
        return None
    for row in view.program.packages.values():
        order = None if row.order is None else view.state.orders[row.order]
        if order is None or row.walk is None or not _is_due(view, order):
            continue
        quote = view.package_quote(row)
        command = None if quote is None else _walk(view, row, row.walk, order, quote)
        if command is not None:
            return command
    return None


def _is_due(view: _View, order: Order) -> bool:
    """Whether the order works, as far as we know, and its limit has rested for one wait."""
    if order.state is not OrderState.WORKING or order.amend_pending:
        return False
    return view.at - order.limit_path[-1][0] >= view.program.walk_policy.wait


def _walk(
    view: _View, row: PackageProgress, walk: Walk, order: Order, quote: Quote
) -> Command | None:
    match next_step(walk, quote, view.program.walk_policy, view.at):
        case Pause():
            return None
        case GiveUp() as end:
            return CancelOrder(
                ref=order.approved.intent.ref,
                reason=end.reason,
                walk_ended=True,
                walk_failed=not end.moved_away,
            )
        case Rest(limit=limit):
            return _move(view, row, order, limit)


def _move(view: _View, row: PackageProgress, order: Order, limit: Decimal) -> Command | None:
    """Change the limit by the program's style, with the gate's consent."""
    if limit == order.working_limit:
        return None
    ref = order.approved.intent.ref
    if view.program.walk_policy.style is RepriceStyle.CANCEL_REPLACE:
        return CancelOrder(
            ref=ref, reason=f"resubmit at {limit}", walk_ended=False, walk_failed=False
        )
    answer = view.rules.gate.approve_amend(
        order.approved,
        limit,
        gate_facts(view.state, view.at, asking=ref),
        order_context(view.state, row, view.quotes, asking=ref),
    )
    if isinstance(answer, Denial):
        return _denied(view, row, answer)
    return AmendOrder(approved=answer)


def _denied(view: _View, row: PackageProgress, denial: Denial) -> Command | None:
    """Record a denial once; the same one is not repeated while the package waits."""
    if row.rests_until is not None and row.reason == denial.sentence:
        return None
    return DenyOrder(program=view.program.program, symbol=row.plan.symbol, denial=denial)


def _launch(view: _View) -> Command | None:
    """Send the next slice that corridor, pace and gate allow."""
    if not view.state.linked or view.state.unknown_names() or view.state.halt is not None:
        return None
    chosen = next_slice(
        view.program, view.state.units_at_risk(), partial(_may_begin, view), view.at
    )
    return None if chosen is None else _place(view, chosen)


def _may_begin(view: _View, row: PackageProgress) -> bool:
    quote = view.package_quote(row)
    age_max = view.program.walk_policy.quote_age_max
    return quote is not None and quote.fault(now=view.at, age_max=age_max) is None


def _place(view: _View, chosen: Slice) -> Command | None:
    row = view.program.packages[chosen.symbol]
    quote = view.package_quote(row)
    if quote is None:
        return None
    walk = row.walk or begin_walk(
        quote, row.plan.side, view.program.walk_policy, row.plan.increments, view.at
    )
    if isinstance(walk, Pause):
        return None
    match next_step(walk, quote, view.program.walk_policy, view.at):
        case Rest(limit=limit):
            return _ask_gate(view, row, walk, _intent(view, row, chosen.quantity, limit))
        case Pause() | GiveUp():
            return None


def _intent(view: _View, row: PackageProgress, quantity: int, limit: Decimal) -> OrderIntent:
    number = view.state.orders_made + 1
    program = view.program
    return OrderIntent(
        ref=OrderRef(f"{view.rules.order_prefix}-{program.program}-{number:04d}"),
        program=program.program,
        package=PackageId(f"{program.program}/{row.plan.symbol}"),
        purpose=Purpose.OPEN,
        account=program.plan.account,
        combo=straddle_combo(row.plan.straddle),
        side=row.plan.side,
        quantity=quantity,
        limit_price=limit,
    )


def _ask_gate(view: _View, row: PackageProgress, walk: Walk, intent: OrderIntent) -> Command | None:
    answer = view.rules.gate.approve(
        intent, gate_facts(view.state, view.at), order_context(view.state, row, view.quotes)
    )
    if isinstance(answer, Denial):
        return DenyOrder(program=view.program.program, symbol=row.plan.symbol, denial=answer)
    return PlaceOrder(
        approved=answer,
        walk=walk,
        arrival_mid=walk.arrival_mid,
        unit_vega=row.plan.vega_usd,
    )


def _is_settled(view: _View) -> bool:
    """Whether nothing works and nothing more would be launched."""
    if view.state.open_orders():
        return False
    if view.program.state is ProgramState.CANCELLING:
        return True
    return not has_work_left(view.program)


def _quiet_from(view: _View) -> datetime:
    """When the quiet period after the last change of any order is over."""
    changes = [order.ended_at for order in view.state.orders.values() if order.ended_at]
    last_fill = [view.state.last_fill_at] if view.state.last_fill_at else []
    return max([view.program.started_at, *changes, *last_fill]) + view.program.policy.quiet


def _end_program(view: _View) -> Command | None:
    """End once all is settled, costs are in and a full read made afterward has been compared."""
    state = view.state
    read_at = state.snapshot_at
    if state.snapshot is None or read_at is None or not _is_settled(view):
        return None
    quiet_from = _quiet_from(view)
    if read_at < quiet_from:
        return None
    waits = any(state.book.lacks_commission(ref) for ref in state.orders)
    if waits and view.at - quiet_from < view.rules.settle_within:
        return None
    ended, sentence = end_state(view.program)
    breaks = () if state.reconciliation is None else state.reconciliation.breaks
    if breaks:
        ended = ProgramState.LOCKED
        told = "; ".join(each.sentence for each in breaks)
        sentence = f"{sentence}; our books and the broker's differ: {told}"
    return EndProgram(state=ended, sentence=sentence)
