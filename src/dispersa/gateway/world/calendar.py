"""When is the US equity and option market open?

The gateway's own small calendar, on purpose not the one the client uses: NYSE holidays and early
closes by rule (valid from 2022 on), regular hours 09:30 to 16:00 New York time, 13:00 on half
days.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
SPECIAL_CLOSURES = frozenset({date(2025, 1, 9)})
"""National days of mourning."""
SESSION_SECONDS = 23_400
"""Length of a full regular session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One regular trading session; `opens` and `closes` are aware instants in UTC."""

    day: date
    opens: datetime
    closes: datetime

    @property
    def seconds(self) -> int:
        """Length of the session."""
        return int((self.closes - self.opens).total_seconds())

    def contains(self, instant: datetime) -> bool:
        """Whether the market is open at `instant`."""
        return self.opens <= instant < self.closes


def _nth_weekday(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def _last_monday_of_may(year: int) -> date:
    last = date(year, 5, 31)
    return last - timedelta(days=last.weekday())


def easter_sunday(year: int) -> date:
    """Return Easter Sunday by the Gregorian computus (Meeus, Astronomical Algorithms, ch. 8)."""
    a, b, c = year % 19, year // 100, year % 100
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    e = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * e) // 451
    month, day = divmod(h + e - 7 * m + 114, 31)
    return date(year, month, day + 1)


def _observed(day: date) -> date:
    if day.weekday() == 5:
        return day - timedelta(days=1)
    return day + timedelta(days=1) if day.weekday() == 6 else day


@lru_cache(maxsize=64)
def holidays(year: int) -> frozenset[date]:
    """Return the days of `year` on which the NYSE is closed, weekends aside (NYSE Rule 7.2)."""
    new_year = date(year, 1, 1)
    days = {
        _nth_weekday(year, 1, 0, 3),
        _nth_weekday(year, 2, 0, 3),
        easter_sunday(year) - timedelta(days=2),
        _last_monday_of_may(year),
        _observed(date(year, 6, 19)),
        _observed(date(year, 7, 4)),
        _nth_weekday(year, 9, 0, 1),
        _nth_weekday(year, 11, 3, 4),
        _observed(date(year, 12, 25)),
    }
    # A New Year's Day on Saturday is not moved into the old year.
    if new_year.weekday() != 5:
        days.add(_observed(new_year))
    return frozenset(days | {day for day in SPECIAL_CLOSURES if day.year == year})


def is_trading_day(day: date) -> bool:
    """Whether the NYSE holds a regular session on `day`."""
    return day.weekday() < 5 and day not in holidays(day.year)


def is_half_day(day: date) -> bool:
    """Whether the session of `day` ends at 13:00 New York time."""
    if not is_trading_day(day):
        return False
    after_thanksgiving = _nth_weekday(day.year, 11, 3, 4) + timedelta(days=1)
    before_independence = day == date(day.year, 7, 3) and date(day.year, 7, 4).weekday() < 5
    return day == after_thanksgiving or before_independence or day == date(day.year, 12, 24)


@lru_cache(maxsize=4096)
def session(day: date) -> Session | None:
    """Return the regular session of `day`, None when the market is closed."""
    if not is_trading_day(day):
        return None
    closing = time(13, 0) if is_half_day(day) else time(16, 0)
    return Session(
        day=day,
        opens=datetime.combine(day, time(9, 30), NEW_YORK).astimezone(UTC),
        closes=datetime.combine(day, closing, NEW_YORK).astimezone(UTC),
    )


def trading_day_on_or_before(day: date) -> date:
    """Return `day` or the latest trading day before it."""
    while not is_trading_day(day):
        day -= timedelta(days=1)
    return day


def next_trading_day(day: date) -> date:
    """Return the first trading day after `day`."""
    day += timedelta(days=1)
    while not is_trading_day(day):
        day += timedelta(days=1)
    return day


def trading_days_before(day: date, count: int) -> list[date]:
    """Return the `count` trading days before `day`, oldest first."""
    days: list[date] = []
    while len(days) < count:
        day = trading_day_on_or_before(day - timedelta(days=1))
        days.append(day)
    return days[::-1]


def new_york_date(instant: datetime) -> date:
    """Return the calendar date in New York at `instant`."""
    return instant.astimezone(NEW_YORK).date()


def latest_session(instant: datetime) -> Session:
    """Return the session that is running at `instant`, or the last one that had begun."""
    day = trading_day_on_or_before(new_york_date(instant))
    found = session(day)
    if found is None or found.opens > instant:
        found = session(trading_day_on_or_before(day - timedelta(days=1)))
    assert found is not None  # noqa: S101 - a trading day has a session
    return found


def is_open(instant: datetime) -> bool:
    """Whether a regular session is running at `instant`."""
    return latest_session(instant).contains(instant)


def morning_of(day: date) -> datetime:
    """Return 10:00 New York time on `day`, as an instant in UTC."""
    return datetime.combine(day, time(10, 0), NEW_YORK).astimezone(UTC)
