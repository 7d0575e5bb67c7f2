"""Which rows of a sweep are finished? Kept as they come, so that no stop costs one.

    FOLDER/sweep.json        what is swept: a folder belongs to one sweep
    FOLDER/finished.jsonl    one line for each finished row: the truth
    FOLDER/results.parquet   the same rows as a table, replaced whole while the sweep runs

A line is handed to the operating system before the row counts as finished. A line that was cut off
by a crash of the machine is dropped, and its point is tried again.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Self

from dispersa.backtest.sweep.space import Point, identity
from dispersa.errors import InvalidInput

Scalar = bool | int | float | str | None
DESCRIPTION, FINISHED, TABLE = "sweep.json", "finished.jsonl", "results.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one point gave: its answer, or the error that says why there is none.

    Attributes
    ----------
    seconds
        Time the worker took.
    worker
        Which process, and on a cluster which node, did it.
    workers_lost
        How many workers ended while they had this point.
    """

    point: Point
    answer: Mapping[str, Scalar]
    error: str | None
    seconds: float
    worker: str
    workers_lost: int


class Ledger:
    """The finished rows of one sweep in one folder, by the identity of their points."""

    def __init__(self, folder: Path, file: IO[bytes], rows: dict[str, Row]) -> None:
        self.folder = folder
        self.rows = rows
        self._file = file

    @classmethod
    @contextmanager
    def open(cls, folder: Path, description: Mapping[str, str]) -> Iterator[Self]:
        """Open the folder for the sweep that `description` tells apart from any other.

        Raises
        ------
        InvalidInput
            The folder holds another sweep, or another process is at work in it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / FINISHED).open("a+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InvalidInput(
                    f"another sweep is at work in {folder}; wait for it, or name another folder"
                ) from None
            _require_same(folder, description)
            ledger = cls(folder, file, _held(file))
            try:
                yield ledger
            finally:
                ledger.write_table()

    def add(self, row: Row) -> None:
        """Keep a finished row; it stays finished whatever happens to this process."""
        self._file.write(json.dumps(asdict(row), default=str).encode() + b"\n")
        self._file.flush()
        self.rows[identity(row.point)] = row

    def write_table(self) -> Path:
        """Replace the table by one of all rows so far: at any moment a reader finds it whole."""
        import polars as pl

        os.fsync(self._file.fileno())
        path = self.folder / TABLE
        part = path.with_suffix(".part")
        rows = [_flat(name, row) for name, row in self.rows.items()]
        pl.DataFrame(rows, infer_schema_length=None, strict=False).write_parquet(part)
        part.replace(path)
        return path


def _flat(name: str, row: Row) -> dict[str, Scalar]:
    """One row of the table: the keys as configured, the answer, then how it came about."""
    plain = (bool, int, float, str)
    return {
        "point": name,
        **{key: v if isinstance(v, plain) else str(v) for key, v in row.point.items()},
        **row.answer,
        "error": row.error,
        "seconds": row.seconds,
        "worker": row.worker,
        "workers_lost": row.workers_lost,
    }


def _require_same(folder: Path, description: Mapping[str, str]) -> None:
    """Refuse a folder of another sweep; describe a new one."""
    path = folder / DESCRIPTION
    if not path.exists():
        part = path.with_suffix(".part")
        part.write_text(json.dumps(dict(description), indent=1) + "\n", encoding="utf-8")
        part.replace(path)
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise InvalidInput(f"{path} does not describe a sweep; name another folder")
    differing = [
        f"{key} was {found.get(key, 'absent')} and is {description.get(key, 'absent')}"
        for key in sorted(found.keys() | description.keys())
        if found.get(key) != description.get(key)
    ]
    if differing:
        raise InvalidInput(
            f"{folder} holds another sweep: {'; '.join(differing)}; name another folder, or repeat "
            "the first command to go on with it"
        )


def _held(file: IO[bytes]) -> dict[str, Row]:
    """Read the finished rows; cut off a last line that was not written whole."""
    file.seek(0)
    content = file.read()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        file.truncate(whole)
    rows = {}
    for line in content[:whole].splitlines():
        known = json.loads(line)
        row = Row(**{**known, "point": {k: _thawed(v) for k, v in known["point"].items()}})
        rows[identity(row.point)] = row
    return rows


def _thawed(value: object) -> object:
    """Lists of JSON are tuples of ours."""
    return tuple(map(_thawed, value)) if isinstance(value, list) else value
