"""What was the correlation premium over years in which only vols and closes are known?

The study pairs the vols of some names with an index vol from elsewhere, month by month. With names
at three months and an index at thirty days, as in the long public set, term structure is mixed into
the level; with equal weights the basket is not the index. Both move the level, less the changes;
the numbers say how such a proxy behaved, not what a trade would have earned.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from dispersa.correlation.realized import clean_correlation, simple_returns, trailing_vols


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PremiumStudy:
    """Correlation premium by date, implied against the window that began after the date.

    `implied`, `afterwards` and `premium` are fractions; NaN where not complete. `share_above_zero`
    and `mean_premium` are over non-overlapping windows, one in `horizon_days` dates.
    """

    dates: tuple[date, ...]
    implied: NDArray[np.float64]
    afterwards: NDArray[np.float64]
    horizon_days: int

    @property
    def premium(self) -> NDArray[np.float64]:
        """Implied less what came after."""
        return self.implied - self.afterwards

    @property
    def independent(self) -> NDArray[np.float64]:
        """Premium of windows that do not overlap."""
        every = self.premium[:: self.horizon_days]
        return every[np.isfinite(every)]

    @property
    def mean_premium(self) -> float:
        """Mean over independent windows."""
        return float(self.independent.mean())

    @property
    def share_above_zero(self) -> float:
        """Share of independent windows in which implied was above what came after."""
        return float((self.independent > 0).mean())

    @property
    def t_statistic(self) -> float:
        """Mean over its standard error, windows taken as independent."""
        sample = self.independent
        return float(sample.mean() / (sample.std(ddof=1) / np.sqrt(sample.size)))


def premium_study(
    dates: tuple[date, ...],
    vols: NDArray[np.float64],
    closes: NDArray[np.float64],
    index: tuple[NDArray[np.float64], NDArray[np.float64]],
    horizon_days: int = 21,
) -> PremiumStudy:
    """Study equally weighted names (days x names) against `index` = (vols, closes) by day."""
    index_vols, index_closes = index
    weights = np.full(vols.shape[1], 1 / vols.shape[1])
    trailing = clean_correlation(
        weights,
        trailing_vols(simple_returns(closes), horizon_days),
        trailing_vols(simple_returns(index_closes[:, None]), horizon_days)[:, 0],
    )
    afterwards = np.full(trailing.size, np.nan)
    afterwards[:-horizon_days] = trailing[horizon_days:]
    return PremiumStudy(
        dates=dates,
        implied=clean_correlation(weights, vols, index_vols),
        afterwards=afterwards,
        horizon_days=horizon_days,
    )
