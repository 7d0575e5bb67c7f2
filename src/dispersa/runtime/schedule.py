"""When does the daemon do what on a trading day? From opening and close alone, so half days fit."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from dispersa.errors import MarketDataMissing
from dispersa.market import TradingSession
from dispersa.runtime.config.schedule import ScheduleSection

DAYS_AHEAD = 15
FULL_SESSION = timedelta(hours=6)
"""A session shorter than this is a half day: New York's are 6.5 and 3.5 hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPlan:
    """One trading day: its session, when entries may begin, and when it is closed off."""

    day: date
    session: TradingSession
    entry_from: datetime
    entry_until: datetime
    ends: datetime

    @property
    def is_half_day(self) -> bool:
        """Whether the market closes early."""
        return self.session.closes - self.session.opens < FULL_SESSION

    def may_enter(self, at: datetime) -> bool:
        """Whether a trade may be asked for now."""
        return self.entry_from <= at < self.entry_until


Calendar = Callable[[date], TradingSession | None]
"""The exchange's session on a day, None when it is closed."""


def plan_of(day: date, session: TradingSession, times: ScheduleSection) -> DayPlan:
    """Lay out one day; a half day's entry window is shorter, never later than its close."""
    return DayPlan(
        day=day,
        session=session,
        entry_from=session.opens + timedelta(minutes=times.entry_minutes_after_open),
        entry_until=session.closes - timedelta(minutes=times.entry_minutes_before_close),
        ends=session.closes + timedelta(minutes=times.end_of_day_minutes_after_close),
    )


def next_day(
    calendar: Calendar, at: datetime, times: ScheduleSection, *, ended: date | None
) -> DayPlan:
    """Return the trading day under way, or the next one; `ended` is closed off already.

    Raises `MarketDataMissing` where the calendar knows none in the next two weeks.
    """
    first = at.date() - timedelta(days=1)  # at midnight in London it is still yesterday in New York
    for ahead in range(DAYS_AHEAD):
        day = first + timedelta(days=ahead)
        session = calendar(day)
        if session is None or (ended is not None and day <= ended):
            continue
        plan = plan_of(day, session, times)
        if at < plan.ends:
            return plan
    raise MarketDataMissing(
        f"the exchange calendar shows no session in the {DAYS_AHEAD} days from {first}; bring "
        "dispersa and its exchange_calendars up to date"
    )


def new_york_sessions(day: date) -> TradingSession | None:
    """Session of the New York stock exchange, half days and holidays included."""
    from dispersa.runtime.doctor_machine import session_of

    found = session_of(day)
    return None if found is None else TradingSession(opens=found[0], closes=found[1])
