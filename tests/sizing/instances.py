"""Straddle terms for tests: by hand, and random ones from a seeded generator."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dispersa.market import Symbol
from dispersa.sizing import StraddleTerms

YEARS = 30 / 365
STRADDLE_VEGA = 2 * math.sqrt(YEARS / (2 * math.pi))
"""Vega per point of one at-the-money straddle of 100 shares, per dollar of spot."""


def terms(
    symbol: str,
    weight: float | None,
    *,
    vega: float,
    vol: float = 0.25,
    spot: float = 100.0,
    **changes: float | int | None,
) -> StraddleTerms:
    """One straddle whose other Greeks follow from vega and vol by Black at r = q = 0.

    theta = -vega * vol / (2 T) per year, cash gamma = vega / (vol T), premium = vega * vol: exact
    relations of an at-the-money-forward straddle, premium to first order (quant.md 2.2).
    """
    vega_per_one = 100 * vega
    base = StraddleTerms(
        symbol=Symbol(symbol),
        weight=weight,
        spot=spot,
        strike=spot,
        forward=spot,
        discount=1.0,
        years=YEARS,
        implied_vol=vol,
        vega_usd_per_point=vega,
        theta_usd_per_day=-vega_per_one * vol / (2 * YEARS) / 365,
        cash_gamma_usd=vega_per_one / (vol * YEARS),
        delta_usd=0.04 * spot * 100,
        premium_usd=vega_per_one * vol,
        half_spread_usd=0.02 * vega_per_one * vol,
        short_margin_usd=100 * spot * 0.2 + vega_per_one * vol,
    )
    return replace(base, **changes)


def index_of(vega: float, vol: float = 0.18) -> StraddleTerms:
    """Index straddle with the given vega, and the spot that an at-the-money one has."""
    return terms("INDEX", None, vega=vega, vol=vol, spot=vega / STRADDLE_VEGA)


def components(
    weights: Sequence[float], vegas: Sequence[float], vols: Sequence[float] | None = None
) -> list[StraddleTerms]:
    """Components C1, C2, ... with the given weights, vegas and vols."""
    vols = vols or [0.25] * len(weights)
    return [
        terms(f"C{at}", weight, vega=vega, vol=vol)
        for at, (weight, vega, vol) in enumerate(zip(weights, vegas, vols, strict=True), start=1)
    ]


def market(seed: int, names: int, *, vol_spread: float = 0.3) -> list[StraddleTerms]:
    """Random names shaped like an index: exponential weights, log-normal prices and vols."""
    rng = np.random.default_rng(seed)
    weights = rng.exponential(1.0, names) + 0.15
    spots = np.exp(rng.normal(5.2, 0.7, names))
    vols = 0.3 * np.exp(rng.normal(0.0, vol_spread, names))
    return [
        terms(
            f"N{at:03d}",
            float(weight / weights.sum()),
            vega=float(STRADDLE_VEGA * spot),
            vol=float(vol),
            spot=float(spot),
        )
        for at, (weight, spot, vol) in enumerate(zip(weights, spots, vols, strict=True))
    ]
