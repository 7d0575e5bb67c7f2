"""How does IBKR spell a value on the wire?

Doubles as Java prints them (`0.0`, `1.0E7`, unset `1.7976931348623157E308`), quantities as plain
decimals, yes and no as 1 and 0, text as ASCII with `\\uXXXX` escapes.
"""

import sys
from decimal import Decimal

from dispersa.errors import require
from dispersa.gateway.wire.frames import frame

UNSET_DOUBLE = "1.7976931348623157E308"
UNSET_INTEGER = "2147483647"
UNSET_LONG = "9223372036854775807"


def double(value: float) -> str:
    """Spell a float as Java's Double.toString does.

    >>> double(0), double(-1.25), double(1e7), double(1.5e-4)
    ('0.0', '-1.25', '1.0E7', '1.5E-4')
    """
    if 1e-3 <= value < 1e7 or -1e7 < value <= -1e-3:
        return repr(float(value))
    if value == 0.0:
        return "0.0"
    magnitude = abs(value)
    require(magnitude <= sys.float_info.max, f"{value} can not be sent as a price")
    sign, digits, exponent = Decimal(repr(float(value))).normalize().as_tuple()
    head, *rest = map(str, digits)
    power = int(exponent) + len(rest)
    return f"{'-' if sign else ''}{head}.{''.join(rest) or '0'}E{power}"


def optional_double(value: float | None, unset: str = UNSET_DOUBLE) -> str:
    """Spell a float that may be unset."""
    return unset if value is None else double(value)


def plain(value: Decimal) -> str:
    """Spell a quantity without exponent and without trailing zeros.

    >>> plain(Decimal("100.00")), plain(Decimal("1E+2")), plain(Decimal("0.50"))
    ('100', '100', '0.5')
    """
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def strike(value: float) -> str:
    """Spell a strike: `0` where there is none."""
    return double(value) if value else "0"


def flag(value: object) -> str:
    """Spell yes or no."""
    return "1" if value else "0"


def escaped(text: str) -> str:
    """Spell text in ASCII; a backslash, which clients would take for an escape, becomes a slash.

    >>> escaped("Nestlé")
    'Nestl\\\\u00E9'
    """
    return _ascii(text.replace("\0", " "))


def _ascii(text: str) -> str:
    clean = text.replace("\\", "/")
    if clean.isascii():
        return clean
    units = clean.encode("utf-16-be")
    codes = (int.from_bytes(units[i : i + 2], "big") for i in range(0, len(units), 2))
    return "".join(chr(code) if code < 128 else f"\\u{code:04X}" for code in codes)


def message(*fields: str) -> bytes:
    """Return one frame whose fields are each terminated by NUL."""
    return frame(("\0".join(fields) + "\0").encode("ascii", "replace"))


def escaped_message(fields: list[str]) -> bytes:
    """Return one frame of fields that clients may have written; they can not hold a NUL."""
    return frame((_ascii("\0".join(fields)) + "\0").encode("ascii"))
