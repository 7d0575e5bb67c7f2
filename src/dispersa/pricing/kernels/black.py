"""Black: what are a European option and its Greeks worth, column by column?

With ``x = |ln(F/K)|``, ``s = sigma sqrt(T)``, ``a = (x/s - s/2)/sqrt(2)``,
``b = (x/s + s/2)/sqrt(2)`` the out-of-the-money option is worth, undiscounted,

    sqrt(F K) * exp(-(x^2/s^2 + s^2/4)/2)/2 * (erfcx(a) - erfcx(b))

which keeps its relative precision far out of the money (Jäckel 2015, "Let's be rational").
"""

import math
from typing import Any

import numpy as np

from dispersa.pricing.kernels.arithmetic import (
    INV_SQRT_2,
    INV_SQRT_2PI,
    erfcx,
    exp,
    log,
)
from dispersa.pricing.kernels.compiled import inlined, kernel
from dispersa.pricing.quality import Floats, Status, Statuses

TINY = 1e-300
S_MIN = 1e-60
H_MAX = 1e60
YEARS_MIN = 1e-60
BLOCK = 1_040  # not a power of two: rows must not compete for the same cache lines
ROWS_AT_ONCE = 1_024
GREEK_ROWS = 27
INVALID = int(Status.INVALID_INPUT)
F, K, V, T, DF, SPOT, CARRIED = range(0, 7 * BLOCK, BLOCK)
PRICE, DELTA, GAMMA, VEGA, THETA, RHO, VANNA, VOLGA = range(7 * BLOCK, 15 * BLOCK, BLOCK)
H, S, INV_S, INV_T, INV_SPOT, LOG_D = range(15 * BLOCK, 21 * BLOCK, BLOCK)
LOG_GROWTH, ROOT_T, UPPER, NEAR, FAR, E = range(21 * BLOCK, 27 * BLOCK, BLOCK)


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


@inlined
def _prepare(
    f: Floats, k: Floats, v: Floats, t: Floats, d: Floats, spot: Floats, w: Floats
) -> None:
    """First pass of `greeks`: everything but exp and erfcx."""
    for i in range(f.size):
        is_put_side = f[i] >= k[i]  # the out-of-the-money option is the put
        lower = k[i] if is_put_side else f[i]
        upper = f[i] if is_put_side else k[i]
        years = t[i] if t[i] > YEARS_MIN else YEARS_MIN
        root_t = math.sqrt(years)
        s = v[i] * root_t
        s = s if s > S_MIN else S_MIN
        inv_s, inv_spot = 1.0 / s, 1.0 / spot[i]
        h = -log(lower / upper) * inv_s
        w[H + i] = h if h < H_MAX else H_MAX
        w[S + i], w[INV_S + i] = s, inv_s
        w[INV_T + i], w[INV_SPOT + i] = 1.0 / years, inv_spot
        w[LOG_D + i], w[LOG_GROWTH + i] = log(d[i]), log(f[i] * inv_spot)
        w[ROOT_T + i], w[UPPER + i] = root_t, upper


@inlined
def _weigh(w: Floats, count: int) -> None:
    """Second pass: root E / 2, and the same times erfcx of the near end and of the far end.

    root E = upper exp(-(h + s/2)^2/2), for root = upper exp(-h s/2): no square root is needed.
    """
    for i in range(count):
        h, half = w[H + i], 0.5 * w[S + i]
        far = h + half
        e = 0.5 * w[UPPER + i] * exp(-0.5 * far * far)
        w[E + i] = e
        w[NEAR + i] = e * erfcx(abs(h - half) * INV_SQRT_2)
        w[FAR + i] = e * erfcx(far * INV_SQRT_2)


@inlined
def _assemble(  # noqa: PLR0913, PLR0917 -- an option is that many columns
    fs: Floats,
    ks: Floats,
    vs: Floats,
    ts: Floats,
    ds: Floats,
    calls: Statuses,
    spots: Floats,
    carries: Floats,
    w: Floats,
) -> None:
    """Last pass: price, delta and so on into their rows."""
    for i in range(fs.size):
        f, k, v, t, d, spot = fs[i], ks[i], vs[i], ts[i], ds[i], spots[i]
        h, s, inv_s, inv_spot = w[H + i], w[S + i], w[INV_S + i], w[INV_SPOT + i]
        sign, carried, root_t = 2.0 * calls[i] - 1.0, carries[i], w[ROOT_T + i]
        side = 1.0 if f >= k else -1.0  # +1 where the out-of-the-money option is the put
        lower = k if side > 0.0 else f
        near = w[NEAR + i] if h >= 0.5 * s else lower - w[NEAR + i]
        otm = near - w[FAR + i]
        own = w[FAR + i] if side > 0.0 else near  # F times the out-of-the-money side's N(+-d1)
        in_forward = sign * d * (own if sign * side < 0.0 else f - own)
        intrinsic = sign * (f - k)
        value = d * (otm + (intrinsic if intrinsic > 0.0 else 0.0))
        d1 = side * h + 0.5 * s
        d2 = d1 - s
        scale = d * (2.0 * INV_SQRT_2PI) * w[E + i]  # D F n(d1)
        positive = (f > 0.0) & (k > 0.0) & (d > 0.0) & (spot > 0.0) & (v >= 0.0) & (t >= 0.0)
        total = f + k + d + spot + v * v * t
        keep = 1.0 if positive & (total < math.inf) else math.nan
        vega = keep * scale * root_t
        decay = w[LOG_D + i] * value + carried * w[LOG_GROWTH + i] * in_forward
        w[PRICE + i] = keep * value
        w[DELTA + i] = keep * in_forward * inv_spot
        w[GAMMA + i] = keep * scale * inv_s * inv_spot * inv_spot
        w[VEGA + i] = vega
        w[THETA + i] = -keep * w[INV_T + i] * (decay + 0.5 * s * scale)
        w[RHO + i] = keep * t * (carried * in_forward - value)
        w[VANNA + i] = -vega * d2 * inv_s * inv_spot
        w[VOLGA + i] = vega * d1 * d2 * inv_s * root_t


@inlined
def _fill(w: Floats, row: int, column: Floats) -> None:
    """Let a column of one number fill its row of the block."""
    if column.size == 1:
        w[row : row + ROWS_AT_ONCE] = column[0]


@inlined
def _part(column: Any, start: int, filled: Any, row: int, count: int) -> Any:
    """Give a range of a column, or as much of the row that its one number fills."""
    return filled[row : row + count] if column.size == 1 else column[start : start + count]


@kernel
def greeks(  # noqa: PLR0913, PLR0917 -- an option is that many columns
    f: Floats,
    k: Floats,
    v: Floats,
    t: Floats,
    d: Floats,
    is_call: Statuses,
    spot: Floats,
    carried: Floats,
    w: Floats,
    out: Floats,
    flags: Statuses,
) -> None:
    """Price, delta, gamma, vega, theta, rho, vanna, volga into the eight lines of `out`.

    Columns F, K, vol, T, D, is call (1 or 0), the underlying that delta and gamma refer to, and 1
    where the forward is tied to it by F = S exp((r - q) T), 0 where it is the forward itself; each
    as long as `flags`, or one number. `flags` is 0, or INVALID with NaN in every row where the
    inputs are out of the formula's domain. `w` is a working line of GREEK_ROWS rows of BLOCK.

    With E = exp(-(h^2 + t^2)/2) the out-of-the-money side has, for root = sqrt(F K),

        lower N(t - h) = root E erfcx(a) / 2,   upper N(-h - t) = root E erfcx(b) / 2,
        F n(d1) = root E / sqrt(2 pi)

    so one exponential gives all. Rows at fixed distances in one line let the compiler see that
    they do not overlap, and passes short enough overlap in the processor.
    """
    for row, column in ((F, f), (K, k), (V, v), (T, t), (DF, d), (SPOT, spot), (CARRIED, carried)):
        _fill(w, row, column)
    sides = np.full(ROWS_AT_ONCE, is_call[0])
    for start in range(0, flags.size, ROWS_AT_ONCE):
        count = min(ROWS_AT_ONCE, flags.size - start)
        fs, ks = _part(f, start, w, F, count), _part(k, start, w, K, count)
        vs, ts = _part(v, start, w, V, count), _part(t, start, w, T, count)
        ds, spots = _part(d, start, w, DF, count), _part(spot, start, w, SPOT, count)
        carries = _part(carried, start, w, CARRIED, count)
        _prepare(fs, ks, vs, ts, ds, spots, w)
        _weigh(w, count)
        calls = _part(is_call, start, sides, 0, count)
        _assemble(fs, ks, vs, ts, ds, calls, spots, carries, w)
        for row in range(8):
            for i in range(count):
                out[row, start + i] = w[PRICE + row * BLOCK + i]
        for i in range(count):
            flags[start + i] = 0 if w[PRICE + i] == w[PRICE + i] else INVALID
