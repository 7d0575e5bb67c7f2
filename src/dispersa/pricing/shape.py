"""Shape: how do numbers and arrays that broadcast become the table of columns that kernels read?"""

import math
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dispersa.pricing.quality import Floats

Scalar = TypeVar("Scalar", bound=np.generic)


def columns(*inputs: ArrayLike) -> tuple[tuple[int, ...], Floats]:
    """Broadcast the inputs; return their common shape and a table with one input per row.

    The table is always a fresh, contiguous float64 array: kernels are compiled for that alone.
    """
    shape, lines = flat(*inputs)
    return shape, stacked(lines, slice(0, math.prod(shape)))


def flat(*inputs: ArrayLike) -> tuple[tuple[int, ...], list[Floats]]:
    """Broadcast the inputs; return their common shape and each as a line (a number stays one)."""
    arrays = [np.asarray(x, dtype=np.float64) for x in inputs]
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    return shape, [_line(a, shape) for a in arrays]


def packed(*inputs: ArrayLike) -> tuple[tuple[int, ...], list[NDArray[Any]]]:
    """Broadcast the inputs; return their common shape and each as a contiguous line.

    A number stays a line of one. Booleans become bytes, all else float64. A line that may not be
    written is copied, because kernels are compiled for lines that may.
    """
    arrays = [_plain(x) for x in inputs]
    shapes = {a.shape for a in arrays} - {()}
    shape = shapes.pop() if len(shapes) == 1 else np.broadcast_shapes(*(a.shape for a in arrays))
    return shape, [_contiguous(a, shape) for a in arrays]


def _plain(column: ArrayLike) -> NDArray[Any]:
    array = np.asarray(column)
    match array.dtype.char:
        case "d":
            return array
        case "?":
            return array.view(np.uint8)
        case _:
            return array.astype(np.float64)


def _contiguous(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    if array.ndim == 1 and array.flags.carray and array.shape == shape:
        return array  # what nearly every call brings; the rest costs more than a small chain
    if array.ndim and array.shape != shape:
        array = np.broadcast_to(array, shape)
    line = np.ascontiguousarray(array).reshape(-1)
    return line if line.flags.writeable else line.copy()


def _line(array: Floats, shape: tuple[int, ...]) -> Floats:
    if array.ndim == 0:
        return array
    return (array if array.shape == shape else np.broadcast_to(array, shape)).reshape(-1)


def stacked(lines: list[Floats], rows: slice) -> Floats:
    """Copy a range of rows of every line into a fresh table."""
    table = np.empty((len(lines), rows.stop - rows.start))
    fill(table, lines, rows)
    return table


def fill(table: Floats, lines: list[Floats], rows: slice) -> None:
    """Copy a range of rows of every line into a table."""
    for row, line in zip(table, lines, strict=True):
        row[:] = line if line.ndim == 0 else line[rows]


def restore(column: NDArray[Scalar], shape: tuple[int, ...]) -> NDArray[Scalar]:
    """Give a result column the shape of its inputs."""
    return column if column.shape == shape else column.reshape(shape)


def signs(is_call: ArrayLike) -> Floats:
    """+1 for calls, -1 for puts."""
    return np.where(np.asarray(is_call, dtype=np.bool_), 1.0, -1.0)
