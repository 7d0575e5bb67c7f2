"""How did prices and volatilities go, day by day?"""

import math
from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from ib_async.objects import BarData

from dispersa.broker.ibkr import sentinels
from dispersa.broker.ibkr.contracts import day_from
from dispersa.broker.protocol import DailyBar
from dispersa.errors import MarketDataMissing

NEW_YORK = ZoneInfo("America/New_York")
CLOSE_HOUR = 16
DAYS_PER_REQUEST_MAX = 365
TRADING_DAYS_PER_YEAR = 252


def duration_of(days: int) -> str:
    """IBKR duration that covers `days` complete trading days and the present one."""
    if days + 1 <= DAYS_PER_REQUEST_MAX:
        return f"{days + 1} D"
    return f"{math.ceil((days + 1) / TRADING_DAYS_PER_YEAR)} Y"


def complete_days(
    rows: Iterable[BarData], *, now: datetime, days: int, what: str
) -> tuple[DailyBar, ...]:
    """Read the last `days` complete daily bars, oldest first.

    The bar of today is left out until the regular close: it is not a day yet. A bar whose numbers
    are unset or not positive is left out too, as a day that was not sent.

    Raises
    ------
    MarketDataMissing
        No complete bar remains.
    """
    local = now.astimezone(NEW_YORK)
    today = local.date()
    bars = (_bar(row) for row in rows if _is_readable(row))
    complete = [
        bar for bar in bars if bar.day < today or (bar.day == today and local.hour >= CLOSE_HOUR)
    ]
    if not complete:
        raise MarketDataMissing(f"the broker sent no complete daily bar for {what}; try later")
    return tuple(sorted(complete, key=lambda bar: bar.day)[-days:])


def _is_readable(row: BarData) -> bool:
    values = (row.open, row.high, row.low, row.close)
    return all(sentinels.is_set(value) and value > 0 for value in values)


def _bar(row: BarData) -> DailyBar:
    return DailyBar(day=_day(row.date), open=row.open, high=row.high, low=row.low, close=row.close)


def _day(value: object) -> date:
    """Read the day of a bar, which the decoder leaves as text."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    return day_from(str(value)[:8])
