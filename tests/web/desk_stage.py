"""Which desk answers the page's buttons in tests? A real one, on a journal file, behind the page.

The desk is that of `tests.runtime.desk_bench`: real loop, rules and journal, a broker's other side
that the test scripts. Page and desk run on one loop in a thread; the browser is the test's.
"""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from dispersa.desk import events as ev
from dispersa.desk.phases import PhaseRules
from dispersa.desk.state import DeskState, Stage
from dispersa.desk.window import AlertHandedOver, Instant, Looked, remaining
from dispersa.market import TradingSession
from dispersa.runtime.control_desk import DeskAnswers
from dispersa.runtime.demo_page import NoAlerts
from dispersa.runtime.page_host import HostedActions, HostedReads
from dispersa.runtime.replay import replay_file
from dispersa.web.page import WebPage, make_page
from dispersa.web.seam import DeskSeam
from dispersa.web.serving import listen, served
from tests.daemon.processes import URL
from tests.desk.scene import T0
from tests.runtime.desk_bench import Bench, bench

T = TypeVar("T")
WAIT_SECONDS = 60.0


@dataclass
class DeskProcess:
    """Stands for the process: desk and page together, which may end and start again."""

    folder: Path
    bound: socket.socket = field(default_factory=lambda: listen("127.0.0.1", 0))
    bench: Bench | None = None
    page: WebPage | None = None
    thread: threading.Thread | None = None
    loop: asyncio.AbstractEventLoop | None = None

    def __post_init__(self) -> None:
        self.port = self.bound.getsockname()[1]

    @property
    def journal(self) -> Path:
        return self.folder / "journal.sqlite3"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def state(self) -> DeskState:
        return self._bench.loop.state

    @property
    def _bench(self) -> Bench:
        assert self.bench is not None
        return self.bench

    def start(self) -> None:
        """Start desk and page; the journal that is there is folded."""
        begun = threading.Event()
        self.loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        loop = self.loop

        async def live() -> None:
            async with self._open():
                begun.set()
                await self._over.wait()

        self.thread = threading.Thread(target=lambda: loop.run_until_complete(live()))
        self.thread.start()
        assert begun.wait(WAIT_SECONDS)

    def stop(self) -> None:
        """End both; the port stays ours."""
        assert self.loop is not None
        assert self.thread is not None
        self.loop.call_soon_threadsafe(self._over.set)
        self.thread.join(WAIT_SECONDS)
        self.loop.close()

    def do(self, deed: Callable[[Bench], Awaitable[T]]) -> T:
        """Do something with the desk on its own loop and wait for it."""
        assert self.loop is not None

        async def done() -> T:
            return await deed(self._bench)

        return asyncio.run_coroutine_threadsafe(done(), self.loop).result(WAIT_SECONDS)

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[None]:
        known = self.journal.exists()
        async with bench(
            self.journal, seconds=600, phases=PhaseRules(public_url=URL)
        ) as self.bench:
            if known:
                self.bench.loop.state = replay_file(self.journal).state
            self.page = make_page(self._seam(self.bench))
            self.bound = self.bound if self.bound.fileno() != -1 else listen("127.0.0.1", self.port)
            try:
                async with served(self.page, self.bound):
                    yield
            finally:
                self.page.close()

    def _seam(self, found: Bench) -> DeskSeam:
        return DeskSeam(
            profile="sim",
            account="DU1234567",
            build="test",
            host="127.0.0.1",
            port=self.port,
            public_url=None,
            vault_file=self.folder / "vault",
            reads=HostedReads(
                found.loop,
                found.journal,
                NoAlerts(),
                clock=found.clock.now,
                window_seconds=lambda state: window_seconds(state, found),
                health=dict,
                quotes=dict,
            ),
            actions=HostedActions(DeskAnswers(found.loop, found.journal, lambda: None)),
        )


def instant(found: Bench) -> Instant:
    """Both clocks of the test: they agree."""
    passed = found.clock.at - T0
    return Instant(wall=found.clock.at, monotonic_ns=passed // timedelta(microseconds=1) * 1000)


def window_seconds(state: DeskState, found: Bench) -> float | None:
    """How long a cancel is in time."""
    window = state.phasing.window
    if state.stage is not Stage.WINDOW or window is None:
        return None
    left = remaining(window, instant(found), state.phasing.window_policy)
    return None if left is None else left.total_seconds()


async def announce(found: Bench) -> None:
    """Bring a desk in Walk to its open window: the alert was handed over."""
    await open_desk(found)
    await found.loop.tell(ev.TradeRequested(requested_by="test", edge_waiver=None))
    await found.until(lambda state: state.stage is Stage.WINDOW, seconds=WAIT_SECONDS)
    await found.loop.tell(Looked(at=instant(found)))
    await found.loop.tell(AlertHandedOver(at=instant(found), channel="email"))


async def let_seconds_pass(found: Bench, seconds: int) -> None:
    """Look at the window each second, as its watch does, and at the account now and then."""
    for second in range(seconds):
        found.clock.at += timedelta(seconds=1)
        found.scene.now = found.clock.at
        if second % 15 == 0:
            await found.loop.tell(found.scene.conditions())
        await found.loop.tell(Looked(at=instant(found)))


async def open_desk(found: Bench) -> None:
    """Open the desk's books."""
    tell = found.loop.tell
    await tell(ev.DeskOpened(profile="sim", account="DU1234567", live_allowed=False))
    session = TradingSession(opens=T0 - timedelta(minutes=30), closes=T0 + timedelta(hours=6))
    await tell(ev.BrokerSynchronized(snapshot=found.scene.snapshot(), session=session))
    await tell(found.scene.conditions())


@contextmanager
def desk_process(folder: Path) -> Iterator[DeskProcess]:
    """Run a desk with its page as long as the block does."""
    made = DeskProcess(folder=folder)
    made.start()
    try:
        yield made
    finally:
        made.stop()
