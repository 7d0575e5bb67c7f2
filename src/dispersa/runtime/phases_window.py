"""Who watches Walk's window? A task that looks at both clocks each second and tells the desk.

It tells when the alert was handed over, or that it can not be; that the page does not answer; and
nothing at all when it stands still itself, which the desk's two clocks find out.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from dispersa.alerts import DeliveryState
from dispersa.alerts.wording import Occasion
from dispersa.desk.phase_commands import AnnounceStart
from dispersa.desk.state import DeskState, Stage
from dispersa.desk.window import (
    AlertHandedOver,
    AlertLost,
    Instant,
    Looked,
    PageLost,
    WindowPolicy,
    remaining,
)
from dispersa.runtime.daemon_alerts import Alarm
from dispersa.runtime.desk_loop import DeskLoop, Seen

LOOK_SECONDS = 1.0


class BothClocks(Protocol):
    """Wall time, which may be moved, and monotonic time, which can not."""

    def now(self) -> datetime:
        """Return the time now, aware, in UTC."""
        ...

    def monotonic_ns(self) -> int:
        """Return nanoseconds since some fixed instant; never stepped."""
        ...


PageProbe = Callable[[], Awaitable[str | None]]
"""Says why the page does not answer, None where it does."""


class WindowWatch:
    """Watches each window that the desk announces."""

    def __init__(self, loop: DeskLoop, clock: BothClocks, alarm: Alarm, page: PageProbe) -> None:
        self._loop = loop
        self._clock = clock
        self._alarm = alarm
        self._page = page

    def saw(self, seen: Seen) -> None:
        """Begin to watch when a window was announced."""
        for place, command in enumerate(seen.commands, start=1):
            if isinstance(command, AnnounceStart):
                occasion = Occasion(sequence=seen.sequence + place, at=seen.at, state=seen.state)
                self._loop.spawn(self._watch(command, occasion.alert_id))

    def remaining_seconds(self, state: DeskState) -> float | None:
        """Return how long a cancel is still in time, None without an open window."""
        window = state.phasing.window
        if state.stage is not Stage.WINDOW or window is None:
            return None
        left = remaining(window, self.instant(), state.phasing.window_policy)
        return None if left is None else left.total_seconds()

    def instant(self) -> Instant:
        """Read both clocks at once."""
        return Instant(wall=self._clock.now(), monotonic_ns=self._clock.monotonic_ns())

    async def _watch(self, announced: AnnounceStart, alert_id: str) -> None:
        """Look each second; the first look begins the window, before anything is waited for."""
        self._loop.post(Looked(at=self.instant()))
        beside = [
            self._loop.spawn(self._tell(alert_id, announced.policy)),
            self._loop.spawn(self._watch_page(announced.plan_hash)),
        ]
        try:
            while self._is_open(announced.plan_hash):
                self._loop.post(Looked(at=self.instant()))
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            for task in beside:
                task.cancel()

    async def _watch_page(self, plan_hash: str) -> None:
        """Tell the desk when the page does not answer: nobody could cancel there."""
        while self._is_open(plan_hash):
            if (lost := await self._page()) is not None:
                self._loop.post(PageLost(at=self.instant(), reason=lost))
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def _tell(self, alert_id: str, policy: WindowPolicy) -> None:
        """Tell the desk whether, and over what, the operator was told."""
        try:
            deliveries = await self._alarm.outcome(alert_id, policy.handover_within)
        except TimeoutError:
            deliveries = ()
        taken = [row for row in deliveries if row.state is DeliveryState.HANDED_OVER]
        if taken:
            self._loop.post(AlertHandedOver(at=self.instant(), channel=taken[0].channel))
            return
        answers = "; ".join(f"{row.channel}: {row.answer}" for row in deliveries)
        reason = answers or "no channel is configured, see [alerts]"
        self._loop.post(AlertLost(at=self.instant(), reason=reason))

    def _is_open(self, plan_hash: str) -> bool:
        state = self._loop.state
        plan = state.plan
        return state.stage is Stage.WINDOW and plan is not None and plan.plan_hash == plan_hash
