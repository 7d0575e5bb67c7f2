"""Implied volatility: which volatility explains a European option's price?"""

import numpy as np
from numpy.typing import ArrayLike

from dispersa.pricing.quality import JudgedVol
from dispersa.pricing.shape import columns, restore, signs


def implied_vol(
    price: ArrayLike,
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    discount: ArrayLike,
    is_call: ArrayLike,
) -> JudgedVol:
    """Invert Black's formula (`black.price`); inputs broadcast; no row raises.

    BELOW_INTRINSIC: no time value; ABOVE_MAXIMUM: at or above the price at infinite vol;
    EXPIRED: no time left; INVALID_INPUT: an input is missing or out of its domain.

    >>> float(implied_vol(2.28715062804497, 100.0, 100.0, 30 / 365, 1.0, True).vol.round(9))
    0.2
    """
    from dispersa.pricing.kernels import implied as kernels

    shape, table = columns(price, forward, strike, years, discount, signs(is_call))
    vol, step = np.empty((2, table.shape[1]))
    flags = np.empty(table.shape[1], dtype=np.uint8)
    kernels.vols(table, vol, step)
    kernels.rescue(table, vol, step, flags)
    return JudgedVol(restore(vol, shape), restore(flags, shape))
