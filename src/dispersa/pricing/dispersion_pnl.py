"""Dispersion P&L: what must a dispersion trade earn, by identity, from realized vols?

Variance swaps with component notionals ``rho_imp w_i`` against one unit of index variance sold:

    P&L = sum(w s_r^2) (rho_imp - rho_real),   rho = sI^2 / sum(w s^2) (variance ratio), exact

Vega-neutral straddles, first order, per unit of index vega: ``(A_r - sI_r) - (A_i - sI_i)``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dispersa.pricing import basket
from dispersa.pricing.quality import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Vols:
    """Index and component vols of one moment or period, annualised."""

    index: float
    components: Floats


def variance_swap_pnl(weights: ArrayLike, implied: Vols, realized: Vols) -> float:
    """P&L of correlation-weighted variance swaps per unit of index variance sold."""
    w = np.asarray(weights, dtype=np.float64)
    before, after = basket.variance(w, implied.components), basket.variance(w, realized.components)
    rho_implied = implied.index**2 / before.mean_variance
    rho_realized = realized.index**2 / after.mean_variance
    return float(after.mean_variance * (rho_implied - rho_realized))


def vega_neutral_pnl(weights: ArrayLike, implied: Vols, realized: Vols) -> float:
    """First-order P&L of vega-neutral straddles, per unit of index vega, in vol."""
    w = np.asarray(weights, dtype=np.float64)
    components = float(np.sum(w * (realized.components - implied.components)))
    return components - (realized.index - implied.index)
