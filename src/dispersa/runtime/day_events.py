"""What does the exchange calendar say about the next trading day?"""

from datetime import date, time, timedelta
from zoneinfo import ZoneInfo

from dispersa.market import TradingSession
from dispersa.reports.eod_facts import Missing, NextDay

NEW_YORK = ZoneInfo("America/New_York")
FULL_CLOSE = time(16, 0)
DAYS_AHEAD_MAX = 10
SATURDAY = 5


def hours_of(day: date) -> TradingSession | Missing | None:
    """Return the exchange's session of a day, None when it is closed."""
    from exchange_calendars.errors import DateOutOfBounds

    from dispersa.runtime.doctor_machine import session_of

    try:
        hours = session_of(day)
    except (DateOutOfBounds, ValueError):
        return Missing(reason=f"the exchange calendar does not reach {day}")
    return None if hours is None else TradingSession(opens=hours[0], closes=hours[1])


def next_day(day: date) -> NextDay | Missing:
    """Return the next trading day after `day`, with the weekdays between that are closed."""
    closed: list[date] = []
    for ahead in range(1, DAYS_AHEAD_MAX + 1):
        other = day + timedelta(days=ahead)
        session = hours_of(other)
        if isinstance(session, Missing):
            return session
        if session is not None:
            return NextDay(
                day=other,
                session=session,
                is_half_day=session.closes.astimezone(NEW_YORK).time() < FULL_CLOSE,
                closed=tuple(closed),
            )
        if other.weekday() < SATURDAY:
            closed.append(other)
    return Missing(reason=f"the exchange calendar has no session within {DAYS_AHEAD_MAX} days")
