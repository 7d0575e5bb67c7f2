"""Implied volatility: which volatility explains a European option's price?"""

import math

import numpy as np
from numpy.typing import ArrayLike

from dispersa.pricing.quality import JudgedVol
from dispersa.pricing.shape import fill, flat, restore
from dispersa.pricing.threads import in_blocks, scratch


def implied_vol(
    price: ArrayLike,
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    discount: ArrayLike,
    is_call: ArrayLike,
    threads: int = 1,
) -> JudgedVol:
    """Invert Black's formula (`black.price`); inputs broadcast; no row raises.

    `threads` above 1 shares large sets between cores.

    BELOW_INTRINSIC: no time value; ABOVE_MAXIMUM: at or above the price at infinite vol;
    EXPIRED: no time left; INVALID_INPUT: an input is missing or out of its domain.

    >>> float(implied_vol(2.28715062804497, 100.0, 100.0, 30 / 365, 1.0, True).vol.round(9))
    0.2
    """
    from dispersa.pricing.kernels import implied as kernels

    shape, lines = flat(price, forward, strike, years, discount, is_call)
    vol, step = np.empty((2, math.prod(shape)))
    flags = np.empty(vol.size, dtype=np.uint8)

    def work(rows: slice) -> None:
        table = scratch(len(lines), rows.stop - rows.start)
        fill(table, lines, rows)
        table[-1] = 2.0 * table[-1] - 1.0  # +1 for calls, -1 for puts
        kernels.vols(table, vol[rows], step[rows])
        kernels.rescue(table, vol[rows], step[rows], flags[rows])

    in_blocks(work, vol.size, threads=threads)
    return JudgedVol(restore(vol, shape), restore(flags, shape))
