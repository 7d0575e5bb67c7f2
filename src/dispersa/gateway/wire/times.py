"""How are instants spelled on the wire, and what instant does a client's text mean?"""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dispersa.gateway.wire.fields import MalformedField

LOGIN_ZONE_NAME = "US/Eastern"
LOGIN_ZONE = ZoneInfo(LOGIN_ZONE_NAME)
"""The zone that the simulated gateway is logged in with."""

_ZONED_FROM_VERSION = 174
_YEARS = range(1970, 2200)


def greeting_time(moment: datetime) -> str:
    """Spell the connection time of the handshake, for example `20250324 06:52:10 EST`."""
    return f"{moment.astimezone(LOGIN_ZONE):%Y%m%d %H:%M:%S %Z}"


def stamp(moment: datetime, version: int) -> str:
    """Spell an instant: with its zone from server version 174, with two blanks before."""
    if version >= _ZONED_FROM_VERSION:
        return zoned(moment)
    return f"{moment.astimezone(LOGIN_ZONE):%Y%m%d  %H:%M:%S}"


def zoned(moment: datetime) -> str:
    """Spell an instant with its zone, as completed orders do at every version."""
    return f"{moment.astimezone(LOGIN_ZONE):%Y%m%d %H:%M:%S} {LOGIN_ZONE_NAME}"


def bar_time(start: datetime | date, version: int, *, epoch: bool) -> str:
    """Spell a bar's start: daily bars as a date, others as a stamp or as epoch seconds."""
    if not isinstance(start, datetime):
        return f"{start:%Y%m%d}"
    return str(int(start.timestamp())) if epoch else stamp(start, version)


def parse_time(text: str) -> datetime | None:
    """Read `YYYYMMDD[ hh:mm:ss[ Zone]]` (login zone) or `YYYYMMDD-hh:mm:ss` (UTC); '' is None.

    Two blanks or none between date and time are accepted, as clients send them.
    """
    if not text.strip():
        return None
    day, clock, zone = _parts(text.strip())
    try:
        local = datetime.strptime(f"{day} {clock}", "%Y%m%d %H:%M:%S")  # noqa: DTZ007 -- zone next
        instant = local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError, OSError, ZoneInfoNotFoundError) as error:
        raise MalformedField(_no_time(text)) from error
    if instant.year not in _YEARS:
        raise MalformedField(_no_time(text))
    return instant


def _no_time(text: str) -> str:
    return (
        f"{text[:60]!r} is no time from {_YEARS.start} to {_YEARS.stop - 1}; use 20261123 10:00:00 "
        "US/Eastern or 20261123-15:00:00"
    )


def _parts(text: str) -> tuple[str, str, str]:
    day, rest = text[:8], text[8:]
    if rest.startswith("-"):
        return day, rest[1:], "UTC"
    clock, _, zone = rest.strip().partition(" ")
    return day, clock or "00:00:00", zone.strip() or LOGIN_ZONE_NAME
