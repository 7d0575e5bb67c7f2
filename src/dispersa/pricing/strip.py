"""Strip: which variance do the option prices of one expiry imply without a model?

The discrete form of the Cboe VIX white paper, over out-of-the-money mids Q(K):

    sigma^2 = (2/T) sum (dK/K^2) Q(K) / D - (1/T) (F/K0 - 1)^2

K0 is the highest strike not above F, where Q is the mean of call and put.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from dispersa.pricing.quality import Status


def model_free_variance(
    strikes: ArrayLike,
    calls: ArrayLike,
    puts: ArrayLike,
    forward: float,
    years: float,
    discount: float,
) -> tuple[float, Status]:
    """Annualised variance from mids per strike (ascending); NaN with the reason if not possible.

    Coarse strikes bias it upward, a narrow range downward (`docs/concepts/pricing.md`).
    """
    k, c, p = (np.asarray(x, dtype=np.float64) for x in (strikes, calls, puts))
    if k.size < 3 or not np.all(np.diff(k) > 0):
        return math.nan, Status.TOO_FEW_QUOTES
    if not (np.all(np.isfinite(k + c + p)) and forward > 0 and years > 0 and discount > 0):
        return math.nan, Status.INVALID_INPUT
    if not k[0] <= forward <= k[-1]:
        return math.nan, Status.OUT_OF_RANGE
    k0 = k[k <= forward][-1]
    quotes = np.where(k < k0, p, np.where(k > k0, c, 0.5 * (c + p)))
    width = np.gradient(k)
    width[0], width[-1] = k[1] - k[0], k[-1] - k[-2]
    width[1:-1] = 0.5 * (k[2:] - k[:-2])
    total = 2.0 * float(np.sum(width / k**2 * quotes)) / discount
    return (total - (forward / k0 - 1.0) ** 2) / years, Status.OK


def interpolated_index(
    total_variances: tuple[float, float],
    times: tuple[float, float],
    target: float,
    per_year: float,
) -> float:
    """VIX-style index in points: total variance (variance x years) linear in time.

    `times` and `target` are in one unit (the Cboe counts minutes), of which a year has `per_year`.

    >>> near, far = 0.0683486 * 0.01846292, 0.0882686 * 0.01882101
    >>> round(interpolated_index((near, far), (35924, 46394), 43200, 525600), 6)
    13.685819
    """
    (w1, w2), (t1, t2) = total_variances, times
    share = (t2 - target) / (t2 - t1)
    return 100.0 * math.sqrt((w1 * share + w2 * (1.0 - share)) * per_year / target)
