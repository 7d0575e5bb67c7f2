"""Does a sweep end with every row once, whatever ends between: a worker, or the sweep itself?"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dispersa.backtest.sweep import Grid, Ledger, LocalWorkers, Outcome, parse_axis, run_sweep
from dispersa.backtest.sweep.local import WorkerDidNotStart
from dispersa.errors import InvalidConfig, InvalidInput
from tests.backtest.sweep import tasks

GRID = Grid((parse_axis("a=1,2,3"), parse_axis("b=0,1")))
TWO = Grid((parse_axis("a=1,2"), parse_axis("b=0,1")))
SAME = {"grid": "a, b"}


def same(point: object) -> object:
    return point


def silent(done: int, total: int) -> None:
    """Show nothing."""


def sweep(
    folder: Path,
    task: Any,
    *,
    grid: Grid = GRID,
    prepare: Callable[[Any], object] = same,
    count: int = 1,
    show: Callable[[int, int], None] = silent,
) -> Outcome:
    with (
        Ledger.open(folder / "out", SAME) as ledger,
        LocalWorkers.open(task, folder, count) as workers,
    ):
        return run_sweep(grid, prepare, workers, ledger, show)


def calls(folder: Path) -> dict[str, int]:
    return {mark.name: mark.stat().st_size for mark in folder.iterdir()}


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    folder = tmp_path / "marks"
    folder.mkdir()
    return folder


def test_every_point_is_one_row_in_order_and_columns_are_mapped_not_copied(
    tmp_path: Path, marks: Path
) -> None:
    shown: list[tuple[int, int]] = []
    outcome = sweep(
        tmp_path,
        tasks.Sum(marks, np.arange(1000.0)),
        count=2,
        show=lambda done, total: shown.append((done, total)),
    )
    assert [row.point for row in outcome.rows] == list(GRID.next_round(()))
    totals = [row.answer["total"] for row in outcome.rows]
    assert totals == [499_500.0 + a + b for a in (1, 2, 3) for b in (0, 1)]
    assert all(row.answer["is_mapped"] for row in outcome.rows)
    assert not (tmp_path / "columns.bin").exists()
    assert shown[-1] == (6, 6)
    table = pl.read_parquet(tmp_path / "out" / "results.parquet").sort("a", "b")
    assert table["total"].to_list() == totals
    assert {"point", "a", "b", "error", "seconds", "worker", "workers_lost"} <= set(table.columns)


def test_worker_killed_at_a_point_loses_nothing_and_repeats_nothing_finished(
    tmp_path: Path, marks: Path
) -> None:
    outcome = sweep(tmp_path, tasks.EndsItsProcess(marks), grid=TWO, count=2)
    assert [row.answer["total"] for row in outcome.rows] == [1, 2, 2, 3]
    assert outcome.workers_lost == 2  # the first try of every point with b of zero
    assert calls(marks) == {"1-0": 2, "1-1": 1, "2-0": 2, "2-1": 1}
    assert [row.workers_lost for row in outcome.rows] == [1, 0, 1, 0]


def test_point_that_ends_every_worker_becomes_a_row_that_says_so(
    tmp_path: Path, marks: Path
) -> None:
    one = Grid((parse_axis("a=1"), parse_axis("b=0,1")))
    outcome = sweep(tmp_path, tasks.EndsItsProcess(marks, always=True), grid=one)
    assert outcome.failed == 1
    assert calls(marks) == {"1-0": 3, "1-1": 1}
    error = outcome.rows[0].error or ""
    assert "3 workers ended while they had this point" in error
    assert "code -9" in error


def test_refusals_and_faults_are_rows_and_the_sweep_goes_on(tmp_path: Path) -> None:
    def prepare(point: Any) -> object:
        if point["a"] == 3:
            raise InvalidConfig("a and b contradict each other")
        return point

    rows = sweep(tmp_path, tasks.Refuses(), prepare=prepare).rows
    errors = [row.error or "" for row in rows]
    assert errors[0] == "no chain on that day; import it"
    assert errors[2].startswith("ZeroDivisionError in __call__")
    assert errors[4] == "a and b contradict each other"


def test_finished_rows_are_not_repeated_by_the_same_command(tmp_path: Path, marks: Path) -> None:
    task = tasks.Sum(marks, np.zeros(3))
    half = Grid((parse_axis("a=1,2,3"), parse_axis("b=0")))
    sweep(tmp_path, task, grid=half)
    finished = tmp_path / "out" / "finished.jsonl"
    with finished.open("ab") as file:
        file.write(b'{"point": {"a": 1, "b"')  # the machine went down in the middle of a row
    outcome = sweep(tmp_path, task)
    assert outcome.held_before == 3
    assert set(calls(marks).values()) == {1}
    assert len(finished.read_bytes().splitlines()) == 6


def test_folder_of_another_sweep_or_of_one_at_work_is_refused(tmp_path: Path) -> None:
    first = {"axes": "a=1,2", "seed": "1"}
    opened = Ledger.open(tmp_path, first)
    opened.__enter__()
    with pytest.raises(InvalidInput, match="at work in"):
        Ledger.open(tmp_path, first).__enter__()
    opened.__exit__(None, None, None)
    with pytest.raises(InvalidInput, match="seed was 1 and is 2"):
        Ledger.open(tmp_path, {**first, "seed": "2"}).__enter__()


def test_task_that_no_worker_can_load_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(WorkerDidNotStart, match="before it could take a point"):
        sweep(tmp_path, tasks.CanNotBeLoaded())


KILLED = """
import sys
from pathlib import Path
from tests.backtest.sweep import tasks
from tests.backtest.sweep.test_run import sweep
from dispersa.backtest.sweep import Grid, parse_axis
if __name__ == "__main__":
    folder = Path(sys.argv[1])
    grid = Grid((parse_axis("a=0..39:1"),))
    outcome = sweep(folder, tasks.Sleeps(0.05, folder / "marks"), grid=grid, count=2)
    print(len(outcome.rows), outcome.held_before)
"""


def test_sweep_that_is_killed_goes_on_where_it_was(tmp_path: Path, marks: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    (tmp_path / "job.py").write_text(KILLED)
    command = [sys.executable, str(tmp_path / "job.py"), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    finished = tmp_path / "out" / "finished.jsonl"
    with subprocess.Popen(command, env=environment, cwd=root) as first:
        for _ in range(6_000):
            if finished.exists() and len(finished.read_bytes().splitlines()) >= 8:
                break
            time.sleep(0.01)
        first.send_signal(signal.SIGKILL)
    kept = [json.loads(line)["point"]["a"] for line in finished.read_bytes().splitlines()]
    assert 8 <= len(kept) < 40
    again = subprocess.run(
        command, env=environment, cwd=root, capture_output=True, check=True, text=True
    )
    held = int(again.stdout.split()[1])
    assert held >= 8
    assert again.stdout.split()[0] == "40"
    repeated = {name: count for name, count in calls(marks).items() if count > 1}
    # What was under way or on its way to the parent when it was killed, two for each worker.
    assert len(repeated) <= 4
    assert not {str(a) for a in kept} & set(repeated)
    assert len(calls(marks)) == 40
