"""What will be realized over the coming month, given what is implied and what was realized?

Both forecasts are regressions on an expanding window whose coefficients are shrunk to a prior:

    b = (n b_ols + k b_prior) / (n + k)

with n independent months in the sample (overlapping observations count 1/horizon each) and k the
prior's weight in months. A pair enters only when its outcome was complete before the scored day.

    correlation   realized = b0 + b1 implied + b2 trailing
    vol of a name realized / implied = b0 + b1 trailing / implied, pooled over the names
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dispersa.correlation.past import Past
from dispersa.correlation.realized import trailing_vols

CORRELATION_PRIOR = (0.025, 0.75, 0.03)
"""Measured: COR1M against the next 21 days of its top 50, November 2019 to March 2025: 0.017,
0.875, -0.081 with both, 0.020 and 0.798 with implied alone (R2 0.51; trailing adds 0.002). One
longer published sample (1996 to 2024) gives 0.032 and 0.751. The prior leans to the lower slope."""

VOL_PRIOR = (0.92, 0.03)
"""Measured: 20 large US stocks 2010 to 2022, 3-month implied against the next 21 days: 0.916 and
0.029 (0.907 to 0.968 and -0.040 to 0.104 by sub-period)."""

PAIRS_PER_COEFFICIENT_MIN = 21


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Coefficients after shrinking, and how many independent months of evidence they rest on."""

    coefficients: tuple[float, ...]
    months: float

    def predict(self, *regressors: float) -> float:
        """Intercept plus slopes times regressors."""
        return self.coefficients[0] + float(np.dot(self.coefficients[1:], regressors))


def fit_correlation(past: Past, horizon_days: int, prior_months: float) -> Fit:
    """Regress the realized correlation of the next `horizon_days` on implied and trailing."""
    realized = past.realized_correlations(horizon_days)
    regressors = np.column_stack((past.implied_correlations(), realized))
    outcome = _ahead(realized[:, None], horizon_days)[:, 0]
    return _shrunk(regressors, outcome, CORRELATION_PRIOR, prior_months, 1 / horizon_days)


def fit_vols(past: Past, horizon_days: int, prior_months: float) -> Fit:
    """Regress realized over implied vol on trailing over implied vol, all names pooled."""
    trailing = trailing_vols(past.returns, horizon_days)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = trailing / past.implied_vols
        outcome = _ahead(trailing, horizon_days) / past.implied_vols
    names = max(past.weights.size, 1)
    return _shrunk(
        ratio.reshape(-1, 1), outcome.ravel(), VOL_PRIOR, prior_months, 1 / (horizon_days * names)
    )


def _ahead(trailing: NDArray[np.float64], horizon_days: int) -> NDArray[np.float64]:
    """Align with each day what the window that begins after it realized; NaN while it runs."""
    ahead = np.full(trailing.shape, np.nan)
    ahead[:-horizon_days] = trailing[horizon_days:]
    return ahead


def _shrunk(
    regressors: NDArray[np.float64],
    outcome: NDArray[np.float64],
    prior: tuple[float, ...],
    prior_months: float,
    months_per_pair: float,
) -> Fit:
    """Ordinary least squares on the complete pairs, shrunk to the prior."""
    complete = np.isfinite(regressors).all(axis=1) & np.isfinite(outcome)
    design = np.column_stack((np.ones(int(complete.sum())), regressors[complete]))
    if design.shape[0] < PAIRS_PER_COEFFICIENT_MIN * design.shape[1]:
        return Fit(coefficients=prior, months=0.0)
    ordinary, _, rank, _ = np.linalg.lstsq(design, outcome[complete], rcond=None)
    if rank < design.shape[1]:
        return Fit(coefficients=prior, months=0.0)
    months = design.shape[0] * months_per_pair
    shrunk = (months * ordinary + prior_months * np.asarray(prior)) / (months + prior_months)
    return Fit(coefficients=tuple(shrunk.tolist()), months=months)
