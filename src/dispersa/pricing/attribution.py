"""Attribution: which moves made the P&L, and what is left unexplained?

    delta dS + gamma dS^2/2 + theta dt + vega dv + vanna dS dv + volga dv^2/2 + residual = P&L

The parts and the residual sum to the full revaluation exactly; the residual is shown, never
spread over the parts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dispersa.pricing import basket
from dispersa.pricing.black import Greeks
from dispersa.pricing.quality import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """P&L per share by cause, from the Greeks at the start."""

    delta: Floats
    gamma: Floats
    theta: Floats
    vega: Floats
    vanna: Floats
    volga: Floats
    full: Floats
    """P&L of the full revaluation."""

    @property
    def explained(self) -> Floats:
        """Sum of the parts."""
        first = self.delta + self.gamma + self.theta
        return np.asarray(first + self.vega + self.vanna + self.volga)

    @property
    def residual(self) -> Floats:
        """Full P&L less the sum of the parts."""
        return np.asarray(self.full - self.explained)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexVolChange:
    """Change of the index vol, split exactly; in vol (1.00 = 100 points)."""

    components: Floats
    """What the component vols did at the starting correlation."""
    correlation: Floats
    """The rest: what the change of correlation did."""


def attribute(
    start: Greeks,
    end_price: ArrayLike,
    *,
    spot_change: ArrayLike,
    vol_change: ArrayLike,
    years: ArrayLike,
) -> Attribution:
    """Split the P&L from `start` to `end_price` over `years` of calendar time (ACT/365)."""
    ds, dv, dt = (np.asarray(x, dtype=np.float64) for x in (spot_change, vol_change, years))
    return Attribution(
        delta=np.asarray(start.delta * ds),
        gamma=np.asarray(0.5 * start.gamma * ds * ds),
        theta=np.asarray(start.theta * dt),
        vega=np.asarray(start.vega * dv),
        vanna=np.asarray(start.vanna * ds * dv),
        volga=np.asarray(0.5 * start.volga * dv * dv),
        full=np.asarray(np.asarray(end_price, dtype=np.float64) - start.price),
    )


def index_vol_change(
    weights: ArrayLike,
    vols_start: ArrayLike,
    vols_end: ArrayLike,
    index_vol_start: ArrayLike,
    index_vol_end: ArrayLike,
) -> IndexVolChange:
    """Split the change of the index vol into component vols and correlation; sums exactly."""
    rho = basket.implied_correlation(weights, vols_start, index_vol_start).clean
    at_old_correlation = basket.index_vol(weights, vols_end, rho)
    return IndexVolChange(
        components=np.asarray(at_old_correlation - np.asarray(index_vol_start)),
        correlation=np.asarray(np.asarray(index_vol_end) - at_old_correlation),
    )
