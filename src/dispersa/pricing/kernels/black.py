"""Black: what are a European option and its Greeks worth, column by column?

With ``x = |ln(F/K)|``, ``s = sigma sqrt(T)``, ``a = (x/s - s/2)/sqrt(2)``,
``b = (x/s + s/2)/sqrt(2)`` the out-of-the-money option is worth, undiscounted,

    sqrt(F K) * exp(-(x^2/s^2 + s^2/4)/2)/2 * (erfcx(a) - erfcx(b))

which keeps its relative precision far out of the money (Jäckel 2015, "Let's be rational").
"""

import math

import numpy as np

from dispersa.pricing.kernels.arithmetic import (
    INV_SQRT_2,
    INV_SQRT_2PI,
    erfcx,
    exp,
    log,
    normal_cdf,
)
from dispersa.pricing.kernels.compiled import inlined, kernel
from dispersa.pricing.quality import Floats

TINY = 1e-300
D1_MAX = 1e150


@inlined
def otm_scaled(x: float, s: float, w: float) -> float:
    """Out-of-the-money price over sqrt(F K); x = |ln(F/K)|, s = total vol, w = exp(-x/2)."""
    h = x / s
    t = 0.5 * s
    a = (h - t) * INV_SQRT_2
    b = (h + t) * INV_SQRT_2
    scale = 0.5 * exp(-0.5 * (h * h + t * t))
    near = erfcx(abs(a))
    far = erfcx(b)
    return scale * (near - far) if a >= 0.0 else w - scale * (near + far)


@inlined
def is_priceable(f: float, k: float, v: float, t: float, d: float) -> bool:
    """True if the five inputs are in the formula's domain (NaN is not)."""
    positive = (f > 0.0) & (k > 0.0) & (d > 0.0)
    finite = (f < math.inf) & (k < math.inf) & (d < math.inf) & (v * v * t < math.inf)
    return positive & finite & (v >= 0.0) & (t >= 0.0)


@inlined
def black_price(f: float, k: float, v: float, t: float, d: float, sign: float) -> float:
    """Discounted price; `sign` is +1 for a call, -1 for a put."""
    lower = f if f < k else k
    upper = f if f > k else k
    s = v * math.sqrt(t)
    s = s if s > TINY else TINY
    root = math.sqrt(lower) * math.sqrt(upper)
    otm = root * otm_scaled(log(upper / lower), s, math.sqrt(lower / upper))
    intrinsic = sign * (f - k)
    return d * (otm + (intrinsic if intrinsic > 0.0 else 0.0))


@kernel
def prices(table: Floats, out: Floats) -> None:
    """Price the columns F, K, vol, T, D, sign of `table`; NaN where not priceable."""
    f, k, v, t, d, sign = table[0], table[1], table[2], table[3], table[4], table[5]
    for i in range(out.size):
        value = black_price(f[i], k[i], v[i], t[i], d[i], sign[i])
        out[i] = value if is_priceable(f[i], k[i], v[i], t[i], d[i]) else np.nan


@kernel
def greeks(table: Floats, out: Floats) -> None:
    """Price, delta, gamma, vega, theta, rho, vanna, volga into the eight rows of `out`.

    Columns of `table`: F, K, vol, T, D, sign, the underlying that delta and gamma refer to, and 1
    where the forward is tied to it by F = S exp((r - q) T), 0 where it is the forward itself.
    """
    f, k, v, t, d, sign = table[0], table[1], table[2], table[3], table[4], table[5]
    spot, carried = table[6], table[7]
    for i in range(f.size):
        root_t = math.sqrt(t[i])
        s = v[i] * root_t
        s = s if s > TINY else TINY
        d1 = log(f[i] / k[i]) / s + 0.5 * s
        d1 = d1 if abs(d1) < D1_MAX else math.copysign(D1_MAX, d1)
        d2 = d1 - s
        density = INV_SQRT_2PI * exp(-0.5 * d1 * d1)
        value = black_price(f[i], k[i], v[i], t[i], d[i], sign[i])
        per_forward = f[i] / spot[i]
        forward_delta = d[i] * sign[i] * normal_cdf(sign[i] * d1)
        vega = d[i] * f[i] * density * root_t
        years = t[i] if t[i] > TINY else TINY
        rate = -log(d[i]) / years
        growth = carried[i] * log(per_forward) / years
        decay = 0.5 * v[i] * vega / years
        ok = is_priceable(f[i], k[i], v[i], t[i], d[i]) & (spot[i] > 0.0) & (spot[i] < math.inf)
        keep = 1.0 if ok else np.nan
        out[0, i] = keep * value
        out[1, i] = keep * forward_delta * per_forward
        out[2, i] = keep * d[i] * density * per_forward * per_forward / (f[i] * s)
        out[3, i] = keep * vega
        out[4, i] = keep * (rate * value - growth * f[i] * forward_delta - decay)
        out[5, i] = keep * t[i] * (carried[i] * f[i] * forward_delta - value)
        out[6, i] = -keep * d[i] * density * (d2 / s) * root_t * per_forward
        out[7, i] = keep * vega * d1 * d2 * root_t / s
