"""What does a roll give back while it opens the next trade?"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from dispersa.desk.state import DeskState
from dispersa.desk.weighing import held, held_without, margin_of
from dispersa.execution.plan import PlanKind, PlannedPackage, TradePlan
from dispersa.market import ConId
from dispersa.orders import Purpose

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Relief:
    """What the closings of a roll still give back, and what they began with, in USD."""

    premium_usd: Decimal = ZERO
    margin_usd: Decimal = ZERO
    margin_before_usd: Decimal = ZERO


def relief_of(state: DeskState, plan: TradePlan) -> Relief:
    """Count a roll by what it leads to: the old trade leaves as the next one comes."""
    if plan.kind is not PlanKind.ROLL or is_done(state, plan):
        return Relief()
    program = state.program
    rows = () if program is None or program.state.has_ended else program.packages.values()
    whole = [row for row in plan.packages if row.purpose is Purpose.REDUCE]
    gaps = {row.plan.key: max(row.gap, 0) for row in rows}
    left = _legs((row, gaps.get(row.key, row.quantity)) for row in whole)
    now, after = held(state), held_without(state, left)
    return Relief(
        premium_usd=now.book.premium - after.book.premium,
        margin_usd=now.margin_modelled - after.margin_modelled,
        margin_before_usd=margin_of(state, _legs((row, row.quantity) for row in whole)),
    )


def _legs(rows: Iterable[tuple[PlannedPackage, int]]) -> dict[ConId, Decimal]:
    """Signed quantities of what closing so many straddles of each package trades."""
    return {
        leg.con_id: Decimal(row.side.sign * units)
        for row, units in rows
        for leg in row.straddle.legs
    }


def is_done(state: DeskState, plan: TradePlan) -> bool:
    """Whether the plan has been worked to its end: what it filled is held, the rest is off."""
    program = state.program
    if program is None or not program.state.has_ended:
        return False
    return program.plan.created_at == plan.created_at
