"""Which jumps of a price are splits, and what were the returns without them?

A jump is a split when the name's own vol can not explain it and a ratio in use for splits can:

    |ln r| > 8 s / sqrt(252)   and   |ln(r n / m)| < 4 s / sqrt(252)   for some split n:m

with r the price over the last one and s the name's annualized vol of the day before. A fall of one
half on a 30-vol stock is 37 such days: a split, or news that also looks like one; either way it is
reported, never taken out silently.
"""

from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from dispersa.correlation.realized import TRADING_DAYS_PER_YEAR

FORWARD_SPLITS = (
    (2, 1),
    (3, 1),
    (3, 2),
    (4, 1),
    (5, 1),
    (6, 1),
    (7, 1),
    (8, 1),
    (10, 1),
    (15, 1),
    (20, 1),
    (25, 1),
    (30, 1),
    (40, 1),
    (50, 1),
)
RATIOS = tuple(sorted(FORWARD_SPLITS + tuple((old, new) for new, old in FORWARD_SPLITS)))
JUMP_DAYS_MIN = 8.0
REMAINDER_DAYS_MAX = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """`new` shares for `old` ones, first seen in the price of `row` in `column`."""

    row: int
    column: int
    new: int
    old: int


def find_splits(closes: NDArray[np.float64], vols: NDArray[np.float64]) -> tuple[Split, ...]:
    """Find the splits in a matrix of prices (days x names) with the vols of each day.

    A day whose price, price before or vol before is NaN is not judged.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        jump = np.log(closes[1:] / closes[:-1])
    day_vol = vols[:-1] / sqrt(TRADING_DAYS_PER_YEAR)
    suspects = np.argwhere(np.abs(jump) > JUMP_DAYS_MIN * day_vol)
    found = []
    for before, column in suspects.tolist():
        new, old = min(
            RATIOS, key=lambda ratio: abs(jump[before, column] + log(ratio[0] / ratio[1]))
        )
        remainder = jump[before, column] + log(new / old)
        if abs(remainder) < REMAINDER_DAYS_MAX * day_vol[before, column]:
            found.append(Split(row=before + 1, column=column, new=new, old=old))
    return tuple(found)


def without_splits(closes: NDArray[np.float64], splits: tuple[Split, ...]) -> NDArray[np.float64]:
    """Prices before each split, restated in the shares after it."""
    restated = closes.copy()
    for split in splits:
        restated[: split.row, split.column] *= split.old / split.new
    return restated
