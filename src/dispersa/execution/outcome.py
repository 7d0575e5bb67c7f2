"""What did the program cost, package by package? Fills against the mids at arrival.

    slippage = sum over slices of  sign x (net price - mid at arrival) x filled x multiplier

positive is paid, negative is price improvement. Cost = slippage + commission.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from dispersa.execution.alerts import Alert
from dispersa.execution.budget import budget_usd
from dispersa.execution.policy import Remedy
from dispersa.execution.program import PackageProgress, Program, ProgramState
from dispersa.market import Side, Symbol
from dispersa.orders import ExecutionBook, Order, OrderRef, ProgramId


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageOutcome:
    """One package as it was traded; prices per share, money in dollars.

    `decision_price` is the plan's mid, `arrival_mid` that of the first slice. Slippage counts from
    each slice's own arrival: in dollars, as a share of half the spread that the plan saw, and in
    vol points per straddle (slippage / (vega x straddles)); None where nothing was filled.
    `target` is what the package was to hold in the end, `fill_seconds` how long its orders worked.
    """

    symbol: Symbol
    side: Side
    quantity: int
    target: int
    filled: int
    decision_price: Decimal | None
    arrival_mid: Decimal | None
    average_price: Decimal | None
    limit_path: tuple[tuple[datetime, Decimal], ...]
    orders: int
    messages: int
    slippage_usd: Decimal
    half_spread_share: float | None
    slippage_vol_points: float | None
    fill_seconds: float
    commission_usd: Decimal
    cost_expected_usd: Decimal
    vega_usd: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramOutcome:
    """The whole program as it was traded."""

    program: ProgramId
    state: ProgramState
    sentence: str
    packages: tuple[PackageOutcome, ...]
    net_vega_usd: float
    gross_vega_usd: float
    imbalance_max_usd: float
    corridor_usd: float
    cost_expected_usd: Decimal
    cost_actual_usd: Decimal
    slippage_usd: Decimal
    slippage_vol_points: float | None
    budget_usd: Decimal
    remedies: tuple[Remedy, ...]
    alerts: tuple[Alert, ...]
    seconds: float


def outcome_of(
    program: Program,
    orders: Mapping[OrderRef, Order],
    book: ExecutionBook,
    messages: Mapping[OrderRef, int],
) -> ProgramOutcome:
    """Measure a program from its orders and executions."""
    packages = tuple(
        _package(row, [orders[ref] for ref in row.refs], book, messages)
        for row in program.packages.values()
    )
    ended = program.ended_at or program.started_at
    slippage = sum((row.slippage_usd for row in packages), Decimal(0))
    traded = sum(abs(row.vega_usd) for row in packages)
    return ProgramOutcome(
        program=program.program,
        state=program.state,
        sentence=program.sentence,
        packages=packages,
        net_vega_usd=sum(row.vega_usd for row in packages),
        gross_vega_usd=sum(abs(row.vega_usd) for row in packages),
        imbalance_max_usd=program.imbalance_max_usd,
        corridor_usd=program.corridor_usd,
        cost_expected_usd=program.plan.cost_expected_usd,
        cost_actual_usd=sum(
            (row.slippage_usd + row.commission_usd for row in packages), Decimal(0)
        ),
        slippage_usd=slippage,
        slippage_vol_points=float(slippage) / traded if traded else None,
        budget_usd=budget_usd(program),
        remedies=program.remedies,
        alerts=program.alerts,
        seconds=(ended - program.started_at).total_seconds(),
    )


def _package(
    row: PackageProgress,
    orders: list[Order],
    book: ExecutionBook,
    messages: Mapping[OrderRef, int],
) -> PackageOutcome:
    slippage = sum((slippage_of(order, book) for order in orders), Decimal(0))
    refs = [order.approved.intent.ref for order in orders]
    return PackageOutcome(
        symbol=row.plan.symbol,
        side=row.plan.side,
        quantity=row.plan.quantity,
        target=row.target,
        filled=row.filled,
        decision_price=row.plan.quote.mid,
        arrival_mid=orders[0].arrival_mid if orders else None,
        average_price=_average_price(orders, book),
        limit_path=tuple(point for order in orders for point in order.limit_path),
        orders=len(orders),
        messages=sum(messages.get(ref, 0) for ref in refs),
        slippage_usd=slippage,
        half_spread_share=_share_of_half_spread(row, slippage),
        slippage_vol_points=_in_vol_points(row, slippage),
        fill_seconds=sum(_seconds(order) for order in orders),
        commission_usd=sum((book.commission_of(ref) for ref in refs), Decimal(0)),
        cost_expected_usd=row.plan.cost_expected_usd,
        vega_usd=row.filled * row.vega_usd,
        reason=row.reason,
    )


def slippage_of(order: Order, book: ExecutionBook) -> Decimal:
    """Dollars paid by one order against the mid at its arrival; negative is improvement."""
    intent = order.approved.intent
    price = book.net_price(intent.ref, intent.combo)
    if price is None or order.arrival_mid is None:
        return Decimal(0)
    paid = intent.side.sign * (abs(price) - order.arrival_mid)
    return paid * order.filled * intent.combo.multiplier


def _average_price(orders: list[Order], book: ExecutionBook) -> Decimal | None:
    paid, units = Decimal(0), 0
    for order in orders:
        price = book.net_price(order.approved.intent.ref, order.approved.intent.combo)
        if price is not None:
            paid += abs(price) * order.filled
            units += order.filled
    return paid / units if units else None


def _share_of_half_spread(row: PackageProgress, slippage: Decimal) -> float | None:
    width = row.plan.quote.width
    if not row.filled or not width:
        return None
    return float(slippage / (width / 2 * row.plan.straddle.multiplier * row.filled))


def _in_vol_points(row: PackageProgress, slippage: Decimal) -> float | None:
    return float(slippage) / (row.plan.vega_usd * row.filled) if row.filled else None


def _seconds(order: Order) -> float:
    ended = order.ended_at
    return 0.0 if ended is None else (ended - order.intended_at).total_seconds()
