"""What does the daemon do from one trading day to the next? Open, enter, hold, close off.

Every step asks the clock anew: a machine that slept, or a clock that was set, delays a step and
never repeats one. What a day has done already is read from the desk's state, so a restart goes on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from dispersa.alerts import Alert
from dispersa.desk import events as ev
from dispersa.desk.phase_events import DayEnded, DayOpened, UniverseChanged
from dispersa.desk.state import DeskState, Stage
from dispersa.errors import BrokerError, MarketDataMissing
from dispersa.market import Basket, Symbol, TradingSession
from dispersa.runtime.config.schedule import ScheduleSection
from dispersa.runtime.daemon_workers import DailyWorkers
from dispersa.runtime.desk_loop import DeskLoop
from dispersa.runtime.health import is_busy
from dispersa.runtime.schedule import Calendar, DayPlan, next_day
from dispersa.runtime.trade_session import TradeSetup, read_conditions

NAP_SECONDS = 20.0
"""The clock is asked at least this often, should it be moved."""
BOOKS_AGAIN_SECONDS = 30.0
BOOKS_ATTEMPTS = 20
WEIGHT_MOVED = 0.005
SCHEDULE = "schedule"

DayHook = Callable[[date, datetime], Awaitable[Sequence[Alert]]]
"""What is done once a day is closed off: takes the day and the time, returns what is to be told.

It may be done again for the same day after a restart; an alert of the same id is sent once.
"""


@dataclass(slots=True)
class Agenda:
    """What comes next, in words."""

    text: str = "starting"


class DayCycle:
    """One trading day after the other."""

    def __init__(
        self,
        setup: TradeSetup,
        loop: DeskLoop,
        workers: DailyWorkers,
        *,
        calendar: Calendar,
        times: ScheduleSection,
        hooks: tuple[DayHook, ...] = (),
        tell: Callable[[Alert], None],
    ) -> None:
        self._setup = setup
        self._loop = loop
        self._workers = workers
        self._calendar = calendar
        self._times = times
        self._hooks = hooks
        self._tell = tell
        self.agenda = Agenda()

    async def run(self) -> None:
        """Live through the days until cancelled; first finish what a crash has left of the last."""
        if (last := self._loop.state.phasing.day_ended) is not None:
            await self._after(last)
        while True:
            ended = self._loop.state.phasing.day_ended
            day = next_day(self._calendar, self._now(), self._times, ended=ended)
            await self._until(day.session.opens, f"{day.day}: the market opens")
            session = await self._open(day)
            if session is not None and self._times.enter:
                await self._enter(replace(day, session=session))
            await self._until(day.ends, f"{day.day}: end of day")
            await self._close(day)

    async def _open(self, day: DayPlan) -> TradingSession | None:
        """Take up today's weights and hours; what the broker says of the hours binds, too."""
        self._workers.renew()
        self._tell_of_changes(self._workers.basket)
        session, remark = await self._broker_hours(day)
        self._loop.post(
            DayOpened(
                day=day.day,
                session=session,
                is_half_day=day.is_half_day,
                remark=remark,
                weights=_weights(self._workers.basket),
            )
        )
        self._loop.post(await read_conditions(self._setup))
        return session

    async def _broker_hours(self, day: DayPlan) -> tuple[TradingSession | None, str]:
        """Return the hours that calendar and broker agree on, None where there are none."""
        feed, ours = self._setup.connection.feed, day.session
        try:
            index = await feed.underlying(self._workers.basket.index)
            theirs = await feed.session(index)
        except (BrokerError, MarketDataMissing) as error:
            return None, f"the broker names no hours for {day.day}: {error}"
        opens, closes = max(ours.opens, theirs.opens), min(ours.closes, theirs.closes)
        if opens >= closes:
            return None, f"calendar and broker disagree about the hours of {day.day}"
        agreed = TradingSession(opens=opens, closes=closes)
        return (
            agreed,
            "" if agreed == ours else "the broker's hours are shorter than the calendar's",
        )

    def _tell_of_changes(self, now: Basket) -> None:
        """Say that the index was rebalanced, since the last day opened, while something is held."""
        state = self._loop.state
        change = changes(state.phasing.weights, now)
        if change is not None and state.programs_held:
            self._loop.post(change)

    async def _enter(self, day: DayPlan) -> None:
        """Ask for today's trade within the entry window until one begins, a few times at most."""
        await self._until(day.entry_from, f"{day.day}: entry window opens")
        for attempt in range(1, self._times.entry_attempts + 1):
            if not day.may_enter(self._now()) or self._has_traded(day):
                return
            if not is_busy(self._loop.state):
                event = ev.TradeRequested(requested_by=SCHEDULE, edge_waiver=self._workers.waiver)
                await self._loop.tell(event)
            self.agenda.text = f"{day.day}: attempt {attempt} of {self._times.entry_attempts}"
            await self._idle()
            again = self._now() + timedelta(minutes=self._times.entry_again_minutes)
            await self._until(min(again, day.entry_until), f"{day.day}: next attempt")

    async def _idle(self) -> None:
        while is_busy(self._loop.state):
            await asyncio.sleep(1.0)

    def _has_traded(self, day: DayPlan) -> bool:
        starts = self._loop.state.program_starts
        return any(day.session.opens <= start < day.ends for start in starts)

    async def _close(self, day: DayPlan) -> None:
        """Reconcile in full, close the day off, and let reports be written."""
        agree, remark = await self._last_books()
        await self._loop.tell(DayEnded(day=day.day, books_agree=agree, remark=remark))
        await self._after(day.day)

    async def _after(self, day: date) -> None:
        """Let reports of a day that is closed off be written, and tell what they say."""
        for hook in self._hooks:
            for alert in await hook(day, self._now()):
                self._tell(alert)

    async def _last_books(self) -> tuple[bool, str]:
        """Read the broker in full, again and again while it does not answer."""
        remark = ""
        for _ in range(BOOKS_ATTEMPTS):
            try:
                snapshot = await self._setup.connection.orders.snapshot()
            except BrokerError as error:
                remark = f"the books could not be read at the end of the day: {error}"
                await asyncio.sleep(BOOKS_AGAIN_SECONDS)
                continue
            seen = await self._loop.tell(ev.SnapshotRead(snapshot=snapshot))
            return _agree(seen.state), ""
        return False, remark

    async def _until(self, at: datetime, what: str) -> None:
        self.agenda.text = f"{at.isoformat(timespec='minutes')} {what}"
        while (rest := (at - self._now()).total_seconds()) > 0:
            await asyncio.sleep(min(rest, NAP_SECONDS))

    def _now(self) -> datetime:
        return self._setup.clock.live.now()


def _weights(basket: Basket) -> dict[Symbol, float]:
    return {row.symbol: row.weight for row in basket.weights}


def changes(old: Mapping[Symbol, float], now: Basket) -> UniverseChanged | None:
    """Say what a new set of weights has changed, None where it is the same within half a point.

    Without old weights nothing is known to have changed.
    """
    if not old:
        return None
    new = _weights(now)
    moved = {
        symbol: new[symbol] - old[symbol]
        for symbol in old.keys() & new.keys()
        if abs(new[symbol] - old[symbol]) >= WEIGHT_MOVED
    }
    added, removed = sorted(new.keys() - old.keys()), sorted(old.keys() - new.keys())
    if not (moved or added or removed):
        return None
    return UniverseChanged(
        as_of=now.as_of,
        added=tuple(added),
        removed=tuple(removed),
        moved=dict(sorted(moved.items())),
    )


async def watch_books(setup: TradeSetup, loop: DeskLoop, *, every_seconds: float) -> None:
    """Compare the books with the broker again and again while no program does it itself."""
    while True:
        await asyncio.sleep(every_seconds)
        if loop.state.stage is Stage.EXECUTION or not loop.state.linked:
            continue
        try:
            snapshot = await setup.connection.orders.snapshot()
        except BrokerError as error:
            loop.post(ev.SnapshotFailed(reason=str(error)))
        else:
            loop.post(ev.SnapshotRead(snapshot=snapshot))


def _agree(state: DeskState) -> bool:
    return state.reconciliation is not None and state.reconciliation.agrees
