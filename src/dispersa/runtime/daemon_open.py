"""How is `dispersa run` wired from the configuration? Everything that it stands on, opened once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dispersa.broker.ibkr.settings import Deadlines
from dispersa.desk.phase_events import DayEnded
from dispersa.journal import read_entries
from dispersa.runtime.alerting import alert_policy, channels, outbox_file
from dispersa.runtime.clock import LoopClock
from dispersa.runtime.config.settings import Settings
from dispersa.runtime.daemon import Daemon, DaemonTerms, Elsewhere, Serve
from dispersa.runtime.daemon_day import DayHook
from dispersa.runtime.desk_loop import Observer
from dispersa.runtime.live import AlignableClock, BrokerClock, open_desk
from dispersa.runtime.schedule import Calendar, new_york_sessions
from dispersa.web.seam import PageMaker
from dispersa.web.serving import serve


class ScaledClock:
    """The time of a scaled loop, moved once to that of the simulated gateway."""

    def __init__(self) -> None:
        self._loop = LoopClock(datetime(2026, 1, 1, tzinfo=UTC), asyncio.get_running_loop())
        self._offset = timedelta(0)

    def now(self) -> datetime:
        """Return the time now, aware, in UTC."""
        return self._loop.now() + self._offset

    def monotonic_ns(self) -> int:
        """Return nanoseconds that have passed on the loop."""
        return self._loop.monotonic_ns()

    def align(self, broker_time: datetime) -> None:
        """Go by the broker's time from now on."""
        self._offset += broker_time - self.now()


def _quiet(_text: str) -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonParts:
    """What a daemon may be given beside its configuration.

    `clock` makes the clock on the running loop; `edge_waiver` belongs to simulated accounts only.
    """

    clock: Callable[[], AlignableClock] = BrokerClock
    calendar: Calendar = new_york_sessions
    make_page: PageMaker | None = None
    day_hooks: tuple[DayHook, ...] = ()
    observers: Sequence[Observer] = ()
    edge_waiver: str | None = None
    owns_process: bool = True
    serve: Serve = serve
    deadlines: Deadlines | None = None
    say: Callable[[str], None] = field(default=_quiet)


async def run_daemon(settings: Settings, parts: DaemonParts) -> Daemon:
    """Open everything and run until a signal ends it in order; returns the ended daemon."""
    async with open_daemon(settings, parts) as daemon:
        await daemon.run()
    return daemon


@asynccontextmanager
async def open_daemon(settings: Settings, parts: DaemonParts) -> AsyncIterator[Daemon]:
    """Connect, take the journal and make the daemon; it does nothing before its `run`."""
    operator = Elsewhere()
    clock = parts.clock()
    async with open_desk(
        settings,
        operator,
        owns_process=parts.owns_process,
        clock=clock,
        deadlines=parts.deadlines,
    ) as setup:
        if setup.journal.recovery is not None:
            parts.say(setup.journal.recovery)
        terms = _terms(settings, parts, clock, setup.account)
        yield Daemon(setup, terms, operator=operator, observers=parts.observers)


def _terms(
    settings: Settings, parts: DaemonParts, clock: AlignableClock, account: str
) -> DaemonTerms:
    port = settings.daemon.health_port
    journal = settings.journal_file
    return DaemonTerms(
        clock=clock,
        times=settings.schedule,
        channels=channels(settings, account),
        alert_policy=alert_policy(settings),
        outbox_file=outbox_file(settings),
        status_file=settings.daemon.status_file or journal.with_suffix(".status.json"),
        health=None if port is None else (settings.daemon.health_host, port),
        page=None if parts.make_page is None else (settings.web.host, settings.web.port),
        make_page=parts.make_page,
        public_url=settings.web.public_url,
        paper_days=paper_days(settings) if settings.profile == "live" else None,
        edge_waiver=parts.edge_waiver if settings.profile == "sim" else None,
        data_lines_max=settings.broker.market_data_lines_max,
        calendar=parts.calendar,
        day_hooks=parts.day_hooks,
        cycle=settings.cycle,
        serve=parts.serve,
        say=parts.say,
    )


def paper_days(settings: Settings) -> tuple[int, str]:
    """Count the trading days that the paper journal holds to their end, and name that journal."""
    paper = settings.journal_file.with_name("paper.sqlite3")
    return (_ended_days(paper) if paper.is_file() else 0), str(paper)


def _ended_days(journal: Path) -> int:
    kind = DayEnded.__name__
    return len({entry.payload for entry in read_entries(journal) if entry.kind == kind})
