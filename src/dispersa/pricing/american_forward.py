"""American forward: which forward do American quotes imply, once early exercise is taken out?

Put-call parity holds for European options only. Each side's early-exercise premium is computed at
its own implied vol, subtracted from C - P, and the borrow rate adjusted to the new forward, until
it settles.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dispersa.pricing import american, american_implied
from dispersa.pricing.american import Grid
from dispersa.pricing.contracts import Carry
from dispersa.pricing.forwards import ParityForward, parity_forward
from dispersa.pricing.quality import Floats, Status

_GRID = Grid(nodes=100, steps=30)
_ROUNDS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Quotes of one American expiry, one entry per strike."""

    strikes: Floats
    call_bid: Floats
    call_ask: Floats
    put_bid: Floats
    put_ask: Floats
    spot: float
    years: float
    rate: float
    ex_years: tuple[float, ...] = ()
    amounts: tuple[float, ...] = ()


def american_parity_forward(
    chain: Chain, *, moneyness_max: float = 0.08
) -> tuple[ParityForward, float]:
    """Forward and borrow rate of an American expiry.

    The refusals are those of `forwards.parity_forward`, and NO_CONVERGENCE if forward and premium
    do not settle within a hundredth of the quotes' half-width; the borrow rate is then NaN.
    """
    near = np.abs(np.log(np.asarray(chain.strikes) / chain.spot)) <= moneyness_max
    borrow, premium = 0.0, np.zeros(chain.strikes.size)
    discount = math.exp(-chain.rate * chain.years)
    quotes = (chain.strikes, chain.call_bid, chain.call_ask, chain.put_bid, chain.put_ask)
    market = (chain.spot, chain.years, discount)
    last = math.inf
    for _ in range(_ROUNDS):
        found = parity_forward(*quotes, *market, premium=premium, moneyness_max=moneyness_max)
        if found.status is not Status.OK:
            return found, math.nan
        borrow = _borrow(chain, found.forward)
        if abs(found.forward - last) <= 0.01 * found.half_width:
            return found, borrow
        last = found.forward
        premium[near] = _exercise_premium(chain, near, borrow)
    refused = ParityForward(
        forward=math.nan, half_width=math.nan, strikes_used=0, status=Status.NO_CONVERGENCE
    )
    return refused, math.nan


def _borrow(chain: Chain, forward: float) -> float:
    alive = [
        (t, a) for t, a in zip(chain.ex_years, chain.amounts, strict=True) if 0 < t <= chain.years
    ]
    worth = sum(a * math.exp(-chain.rate * t) for t, a in alive)
    return chain.rate - math.log(forward / (chain.spot - worth)) / chain.years


def _exercise_premium(
    chain: Chain, near: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], borrow: float
) -> Floats:
    """Premium of the call less that of the put; NaN where a side has no implied vol."""
    carry = Carry(dividend_yield=borrow, ex_years=chain.ex_years, amounts=chain.amounts)
    strikes = chain.strikes[near]

    def premium(bid: ArrayLike, ask: ArrayLike, is_call: bool) -> Floats:
        mid = 0.5 * (np.asarray(bid)[near] + np.asarray(ask)[near])
        terms = (chain.spot, strikes, chain.years, chain.rate, is_call, carry)
        vol = american_implied.implied_vol(mid, *terms, grid=_GRID).vol
        option = (chain.spot, strikes, vol, chain.years, chain.rate, is_call, carry)
        both = (american.values(*option, is_american=x, grid=_GRID).price for x in (True, False))
        early, late = both
        return np.asarray(early - late)

    call = premium(chain.call_bid, chain.call_ask, is_call=True)
    return np.asarray(call - premium(chain.put_bid, chain.put_ask, is_call=False))
