"""How does the page stay open on the running demo market? A desk that trades whenever it is asked.

Gateway, desk and page share one event loop; the person at the page types EXECUTE. Time runs
`speed` times as fast as the clock for all of them, so the page's own timeouts are stretched.
"""

import asyncio
import contextlib
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from dispersa.alerts import Delivery
from dispersa.desk.phases import Phase
from dispersa.execution.plan import TradePlan
from dispersa.journal import Journal
from dispersa.risk import GateVerdict
from dispersa.runtime.build import build_id
from dispersa.runtime.control_desk import DeskAnswers
from dispersa.runtime.demo import DEMO_ACCOUNT, EDGE_WAIVER, DemoOptions, set_stage
from dispersa.runtime.desk_loop import DeskLoop
from dispersa.runtime.page_host import HostedActions, HostedReads
from dispersa.runtime.reachable import Reach
from dispersa.runtime.replay import start_state
from dispersa.runtime.trade_session import Streaming, TradeSetup, open_books
from dispersa.web.page import WebPage, make_page
from dispersa.web.seam import DeskSeam
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


class NoAlerts:
    """The demo sends no alerts."""

    async def recent(self, count: int) -> tuple[Delivery, ...]:
        """Return nothing."""
        del count
        return ()


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
        streaming = Streaming(setup)
        desk = DeskLoop(
            rules=setup.rules,
            journal=setup.journal,
            broker=setup.connection.orders,
            clock=setup.clock,
            workers=setup.workers,
            operator=setup.operator,
            observers=(streaming,),
        )
        desk.state = start_state(setup.journal).state
        await open_books(setup, desk)
        page = make_page(_seam(setup, desk, bound.getsockname()[1], journal))
        stack.callback(page.close)
        await stack.enter_async_context(served(page, bound, speed=options.speed))
        _greet(page, bound.getsockname()[1], say)
        await desk.run_until(
            lambda _: False,
            timeout=FOREVER_SECONDS,
            beside=[*streaming.tasks(desk), *Reach(desk, setup.journal).work(signals=False)],
        )


def _seam(setup: TradeSetup, desk: DeskLoop, port: int, path: Path) -> DeskSeam:
    journal = setup.journal
    return DeskSeam(
        profile=setup.profile,
        account=DEMO_ACCOUNT,
        build=build_id(),
        host=HOST,
        port=port,
        public_url=None,
        vault_file=path.with_name(f"{path.name}.page"),
        reads=HostedReads(
            desk,
            journal,
            NoAlerts(),
            clock=setup.clock.live.now,
            window_seconds=lambda _: None,
            health=lambda: _health(journal),
            quotes=setup.connection.feed.quotes,
        ),
        actions=HostedActions(
            DeskAnswers(desk, journal, lift=lambda: None), edge_waiver=EDGE_WAIVER
        ),
        phases=(Phase.CRAWL,),
    )


def _health(journal: Journal) -> dict[str, Any]:
    return {
        "journal": "failed" if journal.failure else "writing",
        "entries written": journal.committed_sequence,
        "entries waiting": journal.last_sequence - journal.committed_sequence,
        "market": "simulated",
    }


def _greet(page: WebPage, port: int, say: Callable[[str], None]) -> None:
    say(f"The page:      http://{HOST}:{port}/")
    if page.setup_code is not None:
        say(f"Set-up code:   {page.setup_code}   (choose a passphrase with it)")
    say("Then press “Read the market and plan a trade”, and type EXECUTE under Plan.")
    say("Ctrl-C ends gateway, desk and page.")
