"""Does the journal keep its word wherever the disk ends? One process, a tighter disk each time."""

import json
import subprocess
import sys
from pathlib import Path

from dispersa.journal import read_entries, verify

PROGRAM = """
import json, resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from dispersa.journal import Journal, JournalFailed, NewEntry

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
for limit in map(int, sys.argv[2:]):
    path, acknowledged, failed = Path(sys.argv[1]) / f"{limit}.sqlite3", [], ""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with Journal.open(path, build_id="b", now=lambda: datetime.now(UTC)) as journal:
            for n in range(40):
                (entry,) = journal.append([NewEntry.of("counted", {"n": n, "text": "x" * 700})])
                journal.flush()
                acknowledged.append(entry.hash)
    except JournalFailed as error:
        failed = str(error)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    print(json.dumps({"path": str(path), "acknowledged": acknowledged, "failed": failed}))
"""


def test_wherever_the_disk_ends_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    limits = [*range(1_000, 40_000, 3_700), *range(40_000, 400_000, 29_000)]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), *map(str, limits)],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == len(limits)
    complete = 0
    for row in rows:
        path, acknowledged = Path(row["path"]), row["acknowledged"]
        assert bool(row["failed"]) == (len(acknowledged) < 40)
        complete += not row["failed"]
        if not acknowledged and not path.stat().st_size:
            continue
        held = [entry.hash for entry in read_entries(path)] if acknowledged else []
        assert held[: len(acknowledged)] == acknowledged
        if acknowledged:
            assert verify(path).is_intact
    assert 0 < complete < len(rows)
