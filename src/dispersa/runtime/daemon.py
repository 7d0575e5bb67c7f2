"""What runs for weeks without anybody at the terminal? `dispersa run`: the desk and all beside it.

The desk loop is the heart; calendar, reconciliation, alerts, health and page are supervised tasks
beside it. When the desk itself fails, working orders are cancelled, a halt is left for the next
start, and the process ends with an error.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from dispersa.alerts import Alert, AlertPolicy, Outbox, Severity
from dispersa.alerts.channels import Channel
from dispersa.desk import phase_commands as pc
from dispersa.desk.evolve import Record
from dispersa.desk.phase_events import PaperDaysCounted
from dispersa.desk.state import DeskState, Stage
from dispersa.errors import BrokerError, DispersaError, Halted
from dispersa.execution.plan import TradePlan
from dispersa.risk import GateVerdict, HaltLevel
from dispersa.runtime import control_requests as ask
from dispersa.runtime.build import build_id
from dispersa.runtime.config.schedule import ScheduleSection
from dispersa.runtime.control import Answering
from dispersa.runtime.control_desk import DeskAnswers
from dispersa.runtime.daemon_alerts import Alarm
from dispersa.runtime.daemon_day import DayCycle, DayHook, watch_books
from dispersa.runtime.daemon_notify import beat, notify
from dispersa.runtime.daemon_tasks import Supervisor
from dispersa.runtime.daemon_workers import DailyWorkers
from dispersa.runtime.daily_cycle import CyclePolicies
from dispersa.runtime.desk_loop import DeskLoop, Observer
from dispersa.runtime.health import HealthSources, health_document, keep_status
from dispersa.runtime.hedge_watch import HedgeWatch
from dispersa.runtime.holding import HoldingWatch
from dispersa.runtime.metrics import DeskCounts, health_app
from dispersa.runtime.page_host import HostedActions, HostedReads, probe
from dispersa.runtime.phases_window import BothClocks, WindowWatch
from dispersa.runtime.reachable import Reach, Work
from dispersa.runtime.replay import close_state, start_state
from dispersa.runtime.schedule import Calendar, new_york_sessions
from dispersa.runtime.sentinel import Sentinel, write_sentinel
from dispersa.runtime.trade_session import (
    Streaming,
    TradeSetup,
    open_books,
    require_not_stopped,
)
from dispersa.web.seam import DeskSeam, Page, PageMaker
from dispersa.web.serving import serve

LAST_CANCELS_SECONDS = 5.0
LAST_ALERT = timedelta(seconds=5)

Serve = Callable[[Any, str, int], Coroutine[Any, Any, None]]
"""Serves an ASGI application at a host and port until cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonTerms:
    """How one daemon is set up beside its trade setup.

    `health` and `page` are addresses, None where nothing listens; `edge_waiver` is a label under
    which simulated trades ignore the signal's verdict; `paper_days` counts those of the paper
    journal before live trading, None with any other profile; `cycle` reads the rules for what is
    held; `data_lines_max` is the login's allowance of market data lines.
    """

    clock: BothClocks
    times: ScheduleSection
    channels: tuple[Channel, ...]
    alert_policy: AlertPolicy
    outbox_file: Path
    status_file: Path
    health: tuple[str, int] | None = None
    page: tuple[str, int] | None = None
    make_page: PageMaker | None = None
    public_url: str | None = None
    paper_days: tuple[int, str] | None = None
    edge_waiver: str | None = None
    data_lines_max: int | None = None
    calendar: Calendar = new_york_sessions
    day_hooks: tuple[DayHook, ...] = ()
    cycle: Callable[[], CyclePolicies] = CyclePolicies
    serve: Serve = serve
    say: Callable[[str], None] = field(default=lambda _: None)


class Elsewhere:
    """The person who approves is not at this terminal; nobody's answer is the plan's expiry."""

    name = "dispersa run"

    def __init__(self) -> None:
        self.state: Callable[[], DeskState] = DeskState
        self.now: Callable[[], datetime] | None = None

    async def confirm(self, plan: TradePlan, verdict: GateVerdict) -> str:
        """Wait until the plan has expired; an answer given elsewhere comes before that."""
        del verdict
        now = self.now
        while now is None or now() <= plan.expires_at:
            await asyncio.sleep(1.0)
        state = self.state()
        shown = state.plan
        if state.stage is not Stage.APPROVAL or shown is None or shown.plan_hash != plan.plan_hash:
            await asyncio.Event().wait()
        return "nobody answered before the plan expired"


class Daemon:
    """One running desk with everything beside it."""

    def __init__(
        self,
        setup: TradeSetup,
        terms: DaemonTerms,
        *,
        operator: Elsewhere,
        observers: Sequence[Observer] = (),
    ) -> None:
        self._setup = setup
        self._terms = terms
        self._workers = DailyWorkers(setup, waiver=terms.edge_waiver)
        self._streaming = Streaming(setup)
        self._counts = DeskCounts()
        self.alarm = Alarm(
            lambda: Outbox(terms.outbox_file), terms.channels, terms.clock.now, terms.alert_policy
        )
        self._watchers: list[Observer] = [*observers, self.alarm, self._counts, self._streaming]
        self.loop = DeskLoop(
            rules=setup.rules,
            journal=setup.journal,
            broker=setup.connection.orders,
            clock=setup.clock,
            workers=self._workers,
            operator=operator,
            observers=[_Late(self._watchers)],
        )
        operator.state, operator.now = (lambda: self.loop.state), terms.clock.now
        self._window = WindowWatch(self.loop, terms.clock, self.alarm, self._probe_page)
        self._watchers.append(self._window)
        self._supervisor = Supervisor(self.loop.post)
        self.hedges = HedgeWatch(setup, self.loop, terms.cycle, self.alarm.tell)
        self._holdings = HoldingWatch(setup, self.loop, terms.cycle, self.hedges.act)
        self._days = DayCycle(
            setup,
            self.loop,
            self._workers,
            calendar=terms.calendar,
            times=terms.times,
            hooks=terms.day_hooks,
            tell=self.alarm.tell,
        )
        self._health = self._health_sources()
        self._page: Page | None = None

    async def run(self) -> None:
        """Run until a signal ends it in order.

        Raises
        ------
        Unresolved
            After a stop that could not prove that nothing works any more; it names what stays.
        DispersaError
            When the desk failed; a halt stands for the next start.
        """
        start = start_state(self._setup.journal)
        self.loop.state = start.state
        reach = Reach(self.loop, self._setup.journal, answers=self._answers())
        await open_books(self._setup, self.loop)
        if self._terms.paper_days is not None:
            days, source = self._terms.paper_days
            self.loop.post(PaperDaysCounted(days=days, source=source))
        self.alarm.repeat(self._setup.journal, start.state)
        if self.loop.state.stage is Stage.EXECUTION and self.loop.state.plan is not None:
            self._streaming.follow(self.loop.state)
        try:
            await self.loop.run_until(
                lambda _: False,
                timeout=None,
                beside=[
                    *self._streaming.tasks(self.loop),
                    *reach.work(signals=self._setup.owns_process),
                    *self._beside(reach),
                ],
            )
        except BaseException as error:
            if isinstance(error, Exception):
                await self._after_failure(error)
            raise
        finally:
            notify("STOPPING=1")
        close_state(self._setup.journal, start, self.loop.state)
        if self.loop.stopped is not None and self.loop.stopped.stays:
            require_not_stopped(self.loop)

    def health(self) -> dict[str, Any]:
        """Return how the daemon is."""
        return health_document(self._health)

    def _health_sources(self) -> HealthSources:
        return HealthSources(
            loop=self.loop,
            journal=self._setup.journal,
            supervisor=self._supervisor,
            alarm=self.alarm,
            now=self._terms.clock.now,
            next_step=lambda: self._days.agenda.text,
        )

    def _beside(self, reach: Reach) -> list[Work]:
        """Everything that may crash without taking the desk along."""
        keep, terms = self._supervisor.keep, self._terms
        books = terms.times.reconcile_seconds
        work = [
            keep("alerts", self.alarm.run),
            keep("days", self._days.run),
            keep("holdings", self._holdings.run),
            keep("hedges", self.hedges.run),
            keep("books", lambda: watch_books(self._setup, self.loop, every_seconds=books)),
            keep("status file", lambda: keep_status(terms.status_file, self.health)),
            keep("systemd", beat),
        ]
        if terms.health is not None:
            host, port = terms.health
            app = health_app(self._health, self._counts)
            work.append(keep("health", lambda: terms.serve(app, host, port)))
        if terms.page is not None and terms.make_page is not None:
            self._page = self._made_page(terms.make_page, terms.page, reach)
            self.alarm.links = self._link
            work.append(keep("page", self._serve_page))
        return work

    def _made_page(self, make: PageMaker, address: tuple[str, int], reach: Reach) -> Page:
        host, port = address
        journal = self._setup.journal
        path = journal.path or self._terms.status_file
        page = make(
            DeskSeam(
                profile=self._setup.profile,
                account=self._setup.account,
                build=build_id(),
                host=host,
                port=port,
                public_url=self._terms.public_url,
                vault_file=path.with_suffix(".web.sqlite3"),
                reads=HostedReads(
                    self.loop,
                    journal,
                    self.alarm,
                    clock=self._terms.clock.now,
                    window_seconds=self._window.remaining_seconds,
                    health=self.health,
                    quotes=self._setup.connection.feed.quotes,
                    dividends=lambda: self._holdings.policies.dividends,
                ),
                actions=HostedActions(
                    DeskAnswers(self.loop, journal, reach.lift),
                    edge_waiver=self._terms.edge_waiver,
                ),
                data_lines_max=self._terms.data_lines_max,
            )
        )
        self._terms.say(f"page at http://{host}:{port}")
        if page.setup_code is not None:
            self._terms.say(f"set the page's passphrase with this code: {page.setup_code}")
        return page

    async def _serve_page(self) -> None:
        if self._page is not None and self._terms.page is not None:
            await self._terms.serve(self._page, *self._terms.page)

    async def _probe_page(self) -> str | None:
        if self._page is None or self._terms.page is None:
            return "this daemon serves no page"
        return await probe(*self._terms.page)

    def _link(self, record: Record, state: DeskState) -> str | None:
        """A cancel link for the alert that opens Walk's window; the page for every other."""
        if isinstance(record, pc.AnnounceStart) and self._page is not None and state.plan:
            return self._page.cancel_link(record.plan_hash, state.plan.expires_at)
        return None

    def _answers(self) -> dict[str, Answering[Any]]:
        return {
            "request_trade": Answering(ask.TradeAsked, self._request_trade),
            "health": Answering(ask.HealthAsked, self._tell_health),
            "hedge": Answering(ask.HedgesAsked, self.hedges.answer),
            "send_proof_link": Answering(ask.ProofLinkAsked, self._send_proof),
        }

    async def _request_trade(self, asked: ask.TradeAsked) -> dict[str, Any]:
        """Ask for today's trade under the daemon's own label, where it has one."""
        answers = DeskAnswers(self.loop, self._setup.journal, _nothing)
        return await answers.request_trade(asked, edge_waiver=self._terms.edge_waiver)

    async def _tell_health(self, _: ask.HealthAsked) -> dict[str, Any]:
        return self.health()

    async def _send_proof(self, asked: ask.ProofLinkAsked) -> dict[str, Any]:
        """Send the operator the link that proves the page, over every channel."""
        link = None if self._page is None else self._page.proof_link()
        if link is None:
            raise Halted("there is no public page; set web.public_url and start the daemon again")
        at = self._terms.clock.now()
        alert = Alert(
            alert_id=f"proof-{at:%Y%m%dT%H%M%S}",
            topic="proof",
            severity=Severity.WARNING,
            at=at,
            headline="Open this link to let Walk arm",
            happened=f"{asked.by} asked to prove that the page is reached from outside.",
            done="Nothing is changed until the link is opened; it is good for one hour.",
            options="Open the link on the phone that you would cancel with, and confirm.",
            link=link,
        )
        self.alarm.tell(alert)
        taken = await self.alarm.outcome(alert.alert_id, timedelta(seconds=20))
        return {"channels": {row.channel: f"{row.state}: {row.answer}" for row in taken}}

    async def _after_failure(self, error: Exception) -> None:
        """Cancel what works, halt the next start, and say so while there is still a way to."""
        reason = f"the desk failed: {type(error).__name__}: {error}"[:500]
        if self._setup.journal.path is not None:
            halt = Sentinel(level=HaltLevel.CANCEL, reason=reason, by="dispersa run")
            write_sentinel(self._setup.journal.path, halt)
        cancelled = await self._last_cancels()
        at = self._terms.clock.now()
        alert = Alert(
            alert_id=f"failed-{at:%Y%m%dT%H%M%S}",
            topic="desk failed",
            severity=Severity.CRITICAL,
            at=at,
            headline="The desk has failed and stopped",
            happened=reason,
            done=f"{cancelled} A halt stands for the next start.",
            options="Look at the broker's own screen, then `dispersa status`; resume with a reason "
            "once you know what it was.",
        )
        await send_last(self._terms, alert)

    async def _last_cancels(self) -> str:
        try:
            async with asyncio.timeout(LAST_CANCELS_SECONDS):
                await self._setup.connection.orders.cancel_all_ours()
        except (BrokerError, TimeoutError) as error:
            found = f"{type(error).__name__} {error}".strip()
            return f"Orders of ours could not be cancelled ({found}): they may work."
        return "Every order of ours was asked to be cancelled."


def _nothing() -> None:
    return


class _Late:
    """Observers that may still be added after the loop was made."""

    def __init__(self, watchers: Sequence[Observer]) -> None:
        self._watchers = watchers

    def saw(self, seen: Any) -> None:
        """Pass one step on."""
        for watcher in self._watchers:
            watcher.saw(seen)


async def send_last(terms: DaemonTerms, alert: Alert) -> None:
    """Send one alert when everything else has ended; what is not taken over waits in the outbox."""
    alarm = Alarm(
        lambda: Outbox(terms.outbox_file), terms.channels, terms.clock.now, terms.alert_policy
    )
    alarm.tell(alert)
    sending = asyncio.create_task(alarm.run())
    try:
        await alarm.outcome(alert.alert_id, LAST_ALERT)
    except (TimeoutError, DispersaError):
        return
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
