"""What does a client mean by the text of a field?

Clients spell "unset" as an empty field, 0, 0.0, 1.7976931348623157e+308 in either case,
2147483647, 9223372036854775807, Infinity or Infinite; all are understood here.
"""

import math
import re
import sys
from decimal import Decimal

_UNSET_INTEGERS = frozenset({2147483647, 9223372036854775807})
_FIELDS_MAX = 20_000
"""No request needs more; the largest frame could hold millions."""
_FIELD_BYTES_MAX = 65_536
_INTEGER_LIMIT = 2.0**63
_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)


class MalformedField(Exception):
    """A field is missing or is not what its place asks for."""


class Fields:
    """The fields of one message, read from left to right."""

    __slots__ = ("_next", "_texts")

    def __init__(self, payload: bytes) -> None:
        if payload.count(b"\0") > _FIELDS_MAX:
            raise MalformedField(f"a message of more than {_FIELDS_MAX} fields")
        texts = payload.decode("utf-8", "replace").split("\0")
        if texts and texts[-1] == "":
            texts.pop()
        if len(payload) > _FIELD_BYTES_MAX and max(map(len, texts), default=0) > _FIELD_BYTES_MAX:
            raise MalformedField(f"a field of more than {_FIELD_BYTES_MAX} characters")
        self._texts = texts
        self._next = 0

    def __len__(self) -> int:
        return len(self._texts)

    @property
    def remaining(self) -> int:
        """How many fields are still unread."""
        return len(self._texts) - self._next

    def text(self) -> str:
        """Return the next field as it stands."""
        if self._next >= len(self._texts):
            raise MalformedField(f"the message ends after {len(self._texts)} fields")
        self._next += 1
        return self._texts[self._next - 1]

    def texts(self, count: int) -> list[str]:
        """Return the next `count` fields as they stand."""
        end = self._next + count
        if end > len(self._texts):
            raise MalformedField(f"the message ends after {len(self._texts)} fields")
        found, self._next = self._texts[self._next : end], end
        return found

    def optional_integer(self) -> int | None:
        """Return the next field as an integer, None where it is unset."""
        return as_integer(self.text(), self._next)

    def integer(self, unset: int = 0) -> int:
        """Return the next field as an integer, `unset` where it is unset."""
        value = self.optional_integer()
        return unset if value is None else value

    def count(self) -> int:
        """Return the next field as the number of things that follow; bounded by the message."""
        value = self.integer()
        if not 0 <= value <= self.remaining:
            raise MalformedField(f"field {self._next}: {value} things announced, fewer follow")
        return value

    def number(self) -> float | None:
        """Return the next field as a finite float, None where it is unset."""
        value = as_number(self.text(), self._next)
        if value is not None and math.isinf(value):
            raise MalformedField(f"field {self._next}: infinity has no meaning here")
        return value

    def quantity(self) -> Decimal | None:
        """Return the next field as a decimal quantity, None where it is unset."""
        if self.number() is None:
            return None
        return Decimal(self._texts[self._next - 1]).normalize()

    def flag(self) -> bool:
        """Return the next field as a yes or no; unset means no."""
        text = self.text()
        if text.lower() in {"true", "false"}:
            return text.lower() == "true"
        return bool(as_integer(text, self._next))

    def pairs(self, count: int) -> tuple[tuple[str, str], ...]:
        """Return the next `count` tag and value pairs."""
        return tuple((self.text(), self.text()) for _ in range(count))


def as_number(text: str, place: int = 0) -> float | None:
    """Read a float; None for every spelling of unset, infinity included in the spelling only."""
    if not text:
        return None
    if text.lower() in {"infinite", "infinity", "inf"}:
        return math.inf
    try:
        value = float(text)
    except ValueError as error:
        raise MalformedField(f"field {place}: {text[:40]!r} is no number") from error
    if math.isnan(value):
        raise MalformedField(f"field {place}: {text!r} is no number")
    return None if value >= sys.float_info.max else value


def as_integer(text: str, place: int = 0) -> int | None:
    """Read an integer, also one written as a float; None for every spelling of unset."""
    if not text:
        return None
    if _INTEGER.fullmatch(text):
        value = int(text)
    else:
        number = as_number(text, place)
        if number is None:
            return None
        if not number.is_integer() or abs(number) >= _INTEGER_LIMIT:
            raise MalformedField(f"field {place}: {text[:40]!r} is no integer")
        value = int(number)
    return None if value in _UNSET_INTEGERS else value
