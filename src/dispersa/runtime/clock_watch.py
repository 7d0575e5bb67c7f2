"""Was the clock moved? The wall clock compared with the loop's own, once a second."""

import asyncio
from collections.abc import Callable

from dispersa.desk.controls import ClockStepped
from dispersa.runtime.step_clock import Clock

LOOK_EVERY_SECONDS = 1.0
NOTICED_SECONDS = 0.5
"""A smaller difference within one look is no step; a slow drift never adds up to one."""


async def watch_clock(clock: Clock, tell: Callable[[ClockStepped], None]) -> None:
    """Tell of every step of `clock` against the loop's time, which is never stepped."""
    loop = asyncio.get_running_loop()
    wall, steady = clock.now(), loop.time()
    while True:
        await asyncio.sleep(LOOK_EVERY_SECONDS)
        now, passed = clock.now(), loop.time() - steady
        stepped = (now - wall).total_seconds() - passed
        if abs(stepped) >= NOTICED_SECONDS:
            tell(ClockStepped(seconds=stepped))
        wall, steady = now, loop.time()
