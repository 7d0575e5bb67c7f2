"""How do commands reach the one process that owns the journal? Lines of JSON on a local socket.

The socket has mode 0600. Whoever holds the journal's lock may replace a socket that an earlier
owner has left behind. What can be asked stands in `control_requests`; what answers is given in.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from dispersa.errors import DispersaError, InvalidInput, Unresolved
from dispersa.runtime.control_path import make_folder
from dispersa.runtime.control_requests import (
    LINE_BYTES_MAX,
    SCHEMA,
    error_document,
    read_question,
    request_of,
)

CONNECTIONS_MAX = 64
IDLE_SECONDS, ANSWER_SECONDS, WRITE_SECONDS = 60.0, 30.0, 5.0
ALIVE_SECONDS = 5.0

_Request = TypeVar("_Request")


@dataclass(frozen=True, slots=True)
class Answering(Generic[_Request]):
    """How one question is answered: what its fields are, and the work."""

    reads: type[_Request]
    answer: Callable[[_Request], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Streaming(Generic[_Request]):
    """How one question is answered by many lines, each a JSON object."""

    reads: type[_Request]
    lines: Callable[[_Request], AsyncIterator[dict[str, Any]]]


class ControlServer:
    """Listens for questions; `answers` and `streams` say by their word what can be asked."""

    def __init__(
        self,
        path: Path,
        *,
        build: str,
        answers: Mapping[str, Answering[Any]],
        streams: Mapping[str, Streaming[Any]],
    ) -> None:
        self._path = path
        self._build = build
        self._answers = answers
        self._streams = streams
        self._server: asyncio.Server | None = None
        self._inode = 0
        self._talks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Begin to listen; the caller owns the journal."""
        make_folder(self._path)
        if self._path.is_socket():
            self._path.unlink()
        before = os.umask(0o177)  # born private: no moment in which others could connect
        try:
            self._server = await asyncio.start_unix_server(
                self._talk, self._path, limit=LINE_BYTES_MAX
            )
        finally:
            os.umask(before)
        self._inode = self._path.stat().st_ino
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening and take the socket away."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._talks):
            task.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        with contextlib.suppress(FileNotFoundError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's questions, one after the other."""
        task = asyncio.current_task()
        if task is None or len(self._talks) >= CONNECTIONS_MAX:
            writer.close()
            return
        self._talks.add(task)
        try:
            while line := await _line(reader):
                if not await self._answer(line, writer):
                    break
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # the other side has gone or sleeps, or we end: nobody is left to tell
        finally:
            self._talks.discard(task)
            writer.close()

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> bool:
        """Answer one question; return whether another may follow on this connection."""
        try:
            ask, body = read_question(line)
            stream = self._streams.get(ask)
            if stream is not None:
                await self._stream(stream, request_of(stream.reads, body), writer)
                return False
            await self._write(writer, {"ok": True, "answer": await self._work(ask, body)})
        except DispersaError as error:
            await self._write(writer, {"ok": False, "error": error_document(error)})
        return True

    async def _work(self, ask: str, body: Mapping[str, Any]) -> Any:
        found = self._answers.get(ask)
        if found is None:
            known = ", ".join(sorted({*self._answers, *self._streams}))
            raise InvalidInput(f"{ask!r} can not be asked here; expected one of {known}")
        request = request_of(found.reads, body)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await found.answer(request)
        except TimeoutError as error:
            raise Unresolved(
                f"{ask} was taken in, but not answered within {ANSWER_SECONDS:.0f} s; "
                "look at `dispersa status` before asking again"
            ) from error

    async def _stream(
        self, stream: Streaming[Any], request: Any, writer: asyncio.StreamWriter
    ) -> None:
        lines = stream.lines(request)
        async with contextlib.aclosing(lines) as each:  # type: ignore[type-var]  # streams are generators
            async for line in each:
                await self._write(writer, line)

    async def _write(self, writer: asyncio.StreamWriter, body: Mapping[str, Any]) -> None:
        line = {"schema": SCHEMA, "build": self._build, **body}
        writer.write(json.dumps(line, allow_nan=False).encode() + b"\n")
        async with asyncio.timeout(WRITE_SECONDS):
            await writer.drain()


async def _line(reader: asyncio.StreamReader) -> bytes:
    """Read one question; nothing at the end, or where the line is too long."""
    async with asyncio.timeout(IDLE_SECONDS):
        try:
            return await reader.readline()
        except ValueError:  # asyncio's word for a line beyond the limit
            return b""
