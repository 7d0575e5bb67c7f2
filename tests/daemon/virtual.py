"""The whole daemon in virtual time: gateway, connector, desk, page and mail, on one loop in memory.

Only the mail server is outside: a real one, on loopback, in a thread. Everything is asked as the
page asks it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from dispersa.desk.phases import Phase
from dispersa.desk.state import DeskState, Stage
from dispersa.desk.window import WindowState
from dispersa.execution.program import ProgramState
from dispersa.gateway.server import RunningGateway, serve
from dispersa.gateway.settings import GatewaySettings
from dispersa.runtime.config.settings import Settings
from dispersa.runtime.daemon import Daemon
from dispersa.runtime.daemon_open import DaemonParts, ScaledClock, open_daemon
from dispersa.runtime.page_host import HostedActions
from dispersa.web.page import make_page
from dispersa.web.seam import DeskSeam, Page
from tests.alerts.sinks import MailSink, mail_section, mail_server
from tests.daemon.processes import URL, promoted

WAIVER = "daemon test: the signal is not looked at"
MORNING = "2026-11-20T09:58:00-05:00"
STOP_SECONDS = 10.0


class MovedClock(ScaledClock):
    """The loop's time, of which a test moves the wall clock, or both as after a suspension."""

    wall_seconds = 0.0
    asleep_seconds = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.wall_seconds + self.asleep_seconds)

    def monotonic_ns(self) -> int:
        return super().monotonic_ns() + round(self.asleep_seconds * 1e9)


class Desk:
    """The daemon of one journal, which may be ended and started again."""

    def __init__(self, settings: Settings, **parts: Any) -> None:
        self.settings = settings
        self.parts = parts
        self.clock: MovedClock
        self.daemon: Daemon
        self.actions: HostedActions
        self.is_page_up = True
        self._life: asyncio.Task[None] | None = None

    @property
    def state(self) -> DeskState:
        return self.daemon.loop.state

    async def start(self) -> None:
        """Start and wait until the day is open."""
        ready = asyncio.Event()
        self._life = asyncio.create_task(self._live(ready))
        self._life.add_done_callback(lambda _: ready.set())
        await ready.wait()
        if self._life.done():
            self._life.result()
        await self.until(lambda state: state.linked and state.phasing.day is not None)

    async def _live(self, ready: asyncio.Event) -> None:
        self.clock = MovedClock()
        parts = DaemonParts(
            clock=lambda: self.clock,
            edge_waiver=WAIVER,
            owns_process=False,
            serve=self._serve,
            **({"make_page": self._make_page} | self.parts),
        )
        async with open_daemon(self.settings, parts) as self.daemon:
            ready.set()
            await self.daemon.run()

    def _make_page(self, seam: DeskSeam) -> Page:
        assert isinstance(seam.actions, HostedActions)
        self.actions = seam.actions
        return make_page(seam)

    async def _serve(self, _: object, host: str, port: int) -> None:
        """Answer HTTP in memory while the page is up; the real server needs a real socket."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.write(b"HTTP/1.0 200 OK\r\n\r\n" if self.is_page_up else b"")
            writer.close()

        async with await asyncio.start_server(answer, host, port):
            await asyncio.Event().wait()

    async def stop(self) -> None:
        """End in order, as after SIGTERM."""
        assert self._life is not None
        await self.daemon.loop.stop("SIGTERM", patience=STOP_SECONDS)
        await self._life

    async def break_off(self) -> None:
        """End in the middle of everything."""
        if self._life is None:
            return
        self._life.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._life

    async def until(
        self, holds: Callable[[DeskState], bool], *, within: float = 1800.0
    ) -> DeskState:
        """Wait, in market time, until the desk's state is as wanted."""
        assert self._life is not None
        try:
            async with asyncio.timeout(within):
                while not holds(self.state):
                    if self._life.done():
                        self._life.result()
                    await asyncio.sleep(0.1 if within <= 1800.0 else 2.0)
        except TimeoutError:
            found = self.state
            raise AssertionError(
                f"not reached: {found.stage} {found.decline_reason} {found.phasing.window}"
            ) from None
        return self.state

    async def begin(self) -> None:
        """Ask for today's trade."""
        await self.actions.request_trade(by="ann")

    async def window(self) -> str:
        """Ask for today's trade in Walk, wait until its window is open; return the plan's hash."""
        await self.begin()
        plan = (await self.until(is_open)).plan
        assert plan is not None
        return plan.plan_hash

    async def over(self) -> DeskState:
        """Wait until nothing of the trade is under way any more."""
        return await self.until(is_over)


@asynccontextmanager
async def gateway(start: str = MORNING, **settings: Any) -> AsyncIterator[RunningGateway]:
    """Run a gateway of three names, whose market moves once a second."""
    terms: dict[str, Any] = {"port": 4002, "seed": 1, "names": 3, "step_seconds": 1.0}
    found = await serve(GatewaySettings(start=datetime.fromisoformat(start), **terms | settings))
    async with found:
        yield found


@asynccontextmanager
async def living(desk: Desk, *, phase: Phase, start: str = MORNING) -> AsyncIterator[Desk]:
    """Let a desk live on a gateway, in a phase that a person has gone to."""
    promoted(desk.settings.journal_file, phase, start)
    async with gateway(start):
        await desk.start()
        try:
            yield desk
        finally:
            await desk.break_off()


@contextmanager
def mailed(folder: Path, sink: MailSink, **sections: Any) -> Iterator[Settings]:
    """Run a mail server and return the settings of a desk that mails there."""
    with mail_server(sink) as port:
        yield settings_of(folder, alerts=mail_section(port), **sections)


def settings_of(folder: Path, **sections: Any) -> Settings:
    """Return the settings of a desk of two names that enters only when it is told to."""
    return Settings.model_validate(
        {
            "universe": {"names": 2},
            "journal": {"path": folder / "journal.sqlite3"},
            "sizing": {"vega_max_usd_per_point": 3000, "tolerance": 0.05},
            "schedule": {"enter": False},
            "web": {"public_url": URL},
        }
        | sections
    )


def is_open(state: DeskState) -> bool:
    window = state.phasing.window
    return state.stage is Stage.WINDOW and window is not None and window.state is WindowState.OPEN


def is_over(state: DeskState) -> bool:
    return state.stage in {Stage.DECLINED, Stage.ENDED}


def completed(state: DeskState) -> None:
    assert state.program is not None, state.decline_reason
    assert state.program.state in {ProgramState.COMPLETED, ProgramState.PARTIAL_BALANCED}, (
        state.program.sentence
    )
    assert state.reconciliation is not None
    assert state.reconciliation.agrees


def refused(state: DeskState, words: str) -> None:
    """Nothing was sent, for a reason with these words."""
    assert state.stage is Stage.DECLINED
    assert words in state.decline_reason
    assert not state.open_orders()
