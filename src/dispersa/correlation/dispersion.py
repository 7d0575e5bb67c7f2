"""How far apart are the names expected to move, and does that agree with the published indices?

    expected dispersion = sqrt(max(sum w s^2 - sI^2, 0))

the cross-sectional standard deviation, annualized, that the vols imply. Cboe's DSPX is this with
the cap-weighted mean variance VIXEQ^2 and the index variance VIX^2; it is floored at zero, which
happened on 2018-02-08.
"""

from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dispersa.pricing import basket


def expected_dispersion(weights: ArrayLike, vols: ArrayLike, index_vol: float) -> float:
    """Expected dispersion of a basket, as an annualized decimal; weights are renormalized.

    >>> round(expected_dispersion([0.5, 0.5], [0.3, 0.3], 0.18), 6)
    0.24
    """
    mean_variance = float(basket.variance(basket.normalize(weights), vols).mean_variance)
    return sqrt(max(mean_variance - index_vol**2, 0.0))


def dispersion_index(
    constituent_vol: NDArray[np.float64], index_vol: NDArray[np.float64]
) -> NDArray[np.float64]:
    """DSPX from VIXEQ and VIX, in the unit of its inputs; NaN where one is NaN."""
    return np.sqrt(np.maximum(constituent_vol**2 - index_vol**2, 0.0))
