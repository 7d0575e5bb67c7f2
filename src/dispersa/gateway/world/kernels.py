"""What is an option worth in the gateway's world, and how does it move?

The gateway's own Black-76 kernels on numpy arrays, written apart from `dispersa.pricing` so that
client and server cannot share a mistake. What early exercise adds is in
`world.american`.

Symbols: `F` forward, `K` strike, `T` years ACT/365, `s` volatility (fraction), `D` discount
factor, `cp` +1 call and -1 put.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]

_ROOT_TWO_PI = float(np.sqrt(2.0 * np.pi))
_TOTAL_VOL_MIN = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionValues:
    """Values per share: vega per 1.00 of volatility, theta per year; shapes as the inputs."""

    price: Floats
    delta: Floats
    gamma: Floats
    vega: Floats
    theta: Floats


def black_price(
    forward: Floats, strike: Floats, total_vol: Floats, discount: Floats, sign: Floats
) -> Floats:
    """Return `D cp (F N(cp d1) - K N(cp d2))`, with `total_vol = s sqrt(T)`."""
    total_vol = np.maximum(total_vol, _TOTAL_VOL_MIN)
    d1 = np.log(forward / strike) / total_vol + 0.5 * total_vol
    value: Floats = (
        discount * sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * (d1 - total_vol)))
    )
    return np.maximum(value, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a batch of European options is written on; arrays of one shape.

    `rate` and `dividend_yield` are continuous, `dividends` is the present value of the cash
    dividends before expiry (escrowed: they leave the spot at once).
    """

    spot: Floats
    strike: Floats
    years: Floats
    rate: float
    dividend_yield: Floats
    sign: Floats
    dividends: Floats = field(default_factory=lambda: np.zeros(1))

    @property
    def net_spot(self) -> Floats:
        """Return the spot less the present value of its dividends."""
        return self.spot - self.dividends

    @property
    def forward(self) -> Floats:
        """Return `(S - PV(D)) exp((r - q) T)`."""
        return self.net_spot * np.exp((self.rate - self.dividend_yield) * self.years)


def price(terms: Terms, vol: Floats) -> Floats:
    """Return Black prices per share."""
    years = np.maximum(terms.years, 1e-12)
    discount = np.exp(-terms.rate * years)
    return black_price(terms.forward, terms.strike, vol * np.sqrt(years), discount, terms.sign)


def values(terms: Terms, vol: Floats) -> OptionValues:
    """Return Black prices and their derivatives; `S` is the spot less its cash dividends.

    `delta = cp e^{-qT} N(cp d1)`, `gamma = e^{-qT} n(d1) / (S s sqrt T)`,
    `vega = S e^{-qT} n(d1) sqrt T`,
    `theta = -S e^{-qT} n(d1) s / (2 sqrt T) - cp r K D N(cp d2) + cp q S e^{-qT} N(cp d1)`.
    """
    years = np.maximum(terms.years, 1e-12)
    root = np.sqrt(years)
    total_vol = np.maximum(vol * root, _TOTAL_VOL_MIN)
    carry = np.exp(-terms.dividend_yield * years)
    discount = np.exp(-terms.rate * years)
    d1 = np.log(terms.forward / terms.strike) / total_vol + 0.5 * total_vol
    in_d1, in_d2 = ndtr(terms.sign * d1), ndtr(terms.sign * (d1 - total_vol))
    density = np.exp(-0.5 * d1 * d1) / _ROOT_TWO_PI
    stock, cash = terms.net_spot * carry * in_d1, terms.strike * discount * in_d2
    decay = -terms.net_spot * carry * density * vol / (2.0 * root)
    theta = decay - terms.sign * (terms.rate * cash - terms.dividend_yield * stock)
    return OptionValues(
        price=np.maximum(terms.sign * (stock - cash), 0.0),
        delta=terms.sign * carry * in_d1,
        gamma=carry * density / (terms.net_spot * total_vol),
        vega=terms.net_spot * carry * density * root,
        theta=theta,
    )


def implied_vol(terms: Terms, target: Floats) -> Floats:
    """Return the volatilities at which Black prices equal `target`, nan where none does.

    Safeguarded Newton steps on an array, bracketed by [1e-4, 10].
    """
    low, high = np.full_like(target, 1e-4), np.full_like(target, 10.0)
    vol = np.full_like(target, 0.3)
    reachable = (target > price(terms, low)) & (target < price(terms, high))
    for _ in range(60):
        found = values(terms, vol)
        miss = found.price - target
        open_rows = reachable & (np.abs(miss) >= 1e-10)
        if not bool(np.any(open_rows)):
            break
        low, high = np.where(miss < 0, vol, low), np.where(miss >= 0, vol, high)
        step = vol - miss / np.maximum(found.vega, 1e-12)
        inside = (step > low) & (step < high)
        vol = np.where(open_rows, np.where(inside, step, 0.5 * (low + high)), vol)
    return np.where(reachable, vol, np.nan)


def smile_variance(
    log_moneyness: Floats, atm_variance: Floats, slope: Floats, curve: Floats
) -> Floats:
    """Return total implied variance of an SSVI slice, free of butterfly arbitrage.

    `w(k) = t/2 (1 + p f k + sqrt((f k + p)^2 + 1 - p^2))` with `f = e / sqrt(t (1 + t))`, where
    `t` is the at-the-forward total variance, `p` (slope) the spot-vol correlation and `e` (curve)
    the vol of vol; no static arbitrage while `e (1 + |p|) <= 2` and `t` rises with time
    (Gatheral and Jacquier 2014, Arbitrage-free SVI volatility surfaces, section 4).
    """
    scale = curve / np.sqrt(atm_variance * (1.0 + atm_variance))
    x = scale * log_moneyness
    root = np.sqrt((x + slope) ** 2 + 1.0 - slope * slope)
    return 0.5 * atm_variance * (1.0 + slope * x + root)
