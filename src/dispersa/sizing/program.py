"""What is asked of the integer program, and what may it answer?"""

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dispersa.sizing.policy import Norm

Floats: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]

ROUNDING: Final = 1e-9
"""Relative room for the rounding of floating-point sums; no limit is exceeded by more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One linear limit: ``low <= coefficients . counts <= high``, scaled by `unit` for solving."""

    name: str
    coefficients: Floats
    low: float
    high: float
    unit: float

    def narrowed(self, share: float) -> "Row":
        """The same limit, stricter by `share` of its unit on both sides."""
        return replace(self, low=self.low + share * self.unit, high=self.high - share * self.unit)

    def is_out_of_reach(self, ends: Counts) -> bool:
        """Whether no values between `ends`, lower and upper, keep the limit."""
        reach = self.coefficients * ends
        least, most = float(reach.min(axis=0).sum()), float(reach.max(axis=0).sum())
        slack = ROUNDING * self.unit
        return least > self.high + slack or most < self.low - slack

    def holds(self, counts: Counts) -> bool:
        """Whether `counts` keep the limit."""
        total = float(self.coefficients @ counts)
        slack = ROUNDING * self.unit
        return self.low - slack <= total <= self.high + slack


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Choose whole `counts` between `lower` and `upper` near ``counts * vega = target``."""

    vega: Floats
    target: Floats
    lower: Counts
    upper: Counts
    rows: tuple[Row, ...]

    def nearest(self) -> Counts:
        """Each name's own best count, whatever the rows say."""
        return np.clip(np.rint(self.target / self.vega), self.lower, self.upper).astype(np.int64)

    def error(self, counts: Counts) -> Floats:
        """Absolute miss of each name, dollars per point."""
        return np.abs(counts * self.vega - self.target)

    def objective(self, counts: Counts, norm: Norm) -> float:
        """Distance of `counts` from the targets in `norm`."""
        match norm:
            case Norm.L1:
                return float(self.error(counts).sum())
            case Norm.L2:
                return float((self.error(counts) ** 2).sum())
            case Norm.LARGEST:
                return float((self.error(counts) / self.target).max())

    def is_out_of_reach(self) -> bool:
        """Whether some row can not be kept by any values within the bounds."""
        ends = np.stack([self.lower, self.upper])
        for row in self.rows:
            reach = row.coefficients * ends
            slack = ROUNDING * row.unit
            if (
                reach.min(axis=0).sum() > row.high + slack
                or reach.max(axis=0).sum() < row.low - slack
            ):
                return True
        return bool(np.any(self.lower > self.upper))

    def is_feasible(self, counts: Counts) -> bool:
        """Whether `counts` keep every bound and row."""
        inside = bool(np.all((self.lower <= counts) & (counts <= self.upper)))
        return inside and all(row.holds(counts) for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """When the search may stop."""

    gap: float
    node_limit: int
    wall_seconds_max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """Whole counts with the proven lower `bound` of the objective."""

    counts: Counts
    objective: float
    bound: float
    nodes: int

    @property
    def gap(self) -> float:
        """Proven relative distance from the optimum, ``(objective - bound) / objective``."""
        return max(0.0, (self.objective - self.bound) / self.objective) if self.objective else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NoCounts:
    """Proof that no whole counts keep all bounds and rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unproven:
    """A limit came before an answer; `bound` is the best lower bound proven by then."""

    bound: float
    reason: str


Answer: TypeAlias = Solved | NoCounts | Unproven
