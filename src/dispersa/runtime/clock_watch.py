"""Was the clock moved? The wall clock compared with the loop's own, once a second."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from dispersa.desk.controls import ClockStepped
from dispersa.runtime.step_clock import Clock

LOOK_EVERY_SECONDS = 1.0
NOTICED_SECONDS = 0.5
"""A smaller difference within one look is no step; a slow drift never adds up to one."""


@dataclass(frozen=True, slots=True)
class _Look:
    """The wall clock, and the loop's time just before and just after it was read.

    A busy machine may stand still between two readings, and scaled time makes much of that: where
    in between the wall clock was read is not known.
    """

    before: float
    wall: datetime
    after: float


async def watch_clock(clock: Clock, tell: Callable[[ClockStepped], None]) -> None:
    """Tell of every step of `clock` against the loop's time, which is never stepped."""
    last = _look(clock)
    while True:
        await asyncio.sleep(LOOK_EVERY_SECONDS)
        look = _look(clock)
        stepped = _step_seconds(last, look)
        if abs(stepped) >= NOTICED_SECONDS:
            tell(ClockStepped(seconds=stepped))
        last = look


def _look(clock: Clock) -> _Look:
    loop = asyncio.get_running_loop()
    return _Look(loop.time(), clock.now(), loop.time())


def _step_seconds(last: _Look, look: _Look) -> float:
    """Return the smallest step that explains both looks; 0 if none is needed."""
    walked = (look.wall - last.wall).total_seconds()
    least, most = look.before - last.after, look.after - last.before
    return walked - min(max(walked, least), most)
