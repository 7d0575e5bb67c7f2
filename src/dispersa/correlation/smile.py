"""At which at-the-money vol does each expiry of many chains trade?

The rules are those of `dispersa.pricing.atm`, one expiry at a time; here they are applied to the
columns of many chains at once. A strike counts where call and put vol are both above zero; its vol
is their mean, because the two differ near the money by the source's rate and dividend convention;
the smile is linear in strike between such strikes and read at

    SPOT      K = S
    FORWARD   K = F = S exp(carry T)
    DELTA     K = F exp(s(K)^2 T / 2), where the forward delta of a call is 0.50
"""

from statistics import NormalDist
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dispersa.pricing.atm import AtTheMoney
from dispersa.pricing.units import DAYS_PER_YEAR

BISECTIONS = 60
"""Halvings of a strike bracket: its width in units of the last place."""


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
    chains: ChainColumns, mode: AtTheMoney, carry_rate: float
) -> NDArray[np.float64]:
    """At-the-money vol of every group (one expiry of one name on one date); NaN where none.

    A group has none where no two-sided strike lies on one side of the level: nothing is
    extrapolated. `carry_rate` (continuous, per year) makes the forward of FORWARD and DELTA; SPOT
    does not use it.
    """
    match mode:
        case AtTheMoney.SPOT:
            return _vols_at(chains, chains.spot)
        case AtTheMoney.FORWARD:
            return _vols_at(chains, _forwards(chains, carry_rate))
        case AtTheMoney.DELTA:
            return vols_at_delta(chains, 0.5, carry_rate)


def vols_at_delta(
    chains: ChainColumns, call_delta: float, carry_rate: float
) -> NDArray[np.float64]:
    """Vol of every group where the forward delta of a call, N(d1), is `call_delta`; NaN where none.

    A put of delta -0.10 is the strike of call delta 0.90. Strikes count as in
    `at_the_money_vols`.
    """
    strike, vol, group = _two_sided(chains)
    years = chains.days_to_expiry / DAYS_PER_YEAR
    forward = _forwards(chains, carry_rate)
    d1 = NormalDist().inv_cdf(call_delta)
    deviation = vol * np.sqrt(years[group])
    below_level = np.log(strike / forward[group]) - 0.5 * deviation**2 + d1 * deviation
    left, right = _enclosing(below_level, group, np.zeros_like(forward))
    level = _strikes_at_d1(d1, (strike, vol), (left, right), forward, years)
    return _read_at(level, strike, vol, left, right)


def _two_sided(
    chains: ChainColumns,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Strike, mean vol and group of every strike that has both vols."""
    rows = np.flatnonzero(np.isfinite(chains.call_iv) & np.isfinite(chains.put_iv))
    group = np.repeat(np.arange(chains.spot.size), np.diff(chains.starts))[rows]
    return chains.strike[rows], 0.5 * (chains.call_iv[rows] + chains.put_iv[rows]), group


def _forwards(chains: ChainColumns, carry_rate: float) -> NDArray[np.float64]:
    """Forward of every group at one carry rate."""
    growth: NDArray[np.float64] = np.exp(carry_rate * chains.days_to_expiry / DAYS_PER_YEAR)
    return chains.spot * growth


def _vols_at(chains: ChainColumns, level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vol of every group at a given strike of its own."""
    strike, vol, group = _two_sided(chains)
    return _read_at(level, strike, vol, *_enclosing(strike, group, level))


def _enclosing(
    x: NDArray[np.float64], group: NDArray[np.int64], level: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each group the first row that rises above its level and the one before; -1 if none.

    Where `x` is not monotone, the first rise counts. A last row that lies exactly on the level
    encloses it alone.
    """
    count = np.bincount(group, minlength=level.size)
    end = np.cumsum(count)
    right = end.copy()
    above = x > level[group]
    rises = above[1:] & ~above[:-1] & (group[1:] == group[:-1])
    rows = 1 + np.flatnonzero(rises)
    right[group[rows[::-1]]] = rows[::-1]  # the last write wins: the first rise
    left = right - 1
    inside = left >= end - count
    inside[inside] = (right < end)[inside] | (x[left[inside]] == level[inside])
    right = np.where(right < end, right, left)
    return np.where(inside, left, -1), np.where(inside, right, -1)


def _read_at(
    level: NDArray[np.float64],
    strike: NDArray[np.float64],
    vol: NDArray[np.float64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Vol on the line between two rows of each group; NaN where there are none."""
    result = np.full(level.size, np.nan)
    found = left >= 0
    low, high = left[found], right[found]
    width = strike[high] - strike[low]
    share = np.divide(level[found] - strike[low], width, out=np.zeros(low.size), where=width > 0)
    result[found] = vol[low] + share * (vol[high] - vol[low])
    return result


def _strikes_at_d1(
    d1: float,
    smile: tuple[NDArray[np.float64], NDArray[np.float64]],
    rows: tuple[NDArray[np.int64], NDArray[np.int64]],
    forward: NDArray[np.float64],
    years: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Bisect each group's bracket for the strike with a given d1 on the linear smile."""
    strike, vol = smile
    left, right = rows
    found = left >= 0
    low, high = np.full(left.size, np.nan), np.full(left.size, np.nan)
    low[found], high[found] = strike[left[found]], strike[right[found]]
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        deviation = _read_at(middle, strike, vol, left, right) * np.sqrt(years)
        d1_is_higher = np.log(forward / middle) + 0.5 * deviation**2 > d1 * deviation
        low = np.where(d1_is_higher, middle, low)
        high = np.where(d1_is_higher, high, middle)
    level: NDArray[np.float64] = 0.5 * (low + high)
    return level
