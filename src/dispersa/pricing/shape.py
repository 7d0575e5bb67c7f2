"""Shape: how do numbers and arrays that broadcast become the table of columns that kernels read?"""

import math
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dispersa.pricing.quality import Floats

Scalar = TypeVar("Scalar", bound=np.generic)


def columns(*inputs: ArrayLike) -> tuple[tuple[int, ...], Floats]:
    """Broadcast the inputs; return their common shape and a table with one input per row.

    The table is always a fresh, contiguous float64 array: kernels are compiled for that alone.
    """
    arrays = [np.asarray(x, dtype=np.float64) for x in inputs]
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    table = np.empty((len(arrays), math.prod(shape)))
    for row, array in zip(table, arrays, strict=True):
        row.reshape(shape)[...] = array
    return shape, table


def restore(column: NDArray[Scalar], shape: tuple[int, ...]) -> NDArray[Scalar]:
    """Give a result column the shape of its inputs."""
    return column.reshape(shape)


def signs(is_call: ArrayLike) -> Floats:
    """+1 for calls, -1 for puts."""
    return np.where(np.asarray(is_call, dtype=np.bool_), 1.0, -1.0)
