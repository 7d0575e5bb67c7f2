"""How is a number written on the page? One way for each unit; missing is a dash, never a zero."""

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

NOTHING = "–"
MINUS = "−"
EXCHANGE_ZONE = ZoneInfo("America/New_York")

Number = float | int | Decimal | None


def fixed(value: Number, places: int = 0, *, signed: bool = False) -> str:
    """Write a number with thousands separated; a real minus, a plus where the sign matters.

    >>> fixed(-1234.5, 1), fixed(3, signed=True), fixed(None), fixed(-0.001, 1, signed=True)
    ('−1,234.5', '+3', '–', '0.0')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    text = f"{abs(value):,.{places}f}"
    if not any(digit in text for digit in "123456789"):
        return text
    return (MINUS if value < 0 else "+" if signed else "") + text


def usd(value: Number, *, signed: bool = False) -> str:
    """Write dollars: without cents from a thousand on."""
    is_small = value is not None and -1000 < value < 1000
    return fixed(value, 2 if is_small else 0, signed=signed)


def signed_usd(value: Number) -> str:
    """Write dollars gained or lost."""
    return usd(value, signed=True)


def whole(value: Number) -> str:
    """Write a count."""
    return fixed(value)


def signed_whole(value: Number) -> str:
    """Write a signed whole number, such as vega in dollars per point."""
    return fixed(value, signed=True)


def points(value: Number) -> str:
    """Write a correlation or a vol, a fraction, in points with one decimal."""
    return fixed(None if value is None else 100 * float(value), 1)


def signed_points(value: Number) -> str:
    """Write a difference of correlations in points."""
    return fixed(None if value is None else 100 * float(value), 1, signed=True)


def vol_points(value: Number) -> str:
    """Write an edge or a cost in vol points."""
    return fixed(value, 2, signed=True)


def amount(value: Number) -> str:
    """Write a use or a limit: whole where it is whole or large.

    >>> amount(3), amount(Decimal("2.5")), amount(1234.5)
    ('3', '2.50', '1,234')
    """
    is_whole = value is None or value == int(value) or not -100 < value < 100
    return fixed(value, 0 if is_whole else 2)


def price(value: Number) -> str:
    """Write a price per share."""
    return fixed(value, 2)


def percent(value: Number) -> str:
    """Write a share in percent."""
    text = fixed(None if value is None else 100 * float(value), 0)
    return text if text == NOTHING else f"{text} %"


def clock(at: datetime | None) -> str:
    """Write the time of day in New York."""
    return NOTHING if at is None else f"{at.astimezone(EXCHANGE_ZONE):%H:%M:%S}"


def minute(at: datetime | None) -> str:
    """Write hour and minute in New York."""
    return NOTHING if at is None else f"{at.astimezone(EXCHANGE_ZONE):%H:%M}"


def stamp(at: datetime | None) -> str:
    """Write day and time in New York."""
    return NOTHING if at is None else f"{at.astimezone(EXCHANGE_ZONE):%Y-%m-%d %H:%M:%S}"


def ago(seconds: float | None) -> str:
    """Write an age.

    >>> ago(4.2), ago(312), ago(9000), ago(300_000)
    ('4 s', '5 min', '2 h', '3 d')
    """
    if seconds is None:
        return NOTHING
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(int(seconds), 0)} s"


def masked(account: str) -> str:
    """Write an account so that a glance over the shoulder does not give it away.

    >>> masked("DU1234567"), masked("")
    ('DU···567', '–')
    """
    if not account:
        return NOTHING
    letters = account.rstrip("0123456789")
    return f"{letters or account[:1]}···{account[-3:]}"


def words(code: str) -> str:
    """Write a code as words: `net_liquidation` as `net liquidation`."""
    return code.replace("_", " ")


def tone(value: Number) -> str:
    """Name the class of a gain or a loss; the sign stands beside it, color is never alone."""
    if not value or not math.isfinite(value):
        return ""
    return "gain" if value > 0 else "loss"


FILTERS: Mapping[str, Callable[..., str]] = {
    "usd": usd,
    "susd": signed_usd,
    "whole": whole,
    "swhole": signed_whole,
    "points": points,
    "spoints": signed_points,
    "volpoints": vol_points,
    "amount": amount,
    "price": price,
    "percent": percent,
    "clock": clock,
    "minute": minute,
    "stamp": stamp,
    "ago": ago,
    "words": words,
    "tone": tone,
    "masked": masked,
    "fixed": fixed,
}
"""Filters of the templates."""
