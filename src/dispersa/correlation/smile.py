"""At which at-the-money vol does each expiry of many chains trade?

Two-sided first: a strike counts where call and put vol are both above zero, and its vol is their
mean, because the two differ near the money by the source's rate and dividend convention. The vol
at the money is then linear between the two strikes that enclose the level:

    SPOT      linear in strike at the spot
    FORWARD   linear in strike at S exp(carry T)
    DELTA     linear in d1 at d1 = 0, the strike of 0.50 call delta; d1 from the strike's own vol
"""

from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

DAYS_PER_YEAR = 365.0


class AtmMode(StrEnum):
    """Which strike is called at the money."""

    SPOT = "spot"
    FORWARD = "forward"
    DELTA = "delta"


class ChainColumns(Protocol):
    """Strikes of many chains as columns; see `dispersa.history.chains.ChainTable`."""

    @property
    def spot(self) -> NDArray[np.float64]:
        """Per group."""

    @property
    def days_to_expiry(self) -> NDArray[np.int64]:
        """Per group."""

    @property
    def starts(self) -> NDArray[np.int64]:
        """Boundaries of the groups, one longer than their number."""

    @property
    def strike(self) -> NDArray[np.float64]:
        """Per strike."""

    @property
    def call_iv(self) -> NDArray[np.float64]:
        """Per strike; NaN where missing."""

    @property
    def put_iv(self) -> NDArray[np.float64]:
        """Per strike; NaN where missing."""


def at_the_money_vols(
    chains: ChainColumns, mode: AtmMode, carry_rate: float
) -> NDArray[np.float64]:
    """At-the-money vol of every group (one expiry of one name on one date); NaN where none.

    A group has none where no two-sided strike lies on one side of the level: nothing is
    extrapolated. `carry_rate` (continuous, per year) makes the forward of FORWARD and DELTA; SPOT
    does not use it.
    """
    two_sided = np.flatnonzero(np.isfinite(chains.call_iv) & np.isfinite(chains.put_iv))
    group = np.repeat(np.arange(chains.spot.size), np.diff(chains.starts))[two_sided]
    vol = 0.5 * (chains.call_iv[two_sided] + chains.put_iv[two_sided])
    strike = chains.strike[two_sided]
    years = chains.days_to_expiry / DAYS_PER_YEAR
    forward = chains.spot * np.exp(carry_rate * years)
    match mode:
        case AtmMode.SPOT:
            return _at_level(strike, vol, group, chains.spot)
        case AtmMode.FORWARD:
            return _at_level(strike, vol, group, forward)
        case AtmMode.DELTA:
            deviation = vol * np.sqrt(years[group])
            minus_d1 = np.log(strike / forward[group]) / deviation - 0.5 * deviation
            return _at_level(minus_d1, vol, group, np.zeros_like(forward))


def _at_level(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    group: NDArray[np.int64],
    level: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Interpolate `y` linearly in `x` at each group's level; NaN where no points enclose it.

    Rows are in order of group, and of strike within it. The enclosing points are the first row
    above the level and the row before it.
    """
    count = np.bincount(group, minlength=level.size)
    end = np.cumsum(count)
    start = end - count
    right = end.copy()
    above = np.flatnonzero(x > level[group])
    right[group[above[::-1]]] = above[::-1]  # the last write wins: the first row above
    left = right - 1
    result = np.full(level.size, np.nan)
    inside = left >= start
    exact = inside.copy()
    exact[inside] = x[left[inside]] == level[inside]
    result[exact] = y[left[exact]]
    between = inside & ~exact & (right < end)
    low, high = left[between], right[between]
    share = (level[between] - x[low]) / (x[high] - x[low])
    result[between] = y[low] + share * (y[high] - y[low])
    return result
