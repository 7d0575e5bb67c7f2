"""Did the last writer end in the middle of a write? What its log holds after the last commit.

SQLite drops such a tail silently when the file is opened next. It was never acknowledged, but it
is evidence, so it is set aside first. The format of the write-ahead log is SQLite's own document
(sqlite.org/fileformat2.html, section 4): a header of 32 bytes, then frames of 24 bytes and a page
each; a frame counts if it repeats the header's salt and the running checksum fits, and a
transaction counts if its last frame does.
"""

import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from dispersa.journal.acknowledged import mark_file

_HEADER_BYTES, _FRAME_BYTES = 32, 24
_MAGIC = 0x377F0682
_WORD = 0xFFFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class TornTail:
    """Bytes of a log that never were a whole transaction, after those that were."""

    committed_bytes: int
    torn_bytes: int


def torn_tail(log: bytes) -> TornTail | None:
    """Find the torn tail of a write-ahead log; None where it ends with a whole transaction.

    Old frames after the end, which SQLite leaves when it begins the log anew, are no tail.
    """
    if len(log) < _HEADER_BYTES:
        return TornTail(committed_bytes=0, torn_bytes=len(log)) if log else None
    committed = read = _HEADER_BYTES
    for end, is_commit in _whole_frames(log):
        read = end
        committed = end if is_commit else committed
    if committed == read and not _continues(log, read):
        return None
    return TornTail(committed_bytes=committed, torn_bytes=len(log) - committed)


def set_aside_torn_tail(journal: Path) -> str | None:
    """Copy a journal whose log is torn into a folder beside it; say so, or None if it is whole.

    The folder is named by the log's content, so that the same tail is set aside once.
    """
    log = journal.with_name(journal.name + "-wal")
    content = log.read_bytes() if log.is_file() else b""
    tail = torn_tail(content)
    if tail is None:
        return None
    folder = journal.with_name(f"{journal.name}.torn-{sha256(content).hexdigest()[:12]}")
    folder.mkdir(mode=0o700, exist_ok=True)
    for file in (journal, log, mark_file(journal)):
        if file.is_file():
            shutil.copy2(file, folder / file.name)
    return (
        f"the last writer of {journal} ended in the middle of a write; {tail.torn_bytes} bytes "
        f"that were never a whole transaction are set aside in {folder}"
    )


def _whole_frames(log: bytes) -> Iterator[tuple[int, bool]]:
    """Yield the end of each frame that counts, in order, and whether it commits."""
    magic, _, page_bytes = struct.unpack_from(">3I", log)
    if magic & ~1 != _MAGIC:
        return
    words = ">" if magic & 1 else "<"
    running = _checksum(log[:24], (0, 0), words)
    if running != struct.unpack_from(">2I", log, 24):
        return
    start, step = _HEADER_BYTES, _FRAME_BYTES + page_bytes
    while start + step <= len(log) and log[start + 8 : start + 16] == log[16:24]:
        page = log[start + _FRAME_BYTES : start + step]
        running = _checksum(log[start : start + 8] + page, running, words)
        if running != struct.unpack_from(">2I", log, start + 16):
            return
        (pages_after_commit,) = struct.unpack_from(">I", log, start + 4)
        start += step
        yield start, pages_after_commit > 0


def _continues(log: bytes, end: int) -> bool:
    """Whether what follows `end` belongs to this log and not to the one it has overwritten.

    The header is written together with the first frame, so that one without the other is torn.
    """
    if len(log) == end:
        return False
    salt = log[end + 8 : end + 16]
    return end == _HEADER_BYTES or len(salt) < 8 or salt == log[16:24]


def _checksum(data: bytes, running: tuple[int, int], words: str) -> tuple[int, int]:
    """SQLite's running checksum: two sums that feed each other, over pairs of 32-bit words."""
    first, second = running
    for one, two in struct.iter_unpack(f"{words}2I", data):
        first = (first + one + second) & _WORD
        second = (second + two + first) & _WORD
    return first, second
