"""How does the page stay open on the running demo market? A desk that trades whenever it is asked.

Gateway, desk and page share one event loop; the person at the page types EXECUTE. Time runs
`speed` times as fast as the clock for all of them, so the page's own timeouts are stretched.
"""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from dispersa.desk import events as ev
from dispersa.desk.phases import Phase
from dispersa.desk.state import Stage
from dispersa.desk.window import remaining
from dispersa.errors import Halted
from dispersa.execution.plan import TradePlan
from dispersa.journal import Entry, Journal
from dispersa.risk import GateVerdict, HaltLevel
from dispersa.runtime import control_requests as ask
from dispersa.runtime.build import build_id
from dispersa.runtime.control_desk import DeskAnswers
from dispersa.runtime.demo import DEMO_ACCOUNT, EDGE_WAIVER, DemoOptions, set_stage
from dispersa.runtime.desk_loop import DeskLoop, Seen
from dispersa.runtime.reachable import Reach
from dispersa.runtime.replay import start_state
from dispersa.runtime.trade_session import Streaming, TradeSetup, open_books
from dispersa.web.page import WebPage, make_page
from dispersa.web.seam import AlertTold, DeskSeam, Reading
from dispersa.web.serving import listen, served

HOST = "127.0.0.1"
FOREVER_SECONDS = 1e9


class PageOperator:
    """Leaves every answer to the page; nothing is typed for anybody."""

    name = "page"

    async def confirm(self, plan: TradePlan, verdict: GateVerdict) -> str:
        """Wait for ever: the page's answer reaches the desk by its own way."""
        del plan, verdict  # the page shows both
        await asyncio.Event().wait()
        return ""


class DeskReadings:
    """What the page reads of a desk that runs on the same loop; watches it to tell news."""

    def __init__(self, setup: TradeSetup) -> None:
        self._setup = setup
        self._news = asyncio.Event()
        self.loop: DeskLoop | None = None

    def saw(self, _seen: Seen) -> None:
        """Wake whoever waits for news."""
        self._news.set()
        self._news = asyncio.Event()

    def now(self) -> datetime:
        """Return the market's time."""
        return self._setup.clock.live.now()

    def reading(self) -> Reading:
        """Return the desk as it is now."""
        desk, journal = _running(self.loop), self._setup.journal
        window = desk.state.phasing.window
        left = (
            None
            if window is None
            else remaining(window, window.seen, desk.state.phasing.window_policy)
        )
        return Reading(
            at=self.now(),
            sequence=journal.last_sequence,
            state=desk.state,
            window_seconds=None if left is None else left.total_seconds(),
            document={},
            health={
                "journal": "failed" if journal.failure else "writing",
                "entries written": journal.committed_sequence,
                "entries waiting": journal.last_sequence - journal.committed_sequence,
                "market": "simulated",
            },
            quotes=self._setup.connection.feed.quotes(),
        )

    def entries(self, after: int, count: int = 1_000) -> Sequence[Entry]:
        """Return committed entries."""
        if after >= self._setup.journal.committed_sequence:
            return ()
        return tuple(islice(self._setup.journal.entries(after=after), count))

    async def changed(self, after: int) -> int:
        """Wait for a committed entry after this one."""
        journal = self._setup.journal
        while journal.committed_sequence <= after:
            news = self._news
            if journal.last_sequence > after:
                await journal.committed(after + 1)
            else:
                await news.wait()
        return journal.committed_sequence

    async def alerts(self, count: int) -> tuple[AlertTold, ...]:
        """Return nothing: the demo sends no alerts."""
        del count
        return ()


def _running(desk: DeskLoop | None) -> DeskLoop:
    if desk is None:
        raise Halted("the demo's desk has not begun; wait a moment")
    return desk


class DeskDeeds:
    """What the page asks of the demo's desk: by the handlers of its control socket."""

    def __init__(self, desk: DeskLoop, journal: Journal) -> None:
        self._desk = desk
        self._answers = DeskAnswers(desk, journal, lambda: None)

    async def halt(self, level: HaltLevel, reason: str, *, by: str) -> dict[str, Any]:
        """Stop trading."""
        return await self._answers.halt(ask.HaltAsked(level=level, reason=reason, by=by))

    async def resume(self, reason: str, *, by: str) -> dict[str, Any]:
        """Let trading go on."""
        return await self._answers.resume(ask.ResumeAsked(reason=reason, by=by))

    async def approve(self, plan_hash: str, text: str, *, by: str) -> dict[str, Any]:
        """Answer for the plan."""
        return await self._answers.approve(ask.ApprovalGiven(plan_hash=plan_hash, text=text, by=by))

    async def cancel(self, reason: str, *, by: str, plan_hash: str | None = None) -> dict[str, Any]:
        """Cancel what is prepared or worked."""
        return await self._answers.cancel_program(
            ask.ProgramCancelAsked(reason=reason, by=by, plan_hash=plan_hash)
        )

    async def request_trade(self, *, by: str) -> dict[str, Any]:
        """Ask for a trade; in the demo the signal's verdict is reported, not obeyed."""
        stage = self._desk.state.stage
        if stage not in {Stage.IDLE, Stage.DECLINED, Stage.ENDED}:
            raise Halted(f"a trade is under way, at {stage}; wait for its end or cancel it")
        event = ev.TradeRequested(requested_by=by, edge_waiver=EDGE_WAIVER)
        return await self._answers.told(await self._desk.tell(event))

    async def note(self, text: str, *, by: str) -> dict[str, Any]:
        """Write a note."""
        return await self._answers.note(ask.NoteGiven(text=text, by=by))

    async def prove_page(self, url: str, *, by: str) -> dict[str, Any]:
        """Record that links arrive."""
        return await self._answers.prove_page(ask.PageProofGiven(url=url, by=by))

    async def change_phase(
        self, phase: Phase, reason: str, *, by: str, live_waiver: str = ""
    ) -> dict[str, Any]:
        """Ask for another phase."""
        return await self._answers.change_phase(
            ask.PhaseAsked(phase=phase, reason=reason, by=by, live_waiver=live_waiver)
        )


async def run_demo_page(
    options: DemoOptions, journal: Path, *, port: int, say: Callable[[str], None]
) -> None:
    """Keep desk, market and page open until the process is interrupted."""
    keeping = asyncio.create_task(_keep_open(options, journal, port, say))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, keeping.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await keeping


async def _keep_open(
    options: DemoOptions, journal: Path, port: int, say: Callable[[str], None]
) -> None:
    async with AsyncExitStack() as stack:
        bound = listen(HOST, port)
        stack.callback(bound.close)
        stage = await set_stage(options, journal, PageOperator(), stack)
        setup = stage.setup
        readings, streaming = DeskReadings(setup), Streaming(setup)
        desk = DeskLoop(
            rules=setup.rules,
            journal=setup.journal,
            broker=setup.connection.orders,
            clock=setup.clock,
            workers=setup.workers,
            operator=setup.operator,
            observers=(streaming, readings),
        )
        desk.state = start_state(setup.journal).state
        readings.loop = desk
        await open_books(setup, desk)
        page = make_page(_seam(setup, desk, readings, bound.getsockname()[1], journal))
        stack.callback(page.close)
        await stack.enter_async_context(served(page, bound, speed=options.speed))
        _greet(page, bound.getsockname()[1], say)
        await desk.run_until(
            lambda _: False,
            timeout=FOREVER_SECONDS,
            beside=[*streaming.tasks(desk), *Reach(desk, setup.journal).work(signals=False)],
        )


def _seam(
    setup: TradeSetup, desk: DeskLoop, readings: DeskReadings, port: int, journal: Path
) -> DeskSeam:
    return DeskSeam(
        profile=setup.profile,
        account=DEMO_ACCOUNT,
        build=build_id(),
        host=HOST,
        port=port,
        public_url=None,
        vault_file=journal.with_name(f"{journal.name}.page"),
        reads=readings,
        actions=DeskDeeds(desk, setup.journal),
    )


def _greet(page: WebPage, port: int, say: Callable[[str], None]) -> None:
    say(f"The page:      http://{HOST}:{port}/")
    if page.setup_code is not None:
        say(f"Set-up code:   {page.setup_code}   (choose a passphrase with it)")
    say("Then press “Read the market and plan a trade”, and type EXECUTE under Plan.")
    say("Ctrl-C ends gateway, desk and page.")
