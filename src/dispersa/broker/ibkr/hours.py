"""When does an instrument trade today, by the broker's own calendar?"""

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dispersa.errors import MarketDataMissing
from dispersa.market import TradingSession

ZONE_NAMES = {
    "EST": "America/New_York",
    "EST5EDT": "America/New_York",
    "US/Eastern": "America/New_York",
    "EST (Eastern Standard Time)": "America/New_York",
    "CST": "America/Chicago",
    "US/Central": "America/Chicago",
}
"""Names of time zones that IBKR uses besides the standard ones."""
CLOSED = "CLOSED"


def session_on(hours: str, zone_name: str, *, now: datetime) -> TradingSession:
    """Read the session of today out of ``20261123:0930-20261123:1600;20261124:CLOSED``.

    Raises
    ------
    MarketDataMissing
        The market is closed all day, the day is not listed, or the text can not be read.
    """
    zone = _zone(zone_name)
    today = f"{now.astimezone(zone):%Y%m%d}"
    spans = [span for span in hours.split(";") if span.startswith(today)]
    if not spans:
        raise MarketDataMissing(f"the broker lists no trading hours for {today}: {hours!r}")
    if any(CLOSED in span for span in spans):
        raise MarketDataMissing(f"the market is closed on {today} by the broker's calendar")
    try:
        edges = [_instant(text, zone) for span in spans for text in span.split("-")]
    except ValueError as error:
        raise MarketDataMissing(f"trading hours {hours!r} can not be read") from error
    return TradingSession(opens=min(edges), closes=max(edges))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(ZONE_NAMES.get(name, name))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise MarketDataMissing(f"the broker names an unknown time zone {name!r}") from error


def _instant(text: str, zone: ZoneInfo) -> datetime:
    return datetime.strptime(text, "%Y%m%d:%H%M").replace(tzinfo=zone)
