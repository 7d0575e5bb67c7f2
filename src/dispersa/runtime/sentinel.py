"""Does a file beside the journal say stop? `<journal>.halt`: a way in that needs no engine.

The first line names the level (hold, cancel, flatten), the second the reason, a third who wrote
it. It is written whole, by rename. A file that can not be understood counts as cancel.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispersa.errors import Halted, InvalidInput
from dispersa.risk import HaltLevel

LOOK_SECONDS = 0.1
BYTES_MAX = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentinel:
    """What the file says."""

    level: HaltLevel
    reason: str
    by: str


def sentinel_file(journal: Path) -> Path:
    """Return where the sentinel of a journal lies."""
    return journal.with_name(journal.name + ".halt")


def write_sentinel(journal: Path, sentinel: Sentinel) -> Path:
    """Write the file whole, readable for its owner only, durable when this returns."""
    if sentinel.level is HaltLevel.NONE:
        raise InvalidInput("a halt has the level hold, cancel or flatten; to go on, resume")
    lines = (sentinel.level.value, _one_line(sentinel.reason), _one_line(sentinel.by))
    path = sentinel_file(journal)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, ("\n".join(lines) + "\n").encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.replace(path)
    return path


def read_sentinel(journal: Path) -> Sentinel | None:
    """Return what the file says; None where there is none. What is not understood says cancel."""
    path = sentinel_file(journal)
    try:
        with path.open("rb") as file:
            lines = file.read(BYTES_MAX).decode(errors="replace").splitlines()
    except FileNotFoundError:
        return None
    except OSError as error:
        return _doubtful(path, error.strerror or str(error))
    level, reason, by = (*(line.strip() for line in lines[:3]), "", "", "")[:3]
    if level not in {HaltLevel.HOLD, HaltLevel.CANCEL, HaltLevel.FLATTEN}:
        return _doubtful(path, f"its first line is {level!r}")
    return Sentinel(
        level=HaltLevel(level), reason=reason or "no reason given", by=by or "sentinel file"
    )


class SentinelWatch:
    """Obeys the file while a desk runs, and takes it away when a person resumes."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._obeyed: Sentinel | None = None
        self._version: tuple[int, int] | None = None

    def news(self) -> Sentinel | None:
        """Return what the file says if it has appeared or changed since the last call."""
        version = _version(sentinel_file(self._journal))
        has_changed, self._version = version != self._version, version
        if version is None or not has_changed:
            return None
        found = read_sentinel(self._journal)
        self._obeyed = found or self._obeyed
        return found

    async def run(self, halt: Callable[[Sentinel], Coroutine[Any, Any, object]]) -> None:
        """Halt at once whenever the file appears or changes; runs until it is cancelled."""
        while True:
            if (found := self.news()) is not None:
                await halt(found)
            await asyncio.sleep(LOOK_SECONDS)

    def lift(self) -> None:
        """Take the file away; raise `Halted` where it says what nobody has obeyed yet."""
        lift_sentinel(self._journal, seen=self._obeyed)


def lift_sentinel(journal: Path, *, seen: Sentinel | None) -> None:
    """Take the file away if it says what was `seen`, else raise `Halted`."""
    found = read_sentinel(journal)
    if found is None:
        return
    if found != seen:
        raise Halted(
            f"{sentinel_file(journal)} says {found.level} ({found.reason}), which is newer than "
            "the halt that was looked at; look again and resume again"
        )
    with contextlib.suppress(FileNotFoundError):
        sentinel_file(journal).unlink()


def _version(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _doubtful(path: Path, why: str) -> Sentinel:
    return Sentinel(
        level=HaltLevel.CANCEL,
        reason=f"{path.name} can not be understood ({why}); expected hold, cancel or flatten",
        by="sentinel file",
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())
