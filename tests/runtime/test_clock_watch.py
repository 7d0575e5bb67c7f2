"""Is a step of the clock told once, and a clock that runs true never?"""

import asyncio
import time
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


def test_a_machine_that_stands_still_while_the_clock_is_read_has_moved_no_clock() -> None:
    told: list[ClockStepped] = []

    async def watched() -> None:
        loop = asyncio.get_running_loop()
        true = LoopClock(datetime(2026, 1, 1, tzinfo=UTC), loop)

        class Halting:
            """Each third reading takes 50 ms of a machine, which are 1 s at speed 20."""

            readings = 0

            def now(self) -> datetime:
                Halting.readings += 1
                found = true.now()
                if Halting.readings % 3 == 0:
                    time.sleep(0.05)
                return found

        watching = asyncio.create_task(watch_clock(Halting(), told.append))
        while Halting.readings < 9:
            await asyncio.sleep(1)
        watching.cancel()
        await asyncio.wait({watching})

    run(watched, 20.0)
    assert told == []
