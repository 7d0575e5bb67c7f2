"""Smile: which arbitrage-free curve goes through the vols of one expiry?

Raw SVI (Gatheral 2004): total variance at log-moneyness k = ln(K/F),

    w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + s^2))

fitted to vols by least squares weighted by vega over spread, and checked for butterfly arbitrage
with Durrleman's function (Gatheral and Jacquier 2014),

    g(k) = (1 - k w'/(2 w))^2 - (w'^2/4)(1/w + 1/4) + w''/2 >= 0.

For interpolation and marks inside the quoted strikes; wings are not to be trusted.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dispersa.pricing.quality import Flags, Floats, JudgedVol, Status

_STRIKES_MIN = 5
_PENALTY = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Smile:
    """One expiry's fitted curve. Where `status` is not OK it must not be used."""

    forward: float
    years: float
    a: float
    b: float
    rho: float
    m: float
    s: float
    low: float
    """Smallest and largest log-moneyness quoted."""
    high: float
    rms_error: float
    """Root mean square distance to the vols fitted, in vol."""
    status: Status

    def total_variance(self, k: ArrayLike) -> Floats:
        """w(k) = sigma^2 T at log-moneyness k."""
        x = np.asarray(k, dtype=np.float64) - self.m
        return np.asarray(self.a + self.b * (self.rho * x + np.sqrt(x * x + self.s * self.s)))

    def vol(self, strike: ArrayLike) -> JudgedVol:
        """Vol at strikes; OUT_OF_RANGE outside the quoted ones, nothing is extrapolated."""
        k = np.log(np.asarray(strike, dtype=np.float64) / self.forward)
        inside = (k >= self.low - 1e-12) & (k <= self.high + 1e-12)
        status = np.where(inside, int(self.status), int(Status.OUT_OF_RANGE)).astype(np.uint8)
        vol = np.sqrt(np.maximum(self.total_variance(k), 0.0) / self.years)
        return JudgedVol(np.where(status == Status.OK, vol, np.nan), status)

    def durrleman(self, k: ArrayLike) -> Floats:
        """g(k); negative means that butterflies cost less than nothing."""
        x = np.asarray(k, dtype=np.float64)
        return _durrleman(np.array([self.a, self.b, self.rho, self.m, self.s]), x)


def fit(
    strikes: ArrayLike,
    vols: ArrayLike,
    forward: float,
    years: float,
    weights: ArrayLike = 1.0,
) -> Smile:
    """Fit one expiry; rows with NaN or vols <= 0 are left out; `weights` are relative.

    TOO_FEW_QUOTES below five strikes; ARBITRAGE if butterflies remain negative inside the strikes;
    NO_CONVERGENCE if the fit fails.
    """
    from scipy.optimize import least_squares

    k, v, weight = _usable(strikes, vols, forward, weights)
    if k.size < _STRIKES_MIN or not (forward > 0 and years > 0):
        return _refused(forward, years, Status.TOO_FEW_QUOTES)
    grid = np.linspace(k[0], k[-1], 41)

    def misses(free: Floats) -> Floats:
        p = _raw(free)
        model = np.sqrt(np.maximum(_variance(p, k), 1e-12) / years)
        butterflies = np.minimum(_durrleman(p, grid), 0.0)
        return np.concatenate([weight * (model - v), _PENALTY * butterflies])

    tries = [
        least_squares(misses, start, method="trf", max_nfev=300, x_scale="jac")
        for start in _starts(k, v * v * years)
    ]
    best = min(tries, key=lambda found: float(found.cost))
    p = _raw(np.asarray(best.x))
    if not (best.success and np.all(np.isfinite(p))):
        return _refused(forward, years, Status.NO_CONVERGENCE)
    error = np.sqrt(np.mean((np.sqrt(_variance(p, k) / years) - v) ** 2))
    is_free = bool(np.all(_durrleman(p, grid) >= -1e-6))
    a, b, rho, m, s = (float(x) for x in p)
    return Smile(
        forward=forward, years=years, a=a, b=b, rho=rho, m=m, s=s,
        low=float(k[0]), high=float(k[-1]), rms_error=float(error),
        status=Status.OK if is_free else Status.ARBITRAGE,
    )  # fmt: skip


def delta_relative_vol(smile: Smile, delta: float, *, is_call: bool) -> JudgedVol:
    """Vol where the forward delta of a call (or minus that of a put) is `delta`, as 0.25.

    The strike solves ``N(d1) = delta`` for calls, ``N(-d1) = delta`` for puts, on the smile.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr

    sign = 1.0 if is_call else -1.0

    def miss(k: float) -> float:
        total = float(np.sqrt(max(float(smile.total_variance(k)), 1e-12)))
        return float(ndtr(sign * (-k / total + 0.5 * total))) - delta

    ends = miss(smile.low), miss(smile.high)
    if smile.status is not Status.OK:
        return _judged(np.nan, smile.status)
    if not (0 < delta < 1 and min(ends) <= 0 <= max(ends)):
        return _judged(np.nan, Status.OUT_OF_RANGE)
    k = brentq(miss, smile.low, smile.high, xtol=1e-12)
    return _judged(float(np.sqrt(smile.total_variance(k) / smile.years)), Status.OK)


def _usable(
    strikes: ArrayLike, vols: ArrayLike, forward: float, weights: ArrayLike
) -> tuple[Floats, Floats, Floats]:
    inputs = (np.asarray(x, dtype=np.float64) for x in (strikes, vols, weights))
    strike, v, weight = np.broadcast_arrays(*inputs)
    keep: Flags = (strike > 0) & (v > 0) & (weight > 0) & np.isfinite(strike + v + weight)
    k, v, weight = np.log(strike[keep] / forward), v[keep], weight[keep]
    order = np.argsort(k)
    return k[order], v[order], weight[order] / max(float(np.mean(weight)), 1e-300) / 0.01


def _variance(p: Floats, k: Floats) -> Floats:
    a, b, rho, m, s = p
    return np.asarray(a + b * (rho * (k - m) + np.sqrt((k - m) ** 2 + s * s)))


def _durrleman(p: Floats, k: Floats) -> Floats:
    _, b, rho, m, s = p
    root = np.sqrt((k - m) ** 2 + s * s)
    w = np.maximum(_variance(p, k), 1e-12)
    first = b * (rho + (k - m) / root)
    second = b * s * s / root**3
    left = (1.0 - 0.5 * k * first / w) ** 2
    return np.asarray(left - 0.25 * first**2 * (1.0 / w + 0.25) + 0.5 * second)


def _raw(free: Floats) -> Floats:
    """SVI parameters from unbounded ones: b, s > 0, |rho| < 1, smallest variance >= 0."""
    lowest, log_b, rho_free, m, log_s = free
    b, rho, s = np.exp(log_b), np.tanh(rho_free), np.exp(log_s)
    a = lowest * lowest - b * s * np.sqrt(1.0 - rho * rho)
    return np.array([a, b, rho, m, s])


def _starts(k: Floats, w: Floats) -> list[Floats]:
    level, span = np.sqrt(float(np.min(w)) * 0.8), max(float(k[-1] - k[0]), 1e-3)
    slope = max(float(np.ptp(w)) / span, 1e-4)
    bottom = float(k[np.argmin(w)])
    return [
        np.array([level, np.log(slope), -0.3, bottom, np.log(0.3 * span)]),
        np.array([level, np.log(slope), 0.0, 0.0, np.log(0.1 * span)]),
    ]


def _judged(vol: float, status: Status) -> JudgedVol:
    return JudgedVol(np.asarray(vol), np.asarray(status, dtype=np.uint8))


def _refused(forward: float, years: float, status: Status) -> Smile:
    nan = float("nan")
    return Smile(
        forward=forward, years=years, a=nan, b=nan, rho=nan, m=nan, s=nan,
        low=nan, high=nan, rms_error=nan, status=status,
    )  # fmt: skip
