"""What time is it? A clock that follows the event loop, and the wall clock itself."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from dispersa.errors import InvalidInput

NANOSECONDS = 1_000_000_000


class LoopClock:
    """Time = `start` + what has passed on the loop since this clock was made.

    The one clock of scaled and virtual sessions: it runs as fast as the loop's timers do.
    """

    def __init__(self, start: datetime, loop: asyncio.AbstractEventLoop) -> None:
        if start.tzinfo is None:
            raise InvalidInput(f"the start time {start} has no zone; add one, for example -05:00")
        self._start = start.astimezone(UTC)
        self._loop = loop
        self._loop_start = loop.time()

    def now(self) -> datetime:
        """Return the time now, aware, in UTC."""
        return self._start + timedelta(seconds=self._loop.time() - self._loop_start)

    def monotonic_ns(self) -> int:
        """Return nanoseconds that have passed on the loop since this clock was made."""
        return round((self._loop.time() - self._loop_start) * NANOSECONDS)


class WallClock:
    """The machine's own time, for a live session."""

    def now(self) -> datetime:
        """Return the time now, aware, in UTC; follows the machine's clock when that is stepped."""
        return datetime.now(UTC)

    def monotonic_ns(self) -> int:
        """Return nanoseconds since some fixed instant; never stepped."""
        return time.monotonic_ns()
