"""Basket: how do component vols, one correlation and the index vol determine each other?

For equal pairwise correlation rho, with w the weights and s the vols,

    sI^2 = B + rho (A^2 - B),   A = sum w s,   B = sum w^2 s^2
    clean implied correlation   rho = (sI^2 - B) / (A^2 - B)
    dirty, vol ratio            (sI / A)^2
    dirty, variance ratio       sI^2 / sum(w s^2)

Clean means that the own-variance terms are removed. Nothing is clipped: asynchronous inputs can
put rho outside [-1/(N-1), 1], and the caller must see that. Weights are taken as given; `normalize`
makes them sum to 1 over the names used, which a comparison with a quoted index needs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dispersa.pricing.quality import Floats, Status, Statuses


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpliedCorrelation:
    """Correlation implied by index and component vols, raw and unclipped, with its gradients.

    One entry per row of inputs; `d_component_vols` has the components on its last axis. NaN where
    `status` is not OK.
    """

    clean: Floats
    vol_ratio: Floats
    variance_ratio: Floats
    d_index_vol: Floats
    """d rho / d sI = 2 sI / (A^2 - B), per 1.00 of vol."""
    d_component_vols: Floats
    """d rho / d s_i, per 1.00 of vol."""
    status: Statuses


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketVariance:
    """A, B and the mean variance of a basket (weights times vols)."""

    a: Floats
    b: Floats
    mean_variance: Floats

    @property
    def cross(self) -> Floats:
        """A^2 - B, the sum of all pairwise products."""
        return self.a * self.a - self.b


def normalize(weights: ArrayLike) -> Floats:
    """Scale the weights on the last axis to sum to 1."""
    w = np.asarray(weights, dtype=np.float64)
    scaled: Floats = w / np.sum(w, axis=-1, keepdims=True)
    return scaled


def variance(weights: ArrayLike, vols: ArrayLike) -> BasketVariance:
    """A = sum w s, B = sum w^2 s^2 and sum w s^2, over the last axis."""
    w, s = np.asarray(weights, dtype=np.float64), np.asarray(vols, dtype=np.float64)
    ws = w * s
    return BasketVariance(
        a=np.asarray(ws.sum(axis=-1)),
        b=np.asarray((ws * ws).sum(axis=-1)),
        mean_variance=np.asarray((ws * s).sum(axis=-1)),
    )


def implied_correlation(
    weights: ArrayLike, vols: ArrayLike, index_vol: ArrayLike
) -> ImpliedCorrelation:
    """Imply the correlation; components on the last axis, other axes broadcast.

    INVALID_INPUT where an input is NaN or negative, or where fewer than two names have weight and
    vol (A^2 = B, correlation undefined).

    >>> float(implied_correlation([0.5, 0.5], [0.2, 0.2], 0.03**0.5).clean.round(12))
    0.5
    """
    w, s = np.broadcast_arrays(np.asarray(weights, float), np.asarray(vols, float))
    index = np.asarray(index_vol, dtype=np.float64)
    basket = variance(w, s)
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = (index * index - basket.b) / basket.cross
        # d rho/d s_i = [-2 w_i^2 s_i - rho (2 A w_i - 2 w_i^2 s_i)] / (A^2 - B)
        own = w * w * s
        slope = own + rho[..., None] * (basket.a[..., None] * w - own)
        ok = _defined(w, s, index) & (basket.cross > 1e-14 * basket.a * basket.a)
        results = {
            "clean": rho,
            "vol_ratio": (index / basket.a) ** 2,
            "variance_ratio": index * index / basket.mean_variance,
            "d_index_vol": 2.0 * index / basket.cross,
        }
        gradient = -2.0 * slope / basket.cross[..., None]
    return ImpliedCorrelation(
        **{name: np.where(ok, value, np.nan) for name, value in results.items()},
        d_component_vols=np.where(ok[..., None], gradient, np.nan),
        status=np.where(ok, Status.OK, Status.INVALID_INPUT).astype(np.uint8),
    )


def _defined(
    w: Floats, s: Floats, index: Floats
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    components = np.all(np.isfinite(w) & np.isfinite(s) & (w >= 0) & (s >= 0), axis=-1)
    return np.asarray(components & np.isfinite(index) & (index >= 0))


def index_vol(weights: ArrayLike, vols: ArrayLike, correlation: ArrayLike) -> Floats:
    """sI = sqrt(B + rho (A^2 - B)); NaN where the correlation gives no positive variance."""
    basket = variance(weights, vols)
    squared = basket.b + np.asarray(correlation, dtype=np.float64) * basket.cross
    return np.sqrt(np.where(squared >= 0, squared, np.nan))


def d_index_vol_d_correlation(weights: ArrayLike, vols: ArrayLike, index_vol: ArrayLike) -> Floats:
    """d sI / d rho = (A^2 - B) / (2 sI), per 1.00 of correlation."""
    slope: Floats = np.asarray(variance(weights, vols).cross / (2.0 * np.asarray(index_vol)))
    return slope


def d_index_vol_d_component_vols(
    weights: ArrayLike, vols: ArrayLike, index_vol: ArrayLike
) -> Floats:
    """d sI / d s_i at constant implied correlation, one entry per component.

    With rho implied from the same vols: ``(w_i^2 s_i + rho (A w_i - w_i^2 s_i)) / sI``.
    """
    w, s = np.broadcast_arrays(np.asarray(weights, float), np.asarray(vols, float))
    rho = implied_correlation(w, s, index_vol).clean[..., None]
    own = w * w * s
    a = variance(w, s).a[..., None]
    slope: Floats = (own + rho * (a * w - own)) / np.asarray(index_vol)[..., None]
    return slope


def correlation_sensitivity(
    weights: ArrayLike, vols: ArrayLike, index_vol: ArrayLike, index_vega: ArrayLike
) -> Floats:
    """P&L per 1.00 of correlation: ``vega_I (A^2 - B) / (2 sI)``, component vols unchanged.

    `index_vega` is signed and per 1.00 of vol in the currency wanted; a book that has sold index
    vega passes a negative number.
    """
    vega = np.asarray(index_vega, dtype=np.float64)
    return np.asarray(vega * d_index_vol_d_correlation(weights, vols, index_vol))
