"""Is a step of the clock told once, and a clock that runs true never?"""

import asyncio
from datetime import UTC, datetime, timedelta

from dispersa.desk.controls import ClockStepped
from dispersa.runtime.clock import LoopClock
from dispersa.runtime.clock_watch import watch_clock
from dispersa.runtime.loop import Virtual, run


class Machine:
    """A machine's clock, which somebody may move."""

    def __init__(self, clock: LoopClock) -> None:
        self._clock = clock
        self.moved = timedelta(0)

    def now(self) -> datetime:
        return self._clock.now() + self.moved


def test_each_step_is_told_once_and_slow_drift_never() -> None:
    told: list[float] = []

    async def watched() -> None:
        clock = Machine(LoopClock(datetime(2026, 1, 1, tzinfo=UTC), asyncio.get_running_loop()))

        def tell(event: ClockStepped) -> None:
            told.append(event.seconds)

        watching = asyncio.create_task(watch_clock(clock, tell))
        await asyncio.sleep(60)
        for step in (5.0, -3600.0):
            clock.moved += timedelta(seconds=step)
            await asyncio.sleep(60)
        for _ in range(600):  # a drift of 100 ms a second adds up to a minute
            clock.moved += timedelta(milliseconds=100)
            await asyncio.sleep(1)
        watching.cancel()
        await asyncio.wait({watching})

    run(watched, Virtual())
    assert [round(step) for step in told] == [5, -3600]
