"""Which process owns the journal, does it live, and how is it made to end?"""

import asyncio
import fcntl
import os
import re
import signal
from pathlib import Path

KILL_WAIT_SECONDS = 10.0
_OWNER = re.compile(r"process (\d+)\b")


def engine_of(journal: Path) -> int | None:
    """Return the id of the living process that last took the journal, None when it is gone.

    The lock itself is not tried: a probe at the wrong moment would keep a starting engine out.
    """
    owner = _owner_in(journal)
    return owner if owner is not None and _lives(owner) else None


def owns(journal: Path) -> bool:
    """Whether some process holds the journal's lock at this moment."""
    try:
        descriptor = os.open(_owner_file(journal), os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


async def end_engine(journal: Path) -> int | None:
    """Kill the process that holds the journal's lock; return its id, None when nobody holds it.

    Without the lock nobody is killed: the id in a file left behind may be another process by now.

    Raises
    ------
    TimeoutError
        If the lock is still held ten seconds later.
    """
    owner = _owner_in(journal)
    if owner is None or owner == os.getpid() or not owns(journal):
        return None
    os.kill(owner, signal.SIGKILL)
    async with asyncio.timeout(KILL_WAIT_SECONDS):
        while owns(journal):
            await asyncio.sleep(0.05)
    return owner


def _owner_file(journal: Path) -> Path:
    return journal.with_name(journal.name + ".owner")


def _owner_in(journal: Path) -> int | None:
    try:
        found = _OWNER.match(_owner_file(journal).read_text(errors="replace"))
    except FileNotFoundError:
        return None
    return None if found is None else int(found[1])


def _lives(process: int) -> bool:
    """Whether the process runs or is merely stopped; a zombie has ended."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return True
    return fields[0] not in {"Z", "X"}
