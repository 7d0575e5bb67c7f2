"""What would the plan's straddles, or what is filled of them, earn if the market moved?"""

from collections.abc import Mapping, Sequence
from typing import Any

from dispersa.desk.state import DeskState
from dispersa.execution.plan import PlannedPackage, Role, TradePlan
from dispersa.web.views.drawing import heat_class

SPOT_SHIFTS = (-0.10, -0.05, -0.02, 0.0, 0.02, 0.05, 0.10)
CORRELATION_SHIFTS = (0.30, 0.20, 0.10, 0.0, -0.10, -0.20, -0.30)
PAYOFF_MOVES = tuple(n / 200 for n in range(-20, 21))
PAYOFF_WIDTH, PAYOFF_HEIGHT, LABEL_HEIGHT = 380.0, 150.0, 14.0


def heat_map(state: DeskState) -> dict[str, Any] | None:
    """Return the P&L of the plan's straddles over spot moves and correlation moves.

    What is filled counts, or the whole plan while nothing is. Every name moves alike, component
    vols stay, and the index vol follows its correlation: sI' = sI x sqrt(rho' / rho).
    """
    plan, signal = state.plan, state.signal
    if plan is None or signal is None or not signal.implied_correlation:
        return None
    is_plan, quantities = _quantities(state, plan)
    rho = signal.implied_correlation
    grid = [
        [_shifted(plan.packages, quantities, spot, rho, shift) for spot in SPOT_SHIFTS]
        for shift in CORRELATION_SHIFTS
    ]
    largest = max(abs(value) for row in grid for value in row)
    return {
        "is_plan": is_plan,
        "spots": SPOT_SHIFTS,
        "rows": [
            {
                "shift": shift,
                "cells": [{"value": v, "heat": heat_class(v, largest)} for v in values],
            }
            for shift, values in zip(CORRELATION_SHIFTS, grid, strict=True)
        ],
        "worst": min(value for row in grid for value in row),
    }


def payoff(state: DeskState) -> dict[str, Any] | None:
    """Return the P&L of the same straddles against one spot move of every name, as two lines.

    Today at today's vols; at expiry V' = |F (1 + move) - K|, what each straddle pays then.
    """
    plan = state.plan
    if plan is None:
        return None
    is_plan, quantities = _quantities(state, plan)
    today = [_shifted(plan.packages, quantities, spot, 1.0, 0.0) for spot in PAYOFF_MOVES]
    expiry = [_at_expiry(plan.packages, quantities, spot) for spot in PAYOFF_MOVES]
    low, high = min(*today, *expiry, 0.0), max(*today, *expiry, 0.0)
    down = PAYOFF_HEIGHT / ((high - low) or 1.0)
    across = PAYOFF_WIDTH / (len(PAYOFF_MOVES) - 1)

    def drawn(name: str, values: Sequence[float]) -> dict[str, Any]:
        spots = [(place * across, (high - value) * down) for place, value in enumerate(values)]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        return {"name": name, "values": values, "points": points, "y": spots[-1][1]}

    return {
        "is_plan": is_plan,
        "moves": PAYOFF_MOVES,
        "lines": [drawn("today", today), drawn("at expiry", expiry)],
        "ticks": [{"x": n * across, "move": PAYOFF_MOVES[n]} for n in range(0, 41, 10)],
        "levels": [
            {"y": (high - value) * down, "value": value}
            for value in (high, 0.0, low)
            if not value or abs(value) * down >= LABEL_HEIGHT
        ],
        "width": PAYOFF_WIDTH,
        "height": PAYOFF_HEIGHT,
    }


def _quantities(state: DeskState, plan: TradePlan) -> tuple[bool, dict[str, int]]:
    """What is filled, or the whole plan (told by the first value) while nothing is."""
    program = state.program
    if program is not None and program.plan == plan:
        filled = {key: row.filled for key, row in program.packages.items()}
        if any(filled.values()):
            return False, filled
    return True, {package.key: package.quantity for package in plan.packages}


def _shifted(
    packages: Sequence[PlannedPackage],
    quantities: Mapping[str, int],
    spot: float,
    rho: float,
    shift: float,
) -> float:
    """P&L of all packages at one spot move and one correlation move."""
    from dispersa.pricing import straddle

    moved = min(max(rho + shift, 0.01), 1.0)
    total = 0.0
    for row in packages:
        vol = row.implied_vol * ((moved / rho) ** 0.5 if row.role is Role.INDEX else 1.0)
        strike = float(row.straddle.strike)
        before = straddle.price(row.forward, strike, row.implied_vol, row.years, row.discount)
        after = straddle.price(row.forward * (1 + spot), strike, vol, row.years, row.discount)
        size = row.side.sign * quantities.get(row.key, 0) * row.straddle.multiplier
        total += size * float(after - before)
    return total


def _at_expiry(
    packages: Sequence[PlannedPackage], quantities: Mapping[str, int], move: float
) -> float:
    """P&L of all packages where each is paid out after one move of its forward."""
    from dispersa.pricing import straddle

    total = 0.0
    for row in packages:
        strike = float(row.straddle.strike)
        before = straddle.price(row.forward, strike, row.implied_vol, row.years, row.discount)
        paid = abs(row.forward * (1 + move) - strike)
        size = row.side.sign * quantities.get(row.key, 0) * row.straddle.multiplier
        total += size * (paid - float(before))
    return total
