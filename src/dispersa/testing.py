"""What do the tests of any Interactive Brokers program need?  A gateway, its clock, its faults.

A pytest plugin: wherever this package is installed, tests can ask for the fixture `ib_gateway`.

    def test_fill_after_cancel(ib_gateway):
        async def scenario(gateway):
            ib = ib_async.IB()
            await ib.connectAsync(gateway.host, gateway.port, clientId=1)
            gateway.fault("B2", order_ref="mine", seconds=30)
            ...
            await asyncio.sleep(3600)  # an hour of market time, in no time
            assert gateway.truth.positions == {}

        ib_gateway.run(scenario)

The fixture lives here and not in `dispersa.gateway`: it needs the virtual event loop of
`dispersa.runtime`, and the gateway takes its time from whatever loop it runs on, so that it can be
imported and used without any of the rest.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

import pytest

if TYPE_CHECKING:
    from dispersa.gateway.port import TruthPort
    from dispersa.gateway.server import RunningGateway
    from dispersa.gateway.settings import GatewaySettings

START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
"""Where market time begins unless the test says otherwise: a Friday, 10:00 in New York."""
ANSWER_SECONDS = 60.0
"""Wall time that a gateway in a thread has to start, stop or answer."""
Result = TypeVar("Result")


class SimulatedGateway:
    """A gateway that runs on the virtual clock of a test."""

    def __init__(self, running: "RunningGateway") -> None:
        self.running = running
        """The gateway itself."""

    @property
    def host(self) -> str:
        """The address to connect to."""
        return self.running.host

    @property
    def port(self) -> int:
        """The port to connect to."""
        return self.running.port

    @property
    def account(self) -> str:
        """The account number."""
        return self.running.floor.settings.account

    @property
    def now(self) -> datetime:
        """The market time."""
        return self.running.clock.now()

    @property
    def truth(self) -> "TruthPort":
        """What really is so: positions, cash, executions, true volatilities and correlation."""
        return self.running.venue.truth

    def fault(self, code: str, **terms: object) -> None:
        """Cause or arm a fault by its number; terms as in a fault script.

        Raises `InvalidInput` for an unknown number or term.
        """
        self.script([{"code": code, "after_seconds": 0, **terms}], at_once=True)

    def script(self, faults: Sequence[Mapping[str, object]], *, at_once: bool = False) -> None:
        """Cause each fault at its moment: tables as in a fault script, seconds from now."""
        from dispersa.gateway.script import cause, schedule, scripted

        found = scripted(faults, "the test's")
        if not at_once:
            schedule(found, self.running)
            return
        for one in found:
            cause(one.fault, self.running)

    def lift_faults(self) -> None:
        """Lift every fault of the venue that has not struck or that lasts."""
        self.running.venue.faults.disarm()


class ThreadedGateway(SimulatedGateway):
    """A gateway in a thread of its own, whose market time moves only by `advance`.

    For clients that bring their own threads, such as the official ibapi. Requests are answered at
    once; prices move, orders fill and timers run only while `advance` runs.
    """

    def __init__(self, running: "RunningGateway") -> None:
        super().__init__(running)
        self._loop = running.floor.loop
        self._wishes: asyncio.Queue[tuple[float, asyncio.Future[None]] | None] = asyncio.Queue()

    def advance(self, seconds: float) -> datetime:
        """Let market time pass and return where it stands; everything due in it has happened."""

        async def wish() -> None:
            done = self._loop.create_future()
            self._wishes.put_nowait((seconds, done))
            await done

        self._call(wish())
        return self.now

    def script(self, faults: Sequence[Mapping[str, object]], *, at_once: bool = False) -> None:
        """Cause each fault at its moment: tables as in a fault script, seconds from now."""

        async def script() -> None:
            SimulatedGateway.script(self, faults, at_once=at_once)

        self._call(script())

    def lift_faults(self) -> None:
        """Lift every fault of the venue that has not struck or that lasts."""

        async def lift() -> None:
            SimulatedGateway.lift_faults(self)

        self._call(lift())

    async def keep_time(self) -> None:
        """Hold time, but for what `advance` asks for, until `stop`."""
        loop = self._loop
        assert isinstance(loop, HeldTime)  # noqa: S101 - started on a virtual loop
        while True:
            with loop.hold_time():
                wish = await self._wishes.get()
            if wish is None:
                return
            seconds, done = wish
            await asyncio.sleep(seconds)
            done.set_result(None)

    def stop(self) -> None:
        """Let `keep_time` end."""
        self._loop.call_soon_threadsafe(self._wishes.put_nowait, None)

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_SECONDS)


@runtime_checkable
class HeldTime(Protocol):
    """A loop whose time can be held."""

    def hold_time(self) -> AbstractContextManager[None]:
        """Let no time pass inside the block."""
        ...


class GatewayFixture:
    """Starts gateways for one test; settings are the fields of `GatewaySettings`."""

    def __init__(self, **settings: Any) -> None:
        self._settings = settings

    def settings(self, **changes: Any) -> "GatewaySettings":
        """Return the settings of this test's gateways."""
        from dispersa.gateway.settings import GatewaySettings, Rules

        chosen: dict[str, Any] = {"port": 0, "start": START, "seed": 1} | self._settings | changes
        rules = {rule.name for rule in fields(Rules)}
        switches = {name: chosen.pop(name) for name in sorted(rules & set(chosen))}
        return GatewaySettings(**({"rules": Rules(**switches)} | chosen))

    def run(
        self,
        scenario: Callable[[SimulatedGateway], Coroutine[Any, Any, Result]],
        *,
        sockets: bool = False,
        **changes: Any,
    ) -> Result:
        """Run `await scenario(gateway)` on a virtual loop: time jumps whenever nothing happens.

        The client must live on the same loop. Connections are in memory, cut into pieces by the
        gateway's seed, so that the same seed does the same byte for byte; with `sockets` they are
        real ones, for clients that open sockets by other means than the loop. `changes` are
        settings for this run only.
        """
        from dispersa.gateway.server import serve
        from dispersa.runtime.loop import Virtual, run
        from dispersa.runtime.memory_transport import InMemory

        settings = self.settings(**changes)

        async def main() -> Result:
            async with await serve(settings) as running:
                return await scenario(SimulatedGateway(running))

        return run(main, Virtual(network=None if sockets else InMemory(seed=settings.seed)))

    @contextmanager
    def in_thread(self, **changes: Any) -> Iterator[ThreadedGateway]:
        """Run a gateway in a thread, with a clock that the test moves by `advance`."""
        started: Future[ThreadedGateway] = Future()
        settings = self.settings(**changes)
        thread = threading.Thread(
            target=_live, args=(settings, started), name="ib_gateway", daemon=True
        )
        thread.start()
        gateway = started.result(ANSWER_SECONDS)
        try:
            yield gateway
        finally:
            gateway.stop()
            thread.join(ANSWER_SECONDS)


def _live(settings: "GatewaySettings", started: "Future[ThreadedGateway]") -> None:
    """Run one gateway in this thread until it is stopped."""
    from dispersa.gateway.server import serve
    from dispersa.runtime.loop import Virtual, run

    async def main() -> None:
        async with await serve(settings) as running:
            gateway = ThreadedGateway(running)
            started.set_result(gateway)
            await gateway.keep_time()

    try:
        run(main, Virtual())
    except Exception as error:  # whatever it is, the test must hear of it, not this thread
        if started.done():
            raise
        started.set_exception(error)


@pytest.fixture
def ib_gateway(request: pytest.FixtureRequest) -> GatewayFixture:
    """Return a starter of simulated gateways.

    `@pytest.mark.ib_gateway(seed=3, names=10, read_only_api=True)` sets fields of
    `GatewaySettings` and of its `Rules` by name.
    """
    marker = request.node.get_closest_marker("ib_gateway")
    return GatewayFixture(**({} if marker is None else marker.kwargs))


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line(
        "markers", "ib_gateway(**settings): settings of the fixture ib_gateway's gateways"
    )
