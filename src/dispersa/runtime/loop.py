"""How fast does time run? Event loops that are real, scaled by a factor, or virtual.

Speed lives here and nowhere else: whatever runs on the loop (ib_async included) sleeps, times out
and is called back by the loop's time.

* **Real** (speed 1): asyncio's own loop.
* **Scaled**: `loop.time()` runs `speed` times as fast as the wall clock, but only while the loop
  listens. What it does not hear (a long callback, a busy or stopped machine) adds at most 50 ms of
  wall time at a stretch, so that no timeout fires because the machine was slow.
* **Virtual**: time jumps to the next timer whenever nothing is ready, nothing is on its way
  through a socket, and nobody holds time. Everything that takes part must run on this one loop;
  a thread that will call back says so with `hold_time` (`run_in_executor` does it by itself).
* **Simulated** (virtual, with a network in memory): connections, latency and the pieces in which
  bytes arrive come from a seed, and what would run in a thread runs at once. Nothing is left to
  the kernel or to luck: the same program and the same seed do the same, callback by callback.
"""

import asyncio
import fcntl
import math
import selectors
import struct
import termios
import time
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, cast

from dispersa.errors import BrokenInvariant, InvalidInput
from dispersa.runtime.memory_network import Network, ProtocolFactory
from dispersa.runtime.memory_transport import InMemory, MemoryTransport

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

STALL_SECONDS_MAX = 0.05
"""What a stretch of wall time in which the loop did not listen adds at most, before scaling."""
LISTEN_SECONDS = 0.04
"""Longest single wait of a scaled loop: below the stall limit, so that listening counts whole."""
GRACE_SECONDS, GRACE_STEP_SECONDS = 0.0005, 0.0001
"""Wall time that a virtual loop gives bytes on their way through the kernel before it jumps."""
TICK_SECONDS = 2.0**-20
"""Virtual time moves on this grid, on which adding and taking away a second is exact: code that
sets a timer for `t + 1` and then finds `now - t < 1` would set it again for ever."""
CLOCK_RESOLUTION_SECONDS = 2.0**-27
"""How early a timer may fire; asyncio's nanosecond vanishes in a float after 97 days."""
IDLE_ROUNDS_MAX = 1000
"""Rounds of callbacks in a row without an event after which virtual time moves one tick: real time
never stands still for code that waits for it by asking again."""

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")
_Events = list[tuple[selectors.SelectorKey, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Virtual:
    """Ask for virtual time, which starts at `start_seconds` of loop time.

    With a `network` connections live in memory and threads are not used; without one, sockets and
    threads are real.
    """

    start_seconds: float = 0.0
    network: InMemory | None = None


def run(main: Callable[[], Coroutine[Any, Any, _Result]], speed: float | Virtual = 1.0) -> _Result:
    """Run `main()` on a new loop of this speed, like `asyncio.run`."""
    with asyncio.Runner(loop_factory=partial(new_loop, speed)) as runner:
        return runner.run(main())


def new_loop(speed: float | Virtual) -> asyncio.AbstractEventLoop:
    """Make a loop: real for 1, scaled for any other factor above zero, or virtual."""
    match speed:
        case Virtual(network=InMemory() as terms):
            return SimulatedLoop(_VirtualTime(speed.start_seconds), terms)
        case Virtual():
            return HeldTimeLoop(_VirtualTime(speed.start_seconds))
        case _ if not (math.isfinite(speed) and speed > 0):
            raise InvalidInput(f"the speed is {speed}; expected a factor above 0, 1 for real time")
        case _ if speed == 1:
            return asyncio.SelectorEventLoop()
        case _:
            return HeldTimeLoop(_ScaledTime(speed))


class _TimeKeeper(selectors.BaseSelector):
    """A selector that decides how time passes while the loop waits for events."""

    def __init__(self) -> None:
        self._sockets = selectors.DefaultSelector()
        self._holds = 0

    @abstractmethod
    def time(self) -> float:
        """Return the loop's time in seconds."""

    def hold(self) -> None:
        """Let no time pass, until as many `release` calls."""
        self._holds += 1

    def release(self) -> None:
        """Take one `hold` back."""
        self._holds -= 1

    def register(
        self, fileobj: "FileDescriptorLike", events: int, data: object = None
    ) -> selectors.SelectorKey:
        return self._sockets.register(fileobj, events, data)

    def unregister(self, fileobj: "FileDescriptorLike") -> selectors.SelectorKey:
        return self._sockets.unregister(fileobj)

    def modify(
        self, fileobj: "FileDescriptorLike", events: int, data: object = None
    ) -> selectors.SelectorKey:
        return self._sockets.modify(fileobj, events, data)

    def close(self) -> None:
        self._sockets.close()

    def get_map(self) -> Mapping["FileDescriptorLike", selectors.SelectorKey]:
        return self._sockets.get_map()


class _ScaledTime(_TimeKeeper):
    """Time that runs `speed` times as fast as the wall clock while somebody listens."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed
        self._time = 0.0
        self._settled_at = time.monotonic()
        self._held_budget = STALL_SECONDS_MAX

    def time(self) -> float:
        return self._time + self._heard_seconds(time.monotonic()) * self._speed

    def hold(self) -> None:
        super().hold()
        self._held_budget = STALL_SECONDS_MAX

    def release(self) -> None:
        super().release()
        self._held_budget = STALL_SECONDS_MAX

    def select(self, timeout: float | None = None) -> _Events:
        self._settle()
        end = math.inf if timeout is None else self._time + timeout
        while True:
            wait = min((end - self._time) / self._speed, LISTEN_SECONDS)
            events = self._sockets.select(max(wait, 0.0))
            self._settle()
            if events or self._time >= end:
                return events

    def _settle(self) -> None:
        """Add the wall time since the last call, as far as it counts."""
        now = time.monotonic()
        heard = self._heard_seconds(now)
        if self._holds:
            self._held_budget -= heard
        self._time += heard * self._speed
        self._settled_at = now

    def _heard_seconds(self, now: float) -> float:
        elapsed = min(now - self._settled_at, STALL_SECONDS_MAX)
        return min(elapsed, self._held_budget) if self._holds else elapsed


class _VirtualTime(_TimeKeeper):
    """Time that stands while anything happens and jumps when nothing does."""

    def __init__(self, start_seconds: float) -> None:
        super().__init__()
        self._time = _on_grid(start_seconds)
        self._has_closed = False
        self._idle_rounds = 0
        self.jumps = 0

    def time(self) -> float:
        return self._time

    def unregister(self, fileobj: "FileDescriptorLike") -> selectors.SelectorKey:
        self._has_closed = True
        return super().unregister(fileobj)

    def select(self, timeout: float | None = None) -> _Events:
        if not self._is_alone() and (events := self._sockets.select(0)):
            self._idle_rounds = 0
            return events
        if timeout is not None and timeout <= 0:
            self._count_idle_round()
            return []
        if self._holds:
            return self._sockets.select(None)
        if not self._is_alone() and (events := self._arriving()):
            return events
        if timeout is None:
            raise BrokenInvariant(
                "virtual time stands still: no timer is set, nothing is on its way and no thread "
                "holds time, so that nothing can ever happen; look for an await without a timeout"
            )
        self._time = _on_grid(self._time + timeout)
        self._idle_rounds = 0
        self.jumps += 1
        return []

    def _is_alone(self) -> bool:
        """Whether nothing can come from outside: no socket but the loop's own wake-up pipe."""
        return not (self._holds or self._has_closed or len(self._sockets.get_map()) > 1)

    def _count_idle_round(self) -> None:
        self._idle_rounds += 1
        if self._idle_rounds >= IDLE_ROUNDS_MAX:
            self._time += TICK_SECONDS
            self._idle_rounds = 0

    def _arriving(self) -> _Events:
        """Give what is inside the kernel a moment of wall time to come out."""
        deadline = time.monotonic() + GRACE_SECONDS
        while self._has_closed or self._is_in_flight():
            self._has_closed = False
            time.sleep(GRACE_STEP_SECONDS)  # epoll waits a whole millisecond at least
            if events := self._sockets.select(0):
                return events
            if time.monotonic() > deadline:
                break
        return self._sockets.select(0)

    def _is_in_flight(self) -> bool:
        """Whether a socket waits to connect or write, or has bytes that its peer did not take."""
        return any(
            key.events & selectors.EVENT_WRITE or _unacknowledged_bytes(key.fd)
            for key in self._sockets.get_map().values()
        )


def _on_grid(seconds: float) -> float:
    """Round up to the next tick."""
    return math.ceil(seconds / TICK_SECONDS) * TICK_SECONDS


def _unacknowledged_bytes(descriptor: int) -> int:
    """Return what a socket has sent and its peer's kernel has not confirmed; 0 for other files."""
    try:
        answer = fcntl.ioctl(descriptor, termios.TIOCOUTQ, struct.pack("i", 0))
    except OSError:
        return 0
    return int(struct.unpack("i", answer)[0])


class HeldTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose time is kept by its selector and can be held."""

    def __init__(self, keeper: _TimeKeeper) -> None:
        self._keeper = keeper
        super().__init__(keeper)
        self._clock_resolution = CLOCK_RESOLUTION_SECONDS

    def time(self) -> float:
        """Return the loop's time in seconds."""
        return self._keeper.time()

    @contextmanager
    def hold_time(self) -> Iterator[None]:
        """Let no virtual time pass inside the block, and next to none of scaled time.

        Needed around every wait for something outside the loop, such as a thread.
        """
        self._keeper.hold()
        try:
            yield
        finally:
            self._keeper.release()

    def run_in_executor(
        self,
        executor: Executor | None,
        func: Callable[[*_Arguments], _Result],
        *args: *_Arguments,
    ) -> asyncio.Future[_Result]:
        """Run a function in a thread or process; time is held until it is done."""
        future = super().run_in_executor(executor, func, *args)
        self._keeper.hold()
        future.add_done_callback(lambda _: self._keeper.release())
        return future

    async def shutdown_default_executor(self, *args: Any, **options: Any) -> None:
        """End the default threads; time is held meanwhile."""
        with self.hold_time():
            await super().shutdown_default_executor(*args, **options)


class SimulatedLoop(HeldTimeLoop):
    """A virtual loop on which nothing comes from outside: no socket, no thread, no wall clock."""

    def __init__(self, keeper: _VirtualTime, terms: InMemory) -> None:
        super().__init__(keeper)
        self._virtual_time = keeper
        self.network = Network(self, terms)
        """The connections of this loop."""

    @property
    def jumps(self) -> int:
        """How often time has moved to the next timer."""
        return self._virtual_time.jumps

    async def create_connection(  # type: ignore[override]  # fewer options
        self,
        protocol_factory: ProtocolFactory,
        host: str | None = None,
        port: int | None = None,
        **options: Any,
    ) -> tuple[MemoryTransport, asyncio.BaseProtocol]:
        """Connect to a server of this loop; raises `OSError` where nobody listens."""
        _refuse_options(options)
        return await self.network.connect(protocol_factory, host, port)

    async def create_server(  # type: ignore[override]  # fewer options
        self,
        protocol_factory: ProtocolFactory,
        host: str | None = None,
        port: int | None = None,
        **options: Any,
    ) -> asyncio.Server:
        """Listen on this loop's network; raises `OSError` where the port is taken."""
        _refuse_options(options)
        return cast("asyncio.Server", self.network.listen(protocol_factory, host, port))

    def run_in_executor(
        self,
        executor: Executor | None,  # noqa: ARG002 - what a thread would do is done here and now
        func: Callable[[*_Arguments], _Result],
        *args: *_Arguments,
    ) -> asyncio.Future[_Result]:
        """Call a function here and now, so that its end comes at the same place every time."""
        future: asyncio.Future[_Result] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever awaits the future
            future.set_exception(error)
        return future


def _refuse_options(options: Mapping[str, Any]) -> None:
    """Accept what has no meaning in memory, refuse what would be left out in silence."""
    asked = sorted(name for name in ("sock", "ssl", "local_addr") if options.get(name) is not None)
    if asked:
        raise InvalidInput(
            f"connections in memory know no {', '.join(asked)}; use a real loop for that"
        )
