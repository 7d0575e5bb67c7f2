"""How correlated were the names, by the same formula, names and weights as the implied figure?

Vols are second moments of simple price returns around zero, s = sqrt(252 sum(u r^2)) with
observation weights u that sum to one; not demeaned, so that for an index rebuilt from the names
the clean correlation equals the weighted mean of the pairwise ones exactly. The plain average of
pairwise correlations differs from it by 10 to 20 points; it is shown beside it and never mixed in.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dispersa.errors import MarketDataMissing
from dispersa.pricing import basket

TRADING_DAYS_PER_YEAR = 252
WINDOWS = (21, 63, 252)
COVERAGE_MIN = 0.8
"""Weight that must have a full window of returns, as a share of the basket's weight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealizedCorrelation:
    """Realized correlation over one window of trading days.

    `clean` has the formula of the implied correlation and compares with it; `average_pairwise`
    does not. `coverage` is the share of the basket's weight whose names have the whole window.
    """

    window_days: int
    clean: float
    average_pairwise: float
    index_vol: float
    average_vol: float
    coverage: float


def clean_correlation(
    weights: NDArray[np.float64], vols: NDArray[np.float64], index_vols: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Clean correlation (sI^2 - B) / (A^2 - B) of every row of a matrix of vols (rows x names).

    A name without vol in a row is left out of that row and the weights renormalized; a row whose
    names carry less than `COVERAGE_MIN` of the weight, or that has fewer than two names or no
    index vol, is NaN.
    """
    present = np.isfinite(vols) & (vols > 0)
    used = np.where(present, weights, 0.0)
    coverage = used.sum(axis=1) / weights.sum()
    enough = (coverage >= COVERAGE_MIN) & (present.sum(axis=1) >= 2) & (index_vols > 0)
    result = np.full(vols.shape[0], np.nan)
    result[enough] = basket.implied_correlation(
        basket.normalize(used[enough]),
        np.where(present[enough], vols[enough], 0.0),
        index_vols[enough],
    ).clean
    return result


def simple_returns(closes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Simple returns down the rows; the first row is NaN, as is any step over a missing close."""
    returns = np.full(closes.shape, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        returns[1:] = closes[1:] / closes[:-1] - 1
    return returns


def trailing_vols(returns: NDArray[np.float64], window_days: int) -> NDArray[np.float64]:
    """Annualized realized vol of the `window_days` returns up to and including each row.

    NaN where the window is not complete.
    """
    vols = np.full(returns.shape, np.nan)
    if returns.shape[0] < window_days:
        return vols
    windows = np.lib.stride_tricks.sliding_window_view(returns**2, window_days, axis=0)
    vols[window_days - 1 :] = np.sqrt(TRADING_DAYS_PER_YEAR * windows.mean(axis=-1))
    return vols


def ewma_weights(count: int, half_life_days: float) -> NDArray[np.float64]:
    """Observation weights that halve every `half_life_days`, newest last, summing to one."""
    decay = 0.5 ** (np.arange(count)[::-1] / half_life_days)
    weights: NDArray[np.float64] = decay / decay.sum()
    return weights


def realized_correlation(
    weights: NDArray[np.float64],
    returns: NDArray[np.float64],
    index_returns: NDArray[np.float64],
    observation_weights: NDArray[np.float64] | None = None,
) -> RealizedCorrelation:
    """Realized correlation over all rows of `returns` (days x names).

    `observation_weights` (for EWMA) sum to one over the days; equal weights by default.

    Raises
    ------
    MarketDataMissing
        The index lacks a return, or names with all returns carry too little weight.
    """
    days = returns.shape[0]
    u = np.full(days, 1 / days) if observation_weights is None else observation_weights
    complete = np.isfinite(returns).all(axis=0)
    coverage = float(weights[complete].sum() / weights.sum())
    if not np.isfinite(index_returns).all() or coverage < COVERAGE_MIN or complete.sum() < 2:
        raise MarketDataMissing(
            f"returns of {days} days cover {coverage:.0%} of the basket's weight and "
            f"{int(np.isfinite(index_returns).sum())} index days; expected {COVERAGE_MIN:.0%} and "
            "every index day; add closes or shorten the window"
        )
    r = returns[:, complete]
    w = weights[complete] / weights[complete].sum()
    covariance = TRADING_DAYS_PER_YEAR * (r * u[:, None]).T @ r
    s = np.sqrt(np.diag(covariance))
    index_variance = TRADING_DAYS_PER_YEAR * float(u @ index_returns**2)
    index_vol = float(np.sqrt(index_variance))
    return RealizedCorrelation(
        window_days=days,
        clean=float(basket.implied_correlation(w, s, index_vol).clean),
        average_pairwise=_average_pairwise(covariance, s),
        index_vol=index_vol,
        average_vol=float(w @ s),
        coverage=coverage,
    )


def _average_pairwise(covariance: NDArray[np.float64], vols: NDArray[np.float64]) -> float:
    """Plain mean of the correlations above the diagonal."""
    correlation = covariance / np.outer(vols, vols)
    return float(correlation[np.triu_indices(vols.size, k=1)].mean())
