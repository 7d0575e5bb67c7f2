"""Units: how do the mathematics' Greeks become the desk's?

The mathematics works per 1.00 of volatility and per year; the desk speaks of volatility points
and calendar days. The conversion is done here and nowhere else.
"""

from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

Amount = TypeVar("Amount", float, NDArray[np.float64])

DAYS_PER_YEAR: Final = 365.0
"""ACT/365: the day count of every `years` in this package."""

VOL_POINT: Final = 0.01
"""One volatility point as an annualised decimal."""


def vega_per_point(vega: Amount) -> Amount:
    """Vega per 1.00 of vol, as vega per volatility point (0.01)."""
    return vega * VOL_POINT


def theta_per_day(theta: Amount) -> Amount:
    """Theta per year ACT/365, as theta per calendar day."""
    return theta / DAYS_PER_YEAR
