"""American implied volatility: which volatility explains an American option's price?

A safeguarded secant on the finite-difference price: start from the European vol of the same price,
take the European vega as the first slope, bisect when a step leaves the bracket.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dispersa.pricing import american, black, implied
from dispersa.pricing import contracts as make
from dispersa.pricing.american import DEFAULT_GRID, Grid
from dispersa.pricing.contracts import NO_CARRY, Carry, Contracts
from dispersa.pricing.quality import Flags, Floats, Integers, JudgedVol, Status
from dispersa.pricing.shape import restore

VOL_MIN, VOL_MAX = 0.01, 5.0
_ROUNDS_MAX = 40
_VOL_TOLERANCE = 1e-5
"""A last step smaller than this is taken without a check: its error is of second order."""
_PRICE_TOLERANCE = 1e-11
"""Relative to the spot: closer than this the grid itself is not smooth."""
_COARSE = Grid(nodes=60, steps=16)
_COARSE_TOLERANCE = 1e-3


def implied_vol(  # noqa: PLR0913 -- an option is six numbers
    price: ArrayLike,
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    rate: ArrayLike,
    is_call: ArrayLike,
    carry: Carry = NO_CARRY,
    *,
    grid: Grid = DEFAULT_GRID,
) -> JudgedVol:
    """Invert `american.price` between vols of 1 % and 500 %; inputs broadcast.

    BELOW_INTRINSIC: no more than exercise pays now, or than the option is worth at the smallest
    vol; ABOVE_MAXIMUM: the price at 500 % or more. An option that should be exercised has no
    implied vol.
    """
    quoted = np.asarray(price, dtype=np.float64)
    shape = np.broadcast_shapes(quoted.shape, np.shape(spot), np.shape(strike), np.shape(years))
    quoted = np.broadcast_to(quoted, shape)
    guess = np.full(shape, 0.3)
    c = make.contracts(spot, strike, guess, years, rate, is_call, carry)
    target = np.broadcast_to(quoted, c.shape).ravel()
    status = _prior_status(c, target)
    vol = np.full(target.size, np.nan)
    open_rows = status == Status.OK
    if open_rows.any():
        search = _Search.begin(c.chosen(open_rows), target[open_rows])
        search.run(_COARSE, _COARSE_TOLERANCE)  # cheap, and close enough to start from
        search.widen()
        vol[open_rows], status[open_rows] = search.run(grid, _VOL_TOLERANCE)
    return JudgedVol(restore(vol, c.shape), restore(status.astype(np.uint8), c.shape))


def _prior_status(c: Contracts, target: Floats) -> Integers:
    ceiling = np.where(c.table[make.PHI] > 0, c.table[make.STRIKE], c.table[make.SPOT])
    reasons = [
        ~c.ok,
        ~np.isfinite(target),
        (target <= 0) | (target <= c.exercise),
        target >= ceiling,
    ]
    known = (Status.INVALID_INPUT, Status.BELOW_INTRINSIC, Status.ABOVE_MAXIMUM)
    codes = [c.status, *(np.full_like(c.status, code) for code in known)]
    return np.asarray(np.select(reasons, codes, int(Status.OK)), dtype=np.int64)


@dataclass(slots=True, kw_only=True)
class _Search:
    """Brackets and last two points of every row still open."""

    contracts: Contracts
    target: Floats
    low: Floats
    high: Floats
    vol: Floats
    slope: Floats

    @classmethod
    def begin(cls, c: Contracts, target: Floats) -> "_Search":
        t = c.table
        forward, discount = c.forward, np.exp(-t[make.RATE] * t[make.YEARS])
        is_call = t[make.PHI] < 0
        option = (forward, t[make.STRIKE], t[make.YEARS], discount, is_call)
        european = implied.implied_vol(target, *option).vol
        vol = np.clip(np.where(np.isfinite(european), european, 0.3), VOL_MIN, VOL_MAX)
        g = black.greeks(forward, t[make.STRIKE], vol, t[make.YEARS], discount, is_call)
        count = target.size
        return cls(
            contracts=c,
            target=target,
            low=np.full(count, VOL_MIN),
            high=np.full(count, VOL_MAX),
            vol=vol,
            slope=np.maximum(np.nan_to_num(g.vega), 1e-6 * t[make.SPOT]),
        )

    def widen(self) -> None:
        """Forget the brackets; keep the vols and slopes found."""
        self.low[:], self.high[:] = VOL_MIN, VOL_MAX

    def run(self, grid: Grid, tolerance: float) -> tuple[Floats, Integers]:
        """Vols that reproduce the target on this grid, and a status per row."""
        found = np.full(self.target.size, np.nan)
        status = np.full(self.target.size, int(Status.NO_CONVERGENCE), dtype=np.int64)
        rows = np.arange(self.target.size)
        miss = self._miss(rows, grid)
        for _ in range(_ROUNDS_MAX):
            self._narrow(rows, miss)
            near = _PRICE_TOLERANCE * self.contracts.table[make.SPOT, rows]
            done = np.abs(miss) <= np.maximum(tolerance * self.slope[rows], near)
            done |= self.high[rows] - self.low[rows] < 1e-10
            self._last_step(rows[done], miss[done])
            found[rows[done]] = self.vol[rows[done]]
            status[rows[done]] = self._verdict(rows[done])
            rows, miss = rows[~done], miss[~done]
            if rows.size == 0:
                break
            last_vol = self.vol[rows].copy()
            self._step(rows, miss)
            before, miss = miss, self._miss(rows, grid)
            moved = self.vol[rows] - last_vol
            slope = (miss - before) / np.where(moved == 0, np.nan, moved)
            self.slope[rows] = np.where(slope > 0, slope, self.slope[rows])
        return np.where(status == Status.OK, found, np.nan), status

    def _miss(self, rows: Integers, grid: Grid) -> Floats:
        """Model price less target."""
        chosen = np.zeros(self.target.size, dtype=np.bool_)
        chosen[rows] = True
        at_vol = self.contracts.replaced(vol=self.vol).chosen(chosen)
        return np.asarray(american.solve(at_vol, grid)[0] - self.target[rows])

    def _narrow(self, rows: Integers, miss: Floats) -> None:
        self.high[rows] = np.where(miss >= 0, self.vol[rows], self.high[rows])
        self.low[rows] = np.where(miss <= 0, self.vol[rows], self.low[rows])

    def _step(self, rows: Integers, miss: Floats) -> None:
        low, high = self.low[rows], self.high[rows]
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            proposed = self.vol[rows] - miss / self.slope[rows]
        inside = (proposed > low) & (proposed < high)
        self.vol[rows] = np.where(inside, proposed, 0.5 * (low + high))

    def _last_step(self, rows: Integers, miss: Floats) -> None:
        vol = self.vol[rows] - miss / self.slope[rows]
        self.vol[rows] = np.clip(vol, self.low[rows], self.high[rows])

    def _verdict(self, rows: Integers) -> Integers:
        """A search that ran into an end of its range has no answer inside."""
        edge = 1e-9
        at_bottom: Flags = self.vol[rows] <= VOL_MIN + edge
        at_top: Flags = self.vol[rows] >= VOL_MAX - edge
        codes = [int(Status.BELOW_INTRINSIC), int(Status.ABOVE_MAXIMUM)]
        return np.asarray(np.select([at_bottom, at_top], codes, int(Status.OK)), dtype=np.int64)
