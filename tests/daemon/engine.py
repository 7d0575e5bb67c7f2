"""The daemon as a process with clocks that a test steps: `python -m tests.daemon.engine 20 loop`.

CLOCK is `loop` (time of the scaled loop) or `machine` (the machine's own, scaled: a stopped process
loses time). The file that DISPERSA_TEST_STEP names holds seconds by which the wall clock is off.
"""

import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dispersa.runtime.config import load_config
from dispersa.runtime.daemon_log import StepLog, make_log
from dispersa.runtime.daemon_open import DaemonParts, ScaledClock, run_daemon
from dispersa.runtime.day_report import report_hook
from dispersa.runtime.demo import PATIENT
from dispersa.runtime.live import AlignableClock
from dispersa.runtime.loop import run
from dispersa.web.page import make_page

WAIVER = "daemon test: the signal is not looked at"


class MachineClock:
    """The machine's monotonic clock, scaled; goes on while the process is stopped."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._began = time.monotonic_ns()
        self._offset = timedelta(0)

    def now(self) -> datetime:
        passed = timedelta(microseconds=self.monotonic_ns() / 1000)
        return datetime(2026, 1, 1, tzinfo=UTC) + passed + self._offset

    def monotonic_ns(self) -> int:
        return round((time.monotonic_ns() - self._began) * self._speed)

    def align(self, broker_time: datetime) -> None:
        self._offset += broker_time - self.now()


class SteppedClock:
    """Another clock whose wall time is off by what a file says."""

    def __init__(self, clock: AlignableClock, file: Path) -> None:
        self._clock = clock
        self._file = file

    def now(self) -> datetime:
        return self._clock.now() + timedelta(seconds=float(self._file.read_text() or 0))

    def monotonic_ns(self) -> int:
        return self._clock.monotonic_ns()

    def align(self, broker_time: datetime) -> None:
        self._clock.align(broker_time)


def main(speed: float, kind: str) -> None:
    def clock() -> AlignableClock:
        found: AlignableClock = ScaledClock() if kind == "loop" else MachineClock(speed)
        return SteppedClock(found, Path(os.environ["DISPERSA_TEST_STEP"]))

    settings = load_config(None).settings
    parts = DaemonParts(
        clock=clock,
        make_page=make_page,
        observers=(StepLog(make_log()),),
        edge_waiver=WAIVER,
        deadlines=PATIENT,
        day_hooks=(report_hook(settings, print),),
    )
    run(lambda: run_daemon(settings, parts), speed)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2])
