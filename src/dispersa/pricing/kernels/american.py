"""American: what is an option with early exercise and cash dividends worth, lane by lane?

Finite differences in ``z = phi ln(S/K)``, phi = +1 for puts and -1 for calls, so that exercise is
always at the low end of the grid:

    V_tau = d V_zz + mu V_z - r V,   d = sigma^2/2,   mu = phi (r - q - d),   V >= phi (K - S)

- space: uniform, strike on a node, fourth-order compact scheme (three points); kinks (the payoff
  at expiry, the exercise decision before an ex-date) are smoothed to fourth order (`kinks`);
- time: each stretch between ex-dates in quadratically growing steps, Crank-Nicolson after two
  steps split into implicit halves (Rannacher 1984);
- ex-dates: the spot falls by the dividend, V(S, before) = max(V(S - D, after), exercise); in the
  escrowed model S less the present value of the dividends diffuses and exercise pays on S itself.
"""

import math
from typing import Final, NamedTuple

import numpy as np

from dispersa.pricing.kernels import kinks
from dispersa.pricing.kernels.arithmetic import exp, log
from dispersa.pricing.kernels.compiled import inlined, kernel
from dispersa.pricing.kernels.lanes import LANES, MARCH_ROWS, march
from dispersa.pricing.quality import Floats, Integers

# rows of a contract table, in the order of `contracts`
SPOT, STRIKE, VOL, YEARS, RATE, YIELD, PHI, AMERICAN, ESCROWED = range(MARCH_ROWS, MARCH_ROWS + 9)
TABLE_ROWS: Final = 9
# further rows of the lanes
D, MU, DZ, Z0, X0, NOW, LENGTH, AT_EXPIRY, PENDING = range(15, 24)
MASS_LOW, MASS_MID, MASS_HIGH, MOVE_LOW, MOVE_MID, MOVE_HIGH = range(24, 30)
LOWEST, DIFFUSED, DIVIDEND = range(30, 33)
LANE_ROWS: Final = 33
NEVER: Final = -1e300
EASED_NODES: Final = 1.0
"""Exercise next to a kink waits until the variance since exceeds this many squared node widths."""


class Sweep(NamedTuple):
    """Arrays of one block of lanes; all but `lanes` have a row per node."""

    lanes: Floats
    spots: Floats
    exercise: Floats
    v: Floats
    y: Floats
    obstacle: Floats
    before: Floats
    position: Floats


class Schedule(NamedTuple):
    """Dividends of every contract: years to the ex-date, amount, how many are used."""

    ex: Floats
    amounts: Floats
    counts: Integers


@kernel
def pack(table: Floats, schedule: Schedule, first: int, p: Floats) -> int:
    """Copy the contracts from `first` into the lanes (the last one fills up); most dividends."""
    last = table.shape[1] - 1
    most = 0
    for lane in range(LANES):
        i = min(first + lane, last)
        for row in range(TABLE_ROWS):
            p[SPOT + row, lane] = table[row, i]
        p[NOW, lane] = p[YEARS, lane]
        p[AT_EXPIRY, lane] = 0.0
        p[DIFFUSED, lane] = 0.0
        most = max(most, schedule.counts[i])
    return most


@kernel
def lay_grid(p: Floats, lane: int, drop: float, nodes: int, width: float) -> None:
    """Choose a lane's grid: `width` standard deviations about where the spot can drift.

    `drop` is the present value of its dividends.
    """
    phi, r, t = p[PHI, lane], p[RATE, lane], p[YEARS, lane]
    spot, escrowed = p[SPOT, lane], p[ESCROWED, lane] > 0.0
    under = spot - drop if escrowed else spot
    fall = 0.0 if escrowed else -math.log(max(1.0 - drop / spot, 0.05))
    d = 0.5 * p[VOL, lane] ** 2
    mu = phi * (r - p[YIELD, lane] - d)
    deviation = p[VOL, lane] * math.sqrt(t)
    x0 = phi * math.log(under / p[STRIKE, lane])
    # a call earns most where the spot is high: its grid also follows the share's own drift
    share_drift = mu - 2.0 * d if phi < 0.0 else mu
    low = x0 + min(0.0, mu * t, share_drift * t) - (fall if phi > 0.0 else 0.0)
    high = x0 + max(0.0, min(mu * t, (mu + phi * d) * t)) + (0.0 if phi > 0.0 else fall)
    low = min(low - width * deviation, -3.0 * deviation)
    high = max(high + width * deviation, 3.0 * deviation)
    h = (high - low) / (nodes - 3)
    p[D, lane], p[MU, lane], p[X0, lane], p[DZ, lane] = d, mu, x0, h
    p[Z0, lane] = -h * math.ceil(-low / h)
    cell = mu * h / (24.0 * d)
    fourth = d + mu * mu * h * h / (12.0 * d)
    p[MASS_LOW, lane], p[MASS_MID, lane] = 1.0 / 12.0 - cell, 10.0 / 12.0
    p[MASS_HIGH, lane] = 1.0 / 12.0 + cell
    p[MOVE_LOW, lane] = fourth / (h * h) - 0.5 * mu / h
    p[MOVE_MID, lane] = -2.0 * fourth / (h * h)
    p[MOVE_HIGH, lane] = fourth / (h * h) + 0.5 * mu / h


@kernel
def start_at_expiry(sweep: Sweep, nodes: int) -> None:
    """Fill spots, exercise values, the smoothed payoff and the obstacle (eased at the kink)."""
    p, v, obstacle = sweep.lanes, sweep.v, sweep.obstacle
    for j in range(nodes):
        for lane in range(LANES):
            phi, strike = p[PHI, lane], p[STRIKE, lane]
            spot = strike * exp(phi * (p[Z0, lane] + j * p[DZ, lane]))
            pays = phi * (strike - spot)
            sweep.spots[j, lane] = spot
            sweep.exercise[j, lane] = pays
            v[j, lane] = pays if pays > 0.0 else 0.0
            obstacle[j, lane] = pays if p[AMERICAN, lane] > 0.0 else NEVER
    for lane in range(LANES):
        p[LOWEST, lane] = sweep.spots[0, lane]
        v[nodes, lane] = 0.0
        h, strike = p[DZ, lane], p[STRIKE, lane]
        center = round(-p[Z0, lane] / h)
        for k in range(-2, 3):
            change = kinks.kink(k) * h - p[PHI, lane] * kinks.bend(k) * h * h / 2.0
            if 0 < center + k < nodes:
                v[center + k, lane] += strike * (change + kinks.twist(k) * h**3 / 6.0)
                obstacle[center + k, lane] = NEVER


@kernel
def set_step(p: Floats, begin: float, end: float, theta: float) -> None:
    """Coefficients of the step between two fractions of the stretch (see `lanes.march`).

    The last row is the value at the lowest node, deep in the money; it is five deviations away,
    so e^-x may be (2 - x)/(2 + x) there.
    """
    for lane in range(LANES):
        dt, r = p[LENGTH, lane] * (end - begin), p[RATE, lane]
        grow, keep = 1.0 + theta * r * dt, 1.0 - (1.0 - theta) * r * dt
        ahead, behind = theta * dt, (1.0 - theta) * dt
        alpha = ahead * p[MOVE_LOW, lane] - grow * p[MASS_LOW, lane]
        gamma = ahead * p[MOVE_HIGH, lane] - grow * p[MASS_HIGH, lane]
        beta = grow * p[MASS_MID, lane] - ahead * p[MOVE_MID, lane]
        square = beta * beta - 4.0 * alpha * gamma
        inverse = 2.0 / (beta + math.sqrt(square if square > 0.0 else 0.0))
        p[0, lane] = (keep * p[MASS_LOW, lane] + behind * p[MOVE_LOW, lane]) * inverse
        p[1, lane] = (keep * p[MASS_MID, lane] + behind * p[MOVE_MID, lane]) * inverse
        p[2, lane] = (keep * p[MASS_HIGH, lane] + behind * p[MOVE_HIGH, lane]) * inverse
        p[3, lane] = gamma * inverse
        p[4, lane] = alpha * inverse
        left = p[YEARS, lane] - p[NOW, lane] + p[LENGTH, lane] * end
        at_rate = (2.0 - r * left) / (2.0 + r * left)
        at_yield = (2.0 - p[YIELD, lane] * left) / (2.0 + p[YIELD, lane] * left)
        worth = p[AT_EXPIRY, lane] * at_rate
        pending = worth * p[ESCROWED, lane]
        p[PENDING, lane] = pending
        strike, lowest = p[STRIKE, lane], p[LOWEST, lane]
        held = p[PHI, lane] * (strike * at_rate - (lowest - (worth - pending)) * at_yield)
        exercised = p[PHI, lane] * (strike - lowest - pending) * p[AMERICAN, lane]
        value = held if held > exercised else exercised
        p[5, lane] = value if value > 0.0 else 0.0


@kernel
def set_obstacle(sweep: Sweep, begin: float, end: float) -> None:
    """Restore an eased obstacle once the kink has diffused; follow the escrowed dividends."""
    p, nodes = sweep.lanes, sweep.v.shape[0] - 1
    for lane in range(LANES):
        limit = EASED_NODES * p[DZ, lane] ** 2
        before = p[DIFFUSED, lane]
        after = before + 2.0 * p[D, lane] * p[LENGTH, lane] * (end - begin)
        p[DIFFUSED, lane] = after
        is_due = before < limit or p[PENDING, lane] > 0.0
        if p[AMERICAN, lane] > 0.0 and after >= limit and is_due:
            shift = p[PHI, lane] * p[PENDING, lane]
            for j in range(nodes):
                sweep.obstacle[j, lane] = sweep.exercise[j, lane] - shift


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
            amount = schedule.amounts[i, q]
            p[AT_EXPIRY, lane] += amount * math.exp(p[RATE, lane] * (p[YEARS, lane] - p[NOW, lane]))
            p[DIVIDEND, lane] = amount if p[ESCROWED, lane] == 0.0 else 0.0
    jump(sweep)
    for lane in range(LANES):
        i = min(first + lane, schedule.counts.size - 1)
        if schedule.counts[i] > stretch and p[AMERICAN, lane] > 0.0:
            left = math.exp(-p[RATE, lane] * (p[YEARS, lane] - p[NOW, lane]))
            pending = p[AT_EXPIRY, lane] * left * p[ESCROWED, lane]
            decide(sweep, lane, p[PHI, lane] * pending)


@kernel
def set_stretch(p: Floats, schedule: Schedule, first: int, stretch: int, steps: int) -> int:
    """Length of each lane's next stretch, and how many steps it takes."""
    m = 2
    for lane in range(LANES):
        i = min(first + lane, schedule.counts.size - 1)
        q = schedule.counts[i] - 1 - stretch
        p[LENGTH, lane] = p[NOW, lane] - (schedule.ex[i, q] if q >= 0 else 0.0)
        share = math.sqrt(max(p[LENGTH, lane] / p[YEARS, lane], 0.0))
        m = max(m, math.ceil(steps * share))
    return m


@kernel
def march_stretch(sweep: Sweep, m: int) -> None:
    """Step back over a stretch: two steps in implicit halves, then Crank-Nicolson."""
    nodes = sweep.v.shape[0] - 1
    for step in range(-2, m):
        if step < 2:
            half = step + 2
            k = half // 2
            wide = (2.0 * k + 1.0) / (m * m)
            begin = k * k / (m * m) + 0.5 * wide * (half % 2)
            end, theta = begin + 0.5 * wide, 1.0
        else:
            begin, end, theta = step * step / (m * m), (step + 1) ** 2 / (m * m), 0.5
        set_step(sweep.lanes, begin, end, theta)
        set_obstacle(sweep, begin, end)
        march(sweep.v, sweep.y, sweep.obstacle, sweep.lanes, nodes)


@kernel
def read_off(p: Floats, lane: int, v: Floats) -> tuple[float, float, float]:
    """Price, delta, gamma at the spot, from the quartic through the five nearest nodes."""
    nodes = v.shape[0] - 1
    phi, h = p[PHI, lane], p[DZ, lane]
    position = (p[X0, lane] - p[Z0, lane]) / h
    k = min(max(int(position + 0.5), 2), nodes - 3)
    f = position - k
    a, b, c, d, e = v[k - 2, lane], v[k - 1, lane], v[k, lane], v[k + 1, lane], v[k + 2, lane]
    p1 = (a - 8.0 * b + 8.0 * d - e) / 12.0
    p2 = (16.0 * (b + d) - a - e - 30.0 * c) / 24.0
    p3 = (2.0 * (b - d) - a + e) / 12.0
    p4 = (a + e - 4.0 * (b + d) + 6.0 * c) / 24.0
    value = c + f * (p1 + f * (p2 + f * (p3 + f * p4)))
    slope = (p1 + f * (2.0 * p2 + f * (3.0 * p3 + f * 4.0 * p4))) / h
    bend = (2.0 * p2 + f * (6.0 * p3 + f * 12.0 * p4)) / (h * h)
    under = p[STRIKE, lane] * math.exp(phi * p[X0, lane])
    exercise = phi * (p[STRIKE, lane] - p[SPOT, lane])
    if p[AMERICAN, lane] > 0.0 and value <= exercise:
        return exercise, -phi, 0.0
    return value, phi * slope / under, (bend - phi * slope) / (under * under)


@kernel
def present_value(schedule: Schedule, i: int, rate: float) -> float:
    """Present value of one contract's dividends."""
    total = 0.0
    for q in range(schedule.counts[i]):
        total += schedule.amounts[i, q] * math.exp(-rate * schedule.ex[i, q])
    return total


@kernel
def solve(table: Floats, schedule: Schedule, nodes: int, steps: int, width: float) -> Floats:
    """Price, delta and gamma (rows) of every contract.

    Columns of `table`: spot, strike, vol, years, rate, yield, phi, American, escrowed (1 or 0).
    The grid has `nodes` nodes, about `steps` time steps and `width` standard deviations either
    side. Contracts of like time to expiry and number of dividends should be neighbors.
    """
    n = table.shape[1]
    out = np.empty((3, n))
    p = np.zeros((LANE_ROWS, LANES))
    arrays = np.zeros((7, nodes + 1, LANES))
    sweep = Sweep(p, arrays[0], arrays[1], arrays[2], arrays[3], arrays[4], arrays[5], arrays[6])
    for first in range(0, n, LANES):
        most = pack(table, schedule, first, p)
        for lane in range(LANES):
            drop = present_value(schedule, min(first + lane, n - 1), p[RATE, lane])
            lay_grid(p, lane, drop, nodes, width)
        start_at_expiry(sweep, nodes)
        for stretch in range(most + 1):
            m = set_stretch(p, schedule, first, stretch, steps)
            march_stretch(sweep, m)
            if stretch < most:
                cross_ex_dates(sweep, schedule, first, stretch)
        for lane in range(min(LANES, n - first)):
            price, delta, gamma = read_off(p, lane, sweep.v)
            out[0, first + lane], out[1, first + lane], out[2, first + lane] = price, delta, gamma
    return out
