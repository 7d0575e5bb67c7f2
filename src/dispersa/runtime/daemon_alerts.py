"""Who tells people what the journal says? One observer that words each step and hands it on.

What was journaled shortly before a crash is worded again at the next start; an alert's identity
comes from its record, so that nothing is sent twice.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from dispersa.alerts import Alert, AlertPolicy, Delivery, Dispatcher, Outbox
from dispersa.alerts.channels import Channel
from dispersa.alerts.wording import Occasion, alerts_of
from dispersa.desk.codec import decode
from dispersa.desk.evolve import Record
from dispersa.desk.state import DeskState
from dispersa.journal import Entry, Journal
from dispersa.runtime.desk_loop import Seen

AGAIN_WITHIN = timedelta(minutes=10)
"""What was journaled this long before a start is told if it was not."""
ENTRIES_AGAIN = 2_000

Links = Callable[[Record, DeskState], str | None]
"""Where the operator can look at a record, or cancel it."""


class Alarm:
    """Words what the desk does and sends it, over every channel there is."""

    def __init__(
        self,
        outbox: Callable[[], Outbox],
        channels: tuple[Channel, ...],
        now: Callable[[], datetime],
        policy: AlertPolicy,
    ) -> None:
        self._outbox = outbox
        self._channels = channels
        self._now = now
        self._policy = policy
        self._queue: asyncio.Queue[Alert] = asyncio.Queue()
        self._dispatcher: Dispatcher | None = None
        self._ready = asyncio.Event()
        self.links: Links = _no_link

    def saw(self, seen: Seen) -> None:
        """Word one step of the desk; sent by `run`."""
        link = next(
            (
                found
                for record in (seen.event, *seen.commands)
                if (found := self.links(record, seen.state)) is not None
            ),
            None,
        )
        first = Occasion(sequence=seen.sequence, at=seen.at, state=seen.state, link=link)
        for alert in alerts_of((seen.event, *seen.commands), first):
            self._queue.put_nowait(alert)

    def repeat(self, journal: Journal, state: DeskState) -> None:
        """Word what was journaled shortly before this start; known alerts are not sent again."""
        since = self._now() - AGAIN_WITHIN
        after = max(journal.last_sequence - ENTRIES_AGAIN, 0)
        for entry in journal.entries(after=after):
            if entry.at >= since:
                self._repeat(entry, state)

    def _repeat(self, entry: Entry, state: DeskState) -> None:
        first = Occasion(sequence=entry.sequence, at=entry.at, state=state)
        for alert in alerts_of((decode(entry.kind, entry.payload),), first):
            self._queue.put_nowait(alert)

    def tell(self, alert: Alert) -> None:
        """Send an alert that no record stands behind."""
        self._queue.put_nowait(alert)

    async def run(self) -> None:
        """Send what was worded, until cancelled; started again, it goes on with what waits."""
        self._dispatcher = Dispatcher(self._outbox(), self._channels, self._now, self._policy)
        sending = asyncio.create_task(self._dispatcher.run())
        self._ready.set()
        try:
            while not sending.done():
                getting = asyncio.ensure_future(self._queue.get())
                await asyncio.wait({getting, sending}, return_when=asyncio.FIRST_COMPLETED)
                if getting.done():
                    await self._dispatcher.post(getting.result())
                else:
                    getting.cancel()
            sending.result()
        finally:
            self._ready.clear()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def outcome(self, alert_id: str, within: timedelta) -> tuple[Delivery, ...]:
        """Return what became of an alert once somebody took it, nobody will, or time is over."""
        async with asyncio.timeout(within.total_seconds()):
            await self._ready.wait()
            dispatcher = self._known()
            while not await dispatcher.deliveries(alert_id) and self._channels:
                await asyncio.sleep(0.05)
        return await dispatcher.outcome(alert_id, within)

    async def recent(self, count: int) -> tuple[Delivery, ...]:
        """Return the deliveries of the last alerts, the newest first."""
        return await self._known().recent(count) if self._ready.is_set() else ()

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The ways to the operator."""
        return tuple(channel.name for channel in self._channels)

    @property
    def trouble(self) -> str | None:
        """What is wrong with the outbox, None while nothing is."""
        return None if self._dispatcher is None else self._dispatcher.trouble

    def _known(self) -> Dispatcher:
        if self._dispatcher is None:
            raise RuntimeError("the alarm was asked before it ran")
        return self._dispatcher


def _no_link(_record: Record, _state: DeskState) -> None:
    return None
