"""How do closings and what happened without a trade change the state?"""

from collections.abc import Iterable
from dataclasses import replace

from dispersa.desk import events as ev
from dispersa.desk.commands import BookLifecycle, ComputeClosing
from dispersa.desk.decide_single import SINGLE_ORDERS, single_program
from dispersa.desk.lifecycle import trade_of, trades_held
from dispersa.desk.state import Closing, DeskState, Stage, TradeStart
from dispersa.execution.plan import PlanKind, TradePlan
from dispersa.orders import OrderIntent, ProgramId, Purpose
from dispersa.portfolio import Booking, external_book
from dispersa.risk import HaltLevel


def record_bookings(state: DeskState, bookings: Iterable[Booking]) -> DeskState:
    """Count bookings once each, and have the books compared anew with the last full read."""
    known = {row.booking for row in state.bookings}
    fresh = tuple(row for row in bookings if row.booking not in known)
    booked = replace(state, bookings=(*state.bookings, *fresh), reconciled_at=None)
    return hold_what_is_left(booked)


def adopt_positions(state: DeskState, event: ev.PositionsAdopted) -> DeskState:
    """Take what the account holds in a name beyond our trades as the external book."""
    if state.snapshot is None:
        return state
    outside = external_book(state.book, state.snapshot, state.bookings)
    kept = [row for row in state.baseline if row.symbol != event.symbol]
    adopted = [row for row in outside if row.symbol == event.symbol]
    return replace(state, baseline=(*kept, *adopted), reconciled_at=None)


def ask_closing(state: DeskState, event: ev.ClosingRequested) -> DeskState:
    """Put a closing on the road, unless a program is being worked or a plan is up."""
    if state.stage not in {Stage.IDLE, Stage.DECLINED, Stage.ENDED}:
        return state
    closing = Closing(
        trade=trade_of(state, event.trade),
        reason=event.reason,
        share=event.share,
        rolls=event.rolls,
    )
    return _on_the_road(replace(state, stage=Stage.IDLE), closing)


def _plan_closing(state: DeskState, command: ComputeClosing) -> DeskState:
    """Begin to plan a closing; a FLATTEN puts it on the road itself, once for each trade."""
    if state.halt is not None and state.halt.level is HaltLevel.FLATTEN:
        closing = Closing(
            trade=command.trade, reason=command.reason, share=command.share, rolls=command.rolls
        )
        state = _on_the_road(state, closing)
        state = replace(state, flattened=(*state.flattened, command.trade))
    return replace(state, stage=Stage.PLAN)


def _on_the_road(state: DeskState, closing: Closing) -> DeskState:
    """Forget what an earlier trade has left on the road."""
    return replace(
        state,
        closing=closing,
        edge_waiver=None,
        signal=None,
        plan=None,
        verdict=None,
        decline_stage="",
        decline_reason="",
    )


def link_program(state: DeskState, program: ProgramId) -> DeskState:
    """Remember which trade a program belongs to, and the market at which a trade begins."""
    closing, plan = state.closing, state.plan
    if closing is not None:
        state = replace(state, trade_of={**state.trade_of, program: closing.trade})
    if plan is None or plan.kind not in {PlanKind.DISPERSION, PlanKind.ROLL}:
        return state
    start = _start_of(plan, None if state.vix is None else state.vix.level)
    return replace(state, trade_starts={**state.trade_starts, trade_of(state, program): start})


def _start_of(plan: TradePlan, vix: float | None) -> TradeStart:
    opening = [row for row in plan.packages if row.purpose is Purpose.OPEN]
    return TradeStart(
        index=plan.index,
        direction=plan.direction,
        vix=vix,
        vols={row.symbol: row.implied_vol for row in opening},
        weights={row.symbol: row.weight for row in opening if row.weight is not None},
    )


def link_single(state: DeskState, event: ev.OrderRequested) -> DeskState:
    """Remember which trade a single order belongs to."""
    if event.trade is None:
        return state
    trade = trade_of(state, event.trade)
    return replace(state, trade_of={**state.trade_of, single_program(event.trade): trade})


def note_single_fill(state: DeskState, intent: OrderIntent) -> DeskState:
    """Count the trades anew when a single order of one was filled: it may have been the last."""
    trade = state.trade_of.get(intent.program)
    is_single = trade is not None and intent.package.startswith(f"{SINGLE_ORDERS}/")
    return hold_what_is_left(state) if is_single else state


def hold_what_is_left(state: DeskState) -> DeskState:
    """Count the trades of which something is left."""
    return replace(state, programs_held=trades_held(state))


LifecycleRecord = (
    ev.BookingRecorded
    | ev.PositionsAdopted
    | ev.ClosingRequested
    | ev.OrderRequested
    | BookLifecycle
    | ComputeClosing
)


def lifecycle_record(state: DeskState, record: LifecycleRecord) -> DeskState:
    """Fold one record about closings or changes without a trade."""
    match record:
        case ev.BookingRecorded():
            return record_bookings(state, [record.booking])
        case BookLifecycle():
            return record_bookings(state, record.bookings)
        case ev.PositionsAdopted():
            return adopt_positions(state, record)
        case ev.ClosingRequested():
            return ask_closing(state, record)
        case ev.OrderRequested():
            return link_single(state, record)
        case ComputeClosing():
            return _plan_closing(state, record)
