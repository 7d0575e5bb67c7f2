"""Threads: how is one large set of rows shared between cores?

Kernels release the GIL, so plain threads suffice; each works on its own range of rows.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_kept = threading.local()
_ROWS_MIN = 2_000
"""Fewer rows than this per thread are not worth handing over."""
BLOCK = 8_192
"""Rows at a time: their columns stay in the cache, and hand-overs between threads are rare."""


def in_blocks(
    work: Callable[[slice], None], rows: int, *, threads: int = 1, block: int = BLOCK
) -> None:
    """Call `work` on slices that cover all rows, in up to `threads` threads."""
    parts = max(1, min(threads, rows // _ROWS_MIN))
    bounds = [rows * i // parts for i in range(parts + 1)]
    ranges = [range(a, b) for a, b in pairwise(bounds)]
    handed_over = [_pool(parts).submit(_each_block, work, part, block) for part in ranges[1:]]
    _each_block(work, ranges[0], block)
    for future in handed_over:
        future.result()


def _each_block(work: Callable[[slice], None], rows: range, block: int) -> None:
    for start in range(rows.start, rows.stop, block):
        work(slice(start, min(start + block, rows.stop)))


def scratch(rows: int, columns: int) -> NDArray[np.float64]:
    """This thread's working table of that shape, kept between calls; its content is arbitrary."""
    line: NDArray[np.float64] | None = getattr(_kept, "line", None)
    if line is None or line.size < rows * columns:
        line = _kept.line = np.empty(rows * columns)
    return line[: rows * columns].reshape(rows, columns)


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="pricing")
