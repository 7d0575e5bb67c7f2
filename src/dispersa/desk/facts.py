"""What does the gate get to see? Facts drawn from the state, worst case where a fate is open."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from dispersa.desk.events import OrderRequested
from dispersa.desk.rolling import is_done, relief_of
from dispersa.desk.state import DeskState
from dispersa.desk.weighing import (
    held,
    positions,
    unit_value_usd,
    weigh,
    weighed,
)
from dispersa.execution.plan import PlanKind, PlannedPackage, Role, TradePlan
from dispersa.execution.program import PackageProgress
from dispersa.market import ConId, Quote, Symbol, straddle_quote
from dispersa.orders import Order, OrderRef, OrderState, ProgramId, Purpose
from dispersa.risk import (
    NO_USE,
    Edge,
    EdgeMeasured,
    EdgeWaived,
    ExposureAfter,
    GateFacts,
    HaltLevel,
    HeldLeg,
    MessageCounts,
    OrderContext,
    PlanRequest,
    Use,
    Uses,
    exposure_after,
    uses_now,
    worst_use,
)
from dispersa.risk import PlannedPackage as PackageRequest

LEGS_OF_STRADDLE = 2
RATE_WINDOW = timedelta(seconds=1)
ZERO = Decimal(0)


def plan_request(state: DeskState, plan: TradePlan) -> PlanRequest:
    """Put a whole plan to the gate."""
    return PlanRequest(
        purpose=Purpose.REDUCE if plan.kind is PlanKind.EXIT else Purpose.OPEN,
        direction=plan.direction.value,
        packages=tuple(_package_request(package) for package in _asked_for(plan)),
        edge=_edge(state),
        margin_modelled_usd=plan.margin_modeled_usd,
        margin_what_if_usd=plan.margin_what_if_usd,
    )


def _asked_for(plan: TradePlan) -> tuple[PlannedPackage, ...]:
    """What the limits are asked about: a roll's closings only give back."""
    if plan.kind is not PlanKind.ROLL:
        return plan.packages
    return tuple(package for package in plan.packages if package.purpose is Purpose.OPEN)


def _package_request(package: PlannedPackage) -> PackageRequest:
    return PackageRequest(
        symbol=package.symbol,
        side=package.side,
        quantity=package.quantity,
        contracts_per_unit=LEGS_OF_STRADDLE,
        multiplier=package.straddle.multiplier,
        premium_usd=package.premium_usd,
        vega_usd=abs(package.vega_signed_usd),
    )


def _edge(state: DeskState) -> Edge:
    if state.edge_waiver is not None:
        return EdgeWaived(label=state.edge_waiver)
    if state.plan is not None and state.plan.kind is PlanKind.ROLL:
        return EdgeMeasured(vol_points=state.plan.edge_vol_points)
    if state.signal is None or state.plan is None:
        return EdgeMeasured(vol_points=None)
    return EdgeMeasured(vol_points=state.signal.edge_net_of(state.plan.direction))


Single = tuple[Decimal | None, Decimal | None]
"""Premium and margin increase of one order outside a program."""


def gate_facts(
    state: DeskState,
    at: datetime,
    *,
    asking: OrderRef | None = None,
    single: Single | None = None,
) -> GateFacts:
    """Draw the gate's facts from the state.

    `asking` is the live order whose new limit is asked for; `single` describes an order outside a
    program, None when the plan's own orders are asked for.
    """
    return GateFacts(
        at=at,
        account=state.account,
        account_expected=state.account_expected,
        is_live_allowed=state.live_allowed,
        vix=state.vix,
        account_missing=state.account_missing,
        vix_missing=state.vix_missing,
        active_positions=len(_others_held(state)),
        exposure_after=_exposure_after(state, at)
        if single is None
        else _with_single(state, at, single),
        uses=_uses(state, at, asking),
        session=state.session,
        reconciled_at=state.reconciled_at,
        locked_names=tuple(sorted(state.locked_names())),
        unknown_names=tuple(sorted(state.unknown_names(apart_from=asking))),
        halt=HaltLevel.NONE if state.halt is None else state.halt.level,
        are_links_proven=state.linked,
        messages=_messages(state, at),
        rejects_in_a_row=rejects_in_a_row(state),
    )


def _others_held(state: DeskState) -> tuple[ProgramId, ...]:
    """Trades held beside the one that is being rolled."""
    rolled = state.closing.trade if state.closing is not None and state.closing.rolls else None
    return tuple(trade for trade in state.programs_held if trade != rolled)


def _exposure_after(state: DeskState, at: datetime) -> ExposureAfter:
    """The book when the whole plan has filled: held at marks, at risk, and what is left to send."""
    plan = state.plan
    if plan is None or state.account is None or state.account.initial_margin is None:
        return ExposureAfter(premium_usd=None, margin_usd=None, hedge_stock_usd=None)
    relief = relief_of(state, plan)
    after = exposure_after(
        held(state),
        weighed(state, _day_start(at)),
        asked_premium_usd=_premium_left(state, plan) - relief.premium_usd,
        asked_margin_usd=(_margin_left(state) or Decimal(0)) - relief.margin_usd,
    )
    if after.margin_usd is None or is_done(state, plan):
        return after
    # The broker's margin lags the fills: what the plan needs on top of before is the least.
    planned = _larger_margin(plan) + max(_margin_before(state) - relief.margin_before_usd, ZERO)
    return replace(after, margin_usd=max(after.margin_usd, planned))


def _premium_left(state: DeskState, plan: TradePlan) -> Decimal:
    """Premium of what the plan may still open and no order of ours counts already."""
    program = state.program
    if is_done(state, plan):
        return Decimal(0)
    if program is None or program.state.has_ended:
        opening = (row for row in plan.packages if row.purpose is Purpose.OPEN)
        return sum((unit_value_usd(state, row) * row.quantity for row in opening), Decimal(0))
    return sum((_premium_unsent(state, row) for row in program.packages.values()), Decimal(0))


def _premium_unsent(state: DeskState, row: PackageProgress) -> Decimal:
    if row.purpose is not Purpose.OPEN:
        return Decimal(0)
    at_risk = sum(state.orders[ref].units_at_risk for ref in row.refs)
    return unit_value_usd(state, row.plan) * max(row.remaining - at_risk, 0)


def _with_single(state: DeskState, at: datetime, single: Single) -> ExposureAfter:
    """The book with everything that may still fill, and one more order."""
    premium, margin = single
    known = None if state.account is None else state.account.initial_margin
    if premium is None or margin is None or known is None:
        return ExposureAfter(premium_usd=None, margin_usd=None, hedge_stock_usd=None)
    return exposure_after(
        held(state),
        weighed(state, _day_start(at)),
        asked_premium_usd=premium,
        asked_margin_usd=margin,
    )


def _larger_margin(plan: TradePlan) -> Decimal:
    return max(plan.margin_modeled_usd, plan.margin_what_if_usd or Decimal(0))


def _margin_before(state: DeskState) -> Decimal:
    """Margin that the account used before this program; the program's own is in the plan."""
    program, account = state.program, state.account
    if program is not None and not program.state.has_ended:
        return program.margin_before_usd
    known = None if account is None else account.initial_margin
    return Decimal(0) if known is None else known


def _refs(rows: Iterable[PackageProgress]) -> set[OrderRef]:
    return {ref for row in rows for ref in row.refs}


def _uses(state: DeskState, at: datetime, asking: OrderRef | None) -> Uses | None:
    started = [start for start in state.program_starts if _same_day(start, at)]
    return uses_now(
        held(state),
        weighed(state, _day_start(at), apart_from=asking),
        day_start=_day_start(at),
        programs_today=len(started) - _running(state),
    )


def _running(state: DeskState) -> int:
    return int(state.program is not None and not state.program.state.has_ended)


def _use(orders: Iterable[Order], state: DeskState) -> Use:
    """Worst use of opening orders: all that has filled or may still fill; a reduction uses none."""
    rows = (weigh(order, state.unit_vegas[order.approved.intent.ref]) for order in orders)
    return worst_use(row for row in rows if row.is_opening)


def _messages(state: DeskState, at: datetime) -> MessageCounts:
    today = {ref: o for ref, o in state.orders.items() if _same_day(o.intended_at, at)}
    return MessageCounts(
        last_second=sum(at - sent < RATE_WINDOW for sent in state.message_times),
        today=sum(state.messages_sent.get(ref, 0) for ref in today),
        orders_executed_today=sum(order.filled > 0 for order in today.values()),
    )


def rejects_in_a_row(state: DeskState) -> int:
    """Count rejections since the last order that the broker took or a person's resume."""
    count = 0
    for order in reversed(tuple(state.orders.values())):
        if state.resumed_at is not None and order.intended_at <= state.resumed_at:
            break
        if order.state is OrderState.REJECTED:
            count += 1
        elif order.acknowledged_at is not None or order.filled:
            break
    return count


def _day_start(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _same_day(one: datetime, other: datetime) -> bool:
    """Whether both are on one trading day: a New York session lies inside one UTC day."""
    return one.astimezone(UTC).date() == other.astimezone(UTC).date()


def order_context(
    state: DeskState,
    row: PackageProgress,
    quotes: Mapping[ConId, Quote],
    *,
    asking: OrderRef | None = None,
) -> OrderContext:
    """Put one slice, or a new limit for the working order `asking`, into its package's context."""
    plan = row.plan
    package = [state.orders[ref] for ref in row.refs]
    others = [order for order in package if order.approved.intent.ref != asking]
    fair = _fair_value(plan, quotes)
    if row.purpose is Purpose.REDUCE:
        fair = plan.quoted_value(plan.straddle.legs, quotes) or fair
    return OrderContext(
        fair_value=fair,
        quote=straddle_quote(quotes[plan.straddle.call.con_id], quotes[plan.straddle.put.con_id]),
        increments=plan.increments,
        approved_side=row.side,
        approved_con_ids=tuple(leg.con_id for leg in plan.straddle.legs),
        units_left=row.remaining,
        reserved_units=sum(order.units_at_risk for order in others),
        filled_units=0 if asking is None else state.orders[asking].filled,
        live_refs=tuple(o.approved.intent.ref for o in others if o.state.may_fill),
        is_ref_new=asking is None,
        unit_premium=None if fair is None else fair * plan.straddle.multiplier,
        unit_vega=plan.vega_usd,
        edge=_edge(state),
        margin_increase=_margin_left(state),
        program_use=_use(_of_program(state, asking), state),
        package_use=_use(others, state),
        held=held_legs(state) if row.purpose is Purpose.REDUCE else (),
        delta_shares=None,
        messages_of_order=0 if asking is None else state.messages_sent.get(asking, 0),
    )


def single_context(state: DeskState, event: OrderRequested) -> OrderContext:
    """Put a person's single order into its context: it is its own plan."""
    fair = event.fair_value
    same_name = [
        order
        for order in state.open_orders()
        if order.approved.intent.combo.symbol == event.combo.symbol
    ]
    return OrderContext(
        fair_value=fair,
        quote=event.quote,
        increments=event.increments,
        approved_side=event.side,
        approved_con_ids=tuple(leg.contract.con_id for leg in event.combo.legs),
        units_left=event.quantity,
        reserved_units=0,
        filled_units=0,
        live_refs=tuple(order.approved.intent.ref for order in same_name),
        is_ref_new=True,
        unit_premium=None if fair is None else abs(fair) * event.combo.multiplier,
        unit_vega=event.unit_vega,
        edge=EdgeWaived(label=f"single order asked for by {event.requested_by}"),
        margin_increase=event.margin_increase,
        program_use=NO_USE,
        package_use=NO_USE,
        held=held_legs(state),
        delta_shares=_delta_shares(state, event.combo.symbol),
        messages_of_order=0,
    )


def held_legs(state: DeskState) -> tuple[HeldLeg, ...]:
    """Our own position in each contract, by our executions."""
    return tuple(
        HeldLeg(con_id=con_id, quantity=position.quantity)
        for con_id, position in positions(state).items()
    )


def _delta_shares(state: DeskState, symbol: Symbol) -> float | None:
    """Net delta of one name in shares; None while a position in it has no mark."""
    exposure = held(state)
    marked = {leg.con_id for leg in exposure.legs}
    own = [row for row in positions(state).values() if row.symbol == symbol and not row.is_flat]
    if any(row.con_id not in marked for row in own):
        return None
    rows = (row for row in exposure.underlyings if row.symbol == symbol)
    return sum((row.sums.greeks.delta_shares for row in rows), 0.0)


def _of_program(state: DeskState, asking: OrderRef | None) -> list[Order]:
    refs = set() if state.program is None else _refs(state.program.packages.values())
    return [state.orders[ref] for ref in sorted(refs) if ref != asking]


def _fair_value(plan: PlannedPackage, quotes: Mapping[ConId, Quote]) -> Decimal | None:
    quote = quotes.get(plan.underlying_con_id)
    spot = None if quote is None else quote.mid
    return None if spot is None else plan.fair_value(float(spot))


def _margin_left(state: DeskState) -> Decimal | None:
    """Margin that the unfilled part of the plan may still take, by its short side's vega."""
    program = state.program
    if program is None:
        return None
    plan = program.plan
    if program.state.has_ended:
        return Decimal(0)
    index = [row for row in program.packages.values() if row.plan.role is Role.INDEX]
    target = sum(row.plan.quantity for row in index)
    left = sum(row.remaining for row in index)
    share = Decimal(1) if not target else Decimal(left) / Decimal(target)
    return _larger_margin(plan) * share
