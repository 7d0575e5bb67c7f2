"""Sweep: how much longer than the work itself does a sweep of short tasks take?

    python -m benchmarks.sweep

The same tasks of 50 ms are done by two bare processes that each take half of them in a loop, which
is the ideal, and by the sweep on two workers, which plans them, hands each out, keeps every row in
its ledger and writes the table while it runs. Both start their processes before the clock runs. A
task waits for 50 ms, so that the figure is the sweep's own and not that of whoever else uses the
machine. Target: at most 1.10.
"""

import multiprocessing
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from dispersa.backtest.sweep import Grid, Ledger, LocalWorkers, parse_axis, run_sweep

TASKS, SECONDS, WORKERS, ROUNDS = 400, 0.05, 2, 3
TARGET = 1.10


@dataclass(frozen=True, slots=True)
class Waits:
    seconds: float

    def __call__(self, point: Mapping[str, Any]) -> Mapping[str, Any]:
        time.sleep(self.seconds)
        return {"total": float(point["a"])}


def half(barrier: Barrier, count: int) -> None:
    task = Waits(SECONDS)
    barrier.wait()
    for a in range(count):
        task({"a": a})


def ideal() -> float:
    """Seconds of two bare processes that each do half."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(WORKERS + 1)
    processes = [
        context.Process(target=half, args=(barrier, TASKS // WORKERS)) for _ in range(WORKERS)
    ]
    for process in processes:
        process.start()
    barrier.wait()
    began = time.perf_counter()
    for process in processes:
        process.join()
    return time.perf_counter() - began


def swept(folder: Path) -> float:
    """Seconds of the sweep, from the first point to the last row in the table."""
    grid = Grid((parse_axis(f"a=1..{TASKS}:1"),))
    with LocalWorkers.open(Waits(SECONDS), folder, WORKERS) as workers:
        while not workers.are_ready:
            workers.wait(0.1)
        began = time.perf_counter()
        with Ledger.open(folder, {}) as ledger:
            outcome = run_sweep(grid, lambda point: point, workers, ledger, lambda *_: None)
        taken = time.perf_counter() - began
    assert len(outcome.rows) == TASKS
    assert outcome.failed == 0
    return taken


def main() -> None:
    best = [float("inf")] * 2
    for _ in range(ROUNDS):
        best[0] = min(best[0], ideal())
        with tempfile.TemporaryDirectory() as folder:
            best[1] = min(best[1], swept(Path(folder)))
    work = TASKS * SECONDS / WORKERS
    print(
        f"{TASKS} tasks of {SECONDS * 1000:.0f} ms on {WORKERS} workers: "
        f"{work:.2f} s of work each, {best[0]:.2f} s in bare processes, {best[1]:.2f} s swept: "
        f"{best[1] / best[0]:.3f}x bare, {best[1] / work:.3f}x the work "
        f"(target at most {TARGET:.2f})"
    )


if __name__ == "__main__":
    main()
