"""Grid: where do the nodes lie, and what are the options worth there at expiry?"""

import math

from dispersa.pricing.kernels import kinks
from dispersa.pricing.kernels.arithmetic import exp
from dispersa.pricing.kernels.compiled import kernel
from dispersa.pricing.kernels.lanes import LANES
from dispersa.pricing.kernels.sweep import (
    AMERICAN,
    AT_EXPIRY,
    DIFFUSED,
    DROP,
    DZ,
    ESCROWED,
    FLOOR_PENDING,
    FLOOR_STRIKE,
    LOWEST,
    MASS_HIGH,
    MASS_LOW,
    MASS_MID,
    MOVE_HIGH,
    MOVE_LOW,
    MOVE_MID,
    MU,
    NEVER,
    NOW,
    PHI,
    RATE,
    SPOT,
    STRIKE,
    TABLE_ROWS,
    VOL,
    YEARS,
    YIELD,
    Z0,
    D,
    Schedule,
    Sweep,
)
from dispersa.pricing.quality import Floats


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
        p[FLOOR_STRIKE, lane] = p[STRIKE, lane]
        p[FLOOR_PENDING, lane] = 0.0
        most = max(most, schedule.counts[i])
    return most


@kernel
def present_value(schedule: Schedule, i: int, rate: float) -> float:
    """Present value of one contract's dividends."""
    total = 0.0
    for q in range(schedule.counts[i]):
        total += schedule.amounts[i, q] * math.exp(-rate * schedule.ex[i, q])
    return total


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
    p[D, lane], p[MU, lane], p[DROP, lane], p[DZ, lane] = d, mu, drop, h
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
