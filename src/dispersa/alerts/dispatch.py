"""How do alerts reach their channels? Kept first, folded, then sent until somebody took them over.

Nothing here waits for the desk and the desk never waits for it: `post` returns once the alert is
durable, a task a channel does the rest. A channel that fails holds up no other.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from dispersa.alerts.alert import Alert, Severity
from dispersa.alerts.channels import Channel
from dispersa.alerts.delivery import (
    FIRST_RETRY,
    Delivery,
    DeliveryState,
    Refused,
    TryLater,
    retry_after,
)
from dispersa.alerts.folding import is_repeat, summary
from dispersa.alerts.outbox import Outbox, is_expired, next_free

_T = TypeVar("_T")
_IDLE = timedelta(minutes=1)
"""A channel with nothing to do looks again after this long, should a wake-up be lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPolicy:
    """Repeats of a topic are counted for `fold_within` after it was sent, then summed up.

    `first_retry` is the wait after the first failed attempt; it doubles from there.
    """

    fold_within: timedelta = timedelta(minutes=10)
    first_retry: timedelta = FIRST_RETRY


class Dispatcher:
    """Sends alerts over every channel, with retries, folding and rate limits.

    Parameters
    ----------
    outbox
        Where alerts are kept until they are handed over. If its disk fails, what waits goes on
        from memory and `trouble` says so.
    channels
        Ways to the operator; their names are unique.
    now
        The time now, aware.
    policy
        How repeats are folded.
    """

    def __init__(
        self,
        outbox: Outbox,
        channels: Sequence[Channel],
        now: Callable[[], datetime],
        policy: AlertPolicy | None = None,
    ) -> None:
        self.trouble: str | None = None
        self._outbox = outbox
        self._channels = tuple(channels)
        self._now = now
        self._policy = policy or AlertPolicy()
        # One thread for the file: SQLite's own rule, and the event loop never waits for a disk.
        self._disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="alert-outbox")
        self._senders = ThreadPoolExecutor(
            max_workers=max(1, len(self._channels)), thread_name_prefix="alert-sender"
        )
        self._wake = {channel.name: asyncio.Event() for channel in self._channels}
        self._repeated = asyncio.Event()
        self._ended = asyncio.Condition()

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Names of the channels, in the order of the configuration."""
        return tuple(channel.name for channel in self._channels)

    async def post(self, alert: Alert) -> None:
        """Keep an alert; it is durable when this returns, and sent by `run`."""
        if await self._on_disk(lambda: self._file(alert)):
            self._repeated.set()
        self._wake_all()

    async def outcome(self, alert_id: str, within: timedelta) -> tuple[Delivery, ...]:
        """Return the deliveries of an alert once one is handed over, all ended, or time is over.

        The answer to "was the operator told?": no channels at all give an empty tuple at once.
        """
        try:
            async with asyncio.timeout(within.total_seconds()):
                while not _decided(await self.deliveries(alert_id)):
                    async with self._ended:
                        await self._ended.wait()
        except TimeoutError:
            pass
        return await self.deliveries(alert_id)

    async def settled(self, alert_id: str, within: timedelta) -> tuple[Delivery, ...]:
        """Return the deliveries of an alert once each was tried, or the time is over."""
        try:
            async with asyncio.timeout(within.total_seconds()):
                while any(not one.attempts for one in await self.deliveries(alert_id)):
                    async with self._ended:
                        await self._ended.wait()
        except TimeoutError:
            pass
        return await self.deliveries(alert_id)

    async def deliveries(self, alert_id: str) -> tuple[Delivery, ...]:
        """Return what became of one alert on each channel so far."""
        return await self._on_disk(lambda: self._outbox.deliveries(alert_id))

    async def recent(self, count: int) -> tuple[Delivery, ...]:
        """Return the deliveries of the last `count` alerts, the newest first."""
        return await self._on_disk(lambda: self._outbox.recent(count))

    async def run(self) -> None:
        """Send what waits and what comes, until cancelled; then close the outbox."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._sum_up())
                for channel in self._channels:
                    tasks.create_task(self._serve(channel))
        finally:
            await asyncio.shield(self.close())

    async def close(self) -> None:
        """Close the outbox; what waits in its file is sent after the next start."""
        self._disk.submit(self._outbox.close)
        await asyncio.to_thread(self._disk.shutdown)
        self._senders.shutdown(wait=False, cancel_futures=True)

    def _file(self, alert: Alert) -> bool:
        """Keep an alert, to be sent or only counted; True if it is counted."""
        last = self._outbox.last_sent(alert.topic)
        if is_repeat(alert, last, self._policy.fold_within):
            return self._outbox.add_repeat(alert)
        self._outbox.add(alert, self.channel_names)
        return False

    def _wake_all(self) -> None:
        for event in self._wake.values():
            event.set()

    async def _serve(self, channel: Channel) -> None:
        """Send what waits for one channel, one at a time, critical alerts first."""
        wake = self._wake[channel.name]
        paused_until: datetime | None = None
        while True:
            wake.clear()
            waiting = await self._on_disk(lambda: self._outbox.waiting(channel.name))
            delivery, pause = await self._next(channel, waiting, paused_until)
            if delivery is None:
                await _wait(wake, pause)
                continue
            paused_until = await self._attempt(channel, delivery)
            async with self._ended:
                self._ended.notify_all()

    async def _next(
        self, channel: Channel, waiting: Sequence[Delivery], paused_until: datetime | None
    ) -> tuple[Delivery | None, timedelta]:
        """Return what to send now, or how long there is nothing."""
        now = self._now()
        for delivery in waiting:
            if is_expired(delivery, now):
                await self._on_disk(lambda late=delivery: self._outbox.expire(late, now))  # type: ignore[misc]  # mypy can not infer a default argument's type
        taken = await self._on_disk(
            lambda: self._outbox.handed_over_since(channel.name, now - timedelta(hours=1))
        )
        free = next_free(taken, channel.per_hour, now)
        due = [
            (_due(delivery, free, paused_until), place)
            for place, delivery in enumerate(waiting)
            if not is_expired(delivery, now)
        ]
        ready = [place for at, place in due if at <= now]
        if ready:
            return waiting[ready[0]], timedelta(0)
        return None, min((at - now for at, _ in due), default=_IDLE)

    async def _attempt(self, channel: Channel, delivery: Delivery) -> datetime | None:
        """Try once; return until when the channel rests, None if it works."""
        loop = asyncio.get_running_loop()
        try:
            answer = await loop.run_in_executor(self._senders, channel.send, delivery.alert)
        except Refused as error:
            await self._end(delivery, DeliveryState.REFUSED, str(error))
            return None
        except TryLater as error:
            return await self._postpone(delivery, str(error), error.after)
        except Exception as error:  # noqa: BLE001  # a fault in one channel must stop no other
            return await self._postpone(delivery, f"a fault of ours: {error!r}", None)
        await self._end(delivery, DeliveryState.HANDED_OVER, answer)
        return None

    async def _postpone(self, delivery: Delivery, answer: str, asked: timedelta | None) -> datetime:
        wait = retry_after(delivery.attempts + 1, asked, self._policy.first_retry)
        due = self._now() + wait
        await self._on_disk(lambda: self._outbox.postpone(delivery, due, answer))
        return due

    async def _end(self, delivery: Delivery, state: DeliveryState, answer: str) -> None:
        at = self._now()
        await self._on_disk(lambda: self._outbox.end(delivery, state, at, answer))

    async def _sum_up(self) -> None:
        """Send a summary of each topic's repeats when its window is over."""
        while True:
            self._repeated.clear()
            pause = await self._on_disk(self._summaries)
            self._wake_all()
            await _wait(self._repeated, pause)

    def _summaries(self) -> timedelta:
        """Queue the summaries that are due; return how long until the next one is."""
        now, pauses = self._now(), [_IDLE]
        for topic in self._outbox.topics_with_repeats():
            last = self._outbox.last_sent(topic)
            rest = timedelta(0) if last is None else last + self._policy.fold_within - now
            if rest > timedelta(0):
                pauses.append(rest)
                continue
            repeats = self._outbox.repeats(topic)
            self._outbox.add_summary(summary(repeats, now), repeats, self.channel_names)
        return min(pauses)

    async def _on_disk(self, act: Callable[[], _T]) -> _T:
        """Run on the outbox's thread; if the disk fails, go on from memory."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._disk, act)
        except sqlite3.Error as error:
            self.trouble = (
                f"the alert outbox can not be written ({error}); alerts go on from memory"
            )
            await loop.run_in_executor(self._disk, self._move_to_memory)
            return await loop.run_in_executor(self._disk, act)

    def _move_to_memory(self) -> None:
        memory = Outbox(None)
        try:
            for name in self.channel_names:
                for delivery in self._outbox.waiting(name):
                    memory.add(delivery.alert, self.channel_names)
            self._outbox.close()
        except sqlite3.Error:
            self.trouble = f"{self.trouble}; what waited there is sent after the next start"
        self._outbox = memory


def _decided(deliveries: Sequence[Delivery]) -> bool:
    states = {one.state for one in deliveries}
    return DeliveryState.HANDED_OVER in states or DeliveryState.WAITING not in states


def _due(delivery: Delivery, free: datetime, paused_until: datetime | None) -> datetime:
    """A fresh critical alert goes at once; any other waits for the channel and its rate."""
    if delivery.alert.severity is Severity.CRITICAL:
        if not delivery.attempts or paused_until is None:
            return delivery.due
        return max(delivery.due, paused_until)
    limits = [delivery.due, free] if paused_until is None else [delivery.due, free, paused_until]
    return max(limits)


async def _wait(event: asyncio.Event, at_most: timedelta) -> None:
    try:
        async with asyncio.timeout(max(at_most.total_seconds(), 0.001)):
            await event.wait()
    except TimeoutError:
        pass
