"""Is the engine still running its loop? A file beside the journal that it touches every second."""

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


@contextlib.asynccontextmanager
async def beating(journal: Path) -> AsyncIterator[None]:
    """Touch the beat file each second of the wall clock while the event loop runs.

    The file goes when the engine ends in order; one that stays behind belongs to an engine that
    was killed.
    """
    file = beat_file(journal)
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


def beat_age_seconds(journal: Path) -> float | None:
    """Return how long ago the engine beat, by the file system's clock; None without an engine."""
    try:
        changed = beat_file(journal).stat().st_mtime
    except FileNotFoundError:
        return None
    return max(0.0, time.time() - changed)
