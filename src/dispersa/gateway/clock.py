"""What time is it in the gateway's market?"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")


class Clock(Protocol):
    """Where the venue reads the market time."""

    def now(self) -> datetime:
        """Return the market time, aware, in UTC."""
        ...


class LoopClock:
    """Market time = `start` + the time that passed on an event loop since this clock was made.

    Speed and virtual time live in the loop alone.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, start: datetime) -> None:
        self._loop = loop
        self._start = start.astimezone(UTC)
        self._loop_start = loop.time()

    def now(self) -> datetime:
        """Return the market time, aware, in UTC."""
        return self._start + timedelta(seconds=self._loop.time() - self._loop_start)
