"""Weighting: how much vega does each component carry against one index vega sold?

With V the index vega, w the weights (summing to 1), s the component vols and sI the index vol:

    vega-neutral                    v_i = w_i V
    theta-neutral                   v_i = w_i V sI / A,  A = sum w s
    gamma-neutral (equal vols)      v_i = w_i V A / sI
    variance-swap, correlation      v_i = V w_i s_i sI / sum(w s^2)
"""

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from dispersa.pricing import basket
from dispersa.pricing.quality import Floats


class Weighting(StrEnum):
    """What the component leg is made neutral to."""

    VEGA_NEUTRAL = "vega_neutral"
    THETA_NEUTRAL = "theta_neutral"
    GAMMA_NEUTRAL = "gamma_neutral"
    VARIANCE_SWAP = "variance_swap"


def component_vegas(
    weighting: Weighting,
    weights: ArrayLike,
    vols: ArrayLike,
    index_vol: float,
    index_vega: float,
) -> Floats:
    """Vega of each component, in the unit of `index_vega`.

    >>> component_vegas(Weighting.VEGA_NEUTRAL, [0.6, 0.4], [0.2, 0.3], 0.18, 1000.0).tolist()
    [600.0, 400.0]
    """
    w, s = np.asarray(weights, dtype=np.float64), np.asarray(vols, dtype=np.float64)
    mean = basket.variance(w, s)
    match weighting:
        case Weighting.VEGA_NEUTRAL:
            return index_vega * w
        case Weighting.THETA_NEUTRAL:
            return index_vega * w * index_vol / mean.a
        case Weighting.GAMMA_NEUTRAL:
            return index_vega * w * mean.a / index_vol
        case Weighting.VARIANCE_SWAP:
            return index_vega * w * s * index_vol / mean.mean_variance


def straddle_cash_gamma(vega: ArrayLike, vol: ArrayLike, years: ArrayLike) -> Floats:
    """S^2 Gamma of an option from its vega: ``vega / (sigma T)`` (exact without rates)."""
    v, s, t = (np.asarray(x, dtype=np.float64) for x in (vega, vol, years))
    return np.asarray(v / (s * t))


def straddle_theta(vega: ArrayLike, vol: ArrayLike, years: ArrayLike) -> Floats:
    """Theta per year from vega: ``-vega sigma / (2 T)`` (exact without rates)."""
    v, s, t = (np.asarray(x, dtype=np.float64) for x in (vega, vol, years))
    return np.asarray(-v * s / (2.0 * t))
