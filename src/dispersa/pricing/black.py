"""Black on the forward: what is a European option worth and how does it move?

    call = D (F N(d1) - K N(d2)),  put = D (K N(-d2) - F N(-d1))
    d1 = ln(F/K)/(sigma sqrt(T)) + sigma sqrt(T)/2,  d2 = d1 - sigma sqrt(T)

F forward, K strike, sigma annualised vol, T years (ACT/365), D = exp(-r T). Prices are in the
currency of the strike, per share. Source: Black (1976).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dispersa.pricing.quality import Floats, Status, Statuses
from dispersa.pricing.shape import columns, fill, flat, packed, restore
from dispersa.pricing.threads import in_blocks, scratch


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeks:
    """Price and sensitivities of one option per row, per share, all of one shape.

    delta, gamma: per 1.00 of the underlying (spot if it was given, else the forward); vega: per
    1.00 of vol; theta: per year, at fixed spot, rate and yield; rho: per 1.00 of rate, at fixed
    spot and yield; vanna: change of delta per 1.00 of vol; volga: change of vega per 1.00 of vol.
    Where `status` is not OK every number is NaN.
    """

    price: Floats
    delta: Floats
    gamma: Floats
    vega: Floats
    theta: Floats
    rho: Floats
    vanna: Floats
    volga: Floats
    status: Statuses


def price(
    forward: ArrayLike,
    strike: ArrayLike,
    vol: ArrayLike,
    years: ArrayLike,
    discount: ArrayLike,
    is_call: ArrayLike,
) -> Floats:
    """Price European options; inputs broadcast.

    NaN marks a row whose inputs are out of the formula's domain; `status` says which those are.

    >>> float(price(100.0, 100.0, 0.2, 30 / 365, 1.0, True).round(6))
    2.287151
    """
    from dispersa.pricing.kernels import black as kernels

    shape, lines = flat(forward, strike, vol, years, discount, is_call)
    out = np.empty(math.prod(shape))

    def work(rows: slice) -> None:
        table = scratch(len(lines), rows.stop - rows.start)
        fill(table, lines, rows)
        table[5] = 2.0 * table[5] - 1.0  # +1 for calls, -1 for puts
        kernels.prices(table, out[rows])

    in_blocks(work, out.size)
    return restore(out, shape)


def status(
    forward: ArrayLike, strike: ArrayLike, vol: ArrayLike, years: ArrayLike, discount: ArrayLike
) -> Statuses:
    """OK where the formula applies, else INVALID_INPUT; zero vol or time is the intrinsic value."""
    shape, (f, k, v, t, d) = columns(forward, strike, vol, years, discount)
    with np.errstate(invalid="ignore", over="ignore"):
        positive = (f > 0) & (k > 0) & (d > 0) & (v >= 0) & (t >= 0)
        finite = np.isfinite(f) & np.isfinite(k) & np.isfinite(d) & np.isfinite(v * v * t)
    flags = np.where(positive & finite, Status.OK, Status.INVALID_INPUT).astype(np.uint8)
    return restore(flags, shape)


def greeks(
    forward: ArrayLike,
    strike: ArrayLike,
    vol: ArrayLike,
    years: ArrayLike,
    discount: ArrayLike,
    is_call: ArrayLike,
    spot: ArrayLike | None = None,
) -> Greeks:
    """Price and Greeks; inputs broadcast.

    With `spot` the forward is tied to it, F = S exp((r - q) T), and delta, gamma, theta, rho and
    vanna are those of an option on the spot. Without, the forward itself is the underlying. The
    rate is the discount factor's own, r = -ln(D)/T.
    """
    from dispersa.pricing.kernels import black as kernels

    underlying = forward if spot is None else spot
    carried = 0.0 if spot is None else 1.0
    sides = np.asarray(is_call, dtype=np.bool_)
    inputs = (forward, strike, vol, years, discount, sides, underlying, carried)
    shape, (f, k, v, t, d, side, at, tied) = packed(*inputs)
    flags = np.empty(math.prod(shape), dtype=np.uint8)
    out = np.empty((8, flags.size))
    block = scratch(kernels.GREEK_ROWS, kernels.BLOCK).reshape(-1)
    kernels.greeks(f, k, v, t, d, side, at, tied, block, out, flags)
    rows = [restore(row, shape) for row in out]
    return Greeks(
        price=rows[0],
        delta=rows[1],
        gamma=rows[2],
        vega=rows[3],
        theta=rows[4],
        rho=rows[5],
        vanna=rows[6],
        volga=rows[7],
        status=restore(flags, shape),
    )
