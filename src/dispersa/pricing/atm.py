"""At the money: which one volatility stands for an expiry, or for each expiry of many chains?

A strike counts where call and put vol are both above zero. The smile is their mean, linear in
strike between such strikes, and is read at

    SPOT      K = S
    FORWARD   K = F
    DELTA     K = F exp(s(K)^2 T / 2), where the forward delta of a call, N(d1), is 0.50

STRADDLE is the pair that would be traded: of the two strikes around the forward the nearer one
(the lower where both are as near), and the one vol that reprices its call and put together.
Nothing is extrapolated.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from dispersa.errors import InvalidInput
from dispersa.pricing.quality import Floats, Integers, JudgedVol, Status
from dispersa.pricing.units import DAYS_PER_YEAR

STEPS_MAX = 80
"""More than bisection alone would need to bring a strike bracket to one unit in the last place."""


class AtTheMoney(StrEnum):
    """Where the smile is read."""

    SPOT = "spot"
    FORWARD = "forward"
    DELTA = "delta"
    STRADDLE = "straddle"


class ChainColumns(Protocol):
    """Strikes of many chains as columns; a group is one expiry of one name on one date."""

    @property
    def spot(self) -> Floats:
        """Per group."""

    @property
    def days_to_expiry(self) -> Integers:
        """Per group."""

    @property
    def starts(self) -> Integers:
        """Boundaries of the groups, one longer than their number; strikes ascend within each."""

    @property
    def strike(self) -> Floats:
        """Per strike."""

    @property
    def call_iv(self) -> Floats:
        """Per strike; NaN where missing."""

    @property
    def put_iv(self) -> Floats:
        """Per strike; NaN where missing."""


def at_the_money_vol(
    strikes: ArrayLike,
    call_iv: ArrayLike,
    put_iv: ArrayLike,
    level: float,
    mode: AtTheMoney | str = AtTheMoney.SPOT,
    years: float | None = None,
) -> JudgedVol:
    """Read one expiry's vol at the money.

    Parameters
    ----------
    strikes, call_iv, put_iv : one entry per strike, any order; a strike counts only if both vols
        are above zero (NaN is not)
    level : the spot for SPOT, the forward for the other modes
    years : time to expiry, needed by DELTA and STRADDLE

    Returns
    -------
    Vol and status (scalars as 0-d arrays): TOO_FEW_QUOTES without usable strikes, OUT_OF_RANGE if
    the strikes do not enclose the point. Raises `InvalidInput` for a mode that lacks `years`.
    """
    where = AtTheMoney(mode)
    if where in {AtTheMoney.DELTA, AtTheMoney.STRADDLE} and years is None:
        raise InvalidInput(f"at-the-money mode {where} needs the time to expiry; pass years=")
    k, c, p = (np.asarray(x, dtype=np.float64).ravel() for x in (strikes, call_iv, put_iv))
    known = (k > 0) & (c > 0) & (p > 0) & np.isfinite(k + c + p)
    rows = np.flatnonzero(known)[np.argsort(k[known])]
    smiles = _Smiles(k[rows], c[rows], p[rows], np.zeros(rows.size, np.int64))
    vol = _read(smiles, np.array([level]), where, np.array([years or 0.0]))[0]
    if np.isfinite(vol):
        return _judged(float(vol), Status.OK)
    return _judged(np.nan, Status.OUT_OF_RANGE if rows.size else Status.TOO_FEW_QUOTES)


def at_the_money_vols(chains: ChainColumns, mode: AtTheMoney, carry_rate: float) -> Floats:
    """At-the-money vol of every group; NaN where it has none.

    `carry_rate` (continuous, per year) makes the forward of every mode but SPOT.
    """
    level = chains.spot if mode is AtTheMoney.SPOT else _forwards(chains, carry_rate)
    return _read(_two_sided(chains), level, mode, chains.days_to_expiry / DAYS_PER_YEAR)


def vols_at_delta(chains: ChainColumns, call_delta: float, carry_rate: float) -> Floats:
    """Vol of every group where the forward delta of a call, N(d1), is `call_delta`; NaN where none.

    A put of delta -0.10 is the strike of call delta 0.90.
    """
    years = chains.days_to_expiry / DAYS_PER_YEAR
    return _at_delta(_two_sided(chains), _forwards(chains, carry_rate), years, call_delta)


@dataclass(frozen=True, slots=True, eq=False)
class _Smiles:
    """Two-sided strikes of all groups, ascending within each."""

    strike: Floats
    call: Floats
    put: Floats
    group: Integers

    @property
    def vol(self) -> Floats:
        """Mean of call and put."""
        mean: Floats = 0.5 * (self.call + self.put)
        return mean


def _two_sided(chains: ChainColumns) -> _Smiles:
    """Every strike that has both vols."""
    rows = np.flatnonzero(np.isfinite(chains.call_iv) & np.isfinite(chains.put_iv))
    group = np.repeat(np.arange(chains.spot.size), np.diff(chains.starts))[rows]
    return _Smiles(chains.strike[rows], chains.call_iv[rows], chains.put_iv[rows], group)


def _forwards(chains: ChainColumns, carry_rate: float) -> Floats:
    """Forward of every group at one carry rate."""
    growth: Floats = np.exp(carry_rate * chains.days_to_expiry / DAYS_PER_YEAR)
    return chains.spot * growth


def _read(smiles: _Smiles, level: Floats, mode: AtTheMoney, years: Floats) -> Floats:
    """Vol of every group by one rule; `level` is the spot for SPOT, else the forward."""
    match mode:
        case AtTheMoney.SPOT | AtTheMoney.FORWARD:
            rows = _enclosing(smiles.strike, smiles.group, level)
            return _on_line(level, smiles.strike, smiles.vol, rows)
        case AtTheMoney.DELTA:
            return _at_delta(smiles, level, years, 0.5)
        case AtTheMoney.STRADDLE:
            return _of_straddle(smiles, level, years)


def _enclosing(x: Floats, group: Integers, level: Floats) -> tuple[Integers, Integers]:
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


def _on_line(level: Floats, strike: Floats, vol: Floats, rows: tuple[Integers, Integers]) -> Floats:
    """Vol on the line between two rows of each group; NaN where there are none."""
    result = np.full(level.size, np.nan)
    found = rows[0] >= 0
    low, high = rows[0][found], rows[1][found]
    width = strike[high] - strike[low]
    share = np.divide(level[found] - strike[low], width, out=np.zeros(low.size), where=width > 0)
    result[found] = vol[low] + share * (vol[high] - vol[low])
    return result


def _at_delta(smiles: _Smiles, forward: Floats, years: Floats, call_delta: float) -> Floats:
    """Vol of every group where N(d1) is `call_delta` on the linear smile."""
    d1 = NormalDist().inv_cdf(call_delta)
    vol, group = smiles.vol, smiles.group
    deviation = vol * np.sqrt(years[group])
    below = np.log(smiles.strike / forward[group]) - 0.5 * deviation**2 + d1 * deviation
    rows = _enclosing(below, group, np.zeros_like(forward))
    result = np.full(forward.size, np.nan)
    found = rows[0] >= 0
    low, high = rows[0][found], rows[1][found]
    ends = (smiles.strike[low], smiles.strike[high]), (vol[low], vol[high])
    result[found] = _vol_at_d1(d1, ends[0], ends[1], (forward[found], years[found]))
    return result


def _vol_at_d1(
    d1: float,
    strikes: tuple[Floats, Floats],
    vols: tuple[Floats, Floats],
    forward_and_years: tuple[Floats, Floats],
) -> Floats:
    """Vol on a segment of the smile where ln(K/F) - s^2/2 + d1 s = 0."""
    forward, years = forward_and_years
    root = np.sqrt(years)
    width = strikes[1] - strikes[0]
    slope = np.divide(vols[1] - vols[0], width, out=np.zeros(width.size), where=width > 0)

    def off(strike: Floats) -> tuple[Floats, Floats]:
        s = (vols[0] + slope * (strike - strikes[0])) * root
        return np.log(strike / forward) - 0.5 * s * s + d1 * s, 1 / strike + (d1 - s) * slope * root

    found: Floats = vols[0] + slope * (_root(off, *strikes) - strikes[0])
    return found


def _of_straddle(smiles: _Smiles, forward: Floats, years: Floats) -> Floats:
    """One vol of the pair at the strike nearest to the forward.

    Undiscounted, C(s) + P(s) = 2 (F N(d1) - K N(d2)) - F + K; its vol lies between the two sides'.
    """
    from scipy.special import ndtr

    left, right = _enclosing(smiles.strike, smiles.group, forward)
    result = np.full(forward.size, np.nan)
    found = left >= 0
    low, high = left[found], right[found]
    f, root = forward[found], np.sqrt(years[found])
    nearer = np.where(f - smiles.strike[low] <= smiles.strike[high] - f, low, high)
    k, call, put = smiles.strike[nearer], smiles.call[nearer], smiles.put[nearer]

    def pair(vol: Floats) -> tuple[Floats, Floats]:
        s = vol * root
        d1 = np.log(f / k) / s + 0.5 * s
        price = 2 * (f * ndtr(d1) - k * ndtr(d1 - s)) - f + k
        return price, f * root * np.sqrt(2 / np.pi) * np.exp(-0.5 * d1 * d1)

    paid = 0.5 * (pair(call)[0] + pair(put)[0])  # puts and calls differ by F - K at any vol

    def off(vol: Floats) -> tuple[Floats, Floats]:
        price, vega = pair(vol)
        return price - paid, vega

    result[found] = _root(off, np.minimum(call, put), np.maximum(call, put))
    return result


def _root(off: Callable[[Floats], tuple[Floats, Floats]], low: Floats, high: Floats) -> Floats:
    """Where a function that rises through zero from `low` to `high` is zero, row by row.

    Newton's steps on its value and slope, kept inside the bracket, which shrinks with each.
    """
    x = 0.5 * (low + high)
    for _ in range(STEPS_MAX):
        value, slope = off(x)
        low, high = np.where(value > 0, low, x), np.where(value > 0, x, high)
        step = np.divide(value, slope, out=np.full(x.size, np.inf), where=slope != 0)
        newton = x - step
        following = np.where((newton >= low) & (newton <= high), newton, 0.5 * (low + high))
        moved = np.abs(following - x)
        x = following
        if not np.any(moved > 1e-13 * np.abs(x)):
            break
    return x


def _judged(vol: float, status: Status) -> JudgedVol:
    return JudgedVol(np.asarray(vol), np.asarray(status, dtype=np.uint8))
