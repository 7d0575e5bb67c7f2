"""Do engine and watchdog still run their loops? Each touches a file beside the journal."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

BEAT_EVERY_SECONDS = 1.0


def beat_file(journal: Path) -> Path:
    """Return the file whose time of change is the engine's last beat."""
    return journal.with_name(journal.name + ".beat")


def watch_file(journal: Path) -> Path:
    """Return the file whose time of change is the watchdog's last beat."""
    return journal.with_name(journal.name + ".watch")


@contextlib.asynccontextmanager
async def beating(file: Path) -> AsyncIterator[None]:
    """Touch a beat file each second of the wall clock while the event loop runs.

    The file goes when its process ends in order; one that stays behind belongs to a process that
    was killed.
    """
    task = asyncio.create_task(_beat(file))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        file.unlink(missing_ok=True)


async def _beat(file: Path) -> None:
    while True:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600))
        os.utime(file)
        await asyncio.sleep(BEAT_EVERY_SECONDS)


def beat_age_seconds(file: Path) -> float | None:
    """Return how long ago the last beat was, by the file system's clock; None without a file."""
    try:
        changed = file.stat().st_mtime
    except FileNotFoundError:
        return None
    return max(0.0, time.time() - changed)
