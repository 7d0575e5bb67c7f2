"""Which whole counts are best, when there are few enough to look at all of them?"""

from typing import Final

import numpy as np

from dispersa.sizing.policy import Norm
from dispersa.sizing.program import ROUNDING, Floats, NoCounts, Program, Solved

COMBINATIONS_MAX: Final = 20_000
"""Looking at so many takes a few milliseconds, a search among them often ten times as long."""


def is_small(program: Program) -> bool:
    """Whether `enumerated` is the quicker way."""
    combinations = 1
    for low, high in zip(program.lower.tolist(), program.upper.tolist(), strict=True):
        combinations *= high - low + 1
    return bool(combinations <= COMBINATIONS_MAX)


def enumerated(program: Program, norm: Norm) -> Solved | NoCounts:
    """Look at every combination of counts; ties are settled by L1, then by the first names."""
    ends = zip(program.lower, program.upper, strict=True)
    ranges = [np.arange(low, high + 1) for low, high in ends]
    counts = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, len(ranges))
    kept = np.ones(len(counts), dtype=bool)
    for row in program.rows:
        sums, slack = counts @ row.coefficients, ROUNDING * row.unit
        kept &= (sums >= row.low - slack) & (sums <= row.high + slack)
    counts = counts[kept]
    if not len(counts):
        return NoCounts()
    errors = np.abs(counts * program.vega - program.target)
    total = errors.sum(axis=1)
    best = int(np.lexsort((total, _objectives(program, norm, errors)))[0])
    objective = program.objective(counts[best], norm)
    return Solved(counts=counts[best], objective=objective, bound=objective, nodes=0)


def _objectives(program: Program, norm: Norm, errors: Floats) -> Floats:
    match norm:
        case Norm.L1:
            return np.asarray(errors.sum(axis=1))
        case Norm.L2:
            return np.asarray((errors**2).sum(axis=1))
        case Norm.LARGEST:
            return np.asarray((errors / program.target).max(axis=1))
