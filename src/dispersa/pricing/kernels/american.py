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

import numpy as np

from dispersa.pricing.kernels.arithmetic import exp
from dispersa.pricing.kernels.compiled import kernel
from dispersa.pricing.kernels.ex_dates import cross_ex_dates
from dispersa.pricing.kernels.grid import lay_grid, pack, present_value, start_at_expiry
from dispersa.pricing.kernels.lanes import LANES, march
from dispersa.pricing.kernels.sweep import (
    AMERICAN,
    AT_EXPIRY,
    DIFFUSED,
    DROP,
    DZ,
    EASED_NODES,
    ESCROWED,
    FLOOR_PENDING,
    FLOOR_STRIKE,
    LENGTH,
    LOWEST,
    MASS_HIGH,
    MASS_LOW,
    MASS_MID,
    MOVE_HIGH,
    MOVE_LOW,
    MOVE_MID,
    NOW,
    PENDING,
    PHI,
    RATE,
    STRIKE,
    YEARS,
    YIELD,
    Z0,
    D,
    Schedule,
    Sweep,
    make_sweep,
)
from dispersa.pricing.quality import Floats


@kernel
def set_step(p: Floats, begin: float, end: float, theta: float) -> None:
    """Coefficients of the step between two fractions of the stretch (see `lanes.march`).

    The last row is the value at the lowest node, deep in the money.
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
        at_rate = exp(-r * left)
        at_yield = exp(-p[YIELD, lane] * left)
        pending = p[AT_EXPIRY, lane] * at_rate * p[ESCROWED, lane]
        p[PENDING, lane] = pending
        strike, lowest = p[STRIKE, lane], p[LOWEST, lane]
        paid, missed = p[FLOOR_STRIKE, lane] * at_rate, p[FLOOR_PENDING, lane] * at_rate
        kept = lowest - missed  # a share can not lose more than itself
        kept = kept if kept > 0.0 else 0.0
        held = p[PHI, lane] * (paid - kept * at_yield)
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
def read_off(sweep: Sweep, lane: int, spot: float) -> tuple[float, float, float]:
    """Price, delta, gamma at a spot, from the quartic through the five nearest nodes.

    Off the grid's low end (deep in the money) the value moves one for one with the spot; off its
    high end it is zero.
    """
    p, v = sweep.lanes, sweep.v
    nodes = v.shape[0] - 1
    phi, h = p[PHI, lane], p[DZ, lane]
    exercise = phi * (p[STRIKE, lane] - spot)
    under = spot - p[DROP, lane] * p[ESCROWED, lane]
    is_positive = under > 1e-9 * spot
    position = phi * math.log(under / p[STRIKE, lane]) if is_positive else -phi * math.inf
    position = (position - p[Z0, lane]) / h
    if position < 0.0:
        value = v[0, lane] + phi * (p[LOWEST, lane] - under)
        return max(value, exercise) if p[AMERICAN, lane] > 0.0 else value, -phi, 0.0
    if position > nodes - 1:
        return 0.0, 0.0, 0.0
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
    if p[AMERICAN, lane] > 0.0 and value <= exercise:
        return exercise, -phi, 0.0
    return max(value, 0.0), phi * slope / under, (bend - phi * slope) / (under * under)


@kernel
def solve_block(
    table: Floats, schedule: Schedule, first: int, steps: int, width: float, sweep: Sweep
) -> None:
    """Leave today's values of the contracts from `first` in the sweep."""
    p, nodes = sweep.lanes, sweep.v.shape[0] - 1
    most = pack(table, schedule, first, p)
    for lane in range(LANES):
        i = min(first + lane, table.shape[1] - 1)
        lay_grid(p, lane, present_value(schedule, i, p[RATE, lane]), nodes, width)
    start_at_expiry(sweep, nodes)
    for stretch in range(most + 1):
        march_stretch(sweep, set_stretch(p, schedule, first, stretch, steps))
        if stretch < most:
            cross_ex_dates(sweep, schedule, first, stretch)


@kernel
def solve(table: Floats, schedule: Schedule, nodes: int, steps: int, width: float) -> Floats:
    """Price, delta and gamma (rows) of every contract.

    Columns of `table`: spot, strike, vol, years, rate, yield, phi, American, escrowed (1 or 0).
    The grid has `nodes` nodes, about `steps` time steps and `width` standard deviations either
    side. Contracts of like time to expiry and number of dividends should be neighbors.
    """
    n = table.shape[1]
    out = np.empty((3, n))
    sweep = make_sweep(nodes)
    for first in range(0, n, LANES):
        solve_block(table, schedule, first, steps, width, sweep)
        for lane in range(min(LANES, n - first)):
            values = read_off(sweep, lane, table[0, first + lane])
            out[0, first + lane], out[1, first + lane], out[2, first + lane] = values
    return out


@kernel
def profile(
    table: Floats, schedule: Schedule, nodes: int, steps: int, width: float, moves: Floats
) -> Floats:
    """Prices of every contract (rows) at its spot times each of `moves` (columns)."""
    n = table.shape[1]
    out = np.empty((n, moves.size))
    sweep = make_sweep(nodes)
    for first in range(0, n, LANES):
        solve_block(table, schedule, first, steps, width, sweep)
        for lane in range(min(LANES, n - first)):
            for m in range(moves.size):
                spot = table[0, first + lane] * moves[m]
                out[first + lane, m] = read_off(sweep, lane, spot)[0]
    return out
