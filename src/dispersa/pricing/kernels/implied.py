"""Implied: which volatility explains a European price, column by column, without branches?

Work with the out-of-the-money price over sqrt(F K), ``beta(s)``, and solve for ``s = sigma
sqrt(T)``:

1. first guess: the normal-model volatility of the same price (a quadratic in
   ``eta = 2 v / ln((1 + v)/(1 - v))``, ``v = |F - K|/straddle``, after Choi, Kim and Kwak 2009,
   refitted; 0.13 % for up to 14 standard deviations), carried over to the lognormal model;
2. two Householder steps of order four on ``ln beta(s) - ln beta``.

A row whose second step is still large is left to `rescue`, a safeguarded search.
"""

import math

import numpy as np

from dispersa.pricing.kernels.arithmetic import INV_SQRT_2, INV_SQRT_2PI, erfcx, exp, log
from dispersa.pricing.kernels.black import TINY, otm_scaled
from dispersa.pricing.kernels.compiled import inlined, kernel
from dispersa.pricing.quality import Floats, Statuses

_OK, _BELOW, _ABOVE, _NO_CONVERGENCE, _INVALID, _EXPIRED = 0, 1, 2, 8, 9, 10
_SQRT_HALF_PI = 1.2533141373155003
_STEP_MAX = 1e-3  # a fourth-order step of this relative size leaves an error of about 1e-12 of it


@inlined
def first_guess(m: float, x: float, beta: float) -> float:
    """Total vol s0 of the normal model, then s = s0 (x/m) (1 + s^2/24); m = |F - K|/sqrt(F K)."""
    m_safe = m if m > 1e-6 * beta else 1e-6 * beta
    ratio = x / m if m > 1e-6 * beta else 1.0
    straddle = m_safe + 2.0 * beta
    eta = 2.0 * (m_safe / straddle) / log(1.0 + m_safe / beta)
    fit = 0.40335444304453666 + eta * (0.7535299934707393 + eta * -0.15731077184855863)
    s0 = _SQRT_HALF_PI * straddle * math.sqrt(eta) * fit * ratio
    bend = s0 * s0 * (1.0 / 24.0)
    once = 1.0 + bend
    return s0 * (1.0 + bend * once * once)


@inlined
def householder(x: float, s: float, w: float, log_beta: float) -> float:
    """The next total vol: a step of order four on ln beta(s) = ln beta."""
    h = x / s
    t = 0.5 * s
    a = (h - t) * INV_SQRT_2
    scale = exp(-0.5 * (h * h + t * t))
    near = erfcx(abs(a))
    far = erfcx((h + t) * INV_SQRT_2)
    half = 0.5 * scale
    b = half * (near - far) if a >= 0.0 else w - half * (near + far)
    b = b if b > TINY else TINY
    inv_s = 1.0 / s
    slope = INV_SQRT_2PI * scale / b
    bend = h * h * inv_s - 0.25 * s
    twist = bend * bend - 3.0 * h * h * inv_s * inv_s - 0.25
    newton = (log_beta - log(b)) / slope
    second = bend - slope
    third = twist - slope * (3.0 * bend - 2.0 * slope)
    step = (
        newton
        * (1.0 + 0.5 * newton * second)
        / (1.0 + newton * (second + newton * third * (1.0 / 6.0)))
    )
    return s + step


@kernel
def vols(table: Floats, out: Floats, step: Floats) -> None:
    """Vols of the columns price, F, K, T, D, sign, and the relative size of the second step."""
    p, f, k, t, d, sign = table[0], table[1], table[2], table[3], table[4], table[5]
    for i in range(out.size):
        lower = f[i] if f[i] < k[i] else k[i]
        upper = f[i] if f[i] > k[i] else k[i]
        root = math.sqrt(lower) * math.sqrt(upper)
        x = log(upper / lower)
        w = math.sqrt(lower / upper)
        intrinsic = sign[i] * (f[i] - k[i])
        otm = p[i] / d[i] - (intrinsic if intrinsic > 0.0 else 0.0)
        beta = otm / root
        beta = beta if beta > TINY else TINY
        log_beta = log(beta)
        s0 = first_guess((upper - lower) / root, x, beta)
        s1 = householder(x, s0, w, log_beta)
        s2 = householder(x, s1, w, log_beta)
        out[i] = s2 / math.sqrt(t[i])
        step[i] = abs(s2 - s1) / s2


@inlined
def time_value(p: float, f: float, k: float, d: float, sign: float) -> float:
    """Undiscounted out-of-the-money price."""
    return p / d - max(sign * (f - k), 0.0)


@inlined
def verdict(p: float, f: float, k: float, t: float, d: float, sign: float) -> int:
    """Status of a row before any search."""
    numbers = p + f + k + t + d
    if not (abs(numbers) < math.inf and f > 0.0 and k > 0.0 and d > 0.0):
        return _INVALID
    if t <= 0.0:
        return _EXPIRED
    otm = time_value(p, f, k, d, sign)
    if otm <= 0.0:
        return _BELOW
    return _ABOVE if otm >= min(f, k) else _OK


@inlined
def search(x: float, beta: float, w: float) -> float:
    """Bisect ln s between 1e-9 and 1e3; NaN if beta is outside what those give."""
    low, high = math.log(1e-9), math.log(1e3)
    for _ in range(200):
        middle = 0.5 * (low + high)
        if otm_scaled(x, math.exp(middle), w) < beta:
            low = middle
        else:
            high = middle
        if high - low < 1e-15:
            break
    s = math.exp(0.5 * (low + high))
    return s if abs(otm_scaled(x, s, w) - beta) <= 1e-9 * beta else math.nan


@kernel
def rescue(table: Floats, out: Floats, step: Floats, status: Statuses) -> None:
    """Judge every row; search again where the two steps were not enough; NaN where not OK."""
    for i in range(out.size):
        p, f, k = table[0, i], table[1, i], table[2, i]
        t, d, sign = table[3, i], table[4, i], table[5, i]
        judged = verdict(p, f, k, t, d, sign)
        if judged == _OK and not step[i] < _STEP_MAX:
            lower, upper = min(f, k), max(f, k)
            beta = time_value(p, f, k, d, sign) / (math.sqrt(lower) * math.sqrt(upper))
            x = math.log(upper / lower)
            out[i] = search(x, beta, math.sqrt(lower / upper)) / math.sqrt(t)
            judged = _OK if out[i] > 0.0 else _NO_CONVERGENCE
        status[i] = judged
        if judged != _OK:
            out[i] = np.nan
