"""Where does one message end and the next begin, and what does a client's hello say?"""

import re
from dataclasses import dataclass

FRAME_BYTES_MAX = 16 * 2**20
"""Longer frames are refused; real clients stay far below."""

_GREETING_PREFIX = b"API\0"
_GREETING_BYTES_MAX = 4096
_VERSIONS = re.compile(rb"v(\d{1,9})(?:\.\.(\d{1,9}))?(?: (.*))?", re.DOTALL)


class FrameError(Exception):
    """The byte stream can not be a conversation in this protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """A client's announcement: the server versions that it accepts and its connect options."""

    version_min: int
    version_max: int
    options: str = ""


def frame(payload: bytes) -> bytes:
    """Return `payload` with its length, 4 bytes big-endian, in front."""
    return len(payload).to_bytes(4, "big") + payload


def parse_hello(payload: bytes) -> Hello:
    """Read `v<min>..<max> <options>` or `v<n>`; raises `FrameError` on anything else."""
    match = _VERSIONS.fullmatch(payload.rstrip(b"\0"))
    if match is None:
        raise FrameError(f"expected v<min>..<max>, found {payload[:60]!r}")
    low = int(match[1])
    high = int(match[2]) if match[2] else low
    if high < low:
        raise FrameError(f"version range {low}..{high} is upside down")
    return Hello(
        version_min=low, version_max=high, options=(match[3] or b"").decode("ascii", "replace")
    )


class FrameReader:
    """Cuts a byte stream, however chunked, into payloads.

    The first payload is the client's hello, after the bytes `API` and NUL; everything before
    that is checked byte by byte, so that a client of another protocol is refused at once.
    """

    def __init__(self, bytes_max: int = FRAME_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._buffer = bytearray()
        self._greeted = False
        self._hello_seen = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take `data` in and return the payloads that it completes; raises `FrameError`."""
        self._buffer += data
        if not self._greeted and not self._greet():
            return []
        payloads: list[bytes] = []
        start = 0
        while (end := self._frame_end(start)) is not None:
            payloads.append(bytes(self._buffer[start + 4 : end]))
            self._hello_seen = True
            start = end
        del self._buffer[:start]
        return payloads

    def _greet(self) -> bool:
        head = bytes(self._buffer[: len(_GREETING_PREFIX)])
        if not _GREETING_PREFIX.startswith(head):
            raise FrameError(f"expected the bytes API and NUL, found {head!r}: a legacy client?")
        if len(head) < len(_GREETING_PREFIX):
            return False
        del self._buffer[: len(_GREETING_PREFIX)]
        self._greeted = True
        return True

    def _frame_end(self, start: int) -> int | None:
        if len(self._buffer) - start < 4:
            return None
        length = int.from_bytes(self._buffer[start : start + 4], "big", signed=True)
        limit = self._bytes_max if self._hello_seen else _GREETING_BYTES_MAX
        if not 0 <= length <= limit:
            raise FrameError(f"a frame of {length} bytes is outside 0..{limit}")
        end = start + 4 + length
        return end if len(self._buffer) >= end else None
