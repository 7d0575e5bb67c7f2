"""What have our own trades earned so far, and from what? By Greek once the book was marked."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from dispersa.desk.state import DeskState
from dispersa.desk.weighing import held, planned_marks
from dispersa.execution.plan import Role
from dispersa.market import ConId
from dispersa.portfolio import PnlParts, Position, Valued, attribute_pnl
from dispersa.web.formats import minute
from dispersa.web.seam import Reading

Parts = list[tuple[str, float]]
SUM_TOLERANCE_USD = Decimal("0.01")


def mark_of(reading: Reading, con_id: ConId) -> tuple[Decimal | None, str, Any]:
    """Return the price of one contract, who says so, and when: the newer of stream and own mark."""
    quote = reading.quotes.get(con_id)
    leg = next((leg for leg in held(reading.state).legs if leg.con_id == con_id), None)
    if quote is not None and quote.mid is not None and (leg is None or quote.at >= leg.marked_at):
        return quote.mid, "quote mid", quote.at
    if leg is not None:
        return leg.price, leg.source.value.replace("_", " "), leg.marked_at
    return None, "no mark", None


def pnl(reading: Reading, own: Mapping[ConId, Position]) -> dict[str, Any]:
    """Return the P&L of all our own trades; `total` None while something held has no mark."""
    open_, missing = Decimal(0), 0
    for con_id, row in own.items():
        if row.is_flat:
            continue
        price, _, _ = mark_of(reading, con_id)
        if price is None:
            missing += 1
        else:
            open_ += row.quantity * row.multiplier * (price - row.average_price)
    realized = sum((row.realized for row in own.values()), Decimal(0))
    commission = sum((row.commission for row in own.values()), Decimal(0))
    total = None if missing else open_ + realized - commission
    return {"total": total, "open": open_, "realized": realized, "commission": commission}


def attribution(reading: Reading, own: Mapping[ConId, Position]) -> Parts:
    """Split the P&L into parts that sum to it; nothing while something held has no mark.

    Once the book was marked after the entry: by Greek between the marks of the plan and those,
    what the fills differed from the plan's marks, and what came since. Before that: index against
    names, what getting in cost, and commission.
    """
    found = pnl(reading, own)
    if found["total"] is None or not own:
        return []
    rows = _by_greek(reading, own) or _by_side(reading, own)
    rows = [*rows, ("commission", -found["commission"])]
    rest = found["total"] - sum((value for _, value in rows), Decimal(0))
    if abs(rest) >= SUM_TOLERANCE_USD:
        rows.append((_rest_words(reading), rest))
    return [(label, float(value)) for label, value in rows]


def _by_greek(reading: Reading, own: Mapping[ConId, Position]) -> list[tuple[str, Decimal]]:
    state = reading.state
    if state.plan is None:
        return []
    entry = planned_marks(state.plan)
    rows = {key: row for key, row in own.items() if key in entry and not row.is_flat}
    now = {key: state.marks[key] for key in rows if key in state.marks}
    if not rows or rows.keys() - now.keys() or any(now[k].at <= entry[k].at for k in rows):
        return []
    start = Valued(at=state.plan.created_at, positions=rows, marks=entry)
    end = Valued(at=max(mark.at for mark in now.values()), positions=rows, marks=now)
    parts = attribute_pnl(start, end, index_moves={}, dividends={}).book
    fills = sum(
        (
            row.quantity * row.multiplier * (entry[key].price - row.average_price)
            for key, row in rows.items()
        ),
        Decimal(0),
    )
    return [*_greeks(parts), ("fills against the plan", fills)]


def _greeks(parts: PnlParts) -> list[tuple[str, Decimal]]:
    return [
        ("delta", parts.delta),
        ("gamma", parts.gamma),
        ("theta", parts.theta),
        ("vega", parts.vega),
        ("vanna and volga", parts.vanna + parts.volga),
        ("not explained", parts.residual),
    ]


def _rest_words(reading: Reading) -> str:
    marked = max((mark.at for mark in reading.state.marks.values()), default=None)
    return "earlier trades" if marked is None else f"since {minute(marked)}, and earlier trades"


def _by_side(reading: Reading, own: Mapping[ConId, Position]) -> list[tuple[str, Decimal]]:
    state, program = reading.state, reading.state.program
    slippage = Decimal(0) if program is None else program.slippage_usd
    index, names = _by_role(reading, own)
    return [
        ("index, marked", index + _slippage_of(state, Role.INDEX)),
        ("names, marked", names + _slippage_of(state, Role.COMPONENT)),
        ("slippage", -slippage),
    ]


def _by_role(reading: Reading, own: Mapping[ConId, Position]) -> tuple[Decimal, Decimal]:
    """P&L before commission of the program's index legs and of its component legs."""
    plan = reading.state.plan
    legs = (
        {}
        if plan is None
        else {leg.con_id: row for row in plan.packages for leg in row.straddle.legs}
    )
    sums = {Role.INDEX: Decimal(0), Role.COMPONENT: Decimal(0)}
    for con_id, row in own.items():
        if con_id not in legs:
            continue
        price, _, _ = mark_of(reading, con_id)
        moved = Decimal(0) if price is None else price - row.average_price
        sums[legs[con_id].role] += row.quantity * row.multiplier * moved + row.realized
    return sums[Role.INDEX], sums[Role.COMPONENT]


def _slippage_of(state: DeskState, role: Role) -> Decimal:
    rows = [] if state.program is None else list(state.program.packages.values())
    return sum((row.slippage_usd for row in rows if row.plan.role is role), Decimal(0))
