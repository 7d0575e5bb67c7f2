"""Sweep: which arrays does a block of contracts use while it is solved?

All are per lane; `lanes` has one row per quantity (the first rows belong to `lanes.march`), the
others one row per grid node.
"""

from typing import Final, NamedTuple

import numpy as np

from dispersa.pricing.kernels.compiled import kernel
from dispersa.pricing.kernels.lanes import LANES, MARCH_ROWS
from dispersa.pricing.quality import Floats, Integers

# rows of a contract table, in the order of `contracts`
SPOT, STRIKE, VOL, YEARS, RATE, YIELD, PHI, AMERICAN, ESCROWED = range(MARCH_ROWS, MARCH_ROWS + 9)
TABLE_ROWS: Final = 9
# further rows of the lanes
D, MU, DZ, Z0, NOW, LENGTH, AT_EXPIRY, PENDING = range(15, 23)
MASS_LOW, MASS_MID, MASS_HIGH, MOVE_LOW, MOVE_MID, MOVE_HIGH = range(23, 29)
LOWEST, DIFFUSED, DIVIDEND, DROP, FLOOR_STRIKE, FLOOR_PENDING = range(29, 35)
LANE_ROWS: Final = 35
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
def make_sweep(nodes: int) -> Sweep:
    """Fresh arrays for one block of lanes."""
    arrays = np.zeros((7, nodes + 1, LANES))
    return Sweep(
        np.zeros((LANE_ROWS, LANES)),
        arrays[0],
        arrays[1],
        arrays[2],
        arrays[3],
        arrays[4],
        arrays[5],
        arrays[6],
    )
