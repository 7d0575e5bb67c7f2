"""Which points of the configuration can be tried? Axes over its keys, as a person writes them.

risk.vix_max=20,25,30            these values (TOML; what is none is a text)
signal.edge_min=0..2:0.5         from 0 to 2 in steps of 0.5, both ends included
universe.dte_target=21..45       anywhere between, for random searches; whole where both are
risk.loss_max=1e3..1e5:log       anywhere between, each factor of ten as likely as any other
"""

import hashlib
import json
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np

from dispersa.errors import InvalidInput

Value = bool | int | float | str | time | tuple["Value", ...]
Point = Mapping[str, Value]
"""A value for each key that is varied; the other keys stay as configured."""

VALUES_MAX = 100_000
_KEY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_HOW = "expected KEY=VALUE,VALUE or KEY=LOW..HIGH, KEY=LOW..HIGH:STEP, KEY=LOW..HIGH:log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A key and the values that it takes, in the order in which they were written."""

    key: str
    values: tuple[Value, ...]

    def draw(self, rng: np.random.Generator) -> Value:
        """One of the values, each as likely."""
        return self.values[int(rng.integers(len(self.values)))]

    def near(self, value: Value, share: float, rng: np.random.Generator) -> Value:
        """A value beside `value`; how far, in shares of all values, is about `share`."""
        places = max(1, round(share * (len(self.values) - 1)))
        at = self.values.index(value) + int(rng.integers(-places, places + 1))
        return self.values[min(max(at, 0), len(self.values) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A key and the interval in which it lies, both ends included."""

    key: str
    low: float
    high: float
    is_log: bool
    is_whole: bool

    @property
    def lowest(self) -> Value:
        """The lower end, as a value of the key."""
        return int(self.low) if self.is_whole else self.low

    @property
    def highest(self) -> Value:
        """The upper end, as a value of the key."""
        return int(self.high) if self.is_whole else self.high

    def draw(self, rng: np.random.Generator) -> Value:
        """A number in the interval, each (or, if log, each ratio) as likely."""
        return self._at(float(rng.uniform()))

    def near(self, value: Value, share: float, rng: np.random.Generator) -> Value:
        """A number about `share` of the interval away from `value`, thrown back at the ends."""
        if not isinstance(value, int | float):
            raise InvalidInput(f"{self.key} is {value!r}; expected a number of its range")
        place = self._place(float(value)) + share * float(rng.standard_normal())
        return self._at(1 - abs(1 - abs(place) % 2))

    def _place(self, value: float) -> float:
        low, high, at = (math.log(x) if self.is_log else x for x in (self.low, self.high, value))
        return (at - low) / (high - low)

    def _at(self, place: float) -> Value:
        low, high = (math.log(x) if self.is_log else x for x in (self.low, self.high))
        found = low + place * (high - low)
        value = min(max(math.exp(found) if self.is_log else found, self.low), self.high)
        return round(value) if self.is_whole else float(f"{value:.6g}")


Axis = Choice | Range


def parse_axis(text: str) -> Axis:
    """Read an axis as the module's question shows it.

    Raises
    ------
    InvalidInput
        No key, no values, a range that does not rise, or more steps than anyone can wait for.
    """
    key, equals, wanted = text.partition("=")
    key, wanted = key.strip(), wanted.strip()
    if not equals or not _KEY.fullmatch(key) or not wanted:
        raise InvalidInput(f"{text!r} is no axis; {_HOW}")
    if ".." in wanted and not wanted.startswith(('"', "'", "[")):
        return _range(key, wanted)
    values = _values(wanted)
    doubled = [value for at, value in enumerate(values) if value in values[:at]]
    if doubled:
        raise InvalidInput(f"{key} has {doubled[0]!r} twice; expected each value once")
    return Choice(key=key, values=values)


def identity(point: Point) -> str:
    """A name of the point that is the same in every run: twelve hexadecimal digits."""
    content = json.dumps(sorted(point.items()), default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def _range(key: str, wanted: str) -> Axis:
    ends, _, step = wanted.partition(":")
    low, _, high = (part.strip() for part in ends.partition(".."))
    try:
        first, last = Decimal(low), Decimal(high)
        width = None if step in {"", "log"} else Decimal(step)
    except InvalidOperation:
        raise InvalidInput(f"{key}={wanted} is no range of numbers; {_HOW}") from None
    if not (first.is_finite() and last.is_finite()) or first >= last:
        raise InvalidInput(f"{key}={wanted} does not rise; expected LOW below HIGH")
    is_whole = not any(set(part) & set(".eE") for part in (low, high, step.replace("log", "")))
    if width is not None:
        return Choice(key=key, values=_steps(key, (first, last, width), is_whole=is_whole))
    if step == "log" and first <= 0:
        raise InvalidInput(f"{key}={wanted} begins at {low}; a log range begins above zero")
    return Range(key=key, low=float(low), high=float(high), is_log=step == "log", is_whole=is_whole)


def _steps(
    key: str, terms: tuple[Decimal, Decimal, Decimal], *, is_whole: bool
) -> tuple[Value, ...]:
    low, high, width = terms
    if not width.is_finite() or width <= 0 or (high - low) / width >= VALUES_MAX:
        raise InvalidInput(
            f"{key} in steps of {width} from {low} to {high}; expected a step above zero and at "
            f"most {VALUES_MAX} values"
        )
    found = [low + n * width for n in range(int((high - low) / width) + 1)]
    return tuple(int(value) if is_whole else float(value) for value in found)


def _values(wanted: str) -> tuple[Value, ...]:
    """Read `a,b,c` as TOML values; if they are none, as texts. Numbers are of one kind."""
    try:
        found = tomllib.loads(f"values = [{wanted}]")["values"]
    except tomllib.TOMLDecodeError:
        found = [_value(part.strip()) for part in wanted.split(",")]
    if any(isinstance(value, float) for value in found):
        found = [float(v) if type(v) is int else v for v in found]
    return tuple(_frozen(value) for value in found)


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _frozen(value: Any) -> Value:
    match value:
        case list():
            return tuple(map(_frozen, value))
        case bool() | int() | float() | str() | time():
            return value
        case _:
            raise InvalidInput(f"{value!r} is no value of a key; expected a number, text or list")
