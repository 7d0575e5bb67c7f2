"""Ex-dates: how does a cash dividend change the values on the grid, going back in time?"""

import math

from dispersa.pricing.kernels import kinks
from dispersa.pricing.kernels.arithmetic import log
from dispersa.pricing.kernels.compiled import inlined, kernel
from dispersa.pricing.kernels.lanes import LANES
from dispersa.pricing.kernels.sweep import (
    AMERICAN,
    AT_EXPIRY,
    DIFFUSED,
    DIVIDEND,
    DZ,
    ESCROWED,
    FLOOR_PENDING,
    FLOOR_STRIKE,
    LENGTH,
    LOWEST,
    NEVER,
    NOW,
    PHI,
    RATE,
    STRIKE,
    YEARS,
    Schedule,
    Sweep,
)
from dispersa.pricing.quality import Floats


@inlined
def interpolate(column: Floats, lane: int, position: float) -> float:
    """Cubic through the four nodes around a position."""
    k = min(max(int(position) - 1, 0), column.shape[0] - 5)
    f = position - k
    a, b, c, d = column[k, lane], column[k + 1, lane], column[k + 2, lane], column[k + 3, lane]
    outer: float = (f - 1.0) * (f - 2.0) * (d * f - a * (f - 3.0)) / 6.0
    inner: float = f * (f - 3.0) * (b * (f - 2.0) - c * (f - 1.0)) / 2.0
    return outer + inner


@kernel
def jump(sweep: Sweep) -> None:
    """V(S, before) = V(S - D, after) in every lane, without the exercise decision."""
    p, v, before, position = sweep.lanes, sweep.v, sweep.before, sweep.position
    nodes = v.shape[0] - 1
    for j in range(nodes):
        for lane in range(LANES):
            before[j, lane] = v[j, lane]
            left = 1.0 - p[DIVIDEND, lane] / sweep.spots[j, lane]
            moved = p[PHI, lane] * log(left if left > 1e-9 else 1e-9) / p[DZ, lane]
            position[j, lane] = j + moved
    for j in range(nodes):
        for lane in range(LANES):
            at = position[j, lane]
            if p[DIVIDEND, lane] == 0.0:
                continue
            if at < 0.0:  # deep in the money the value moves one for one with the spot
                after = max(sweep.spots[j, lane] - p[DIVIDEND, lane], 0.0)
                v[j, lane] = before[0, lane] + p[PHI, lane] * (p[LOWEST, lane] - after)
            else:
                v[j, lane] = interpolate(before, lane, at) if at <= nodes - 2 else 0.0


@kernel
def decide(sweep: Sweep, lane: int, shift: float) -> None:
    """Exercise where that pays more (less `shift`), and smooth the kink that this leaves."""
    v, exercise, obstacle = sweep.v, sweep.exercise, sweep.obstacle
    nodes = v.shape[0] - 1
    crossing, change = -1.0, 0.0
    for j in range(nodes - 1):
        here = v[j, lane] - (exercise[j, lane] - shift)
        above = v[j + 1, lane] - (exercise[j + 1, lane] - shift)
        if here < 0.0 <= above:
            crossing = j + here / (here - above)
            change = above - here
    for j in range(nodes):
        obstacle[j, lane] = exercise[j, lane] - shift
        v[j, lane] = max(v[j, lane], obstacle[j, lane])
    if crossing >= 0.0:
        nearest = round(crossing)
        for j in range(max(nearest - 2, 1), min(nearest + 3, nodes - 1)):
            v[j, lane] += kinks.kink(j - crossing) * change
            obstacle[j, lane] = NEVER
        sweep.lanes[DIFFUSED, lane] = 0.0


@inlined
def plan_exercise(p: Floats, lane: int, growth: float) -> None:
    """Deep in the money at an ex-date: go on holding, or count on exercise there.

    The choice is kept as the strike to be paid and the dividends to be missed, worth at expiry.
    """
    phi = p[PHI, lane]
    held = p[FLOOR_STRIKE, lane] + p[FLOOR_PENDING, lane]
    exercised = p[STRIKE, lane] * growth - p[AT_EXPIRY, lane] * p[ESCROWED, lane]
    if p[AMERICAN, lane] > 0.0 and phi * exercised > phi * held:
        p[FLOOR_STRIKE, lane] = exercised
        p[FLOOR_PENDING, lane] = 0.0


@inlined
def pass_ex_date(p: Floats, lane: int, amount: float) -> None:
    """Take note of a lane's dividend; exercise may be planned just after or just before it."""
    growth = math.exp(p[RATE, lane] * (p[YEARS, lane] - p[NOW, lane]))
    plan_exercise(p, lane, growth)
    p[AT_EXPIRY, lane] += amount * growth
    p[DIVIDEND, lane] = amount if p[ESCROWED, lane] == 0.0 else 0.0
    p[FLOOR_PENDING, lane] += p[DIVIDEND, lane] * growth
    plan_exercise(p, lane, growth)


@kernel
def cross_ex_dates(sweep: Sweep, schedule: Schedule, first: int, stretch: int) -> None:
    """Pass the lanes' next ex-dates, going back in time."""
    p = sweep.lanes
    for lane in range(LANES):
        i = min(first + lane, schedule.counts.size - 1)
        q = schedule.counts[i] - 1 - stretch
        p[NOW, lane] -= p[LENGTH, lane]
        p[DIVIDEND, lane] = 0.0
        if q >= 0:
            pass_ex_date(p, lane, schedule.amounts[i, q])
    jump(sweep)
    for lane in range(LANES):
        i = min(first + lane, schedule.counts.size - 1)
        if schedule.counts[i] > stretch and p[AMERICAN, lane] > 0.0:
            left = math.exp(-p[RATE, lane] * (p[YEARS, lane] - p[NOW, lane]))
            pending = p[AT_EXPIRY, lane] * left * p[ESCROWED, lane]
            decide(sweep, lane, p[PHI, lane] * pending)
