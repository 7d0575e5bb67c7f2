"""Whose message goes next? One budget over both links, cancels and orders before data."""

import asyncio
import heapq
from collections import deque
from enum import IntEnum

WINDOW_SECONDS = 1.0


class Urgency(IntEnum):
    """Order in which waiting messages leave; a lower one overtakes every higher one."""

    CANCEL = 0
    ORDER = 1
    DATA = 2


class Pacer:
    """At most `per_second` messages in any second of loop time, over all links together.

    Data may use only `per_second - reserved` of them, so that an order or a cancel finds a free
    slot at once even while a chain loads.
    """

    def __init__(self, *, per_second: int, reserved: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = {
            Urgency.CANCEL: per_second,
            Urgency.ORDER: per_second,
            Urgency.DATA: per_second - reserved,
        }
        self._sent_at: deque[float] = deque()
        self._waiting: list[tuple[Urgency, int, asyncio.Future[None]]] = []
        self._arrivals = 0
        self._timer: asyncio.TimerHandle | None = None

    async def turn(self, urgency: Urgency) -> None:
        """Wait until one message may leave; a cancelled wait gives its place back."""
        place: asyncio.Future[None] = self._loop.create_future()
        self._arrivals += 1
        heapq.heappush(self._waiting, (urgency, self._arrivals, place))
        self._release()
        await place

    @property
    def waiting(self) -> int:
        """How many messages wait for their turn."""
        return sum(not place.done() for _, _, place in self._waiting)

    def close(self) -> None:
        """Cancel every wait."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            heapq.heappop(self._waiting)[2].cancel()

    def _release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._loop.time()
        while self._sent_at and now - self._sent_at[0] >= WINDOW_SECONDS:
            self._sent_at.popleft()
        while self._waiting:
            urgency, _, place = self._waiting[0]
            if place.done():
                heapq.heappop(self._waiting)
                continue
            if len(self._sent_at) >= self._limit[urgency]:
                self._wake_later(urgency)
                return
            heapq.heappop(self._waiting)
            self._sent_at.append(now)
            place.set_result(None)

    def _wake_later(self, urgency: Urgency) -> None:
        blocking = self._sent_at[len(self._sent_at) - self._limit[urgency]]
        self._timer = self._loop.call_at(blocking + WINDOW_SECONDS, self._release)
