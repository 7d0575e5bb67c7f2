"""How does a gateway start, run inside somebody's event loop, and stop?"""

import asyncio
import errno
from types import TracebackType
from typing import Self

from dispersa.errors import InvalidInput
from dispersa.gateway.clock import Clock, LoopClock
from dispersa.gateway.connection import Connection
from dispersa.gateway.floor import Floor
from dispersa.gateway.inspection import Inspection
from dispersa.gateway.nightly import schedule_restarts
from dispersa.gateway.outages import Outages
from dispersa.gateway.port import VenuePort
from dispersa.gateway.script import Storm, read_script, schedule
from dispersa.gateway.settings import GatewaySettings
from dispersa.gateway.tape import Recorder

_GRACE_SECONDS = 0.2
"""How long clients have to read what waits for them when the gateway stops."""


class RunningGateway:
    """A gateway that listens at `host` and `port`; close it, or use it in `async with`."""

    def __init__(self, floor: Floor, server: asyncio.Server, doors: "_Doors") -> None:
        self.floor = floor
        self._server = server
        self._doors = doors
        self._pauses = 0
        self.outages = Outages(floor, self._pause_listening)
        """Faults of connection and login, on demand."""
        name = server.sockets[0].getsockname()
        self.host: str = name[0]
        self.port: int = name[1]
        self.world = floor.loop.create_task(_run_world(floor), name="gateway world")
        """The task that moves the market; it ends only by `close` or by a defect."""
        self.inspection: Inspection | None = None
        """The port that tells the truth, where the settings ask for one."""

    @property
    def venue(self) -> VenuePort:
        """The exchange, its world and its account."""
        return self.floor.venue

    @property
    def clock(self) -> Clock:
        """Where the market time is read."""
        return self.floor.clock

    async def _pause_listening(self, seconds: float) -> None:
        self._pauses += 1
        self._server.close()
        await asyncio.sleep(seconds)
        self._pauses -= 1
        if not self._pauses:
            self._server = await self._doors.open(self.port)

    async def close(self) -> None:
        """Stop listening, close every connection, stop the market."""
        self.world.cancel()
        for task in self.floor.background:
            task.cancel()
        self._server.close()
        if self.inspection is not None:
            await self.inspection.close()
        for connection in list(self.floor.connections):
            connection.close()
        await asyncio.gather(self.world, return_exceptions=True)
        await asyncio.sleep(_GRACE_SECONDS if self.floor.connections else 0)
        for connection in list(self.floor.connections):
            connection.abort()
        await self._server.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


async def serve(settings: GatewaySettings, recorder: Recorder | None = None) -> RunningGateway:
    """Start a gateway in the running event loop; raises `InvalidInput` where it can not listen.

    Market time = `settings.start` + the time that passes on the loop. `recorder` keeps every frame.
    """
    from dispersa.gateway.venue import Venue, market_start

    script = [] if settings.faults is None else read_script(settings.faults)
    if settings.fault_seed is not None:
        script.append(Storm(seed=settings.fault_seed))
    loop = asyncio.get_running_loop()
    clock = LoopClock(loop, market_start(settings))
    floor = Floor(Venue(settings, clock), clock, settings)
    doors = _Doors(floor, recorder)
    gateway = RunningGateway(floor, await doors.open(settings.port), doors)
    if settings.inspect_port is not None:
        gateway.inspection = await _inspection(gateway, settings.inspect_port)
    schedule(script, gateway)
    schedule_restarts(gateway)
    return gateway


async def _inspection(gateway: RunningGateway, port: int) -> Inspection:
    inspection = Inspection(gateway.floor)
    try:
        await inspection.open(port)
    except InvalidInput:
        await gateway.close()
        raise
    return inspection


class _Doors:
    """Where clients come in."""

    def __init__(self, floor: Floor, recorder: Recorder | None) -> None:
        self._floor = floor
        self._recorder = recorder

    async def open(self, port: int) -> asyncio.Server:
        """Listen; raises `InvalidInput` where that can not be."""
        host = self._floor.settings.host
        try:
            return await self._floor.loop.create_server(self._connection, host, port)
        except OSError as error:
            raise InvalidInput(_cannot_listen(host, port, error)) from error

    def _connection(self) -> Connection:
        return Connection(self._floor, None if self._recorder is None else self._recorder.track())


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is in use by another program; stop that program, choose "
            "another port with --port, or let --port 0 find a free one"
        )
    return f"can not listen on {host}:{port} ({error.strerror or error}); check --host and --port"


async def _run_world(floor: Floor) -> None:
    while True:
        await asyncio.sleep(floor.settings.step_seconds)
        floor.venue.advance(floor.clock.now())
