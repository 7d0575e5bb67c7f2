"""Who owns a journal? One process at a time, proven by a lock on a file beside it."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from dispersa.journal.errors import JournalOwned


class Ownership:
    """An exclusive lock on `<journal>.owner`, released by `close` or by the end of the process.

    The lock belongs to the open file, so that a second owner is refused inside one process too.
    The file says who the owner is; it stays behind after the end, unlocked, and means nothing.
    """

    def __init__(self, journal: Path, *, contact: str) -> None:
        """Take the lock or raise `JournalOwned`; `contact` tells others how to reach us."""
        self._descriptor = os.open(_owner_file(journal), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(self._descriptor, 1000, 0).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise JournalOwned(
                f"the journal {journal} is being written by another process "
                f"({owner or 'which has not said its name yet'}); "
                "ask that process, or stop it and try again"
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"process {os.getpid()}: {contact}\n".encode(), 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the journal free."""
        os.close(self._descriptor)


def _owner_file(journal: Path) -> Path:
    return journal.with_name(journal.name + ".owner")
