"""Surrogate: what is a set of American options worth under very many scenarios, cheaply?

Per contract one finite-difference solution at each of a few vols gives the price at every spot.
Kept is the early-exercise premium over Black with the dividends' present value taken off the
spot, on a fine spot axis (cubic) times Chebyshev vols (polynomial); looking it up costs some
hundred nanoseconds against some ten thousand for a solution. `error` states how far it is off.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dispersa.errors import InvalidInput
from dispersa.pricing import black
from dispersa.pricing import contracts as make
from dispersa.pricing.american import Grid, profiles, solve
from dispersa.pricing.contracts import NO_CARRY, Carry, Contracts
from dispersa.pricing.quality import Floats

_MOVE_MAX = 0.45
_SPOT_NODES = 121
_VOL_NODES = 11
_GRID = Grid(nodes=220, steps=60, width=7.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surrogate:
    """Prices of a set of American options as functions of spot move and vol, at one moment.

    Valid for spot moves of ±45 % and vols from 0.4 to 2.5 times the vol it was built at.
    """

    contracts: Contracts
    log_moves: Floats
    vols: Floats
    """Chebyshev vols, contracts x vols."""
    premium: Floats
    """Contracts x vols x moves."""

    @classmethod
    def build(
        cls,
        spot: ArrayLike,
        strike: ArrayLike,
        vol: ArrayLike,
        years: ArrayLike,
        rate: ArrayLike,
        is_call: ArrayLike,
        carry: Carry = NO_CARRY,
    ) -> "Surrogate":
        """Solve each contract at seven vols. Raises `InvalidInput` if a contract is not usable."""
        c = make.contracts(spot, strike, vol, years, rate, is_call, carry)
        if not c.ok.all():
            bad = np.flatnonzero(~c.ok).tolist()
            raise InvalidInput(f"contracts {bad} can not be priced; leave them out or mend them")
        log_moves = np.linspace(np.log(1 - _MOVE_MAX), np.log(1 + _MOVE_MAX), _SPOT_NODES)
        angles = np.pi * (np.arange(_VOL_NODES) + 0.5) / _VOL_NODES
        span = np.log(2.5) * np.cos(angles)
        vols = c.table[make.VOL][:, None] * np.exp(span)
        premium = np.empty((vols.shape[0], _VOL_NODES, _SPOT_NODES))
        for k in range(_VOL_NODES):
            at_vol = c.replaced(vol=vols[:, k])
            full = profiles(at_vol, _GRID, np.exp(log_moves))
            premium[:, k] = full - _european(at_vol, log_moves[None, :], vols[:, k, None])
        return cls(contracts=c, log_moves=log_moves, vols=vols, premium=premium)

    def price(self, moves: ArrayLike, vols: ArrayLike) -> Floats:
        """Prices at relative spot moves and vols, each contracts x scenarios (or broadcast).

        NaN outside the range that the surrogate was built for.
        """
        count = self.contracts.table.shape[1]
        x, v = np.broadcast_arrays(np.log1p(np.asarray(moves, float)), np.asarray(vols, float))
        x, v = (np.broadcast_to(a, (count, a.shape[-1] if a.ndim else 1)) for a in (x, v))
        base = self.contracts.table[make.VOL][:, None]
        inside = (x >= self.log_moves[0]) & (x <= self.log_moves[-1])
        with np.errstate(invalid="ignore", divide="ignore"):
            inside &= np.abs(np.log(v / base)) <= np.log(2.5)
        x, v = np.where(inside, x, 0.0), np.where(inside, v, base)
        premium = self._premium(x, np.log(v / base) / np.log(2.5))
        value = np.maximum(_european(self.contracts, x, v) + premium, self._exercise(x))
        return np.where(inside, value, np.nan)

    def error(self, moves: ArrayLike, vols: ArrayLike) -> Floats:
        """Largest distance to the full method per contract over the given points, in price."""
        count = self.contracts.table.shape[1]
        x, v = np.broadcast_arrays(np.asarray(moves, float), np.asarray(vols, float))
        worst = np.zeros(count)
        for move, vol in zip(x.ravel(), v.ravel(), strict=True):
            spot = self.contracts.table[make.SPOT] * (1 + move)
            moved = self.contracts.replaced(spot=spot, vol=np.full(count, vol))
            full = solve(moved, _GRID)[0]
            near = self.price(np.full((count, 1), move), np.full((count, 1), vol))[:, 0]
            worst = np.maximum(worst, np.abs(near - full))
        return worst

    def _exercise(self, x: Floats) -> Floats:
        t = self.contracts.table
        spot = t[make.SPOT][:, None] * np.exp(x)
        return np.asarray(t[make.PHI][:, None] * (t[make.STRIKE][:, None] - spot))

    def _premium(self, x: Floats, u: Floats) -> Floats:
        """Cubic in the log move, Chebyshev polynomial in the log vol."""
        step = self.log_moves[1] - self.log_moves[0]
        position = (x - self.log_moves[0]) / step
        k = np.clip(position.astype(np.int64) - 1, 0, _SPOT_NODES - 4)
        f = position - k
        weights = (
            -(f - 1) * (f - 2) * (f - 3) / 6,
            f * (f - 2) * (f - 3) / 2,
            -f * (f - 1) * (f - 3) / 2,
            f * (f - 1) * (f - 2) / 6,
        )
        row = np.arange(x.shape[0])[:, None]
        basis = _chebyshev_weights(u)
        total = np.zeros_like(x)
        for node in range(_VOL_NODES):
            column = self.premium[:, node]
            at_spot = sum(w * column[row, k + i] for i, w in enumerate(weights))
            total += basis[node] * at_spot
        return total


def _chebyshev_weights(u: Floats) -> Floats:
    """Lagrange weights of the Chebyshev nodes at u in [-1, 1] (first axis: node)."""
    angles = np.pi * (np.arange(_VOL_NODES) + 0.5) / _VOL_NODES
    theta = np.arccos(np.clip(u, -1.0, 1.0))
    orders = np.arange(1, _VOL_NODES)
    terms = np.cos(orders[:, None] * angles)[:, :, None, None] * np.cos(
        orders[:, None, None, None] * theta
    )
    weights: Floats = (1.0 + 2.0 * terms.sum(axis=0)) / _VOL_NODES
    return weights


def _european(c: Contracts, x: Floats, vols: Floats) -> Floats:
    """Black with the dividends' present value taken off the spot; zero premium when S falls below.

    `x` are log moves of the spot.
    """
    t = c.table
    spot = t[make.SPOT][:, None] * np.exp(x) - c.dividends_present_value[:, None]
    growth = np.exp((t[make.RATE] - t[make.YIELD]) * t[make.YEARS])[:, None]
    discount = np.exp(-t[make.RATE] * t[make.YEARS])[:, None]
    forward = np.maximum(spot, 1e-6 * t[make.SPOT][:, None]) * growth
    strike, years = t[make.STRIKE][:, None], t[make.YEARS][:, None]
    return black.price(forward, strike, vols, years, discount, t[make.PHI][:, None] < 0)
