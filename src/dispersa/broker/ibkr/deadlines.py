"""Has the answer come in time?"""

import asyncio
from typing import TypeVar

from dispersa.errors import RequestTimedOut

T = TypeVar("T")

SLICES = 20
"""A deadline passes only after so many turns of the loop.

Silence counts only while we were able to listen: when the loop itself was blocked (a slow step,
a suspended machine, a simulator in the same process at high speed), the blocked time counts as
one slice, and answers that wait in the socket are read before the deadline passes.
"""


async def answered(future: asyncio.Future[T], seconds: float, what: str) -> T:
    """Return the answer, or raise `RequestTimedOut` once `seconds` of loop time are over.

    The future is cancelled when the deadline passes.
    """
    for _ in range(SLICES):
        done, _ = await asyncio.wait({future}, timeout=seconds / SLICES)
        if done:
            return future.result()
    future.cancel()
    raise RequestTimedOut(
        f"no answer to {what} within {seconds:g} s; nothing may be concluded from that. Check "
        "that the gateway is up and answers, then ask again"
    )
