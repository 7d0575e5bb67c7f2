"""Shape: how do numbers and arrays that broadcast become the table of columns that kernels read?"""

from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dispersa.pricing.quality import Floats

Scalar = TypeVar("Scalar", bound=np.generic)


def columns(*inputs: ArrayLike) -> tuple[tuple[int, ...], Floats]:
    """Broadcast the inputs; return their common shape and a table with one input per row.

    The table is always a fresh, contiguous float64 array: kernels are compiled for that alone.
    """
    shape, lines = flat(*inputs)
    return shape, stacked(lines, slice(None))


def flat(*inputs: ArrayLike) -> tuple[tuple[int, ...], list[Floats]]:
    """Broadcast the inputs; return their common shape and each as one line (a view if it can)."""
    arrays = [np.asarray(x, dtype=np.float64) for x in inputs]
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    return shape, [np.broadcast_to(a, shape).reshape(-1) for a in arrays]


def stacked(lines: list[Floats], rows: slice) -> Floats:
    """Copy a range of rows of every line into a table."""
    parts = [line[rows] for line in lines]
    table = np.empty((len(parts), parts[0].size))
    for row, part in zip(table, parts, strict=True):
        row[:] = part
    return table


def restore(column: NDArray[Scalar], shape: tuple[int, ...]) -> NDArray[Scalar]:
    """Give a result column the shape of its inputs."""
    return column.reshape(shape)


def signs(is_call: ArrayLike) -> Floats:
    """+1 for calls, -1 for puts."""
    return np.where(np.asarray(is_call, dtype=np.bool_), 1.0, -1.0)
