"""The gateway's own calendar against an independent one."""

from datetime import UTC, date, datetime, timedelta

import pytest

from dispersa.gateway.world.calendar import (
    easter_sunday,
    is_open,
    is_trading_day,
    latest_session,
    morning_of,
    session,
    trading_days_before,
)


@pytest.mark.filterwarnings("ignore:Series.values")
def test_sessions_equal_those_of_exchange_calendars() -> None:
    calendars = pytest.importorskip("exchange_calendars")
    theirs = calendars.get_calendar("XNYS", start="2022-01-03", end="2027-06-30")
    day, last = date(2022, 1, 3), date(2027, 6, 30)
    while day <= last:
        held = session(day)
        assert (held is not None) == theirs.is_session(day.isoformat()), day
        if held is not None:
            assert held.opens == theirs.session_open(day.isoformat()).to_pydatetime(), day
            assert held.closes == theirs.session_close(day.isoformat()).to_pydatetime(), day
        day += timedelta(days=1)


@pytest.mark.parametrize(
    ("year", "easter"),
    [(2024, date(2024, 3, 31)), (2025, date(2025, 4, 20)), (2026, date(2026, 4, 5))],
)
def test_easter_is_known(year: int, easter: date) -> None:
    assert easter_sunday(year) == easter


def test_observed_independence_day_of_2026_is_a_friday() -> None:
    assert not is_trading_day(date(2026, 7, 3))
    assert is_trading_day(date(2026, 7, 6))


def test_before_the_opening_the_latest_session_is_the_day_before() -> None:
    early = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
    assert latest_session(early).day == date(2026, 11, 20)
    assert not is_open(early)
    assert is_open(morning_of(date(2026, 11, 23)))


def test_days_before_skip_weekends_and_thanksgiving() -> None:
    assert trading_days_before(date(2026, 11, 30), 3) == [
        date(2026, 11, 24), date(2026, 11, 25), date(2026, 11, 27),
    ]  # fmt: skip
