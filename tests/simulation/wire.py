"""What does the product write on the wire, at the moment of writing? A tap on the client's side."""

import asyncio
from collections.abc import Callable
from typing import Any

from dispersa.gateway.wire import requests as r
from dispersa.gateway.wire.decode import decode
from dispersa.gateway.wire.frames import FrameReader
from dispersa.runtime.memory_network import Network
from dispersa.runtime.memory_transport import MemoryTransport

SERVER_VERSION = 178
PLACE, CANCEL = b"3\0", b"4\0"

OnMessage = Callable[[r.Request | None], None]
"""Hears of every message: what it asks where it is about an order, else None."""


class WireTap:
    """Reads along whatever clients write on the network, byte by byte, before it travels."""

    def __init__(self, network: Network, on_message: OnMessage) -> None:
        self._connect = network.connect
        self._on_message = on_message
        self.transports: list[MemoryTransport] = []
        self.messages = 0
        self.on_connect: Callable[[], None] = lambda: None
        self.life = 0
        """Which life of the process connects now."""
        self.on_life: Callable[[int, str], None] = lambda _life, _what: None
        network.connect = self._tapped  # type: ignore[method-assign]

    async def _tapped(
        self, factory: Callable[[], asyncio.BaseProtocol], host: str | None, port: int | None
    ) -> tuple[MemoryTransport, asyncio.BaseProtocol]:
        transport, protocol = await self._connect(factory, host, port)
        self.transports.append(transport)
        self.on_connect()
        reader, write, life = FrameReader(), transport.write, self.life

        def tapped(data: Any) -> None:
            if not transport.is_closing():
                self.on_life(life, "wrote to the broker")
                for payload in reader.feed(bytes(data)):
                    self._note(payload)
            write(data)

        transport.write = tapped  # type: ignore[method-assign]
        return transport, protocol

    def _note(self, payload: bytes) -> None:
        self.messages += 1
        is_order = payload.startswith((PLACE, CANCEL))
        self._on_message(decode(payload, SERVER_VERSION) if is_order else None)

    def cut_all(self) -> None:
        """End every connection at once, as the death of the process does."""
        for transport in self.transports:
            transport.abort()
        self.transports.clear()
