"""At which at-the-money vol does each expiry of many chains trade?

The rules are those of `dispersa.pricing.atm`, one expiry at a time; here they are applied to the
columns of many chains at once. A strike counts where call and put vol are both above zero; its vol
is their mean, because the two differ near the money by the source's rate and dividend convention;
the smile is linear in strike between such strikes and read at

    SPOT      K = S
    FORWARD   K = F = S exp(carry T)
    DELTA     K = F exp(s(K)^2 T / 2), where the forward delta of a call is 0.50
"""

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
    two_sided = np.flatnonzero(np.isfinite(chains.call_iv) & np.isfinite(chains.put_iv))
    group = np.repeat(np.arange(chains.spot.size), np.diff(chains.starts))[two_sided]
    vol = 0.5 * (chains.call_iv[two_sided] + chains.put_iv[two_sided])
    strike = chains.strike[two_sided]
    years = chains.days_to_expiry / DAYS_PER_YEAR
    forward = chains.spot * np.exp(carry_rate * years)
    match mode:
        case AtTheMoney.SPOT:
            return _read_at(chains.spot, strike, vol, *_enclosing(strike, group, chains.spot))
        case AtTheMoney.FORWARD:
            return _read_at(forward, strike, vol, *_enclosing(strike, group, forward))
        case AtTheMoney.DELTA:
            minus_d1 = np.log(strike / forward[group]) - 0.5 * vol**2 * years[group]
            left, right = _enclosing(minus_d1, group, np.zeros_like(forward))
            level = _half_delta_strikes(strike, vol, (left, right), forward, years)
            return _read_at(level, strike, vol, left, right)


def _enclosing(
    x: NDArray[np.float64], group: NDArray[np.int64], level: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each group the first row above its level and the row before it; -1, -1 where none.

    A last row that lies exactly on the level encloses it alone.
    """
    count = np.bincount(group, minlength=level.size)
    end = np.cumsum(count)
    right = end.copy()
    above = np.flatnonzero(x > level[group])
    right[group[above[::-1]]] = above[::-1]  # the last write wins: the first row above
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


def _half_delta_strikes(
    strike: NDArray[np.float64],
    vol: NDArray[np.float64],
    rows: tuple[NDArray[np.int64], NDArray[np.int64]],
    forward: NDArray[np.float64],
    years: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Bisect each group's bracket for the strike at which d1 is zero on the linear smile."""
    left, right = rows
    found = left >= 0
    low, high = np.full(left.size, np.nan), np.full(left.size, np.nan)
    low[found], high[found] = strike[left[found]], strike[right[found]]
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        s = _read_at(middle, strike, vol, left, right)
        d1_is_positive = np.log(forward / middle) + 0.5 * s**2 * years > 0
        low = np.where(d1_is_positive, middle, low)
        high = np.where(d1_is_positive, high, middle)
    level: NDArray[np.float64] = 0.5 * (low + high)
    return level
