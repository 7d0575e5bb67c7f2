"""Quality: may this number be used, and if not, why?

Every output that can fail carries one `Status` per row. A row that is not `OK` holds NaN beside
its status, never a guess; nothing raises because of one bad row.
"""

from enum import IntEnum
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Statuses: TypeAlias = NDArray[np.uint8]


class Status(IntEnum):
    """Why a row has, or has not, a usable number. Kernels write these as 8-bit integers."""

    OK = 0
    BELOW_INTRINSIC = 1
    """The price has no time value, so no volatility explains it."""
    ABOVE_MAXIMUM = 2
    """The price is at or above what the option is worth at infinite volatility."""
    NO_BID = 3
    NO_ASK = 4
    CROSSED = 5
    WIDE = 6
    STALE = 7
    NO_CONVERGENCE = 8
    INVALID_INPUT = 9
    """An input is NaN, infinite or out of its domain (a negative strike, for example)."""
    EXPIRED = 10
    TOO_FEW_QUOTES = 11
    ARBITRAGE = 12
    """The quotes contradict each other beyond their spreads."""
    OUT_OF_RANGE = 13
    """The point asked for lies outside the quoted strikes or expiries; nothing is extrapolated."""

    @property
    def sentence(self) -> str:
        """The reason, for people."""
        return _SENTENCES[self]


_SENTENCES = {
    Status.OK: "usable",
    Status.BELOW_INTRINSIC: "the price is not above intrinsic value; wait for a better quote",
    Status.ABOVE_MAXIMUM: "the price is above any volatility's; check the contract and the forward",
    Status.NO_BID: "there is no bid; wait for a two-sided quote",
    Status.NO_ASK: "there is no ask; wait for a two-sided quote",
    Status.CROSSED: "the bid is above the ask; wait for a sound quote",
    Status.WIDE: "the spread is wider than allowed; wait, or widen the limit",
    Status.STALE: "the quote is older than allowed; check the feed",
    Status.NO_CONVERGENCE: "the solver did not converge; report this row as a bug",
    Status.INVALID_INPUT: "an input is missing or out of its domain; check the feed",
    Status.EXPIRED: "there is no time to expiry left; use intrinsic value",
    Status.TOO_FEW_QUOTES: "too few usable quotes; widen the strike window or wait",
    Status.ARBITRAGE: "the quotes contradict each other beyond their spreads; check the feed",
    Status.OUT_OF_RANGE: "the point lies outside the quotes; ask for more strikes or expiries",
}


class JudgedVol(NamedTuple):
    """Annualised vols and one `Status` per row, of one shape; NaN where the status is not OK."""

    vol: Floats
    status: Statuses


def of_quotes(
    bid: ArrayLike,
    ask: ArrayLike,
    *,
    age_seconds: ArrayLike = 0.0,
    spread_max: float = np.inf,
    age_seconds_max: float = np.inf,
) -> Statuses:
    """Judge two-sided quotes; `spread_max` is a fraction of mid. The first reason found wins.

    Order: invalid, no bid, no ask, crossed, stale, wide. A bid of zero is no bid.
    """
    b, a, age = np.broadcast_arrays(
        np.asarray(bid, float), np.asarray(ask, float), np.asarray(age_seconds, float)
    )
    with np.errstate(invalid="ignore"):
        wide = (a - b) > spread_max * 0.5 * (a + b)
        reasons = [
            (np.isinf(b) | np.isinf(a) | ~(age >= 0), Status.INVALID_INPUT),
            (~(b > 0), Status.NO_BID),
            (~(a > 0), Status.NO_ASK),
            (b > a, Status.CROSSED),
            (age > age_seconds_max, Status.STALE),
            (wide, Status.WIDE),
        ]
    conditions = [condition for condition, _ in reasons]
    return np.select(conditions, [int(s) for _, s in reasons], int(Status.OK)).astype(np.uint8)


def usable(*arrays: Floats) -> Flags:
    """True where every array holds a finite number."""
    return np.asarray(np.logical_and.reduce([np.isfinite(a) for a in arrays]))
