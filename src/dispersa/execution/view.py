"""How does a running program stand? One row for each package; the screen and the page show this."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from dispersa.execution.budget import budget_usd
from dispersa.execution.program import (
    PackageProgress,
    PackageState,
    Program,
    ProgramState,
    VegaBalance,
    balance_of,
)
from dispersa.market import ConId, Quote, Side, Symbol, straddle_quote
from dispersa.orders import Order, OrderRef, OrderState


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageStanding:
    """One package: prices per share, money in dollars, `quote` the newest one known.

    `limit` is what works at the broker, None while nothing does; `next_action` is in words.
    """

    key: str
    symbol: Symbol
    side: Side
    planned: int
    target: int
    filled: int
    quote: Quote
    limit: Decimal | None
    paid_usd: Decimal
    expected_usd: Decimal
    messages: int
    state: str
    next_action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramStanding:
    """The whole program: vega in dollars per point, `time_left` None once it has ended."""

    program: str
    state: ProgramState
    packages: tuple[PackageStanding, ...]
    balance: VegaBalance
    corridor_usd: float
    paid_usd: Decimal
    budget_usd: Decimal
    time_left: timedelta | None
    next_action: str


@dataclass(frozen=True, slots=True)
class Sources:
    """What a standing is drawn from: orders, messages sent by reference, quotes, the time."""

    orders: Mapping[OrderRef, Order]
    messages: Mapping[OrderRef, int]
    quotes: Mapping[ConId, Quote]
    at: datetime


def standing(program: Program, sources: Sources) -> ProgramStanding:
    """Describe the program as it stands; legs without a quote show that of the plan."""
    rows = program.packages.values()
    at_risk = {row.plan.key: _at_risk(row, sources.orders) for row in rows}
    ended = program.state.has_ended
    return ProgramStanding(
        program=program.program,
        state=program.state,
        packages=tuple(_package(program, row, sources) for row in rows),
        balance=balance_of(program, at_risk),
        corridor_usd=program.corridor_usd,
        paid_usd=program.slippage_usd,
        budget_usd=budget_usd(program),
        time_left=None if ended else max(program.deadline_at - sources.at, timedelta(0)),
        next_action=_next_of_program(program),
    )


def _at_risk(row: PackageProgress, orders: Mapping[OrderRef, Order]) -> int:
    sent = (orders[ref] for ref in row.refs)
    return sum(order.approved.intent.side.sign * order.units_at_risk for order in sent)


def _package(program: Program, row: PackageProgress, sources: Sources) -> PackageStanding:
    order = None if row.order is None else sources.orders.get(row.order)
    call = sources.quotes.get(row.plan.straddle.call.con_id)
    put = sources.quotes.get(row.plan.straddle.put.con_id)
    return PackageStanding(
        key=row.plan.key,
        symbol=row.plan.symbol,
        side=row.plan.side,
        planned=row.plan.quantity,
        target=row.target,
        filled=row.filled,
        quote=row.plan.quote if call is None or put is None else straddle_quote(call, put),
        limit=None if order is None else order.working_limit,
        paid_usd=row.slippage_usd,
        expected_usd=row.plan.cost_expected_usd,
        messages=sum(sources.messages.get(ref, 0) for ref in row.refs),
        state=row.state.value if order is None else order.state.value,
        next_action=_next_of_package(program, row, order, sources.at),
    )


def _next_of_package(
    program: Program, row: PackageProgress, order: Order | None, at: datetime
) -> str:
    if row.paused_at is not None:
        return f"paused: {row.reason}"
    if order is not None:
        return _next_of_order(program, row, order, at)
    match row.state:
        case PackageState.FILLED:
            return "done"
        case PackageState.ABANDONED:
            return f"given up: {row.reason}"
        case _ if not row.gap:
            return "executions are checked"
        case _ if row.rests_until is not None and at < row.rests_until:
            return f"rests {(row.rests_until - at).total_seconds():.0f} s"
        case _:
            verb = "buys" if row.side is Side.BUY else "sells"
            return f"{verb} {row.remaining} when the corridor has room"


def _next_of_order(program: Program, row: PackageProgress, order: Order, at: datetime) -> str:
    match order.state:
        case OrderState.UNKNOWN:
            return "the broker is asked what became of it"
        case OrderState.CANCEL_PENDING:
            return "waits for the cancel"
        case OrderState.WORKING if row.walk is not None:
            policy = program.walk_policy
            step = row.walk.stepped_at + policy.amend_steps * policy.wait
            left = max((step - at).total_seconds(), 0.0)
            if row.walk.steps >= row.walk.steps_to_cap:
                return f"rests at its worst price {row.walk.limit_worst}"
            return f"moves within {left:.0f} s"
        case _:
            return "waits for the broker"


def _next_of_program(program: Program) -> str:
    match program.state:
        case ProgramState.RUNNING if program.unproven_since is not None:
            return "waits until the broker's books were read after a lost link"
        case ProgramState.RUNNING if program.asked is not None:
            return "the rest is sized anew"
        case ProgramState.RUNNING if program.move_suspected_at is not None:
            return "launches nothing: the index seems to have moved too far"
        case ProgramState.RUNNING:
            waiting = sum(bool(row.gap) for row in program.packages.values())
            return f"works {waiting} of {len(program.packages)} packages"
        case ProgramState.STOPPING:
            return f"cancels what works: {program.sentence}"
        case ProgramState.UNWINDING:
            return f"trades back: {program.sentence}"
        case _:
            return program.sentence
