"""A TCP server that says exactly what a test tells it: for handshakes, silence and garbage.

Frames are written by hand from the public message tables; nothing is shared with the simulated
gateway or with the connector.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from .builders import ACCOUNT


def frame(*fields: object) -> bytes:
    payload = "".join(f"{value}\0" for value in fields).encode()
    return struct.pack(">I", len(payload)) + payload


Answer = Callable[["Peer", list[str]], None]


@dataclass(eq=False)
class Peer:
    """One accepted connection."""

    script: "Script"
    writer: asyncio.StreamWriter
    client_id: int = -1
    received: list[list[str]] = field(default_factory=list)

    def say(self, *fields: object) -> None:
        if not self.writer.is_closing():
            self.writer.write(frame(*fields))

    def say_raw(self, data: bytes) -> None:
        self.writer.write(data)

    def count(self, message: int) -> int:
        return sum(fields[0] == str(message) for fields in self.received)


@dataclass
class Script:
    """What the server does; the defaults are a gateway that knows nothing but answers."""

    version: int = 178
    accounts: str = ACCOUNT
    next_id: int = 1
    says_hello: bool = True
    says_ready: bool = True
    answers_time: bool = True
    greets_with: tuple[tuple[int, str], ...] = ()
    """Notices that come before the gateway says that it is ready."""
    refuse_client_ids: frozenset[int] = frozenset()
    answers: dict[int, Answer] = field(default_factory=dict)
    peers: list[Peer] = field(default_factory=list)
    accepted: int = 0
    port: int = 0

    def peer(self, client_id: int) -> Peer:
        return next(peer for peer in reversed(self.peers) if peer.client_id == client_id)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(self, writer)
        self.peers.append(peer)
        self.accepted += 1
        try:
            await self._converse(peer, reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _converse(self, peer: Peer, reader: asyncio.StreamReader) -> None:
        assert await reader.readexactly(4) == b"API\0"
        (length,) = struct.unpack(">I", await reader.readexactly(4))
        await reader.readexactly(length)
        if self.says_hello:
            peer.say(self.version, "20261120 10:00:00 EST")
        while True:
            (length,) = struct.unpack(">I", await reader.readexactly(4))
            fields = (await reader.readexactly(length)).decode().split("\0")[:-1]
            peer.received.append(fields)
            if not self._answer(peer, fields):
                return

    def _answer(self, peer: Peer, fields: list[str]) -> bool:
        kind = int(fields[0])
        if kind == 71:
            peer.client_id = int(fields[2])
            if peer.client_id in self.refuse_client_ids:
                peer.say(4, 2, -1, 326, "Unable to connect as the client id is already in use.", "")
                return False
            for code, text in self.greets_with:
                peer.say(4, 2, -1, code, text, "")
            if self.says_ready:
                peer.say(15, 1, self.accounts)
                peer.say(9, 1, self.next_id)
        elif kind == 49 and self.answers_time:
            peer.say(49, 1, 1795201200)
        elif kind in self.answers:
            self.answers[kind](peer, fields)
        return True


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[Script]:
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        await script.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    script.port = server.sockets[0].getsockname()[1]
    try:
        yield script
    finally:
        server.close()
        for peer in script.peers:
            peer.writer.close()
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await server.wait_closed()
