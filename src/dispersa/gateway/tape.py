"""How is a conversation kept on disk, and played again frame by frame?

A tape is a text file of JSON lines: `at` (seconds since the gateway started), `connection` (1, 2,
...), `way` ("in" from the client, "out" to it) and `payload` (the frame without its length, bytes
as Latin-1 text).
"""

import asyncio
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from dispersa.errors import InvalidInput
from dispersa.gateway.wire.frames import FrameError, FrameReader, frame

Track = Callable[[str, bytes], None]
"""Takes "in" or "out" and the payload of one frame of one connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TapedFrame:
    """One frame of a tape."""

    at: float
    connection: int
    way: str
    payload: bytes


class Recorder:
    """Writes every frame of every connection to a file."""

    def __init__(self, path: Path, seconds: Callable[[], float]) -> None:
        try:
            self._file = path.open("w", encoding="ascii")
        except OSError as error:
            raise InvalidInput(
                f"can not write the tape {path} ({error.strerror}); choose another file"
            ) from error
        self._seconds = seconds
        self._start = seconds()
        self._connections = 0

    def track(self) -> Track:
        """Return where the next connection writes its frames."""
        self._connections += 1
        connection = self._connections

        def write(way: str, payload: bytes) -> None:
            line = {
                "at": round(self._seconds() - self._start, 6),
                "connection": connection,
                "way": way,
                "payload": payload.decode("latin-1"),
            }
            if not self._file.closed:
                self._file.write(json.dumps(line) + "\n")

        return write

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


def read_tape(path: Path) -> dict[int, list[TapedFrame]]:
    """Return the frames of every connection of a tape, in order; raises `InvalidInput`."""
    frames: dict[int, list[TapedFrame]] = defaultdict(list)
    try:
        with path.open(encoding="ascii") as file:
            for number, line in enumerate(file, start=1):
                one = _taped_frame(line, path, number)
                frames[one.connection].append(one)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"can not read the tape {path} ({error}); make one with --record"
        ) from error
    if not frames:
        raise InvalidInput(f"the tape {path} holds no frames; make one with --record")
    return dict(frames)


def _taped_frame(line: str, path: Path, number: int) -> TapedFrame:
    try:
        fields = json.loads(line)
        found = TapedFrame(
            at=float(fields["at"]),
            connection=int(fields["connection"]),
            way=str(fields["way"]),
            payload=str(fields["payload"]).encode("latin-1"),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"{path} line {number} is no taped frame ({error}); expected at, connection, way, "
            "payload"
        ) from error
    if found.way not in {"in", "out"} or not math.isfinite(found.at):
        raise InvalidInput(f"{path} line {number}: way is in or out, found {found.way!r}")
    return found


class Player:
    """A server that plays a tape: its n-th client gets what the n-th taped client got.

    Frames to the client go out at the taped distances; before each, the player waits until the
    client has sent as many frames as on the tape. Frames that differ from the tape are counted.
    """

    def __init__(self, frames: dict[int, list[TapedFrame]]) -> None:
        self._waiting = [frames[connection] for connection in sorted(frames)]
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.differences = 0

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        """Start; return host and port."""
        try:
            self._server = await asyncio.start_server(self._on_client, host, port)
        except OSError as error:
            raise InvalidInput(
                f"can not listen on {host}:{port} ({error.strerror}); choose another port with "
                "--port, or let --port 0 find a free one"
            ) from error
        name = self._server.sockets[0].getsockname()
        return str(name[0]), int(name[1])

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _on_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            if self._waiting:
                await self._play(self._waiting.pop(0), reader, writer)
        except (FrameError, ConnectionError):
            self.differences += 1
        except asyncio.CancelledError:
            return  # only `close` cancels; asyncio would log a cancelled callback as an error
        finally:
            writer.close()

    async def _play(
        self,
        frames: Iterable[TapedFrame],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        ears = _Ears(reader)
        before = None
        for one in frames:
            if one.way == "in":
                heard = await ears.next_payload()
                if heard is None:
                    return
                self.differences += heard != one.payload
            else:
                await asyncio.sleep(one.at - before if before is not None else 0.0)
                writer.write(frame(one.payload))
                await writer.drain()
            before = one.at
        while await ears.next_payload() is not None:
            self.differences += 1


class _Ears:
    """What a client of the player says, one payload at a time."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._frames = FrameReader()
        self._heard: list[bytes] = []

    async def next_payload(self) -> bytes | None:
        """Return the next payload, None when the client has gone."""
        while not self._heard:
            data = await self._reader.read(65536)
            if not data:
                return None
            self._heard += self._frames.feed(data)
        return self._heard.pop(0)
