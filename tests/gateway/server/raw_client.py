"""A client that speaks in raw fields, for what no decent client would send."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from dispersa.gateway.server import RunningGateway

START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)  # a Friday, 10:00 in New York
StartGateway = Callable[..., Awaitable[RunningGateway]]
OPEN_CLIENTS: list["RawClient"] = []
"""Every client of a test, so that none outlives it."""


@dataclass
class RawClient:
    """A client that sends and sees nothing but fields."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def connect(cls, gateway: RunningGateway) -> Self:
        """Open a connection and say nothing yet."""
        client = cls(*await asyncio.open_connection(gateway.host, gateway.port))
        OPEN_CLIENTS.append(client)
        return client

    @classmethod
    async def hard_of_hearing(cls, gateway: RunningGateway) -> Self:
        """Open a connection whose socket takes in as little as the kernel allows."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (gateway.host, gateway.port))
        client = cls(*await asyncio.open_connection(sock=sock))
        OPEN_CLIENTS.append(client)
        return client

    @classmethod
    async def started(
        cls, gateway: RunningGateway, client_id: int = 1, versions: str = "v157..178"
    ) -> Self:
        """Open a connection and start the API; everything sent until the last notice is read."""
        client = await cls.connect(gateway)
        await client.hello(versions)
        client.send("71", "2", client_id, "")
        await client.until(lambda fields: fields[:1] == ["4"] and fields[3] == "2158")
        return client

    async def hello(self, versions: str) -> list[str]:
        """Shake hands; the answer's fields."""
        text = versions.encode()
        self.writer.write(b"API\0" + len(text).to_bytes(4, "big") + text)
        return await self.fields()

    def send(self, *fields: object) -> None:
        """Send one message."""
        payload = "".join(f"{field}\0" for field in fields).encode()
        self.writer.write(len(payload).to_bytes(4, "big") + payload)

    async def fields(self) -> list[str]:
        """Return the next message."""
        async with asyncio.timeout(10):
            length = int.from_bytes(await self.reader.readexactly(4), "big")
            payload = await self.reader.readexactly(length)
        return payload.decode("ascii").split("\0")[:-1]

    async def until(self, wanted: Callable[[list[str]], bool]) -> list[list[str]]:
        """Return the messages up to the first wanted one, that one included."""
        found = [await self.fields()]
        while not wanted(found[-1]):
            found.append(await self.fields())
        return found

    async def of(self, message_id: int) -> list[str]:
        """Return the next message of this kind."""
        return (await self.until(lambda fields: fields[0] == str(message_id)))[-1]

    async def is_closed(self) -> bool:
        """Wait for the server to end the connection."""
        async with asyncio.timeout(10):
            try:
                while await self.reader.read(65536):
                    pass
            except ConnectionError:
                return True
        return True

    def close(self) -> None:
        """Hang up."""
        self.writer.close()
