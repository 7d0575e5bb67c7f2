"""How do processes of this machine carry out the points of a sweep?

Each worker is a process with a pipe of its own and holds two jobs, one under way and one waiting,
so that it never waits for us. Its end is seen at the pipe: the job under way is reported lost, the
one behind it goes to another worker, and a new process takes its place. What a worker reported
before its end still lies in the pipe and counts.
"""

import os
import pickle
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Self

from dispersa.backtest.sweep.columns import SharedTask, share
from dispersa.backtest.sweep.task import Finished, Job, Lost, Report, Task, carry_out
from dispersa.errors import DispersaError

JOBS_PER_WORKER = 2
END_SECONDS = 2.0
THREADS = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
"""Each worker is one process on one core; libraries that start threads of their own are told so."""


class WorkerDidNotStart(DispersaError):
    """A worker process ended before it could take a point."""


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    pipe: Connection
    is_ready: bool = False
    jobs: deque[Job] = field(default_factory=deque)


class LocalWorkers:
    """A pool of processes that survives the end of any of them."""

    def __init__(self, task: SharedTask, count: int) -> None:
        self._task = pickle.dumps(task)
        self._waiting: deque[Job] = deque()
        self._workers = [self._start() for _ in range(count)]

    @classmethod
    @contextmanager
    def open(cls, task: Task, folder: Path, count: int) -> Iterator[Self]:
        """Start `count` workers that share the task's columns through a file in `folder`."""
        path = folder / "columns.bin"
        try:
            workers = cls(share(task, path), count)
            try:
                yield workers
            finally:
                workers.close()
        finally:
            path.unlink(missing_ok=True)

    @property
    def capacity(self) -> int:
        """Two for each worker."""
        return JOBS_PER_WORKER * len(self._workers)

    @property
    def are_ready(self) -> bool:
        """Whether every process has loaded the task."""
        return all(worker.is_ready for worker in self._workers)

    def give(self, job: Job) -> None:
        """Take a job for the worker with the fewest."""
        self._waiting.append(job)
        self._hand_out()

    def wait(self, seconds: float) -> Sequence[Report]:
        """Take what the workers report, replace those that ended, and hand out what waits."""
        reports: list[Report] = []
        ready = connection.wait([worker.pipe for worker in self._workers], timeout=seconds)
        for at, worker in enumerate(self._workers):
            if worker.pipe in ready and not _take(worker, reports):
                reports.extend(self._bury(worker))
                self._workers[at] = self._start()
        self._hand_out()
        return reports

    def close(self) -> None:
        """End every worker, at once where it still has work."""
        for worker in self._workers:
            worker.pipe.close()
            if worker.jobs:
                worker.process.kill()
        for worker in self._workers:
            worker.process.join(END_SECONDS)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.process.close()

    def _start(self) -> _Worker:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(self._task, theirs), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _hand_out(self) -> None:
        """Give the waiting jobs to the workers that have room, the emptiest first."""
        while self._waiting:
            worker = min(self._workers, key=lambda worker: len(worker.jobs))
            if len(worker.jobs) >= JOBS_PER_WORKER:
                return
            job = self._waiting.popleft()
            worker.jobs.append(job)
            try:
                worker.pipe.send(job)
            except OSError:  # it has ended: `wait` finds its pipe closed, and this job with it
                return

    def _bury(self, worker: _Worker) -> list[Lost]:
        """Report the job that was under way and take back those behind it."""
        worker.pipe.close()
        worker.process.join()
        code = worker.process.exitcode
        if not worker.is_ready:
            raise WorkerDidNotStart(
                f"a worker process ended with code {code} before it could take a point; its own "
                "complaint stands above; expected that the task can be loaded there"
            )
        worker.process.close()
        if not worker.jobs:
            return []
        lost = worker.jobs.popleft()
        self._waiting.extendleft(reversed(worker.jobs))
        return [Lost(lost.name, f"its worker process ended with code {code}")]


def _take(worker: _Worker, reports: list[Report]) -> bool:
    """Read what lies in the pipe; False if it is closed at the other end."""
    try:
        while worker.pipe.poll():
            report: Finished | None = worker.pipe.recv()
            if report is None:
                worker.is_ready = True
                continue
            worker.jobs.popleft()
            reports.append(report)
    except (EOFError, OSError):
        return False
    return True


def _work(task: bytes, pipe: Connection) -> None:
    """Carry out what comes through the pipe until it closes; the whole life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets Ctrl-C too, and ends us
    for name in THREADS:
        os.environ.setdefault(name, "1")
    shared: SharedTask = pickle.loads(task)  # noqa: S301 -- from our own parent process
    opened = shared.open()
    try:
        pipe.send(None)
        while True:
            pipe.send(carry_out(opened, pipe.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
