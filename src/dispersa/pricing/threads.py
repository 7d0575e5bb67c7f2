"""Threads: how is one large set of rows shared between cores?

Kernels release the GIL, so plain threads suffice; each works on its own range of rows.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

_ROWS_MIN = 2_000
"""Fewer rows than this per thread are not worth handing over."""


def in_ranges(work: Callable[[slice], None], rows: int, threads: int) -> None:
    """Call `work` on slices that cover all rows, in up to `threads` threads."""
    parts = max(1, min(threads, rows // _ROWS_MIN))
    bounds = [rows * i // parts for i in range(parts + 1)]
    slices = [slice(a, b) for a, b in pairwise(bounds)]
    handed_over = [_pool(parts).submit(work, part) for part in slices[1:]]
    work(slices[0])
    for future in handed_over:
        future.result()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="pricing")
