"""What is the next decision about one package: pause, move, repair, launch, close?"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from dispersa.desk.commands import (
    AmendOrder,
    CancelOrder,
    Command,
    DenyOrder,
    EndPackage,
    PausePackage,
    PlaceOrder,
    ResumePackage,
)
from dispersa.desk.decide_end import DENIALS_MAX
from dispersa.desk.facts import gate_facts, held_legs, order_context
from dispersa.desk.program_view import LEGS, ProgramView
from dispersa.execution.budget import allowance
from dispersa.execution.program import (
    PackageProgress,
    PackageState,
    Slice,
    is_hemmed_in,
    next_slice,
)
from dispersa.execution.residuals import Repair, repair_of
from dispersa.execution.walker import (
    GiveUp,
    Pause,
    RepriceStyle,
    Rest,
    Sight,
    Walk,
    WalkBounds,
    WalkPolicy,
    begin_walk,
    next_step,
)
from dispersa.market import OptionContract, Quote, Side
from dispersa.orders import (
    Combo,
    Leg,
    Order,
    OrderIntent,
    OrderRef,
    OrderState,
    PackageId,
    Purpose,
    straddle_combo,
)
from dispersa.risk import Denial, OrderContext

UNKNOWN_NAMES_MAX = 1


def pause_or_resume(view: ProgramView) -> Command | None:
    """Pause what can not be quoted, cancel its order when that lasts, resume when it is over."""
    if not view.quotes:
        return None
    for row in view.program.packages.values():
        if not row.is_open or not row.gap:
            continue
        fault = quote_fault(view, row)
        command = _paused(view, row, fault) if row.paused_at else _running(row, fault)
        if command is not None:
            return command
    return None


def quote_fault(view: ProgramView, row: PackageProgress) -> str | None:
    """Why the package's quote can carry no decision now."""
    quote = view.package_quote(row)
    if quote is None:
        return "a leg is not quoted"
    fault = quote.fault(now=view.at, age_max=view.program.walk_policy.quote_age_max)
    return None if fault is None else fault.value


def _running(row: PackageProgress, fault: str | None) -> Command | None:
    return None if fault is None else PausePackage(package=row.plan.key, reason=fault)


def _paused(view: ProgramView, row: PackageProgress, fault: str | None) -> Command | None:
    policy, order = view.program.policy, view.order_of(row)
    lasted = view.at - (row.paused_at or view.at)
    if fault is None:
        rested = lasted >= policy.resume_after
        return ResumePackage(package=row.plan.key) if rested else None
    text = f"no usable quote for {lasted.total_seconds():.0f} s ({fault})"
    if order is not None:
        due = lasted > policy.pause_cancel and order.state is OrderState.WORKING
        return _cancel(order, text, walk_ended=True) if due else None
    if lasted > policy.pause_max:
        return EndPackage(package=row.plan.key, state=PackageState.ABANDONED, reason=text)
    return None


def _cancel(
    order: Order, reason: str, *, walk_ended: bool, walk_failed: bool = False
) -> CancelOrder:
    return CancelOrder(
        ref=order.approved.intent.ref,
        reason=reason,
        walk_ended=walk_ended,
        walk_failed=walk_failed,
    )


def end_package(view: ProgramView) -> Command | None:
    """Close packages that are filled and checked, or given up too often."""
    for row in view.program.packages.values():
        if row.state is PackageState.WAITING and (command := _closing(view, row)) is not None:
            return command
    return _end_hemmed_in(view)


def _closing(view: ProgramView, row: PackageProgress) -> Command | None:
    key = row.plan.key
    if row.gap == 0:
        settled = row.settles_at is None or row.settles_at <= view.at
        if settled and view.is_checked(row) and view.legs(row).is_whole:
            short = row.filled != row.plan.quantity and row.reason
            text = f"{row.filled} of {row.plan.quantity} filled{f': {row.reason}' if short else ''}"
            return EndPackage(package=key, state=PackageState.FILLED, reason=text)
        return None
    if not view.program.state.may_launch:
        return None
    if row.failed_walks >= view.program.policy.attempts_max:
        reason = f"{row.failed_walks} walks did not fill: {row.reason}"
        return EndPackage(package=key, state=PackageState.ABANDONED, reason=reason)
    if view.state.denials.get(key, 0) > DENIALS_MAX:
        return EndPackage(package=key, state=PackageState.ABANDONED, reason=row.reason)
    return None


def _end_hemmed_in(view: ProgramView) -> Command | None:
    if not view.program.state.may_launch or not is_hemmed_in(view.program, view.at_risk):
        return None
    row = next(row for row in view.program.packages.values() if row.gap and row.is_open)
    reason = "the corridor leaves no room for one more straddle"
    return EndPackage(package=row.plan.key, state=PackageState.ABANDONED, reason=reason)


def reprice(view: ProgramView) -> Command | None:
    """Walk each working order: move it, leave it, or give up."""
    if not view.may_send or not view.program.state.may_launch or not view.quotes:
        return None
    for row in view.program.packages.values():
        order = view.order_of(row)
        if order is None or row.walk is None or row.paused_at is not None:
            continue
        if order.state is not OrderState.WORKING or order.amend_pending:
            continue
        command = _walk(view, row, row.walk, order)
        if command is not None:
            return command
    return None


def _walk(view: ProgramView, row: PackageProgress, walk: Walk, order: Order) -> Command | None:
    quote = _order_quote(view, row, order)
    if quote is None:
        return None
    sight = view.sight(row, quote, working=order.working_limit)
    match next_step(walk, sight, view.walk_policy(row)):
        case Pause():
            return None
        case GiveUp(moved_away=True) if _may_begin_anew(view, order):
            return _begin_anew(view, row, order, quote)
        case GiveUp() as end:
            return _cancel(order, end.reason, walk_ended=True, walk_failed=not end.moved_away)
        case Rest(limit=limit, steps=steps):
            return _move(view, row, order, limit, walk.at_step(steps, view.at))


def _may_begin_anew(view: ProgramView, order: Order) -> bool:
    """A new walk takes the order over in place where nothing of it has filled at the old one."""
    return view.program.walk_policy.style is RepriceStyle.AMEND and not order.filled


def _begin_anew(
    view: ProgramView, row: PackageProgress, order: Order, quote: Quote
) -> Command | None:
    """The market has left the walk behind: begin the next one with the same order."""
    sight, policy = view.sight(row, quote), view.walk_policy(row)
    walk = begin_walk(sight, order.approved.intent.side, policy, _bounds(view, row))
    if isinstance(walk, Pause):
        return None
    step = next_step(walk, sight, policy)
    return _move(view, row, order, step.limit, walk) if isinstance(step, Rest) else None


def _order_quote(view: ProgramView, row: PackageProgress, order: Order) -> Quote | None:
    legs = order.approved.intent.combo.legs
    if len(legs) == 1:
        return view.quotes.get(legs[0].contract.con_id)
    return view.package_quote(row)


def _move(
    view: ProgramView, row: PackageProgress, order: Order, limit: Decimal, walk: Walk
) -> Command | None:
    """Change the limit by the program's style, with the gate's consent."""
    if limit == order.working_limit:
        return None
    if view.program.walk_policy.style is RepriceStyle.CANCEL_REPLACE:
        return _cancel(order, f"resubmit at {limit}", walk_ended=False)
    if row.rests_until is not None and view.at < row.rests_until:
        return None
    ref = order.approved.intent.ref
    answer = view.rules.gate.approve_amend(
        order.approved,
        limit,
        gate_facts(view.state, view.at, asking=ref),
        _context(view, row, order.approved.intent, asking=ref),
    )
    if isinstance(answer, Denial):
        return DenyOrder(program=view.program.program, package=row.plan.key, denial=answer)
    return AmendOrder(approved=answer, walk=walk)


def launch(view: ProgramView) -> Command | None:
    """Send the next slice that corridor, pace and gate allow."""
    if not view.may_send or not view.quotes:
        return None
    if len(view.state.unknown_names()) > UNKNOWN_NAMES_MAX:
        return None
    chosen = next_slice(view.program, view.at_risk, _units_allowed(view), view.at)
    return None if chosen is None else _place(view, chosen)


def _units_allowed(view: ProgramView) -> Callable[[PackageProgress], int]:
    """How many straddles one order may have: none without a usable quote, else the gate's caps.

    None either while a leg is held without its partner: it may still come, or is to be repaired.
    """
    cap = view.rules.gate.limits.order

    def units(row: PackageProgress) -> int:
        quote = view.package_quote(row)
        if quote is None or quote.ask is None or quote_fault(view, row) is not None:
            return 0
        if not view.legs(row).is_whole:
            return 0
        premium = quote.ask * row.plan.straddle.multiplier
        by_premium = int(cap.premium_usd_max / premium) if premium > 0 else 0
        by_vega = int(cap.vega_usd_max / row.plan.vega_usd)
        return min(by_premium, by_vega, cap.contracts_max // LEGS)

    return units


def _place(view: ProgramView, chosen: Slice) -> Command | None:
    row = view.program.packages[chosen.key]
    quote = view.package_quote(row)
    if quote is None:
        return None
    intent = _intent(view, row, straddle_combo(row.plan.straddle), chosen.quantity)
    return _send(view, row, intent, quote)


def _intent(view: ProgramView, row: PackageProgress, combo: Combo, quantity: int) -> OrderIntent:
    number = view.state.orders_made + 1
    program = view.program
    return OrderIntent(
        ref=OrderRef(f"{view.rules.order_prefix}-{program.program}-{number:04d}"),
        program=program.program,
        package=PackageId(f"{program.program}/{row.plan.key}"),
        purpose=row.purpose,
        account=program.plan.account,
        combo=combo,
        side=row.side,
        quantity=quantity,
        limit_price=Decimal(0),
    )


def _send(
    view: ProgramView, row: PackageProgress, intent: OrderIntent, quote: Quote
) -> Command | None:
    """Begin a walk (or go on with one) and ask the gate for its first limit."""
    policy, sight = view.walk_policy(row), view.sight(row, quote)
    walk = row.walk
    if walk is None or walk.side is not intent.side or _is_over(walk, sight, policy):
        begun = begin_walk(sight, intent.side, policy, _bounds(view, row))
        if isinstance(begun, Pause):
            return None
        walk = begun
    step = next_step(walk, sight, policy)
    if not isinstance(step, Rest):
        return None
    priced = replace(intent, limit_price=step.limit)
    return _ask_gate(view, row, walk.at_step(step.steps, view.at), priced)


def _is_over(walk: Walk, sight: Sight, policy: WalkPolicy) -> bool:
    return isinstance(next_step(walk, sight, policy), GiveUp)


def _bounds(view: ProgramView, row: PackageProgress) -> WalkBounds:
    return WalkBounds(
        increments=row.plan.increments,
        vega=row.plan.vega_usd / row.plan.straddle.multiplier,
        allowance=allowance(view.program, row),
    )


def _ask_gate(
    view: ProgramView, row: PackageProgress, walk: Walk, intent: OrderIntent
) -> Command | None:
    answer = view.rules.gate.approve(
        intent, gate_facts(view.state, view.at), _context(view, row, intent)
    )
    if isinstance(answer, Denial):
        return DenyOrder(program=view.program.program, package=row.plan.key, denial=answer)
    return PlaceOrder(
        approved=answer,
        walk=walk,
        arrival_mid=walk.arrival_mid,
        unit_vega=row.plan.vega_usd * len(intent.combo.legs) / LEGS,
    )


def _context(
    view: ProgramView, row: PackageProgress, intent: OrderIntent, asking: OrderRef | None = None
) -> OrderContext:
    """The package's context, or that of a single leg of it."""
    context = order_context(view.state, row, view.quotes, asking=asking)
    if len(intent.combo.legs) == LEGS:
        return context
    leg = intent.combo.legs[0].contract
    fair = row.plan.fair_leg(leg, view.spot(row))
    if isinstance(leg, OptionContract):
        fair = row.plan.quoted_value((leg,), view.quotes) or fair
    return replace(
        context,
        fair_value=fair,
        quote=view.quotes[leg.con_id],
        approved_side=intent.side,
        approved_con_ids=(leg.con_id,),
        units_left=intent.quantity,
        unit_premium=None if fair is None else fair * row.plan.straddle.multiplier,
        unit_vega=row.plan.vega_usd / LEGS,
        held=held_legs(view.state),
    )


def repair(view: ProgramView) -> Command | None:
    """Trade a leg back that was filled without its partner, once the broker's books confirm it."""
    if not view.may_send or not view.program.state.may_launch:
        return None
    for row in view.program.packages.values():
        if row.order is not None or row.paused_at is not None or row.settles_at is None:
            continue
        rests = row.rests_until is not None and view.at < row.rests_until
        if rests or view.at < row.settles_at or not view.is_checked(row):
            continue
        found = repair_of(row.plan, view.legs(row))
        if found is not None and (command := _repair(view, row, found)) is not None:
            return command
    return None


def _repair(view: ProgramView, row: PackageProgress, found: Repair) -> Command | None:
    quote = view.quotes.get(found.contract.con_id)
    if quote is None or row.failed_walks >= view.program.policy.attempts_max:
        return None
    if view.state.denials.get(row.plan.key, 0) > DENIALS_MAX:
        return None
    combo = Combo(legs=(Leg(contract=found.contract, side=Side.BUY),))
    intent = replace(
        _intent(view, row, combo, found.quantity), side=found.side, purpose=Purpose.REDUCE
    )
    return _send(view, row, intent, quote)
