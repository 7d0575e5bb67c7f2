"""Inference: is a mean different from zero when the observations depend on each other?

Newey and West (1987): long-run variance ``g_0 + 2 sum_j (1 - j/(L + 1)) g_j`` with autocovariances
g_j (divisor T) and ``L = floor(4 (T/100)^(2/9))`` lags.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean with its autocorrelation-robust standard error and t value."""

    mean: float
    lags: int
    long_run_variance: float
    standard_error: float

    @property
    def t(self) -> float:
        """Mean over standard error; NaN without variation."""
        return self.mean / self.standard_error if self.standard_error > 0 else math.nan


def newey_west_lags(observations: int) -> int:
    """The usual number of lags.

    >>> newey_west_lags(346)
    5
    """
    return math.floor(4.0 * math.pow(observations / 100.0, 2.0 / 9.0))


def newey_west_mean(series: ArrayLike) -> Mean:
    """Mean of a series in order of time."""
    x = np.asarray(series, dtype=np.float64)
    lags = newey_west_lags(x.size)
    deviation = x - x.mean()
    variance = float(deviation @ deviation) / x.size
    for j in range(1, min(lags, x.size - 1) + 1):
        covariance = float(deviation[j:] @ deviation[:-j]) / x.size
        variance += 2.0 * (1.0 - j / (lags + 1.0)) * covariance
    error = math.sqrt(max(variance, 0.0) / x.size)
    return Mean(mean=float(x.mean()), lags=lags, long_run_variance=variance, standard_error=error)
