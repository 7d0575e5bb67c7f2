"""Tenor: what is the volatility at a constant maturity, between listed expiries?

Total variance ``w = sigma^2 d`` is linear in calendar days d between the two expiries that
enclose the target (the rule of the Cboe indices).
"""

import numpy as np
from numpy.typing import ArrayLike

from dispersa.pricing.quality import Floats, JudgedVol, Status


def constant_maturity_vol(vols: ArrayLike, days: ArrayLike, target_days: float) -> JudgedVol:
    """Interpolate total variance linearly in calendar days.

    Parameters
    ----------
    vols : annualised, expiries on the last axis; NaN or <= 0 means "no vol at this expiry"
    days : calendar days to expiry, broadcasts against `vols`, any order
    target_days : the maturity wanted, for example 30

    Returns
    -------
    Vol and status with the shape of `vols` less its last axis. OUT_OF_RANGE if no usable expiries
    enclose the target (an expiry exactly at the target suffices); nothing is extrapolated.

    >>> float(constant_maturity_vol([0.2, 0.3], [20, 40], 30).vol.round(6))
    0.270801
    """
    v, d = np.broadcast_arrays(np.asarray(vols, float), np.asarray(days, float))
    rows = [_one(a, b, target_days) for a, b in zip(_rows(v), _rows(d), strict=True)]
    shape = v.shape[:-1]
    vol = np.array([row[0] for row in rows]).reshape(shape)
    status = np.array([row[1] for row in rows], dtype=np.uint8).reshape(shape)
    return JudgedVol(vol, status)


def _rows(array: Floats) -> Floats:
    return array.reshape(-1, array.shape[-1])


def _one(vols: Floats, days: Floats, target: float) -> tuple[float, Status]:
    known = np.isfinite(vols) & (vols > 0) & np.isfinite(days) & (days > 0)
    v, d = vols[known], days[known]
    if not np.any(known):
        return np.nan, Status.TOO_FEW_QUOTES
    if not d.min() <= target <= d.max():
        return np.nan, Status.OUT_OF_RANGE
    order = np.argsort(d)
    variance = np.interp(target, d[order], (v * v * d)[order])
    return float(np.sqrt(variance / target)), Status.OK
