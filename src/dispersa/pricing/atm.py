"""At the money: which one volatility stands for an expiry?

The smile used is the mean of call and put vol per strike (both above zero), linear in strike.
SPOT reads it at the spot, FORWARD at the forward, DELTA where the forward delta of a call is 0.50,
``K = F exp(sigma(K)^2 T / 2)``. The straddle's own vol is `straddle.implied_vol`.
"""

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from dispersa.errors import InvalidInput
from dispersa.pricing.quality import Floats, JudgedVol, Status


class AtTheMoney(StrEnum):
    """Where the smile is read."""

    SPOT = "spot"
    FORWARD = "forward"
    DELTA = "delta"


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
    level : the spot for SPOT, the forward for FORWARD and DELTA
    years : time to expiry, needed by DELTA

    Returns
    -------
    Vol and status (scalars as 0-d arrays): TOO_FEW_QUOTES without usable strikes, OUT_OF_RANGE if
    the strikes do not enclose the point. Raises `InvalidInput` for DELTA without `years`.
    """
    where = AtTheMoney(mode)
    if where is AtTheMoney.DELTA and years is None:
        raise InvalidInput("at-the-money mode delta needs the time to expiry; pass years=")
    k, smile = mean_smile(strikes, call_iv, put_iv)
    if k.size == 0:
        return _judged(np.nan, Status.TOO_FEW_QUOTES)
    if where is AtTheMoney.DELTA:
        level = _half_delta_strike(k, smile, level, years or 0.0)
    if not k[0] <= level <= k[-1]:
        return _judged(np.nan, Status.OUT_OF_RANGE)
    return _judged(float(np.interp(level, k, smile)), Status.OK)


def mean_smile(strikes: ArrayLike, call_iv: ArrayLike, put_iv: ArrayLike) -> tuple[Floats, Floats]:
    """Strikes in order and the mean of call and put vol, where both are above zero."""
    k, c, p = (np.asarray(x, dtype=np.float64).ravel() for x in (strikes, call_iv, put_iv))
    known = (k > 0) & (c > 0) & (p > 0) & np.isfinite(k + c + p)
    order = np.argsort(k[known])
    return k[known][order], (0.5 * (c + p))[known][order]


def _half_delta_strike(k: Floats, smile: Floats, forward: float, years: float) -> float:
    """Strike where d1 = 0 on the interpolated smile; NaN if the strikes do not reach it."""
    d1_sign = np.log(forward / k) + 0.5 * smile * smile * years
    crossings = np.flatnonzero((d1_sign[:-1] >= 0) & (d1_sign[1:] <= 0))
    if crossings.size == 0:
        return float(k[0]) if k.size == 1 and d1_sign[0] == 0 else float("nan")
    low, high = float(k[crossings[0]]), float(k[crossings[0] + 1])
    for _ in range(100):
        middle = 0.5 * (low + high)
        vol = float(np.interp(middle, k, smile))
        if np.log(forward / middle) + 0.5 * vol * vol * years > 0:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def _judged(vol: float, status: Status) -> JudgedVol:
    return JudgedVol(np.asarray(vol), np.asarray(status, dtype=np.uint8))
