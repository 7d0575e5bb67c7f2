"""What becomes of a task that crashes? It is started again, later each time, and somebody is told.

The desk itself is not supervised: when its loop fails nobody knows what it would do next, so the
process halts and ends.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from dispersa.desk.phase_events import TaskFailed
from dispersa.runtime.reachable import Work

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 300.0
SOUND_AFTER_SECONDS = 600.0
"""A task that ran this long is taken as sound again: its next failure counts as the first."""


@dataclass(slots=True)
class TaskHealth:
    """How often a task has failed in a row, and why it failed last; empty while it runs."""

    failures: int = 0
    reason: str = ""


class Supervisor:
    """Keeps named tasks running."""

    def __init__(self, tell: Callable[[TaskFailed], None]) -> None:
        self._tell = tell
        self.tasks: dict[str, TaskHealth] = {}

    def keep(self, name: str, start: Work) -> Work:
        """Return work that runs `start` for ever, through its crashes."""
        health = self.tasks.setdefault(name, TaskHealth())

        async def kept() -> None:
            while True:
                await self._once(name, start, health)

        return kept

    async def _once(
        self, name: str, start: Callable[[], Coroutine[Any, Any, None]], health: TaskHealth
    ) -> None:
        events = asyncio.get_running_loop()
        began = events.time()
        try:
            await start()
            reason = "it ended by itself"
        except Exception as error:  # noqa: BLE001 - whatever it was, the others go on
            reason = f"{type(error).__name__}: {error}"
        if events.time() - began > SOUND_AFTER_SECONDS:
            health.failures = 0
        health.failures += 1
        health.reason = reason[:500]
        pause = pause_seconds(health.failures)
        self._tell(
            TaskFailed(
                task=name, reason=health.reason, failures=health.failures, restart_seconds=pause
            )
        )
        await asyncio.sleep(pause)
        health.reason = ""


def pause_seconds(failures: int) -> float:
    """Return the wait before a task is started again: 1 s, doubled each time, at most 5 minutes.

    >>> [pause_seconds(count) for count in (1, 2, 3, 20)]
    [1.0, 2.0, 4.0, 300.0]
    """
    return min(FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 20), LONGEST_PAUSE_SECONDS)
