"""Costs: what do spreads, margin and events amount to, in the trade's own units?"""

import math

import numpy as np
from numpy.typing import ArrayLike

from dispersa.pricing.quality import Floats
from dispersa.pricing.units import VOL_POINT


def half_spread_vol_points(bid: ArrayLike, ask: ArrayLike, vega: ArrayLike) -> Floats:
    """Half the spread over vega, in vol points; bid, ask, vega (per 1.00) of one thing.

    A straddle's figure equals a single option's of the same spread: dollars and vega both double.
    """
    b, a, v = (np.asarray(x, dtype=np.float64) for x in (bid, ask, vega))
    return np.asarray(0.5 * (a - b) / (v * VOL_POINT))


def basket_cost_vol_points(
    weights: ArrayLike, component_half_spreads: ArrayLike, index_half_spread: float
) -> float:
    """One-way cost per unit of index vega, ``sum w_i h_i + h_I``, in vol points."""
    w = np.asarray(weights, dtype=np.float64)
    return float(np.sum(w * np.asarray(component_half_spreads, dtype=np.float64))) + (
        index_half_spread
    )


def event_move_deviation(total_vol: float, base_vol: float, years: float) -> float:
    """Standard deviation of one event's move: ``sd^2 = (sigma_total^2 - sigma_base^2) T``.

    NaN if the base vol is the larger: then the quotes hold no event.
    """
    variance = (total_vol**2 - base_vol**2) * years
    return math.sqrt(variance) if variance >= 0 else math.nan


def expected_absolute_move(deviation: float) -> float:
    """Mean absolute move of a normal event: ``sd sqrt(2/pi)``."""
    return deviation * math.sqrt(2.0 / math.pi)
