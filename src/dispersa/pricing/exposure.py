"""Exposure: what are Greeks per share worth in dollars for a position?

Quantities are signed; `units` is contracts times multiplier. Vega in dollars per volatility point,
theta in dollars per calendar day, gamma both as the change of dollar delta for a 1 % move and as
cash gamma ``S^2 Gamma``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dispersa.pricing.black import Greeks
from dispersa.pricing.quality import Floats, Statuses
from dispersa.pricing.units import theta_per_day, vega_per_point


@dataclass(frozen=True, slots=True, kw_only=True)
class DollarGreeks:
    """Signed exposures, one entry per position; NaN where the status is not OK."""

    value_usd: Floats
    delta_shares: Floats
    delta_usd: Floats
    gamma_usd_per_percent: Floats
    cash_gamma_usd: Floats
    vega_usd_per_point: Floats
    theta_usd_per_day: Floats
    status: Statuses


def dollar_greeks(greeks: Greeks, spot: ArrayLike, units: ArrayLike) -> DollarGreeks:
    """Scale Greeks per share (spot as underlying) to positions; inputs broadcast."""
    s, n = np.asarray(spot, dtype=np.float64), np.asarray(units, dtype=np.float64)
    delta = np.asarray(n * greeks.delta)
    cash_gamma = np.asarray(n * greeks.gamma * s * s)
    return DollarGreeks(
        value_usd=np.asarray(n * greeks.price),
        delta_shares=delta,
        delta_usd=np.asarray(delta * s),
        gamma_usd_per_percent=np.asarray(0.01 * cash_gamma),
        cash_gamma_usd=cash_gamma,
        vega_usd_per_point=np.asarray(n * vega_per_point(greeks.vega)),
        theta_usd_per_day=np.asarray(n * theta_per_day(greeks.theta)),
        status=greeks.status,
    )
