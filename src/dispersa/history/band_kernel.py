"""Which rows of a piece of a chain file stand next to the money? One pass over sorted rows."""

import numpy as np
from numpy.typing import NDArray

from dispersa.pricing.kernels.compiled import kernel

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.uint8]

OUT_OF_ORDER, DOUBLED = -1, -2
"""Instead of a number of strikes: strikes fall within a group, or an option has two rows."""


@kernel
def cut(  # noqa: C901, PLR0913, PLR0917 -- one pass over the columns that it needs
    opens: Flags,
    strike: Floats,
    spot: Floats,
    is_call: Flags,
    is_put: Flags,
    side: int,
    calls: Rows,
    puts: Rows,
) -> tuple[int, int]:
    """Of every group keep `side` strikes up to the spot and `side` above it that have both vols.

    `opens` marks the rows at which a group begins; `is_call` and `is_put` say which usable vols a
    row holds: one in a long file, both where the sides stand side by side. `calls` and `puts` take
    the rows of the strikes that are kept. Returns their number and zero; or OUT_OF_ORDER or
    DOUBLED and the row where it was seen.
    """
    found, first, above, call, put = 0, 0, 0, -1, -1
    for row in range(strike.size):
        if opens[row]:
            first, above = found, 0
        elif strike[row] < strike[row - 1]:
            return OUT_OF_ORDER, row
        if opens[row] or strike[row] != strike[row - 1]:
            call, put = -1, -1
        if (call >= 0 and is_call[row]) or (put >= 0 and is_put[row]):
            return DOUBLED, row
        call = row if is_call[row] else call
        put = row if is_put[row] else put
        if call < 0 or put < 0 or not (strike[row] > 0 and spot[row] > 0):
            continue
        at = found
        if strike[row] > spot[row]:
            if above >= side:
                continue
            above += 1
            found += 1
        elif found - first < side:
            found += 1
        else:
            at = found - 1
            for place in range(first, at):
                calls[place], puts[place] = calls[place + 1], puts[place + 1]
        calls[at], puts[at] = call, put
    return found, 0
