"""What does the exchange calendar say about the next trading day?"""

from datetime import date, time, timedelta
from zoneinfo import ZoneInfo

from dispersa.market import TradingSession
from dispersa.reports.eod_facts import Missing, NextDay

NEW_YORK = ZoneInfo("America/New_York")
FULL_CLOSE = time(16, 0)
DAYS_AHEAD_MAX = 10
SATURDAY = 5


def next_day(day: date) -> NextDay | Missing:
    """Return the next trading day after `day`, with the weekdays between that are closed."""
    from exchange_calendars.errors import DateOutOfBounds

    from dispersa.runtime.doctor_machine import session_of

    closed = []
    for ahead in range(1, DAYS_AHEAD_MAX + 1):
        other = day + timedelta(days=ahead)
        try:
            hours = session_of(other)
        except (DateOutOfBounds, ValueError):
            return Missing(reason=f"the exchange calendar does not reach {other}")
        if hours is not None:
            opens, closes = hours
            return NextDay(
                day=other,
                session=TradingSession(opens=opens, closes=closes),
                is_half_day=closes.astimezone(NEW_YORK).time() < FULL_CLOSE,
                closed=tuple(closed),
            )
        if other.weekday() < SATURDAY:
            closed.append(other)
    return Missing(reason=f"the exchange calendar has no session within {DAYS_AHEAD_MAX} days")
