"""Forwards: which forward, discount and carry do the quotes imply?

Put-call parity gives one forward per strike, ``F = K + (C - P) / D``, and the spreads give its
bounds. The estimate is the mean of the strikes that agree with the weighted median, each weighted
by the inverse square of its width, so one stale or wrong quote can not move it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dispersa.pricing.quality import Floats, Status

_AGREEMENT_WIDTHS = 2.0
"""A strike agrees if its own forward is within this many of its half-widths of the median."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityForward:
    """Forward of one expiry, in price units; NaN where the status is not OK."""

    forward: float
    half_width: float
    """Half-width of the tightest strike used: how far the forward may be off."""
    strikes_used: int
    status: Status


def parity_forward(  # noqa: PLR0913, PLR0917 -- a chain is five columns
    strikes: ArrayLike,
    call_bid: ArrayLike,
    call_ask: ArrayLike,
    put_bid: ArrayLike,
    put_ask: ArrayLike,
    spot: float,
    years: float,
    discount: float,
    *,
    premium: ArrayLike = 0.0,
    moneyness_max: float = 0.15,
    strikes_min: int = 1,
) -> ParityForward:
    """Imply the forward from two-sided quotes of European options of one expiry.

    Parameters
    ----------
    strikes, call_bid, call_ask, put_bid, put_ask : one entry per strike; a strike counts only with
        all four prices above zero and neither side crossed
    spot : only strikes with |ln(K/S)| <= `moneyness_max` count
    premium : early-exercise premium of the call less that of the put, subtracted from C - P
        (`american.parity_forward` computes it)
    strikes_min : fewer usable strikes give TOO_FEW_QUOTES

    Returns
    -------
    INVALID_INPUT for unusable spot, time or discount; ARBITRAGE if the strikes that agree carry
    less than half of the weight.
    """
    if not (np.isfinite(spot + years + discount) and spot > 0 and years > 0 and discount > 0):
        return _refused(Status.INVALID_INPUT)
    inputs = (strikes, call_bid, call_ask, put_bid, put_ask, premium)
    k, cb, ca, pb, pa, extra = np.broadcast_arrays(*(np.asarray(x, float) for x in inputs))
    with np.errstate(invalid="ignore", divide="ignore"):
        near = (k > 0) & (np.abs(np.log(k / spot)) <= moneyness_max)
        sound = (cb > 0) & (pb > 0) & (ca >= cb) & (pa >= pb) & np.isfinite(ca + pa + extra)
    keep = near & sound
    if np.count_nonzero(keep) < max(strikes_min, 1):
        return _refused(Status.TOO_FEW_QUOTES)
    middle = (k + (0.5 * (cb + ca - pb - pa) - extra) / discount)[keep]
    width = (0.5 * (ca - cb + pa - pb) / discount)[keep]
    return _robust_mean(middle, np.maximum(width, 1e-6 * spot))


def _robust_mean(middle: Floats, width: Floats) -> ParityForward:
    weight = 1.0 / (width * width)
    center = _weighted_median(middle, weight)
    agrees = np.abs(middle - center) <= _AGREEMENT_WIDTHS * width
    if weight[agrees].sum() < 0.5 * weight.sum():
        return _refused(Status.ARBITRAGE)
    return ParityForward(
        forward=float(np.average(middle[agrees], weights=weight[agrees])),
        half_width=float(width[agrees].min()),
        strikes_used=int(np.count_nonzero(agrees)),
        status=Status.OK,
    )


def _weighted_median(values: Floats, weights: Floats) -> float:
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(share, 0.5)])


def _refused(status: Status) -> ParityForward:
    return ParityForward(forward=np.nan, half_width=np.nan, strikes_used=0, status=status)
