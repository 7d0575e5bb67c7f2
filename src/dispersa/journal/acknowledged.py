"""Up to which entry has the journal promised that nothing is lost?

SQLite drops a damaged tail of its write-ahead log without a word. The mark beside the journal
(`<journal>.mark`) is written after each commit and before anybody hears of it, so that a journal
that ends before its mark has lost acknowledged entries and says so. The mark is never ahead of
what was committed, also after a power cut, because it follows the commit's fsync.
"""

import os
from dataclasses import dataclass
from pathlib import Path

_LINE_BYTES = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The last acknowledged entry."""

    sequence: int
    hash: str


class MarkFile:
    """The mark of one journal, overwritten in place with one write of one line."""

    def __init__(self, journal: Path) -> None:
        self._descriptor = os.open(mark_file(journal), os.O_RDWR | os.O_CREAT, 0o600)

    def write(self, mark: Mark) -> None:
        """Promise everything up to and including `mark`."""
        line = f"{mark.sequence} {mark.hash}".ljust(_LINE_BYTES - 1) + "\n"
        os.pwrite(self._descriptor, line.encode(), 0)

    def close(self) -> None:
        """Make the mark durable and let go of it."""
        os.fsync(self._descriptor)
        os.close(self._descriptor)


def read_mark(journal: Path) -> Mark | None:
    """Read the mark of a journal; None where there is none or it is torn."""
    try:
        words = mark_file(journal).read_bytes()[:_LINE_BYTES].decode(errors="replace").split()
    except FileNotFoundError:
        return None
    if len(words) != 2 or not words[0].isdecimal():
        return None
    return Mark(sequence=int(words[0]), hash=words[1])


def mark_file(journal: Path) -> Path:
    """Return where the mark of a journal lies."""
    return journal.with_name(journal.name + ".mark")
