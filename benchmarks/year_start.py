"""How long does a start take on a year's journal? Prints seconds with and without the snapshot.

    python -m benchmarks.year_start [PROGRAMS] [READINGS]

180 programs of 27 orders each are about a year of 36 programs with 31 packages in slices; 393,000
readings of account and VIX are one each 15 s of 252 sessions.
"""

import random
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.desk.scene import T0, Scene

from dispersa.journal import Journal, NewEntry
from dispersa.runtime.replay import replay_file, start_state
from dispersa.runtime.snapshot import snapshot_file


def write_year(path: Path, programs: int, readings: int) -> int:
    scene = Scene()
    scene.open()
    scene.fill_everything(random.Random(3))  # noqa: S311  # a fixed seed, nothing secret
    assert scene.state.program is not None
    name = str(scene.state.program.program)
    reading = next(row for row in scene.journal if row[1] == "ConditionsRead")
    with Journal.open(path, build_id="year", now=lambda: T0) as journal:
        for number in range(programs):
            entries = [
                NewEntry(kind=kind, payload=payload.replace(name, f"{number:08d}-a061a5-1"))
                for _, kind, payload in scene.journal
            ]
            journal.append(entries)
            quiet = NewEntry(kind=reading[1], payload=reading[2])
            journal.append([quiet] * (readings // programs))
        return journal.last_sequence


def main(programs: int = 180, readings: int = 393_000) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = (Path(folder) / "year.sqlite3").resolve()
        count = write_year(path, programs, readings)
        began = time.perf_counter()
        with Journal.open(path, build_id="year", now=lambda: datetime.now(UTC)) as journal:
            full = start_state(journal)
        folded = time.perf_counter()
        fast = replay_file(path)
        ended = time.perf_counter()
        size = snapshot_file(path).stat().st_size / 1e6
        assert fast.state == full.state
        print(
            f"{count} entries, {len(full.state.orders)} orders, "
            f"{len(full.state.book.executions)} executions, {path.stat().st_size / 1e6:.0f} MB: "
            f"first start of a build {folded - began:.1f} s, every other {ended - folded:.2f} s "
            f"(snapshot {size:.1f} MB)"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
