"""Who listens where on a network that lives in memory, and who is connected to whom?"""

import asyncio
import errno
from collections.abc import Callable

from dispersa.runtime.memory_transport import Address, InMemory, MemoryTransport, Weather

FIRST_FREE_PORT = 49_152
"""Where ports that nobody chose begin, as in the registry of IANA."""
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
ProtocolFactory = Callable[[], asyncio.BaseProtocol]


class Network:
    """All connections of one event loop: who listens where."""

    def __init__(self, loop: asyncio.AbstractEventLoop, terms: InMemory) -> None:
        self._loop = loop
        self.weather = Weather(terms)
        """The one source of chance."""
        self._servers: dict[Address, MemoryServer] = {}
        self._next_port = FIRST_FREE_PORT

    def listen(
        self, factory: ProtocolFactory, host: str | None, port: int | None
    ) -> "MemoryServer":
        """Listen at an address, port 0 for a free one; raises `OSError` where it is taken."""
        address = (_local(host), port or self._free_port())
        if address in self._servers:
            raise OSError(errno.EADDRINUSE, f"address already in use: {address}")
        server = MemoryServer(self, self._loop, address, factory)
        self._servers[address] = server
        return server

    def forget(self, server: "MemoryServer") -> None:
        """Stop letting anybody in; connections that stand go on."""
        if self._servers.get(server.address) is server:
            del self._servers[server.address]

    async def connect(
        self, factory: ProtocolFactory, host: str | None, port: int | None
    ) -> tuple[MemoryTransport, asyncio.BaseProtocol]:
        """Connect to whoever listens there; raises `ConnectionRefusedError` where nobody does."""
        await asyncio.sleep(self.weather.latency_seconds())
        address = (_local(host), port or 0)
        server = self._servers.get(address)
        if server is None:
            raise ConnectionRefusedError(
                errno.ECONNREFUSED, f"connection refused: nobody listens at {address}"
            )
        here = (address[0], self._free_port())
        client = MemoryTransport(self.weather, self._loop, here=here, there=address)
        accepted = MemoryTransport(self.weather, self._loop, here=address, there=here)
        client.pair(accepted)
        accepted.on_lost = server.enter(accepted)
        accepted.start(server.factory())
        protocol = factory()
        client.start(protocol)
        return client, protocol

    def _free_port(self) -> int:
        self._next_port += 1
        return self._next_port - 1


def _local(host: str | None) -> str:
    if host is not None and host not in _LOCAL_NAMES:
        raise OSError(
            errno.EHOSTUNREACH, f"{host} is not on this network in memory; it knows localhost only"
        )
    return "127.0.0.1"


class _ListeningSocket:
    """Knows where a server in memory listens, and nothing else of a socket."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def getsockname(self) -> Address:
        """Return host and port."""
        return self._address


class MemoryServer(asyncio.AbstractServer):
    """Lets clients in at one address until it is closed."""

    def __init__(
        self,
        network: Network,
        loop: asyncio.AbstractEventLoop,
        address: Address,
        factory: ProtocolFactory,
    ) -> None:
        self._network = network
        self._loop = loop
        self.address = address
        self.factory = factory
        self._connections: dict[MemoryTransport, None] = {}  # a set would have no order
        self._is_open = True
        self._emptied: asyncio.Future[None] | None = None

    @property
    def sockets(self) -> tuple[_ListeningSocket, ...]:
        """Where it listens; nothing once it is closed."""
        return (_ListeningSocket(self.address),) if self._is_open else ()

    def enter(self, transport: MemoryTransport) -> Callable[[], None]:
        """Count a connection in; call what is returned when it has ended."""
        self._connections[transport] = None
        return lambda: self._leave(transport)

    def _leave(self, transport: MemoryTransport) -> None:
        self._connections.pop(transport, None)
        if self._emptied is not None and not self._connections and not self._emptied.done():
            self._emptied.set_result(None)

    def close(self) -> None:
        """Let nobody in any more."""
        self._is_open = False
        self._network.forget(self)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop that it runs on."""
        return self._loop

    def is_serving(self) -> bool:
        """Whether clients are let in."""
        return self._is_open

    async def start_serving(self) -> None:
        """Do nothing: it lets clients in from the start."""

    async def serve_forever(self) -> None:
        """Wait until cancelled, then close."""
        try:
            await self._loop.create_future()
        finally:
            self.close()

    async def wait_closed(self) -> None:
        """Return when it is closed and every connection has ended."""
        if self._connections:
            self._emptied = self._emptied or self._loop.create_future()
            await self._emptied
