"""Tenor: what is the volatility at a constant maturity, between listed expiries?

Total variance ``w = sigma^2 d`` is linear in calendar days d between the two expiries that
enclose the target (the rule of the Cboe indices).
"""

import numpy as np
from numpy.typing import ArrayLike

from dispersa.pricing.quality import Floats, Integers, JudgedVol, Status


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
    known = np.isfinite(v) & (v > 0) & np.isfinite(d) & (d > 0)
    order = np.argsort(np.where(known, d, np.inf), axis=-1)
    known, d, v = (np.take_along_axis(x, order, axis=-1) for x in (known, d, v))
    variance = np.where(known, v * v * d, 0.0)
    before = np.count_nonzero(known & (d <= target_days), axis=-1)
    count = np.count_nonzero(known, axis=-1)
    left = np.clip(before - 1, 0, d.shape[-1] - 1)
    right = np.where(before < count, before, left)
    (d0, w0), (d1, w1) = ((_at(d, row), _at(variance, row)) for row in (left, right))
    inside = (before > 0) & ((before < count) | (d0 == target_days))
    width = d1 - d0
    share = np.divide(target_days - d0, width, out=np.zeros(d0.shape), where=inside & (width > 0))
    total = np.where(inside, w0 + share * (w1 - w0), np.nan)
    status = np.where(
        inside, Status.OK, np.where(count, Status.OUT_OF_RANGE, Status.TOO_FEW_QUOTES)
    )
    return JudgedVol(np.sqrt(total / target_days), status.astype(np.uint8))


def _at(array: Floats, position: Integers) -> Floats:
    """One entry of each row."""
    picked: Floats = np.take_along_axis(array, position[..., None], axis=-1)[..., 0]
    return picked
