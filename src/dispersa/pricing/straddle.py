"""Straddle: which single volatility explains a call and a put together, and how do they move?

Call plus put of one strike is worth ``D |F - K|`` more than twice the out-of-the-money one, so the
one vol of the pair is the implied vol of ``(price - D |F - K|) / 2``: no averaging of two vols.
"""

from dataclasses import fields

import numpy as np
from numpy.typing import ArrayLike

from dispersa.pricing import black, implied
from dispersa.pricing.black import Greeks
from dispersa.pricing.quality import Floats, JudgedVol


def price(
    forward: ArrayLike, strike: ArrayLike, vol: ArrayLike, years: ArrayLike, discount: ArrayLike
) -> Floats:
    """Price call plus put per share; NaN where `black.status` is not OK."""
    calls = black.price(forward, strike, vol, years, discount, True)
    return calls + black.price(forward, strike, vol, years, discount, False)


def implied_vol(
    price: ArrayLike, forward: ArrayLike, strike: ArrayLike, years: ArrayLike, discount: ArrayLike
) -> JudgedVol:
    """One vol for the pair from its price; inputs broadcast; statuses as `implied.implied_vol`."""
    pair, f, k, d = (np.asarray(x, dtype=np.float64) for x in (price, forward, strike, discount))
    otm = 0.5 * (pair - d * np.abs(f - k))
    return implied.implied_vol(otm, f, k, years, d, k >= f)


def greeks(
    forward: ArrayLike,
    strike: ArrayLike,
    vol: ArrayLike,
    years: ArrayLike,
    discount: ArrayLike,
    spot: ArrayLike | None = None,
) -> Greeks:
    """Price and Greeks of call plus put; conventions of `black.greeks`."""
    call = black.greeks(forward, strike, vol, years, discount, True, spot)
    put = black.greeks(forward, strike, vol, years, discount, False, spot)
    names = [field.name for field in fields(Greeks) if field.name != "status"]
    sums = {name: getattr(call, name) + getattr(put, name) for name in names}
    return Greeks(**sums, status=np.maximum(call.status, put.status))


def delta_neutral_strike(forward: ArrayLike, vol: ArrayLike, years: ArrayLike) -> Floats:
    """Strike at which the straddle's delta is zero: ``F exp(sigma^2 T / 2)``."""
    f, v, t = (np.asarray(x, dtype=np.float64) for x in (forward, vol, years))
    strike: Floats = np.asarray(f * np.exp(0.5 * v * v * t))
    return strike
