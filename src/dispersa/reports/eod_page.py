"""Of what is a printed report made? Tiles, sections and tables that look right in any medium."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo

from dispersa.reports.eod_facts import Missing
from dispersa.reports.tables import money

NEW_YORK = ZoneInfo("America/New_York")
_Value = TypeVar("_Value")


class Tone(StrEnum):
    """How a value should strike the reader."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"
    WARN = "warn"
    SOFT = "soft"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One figure at the top; `note` stands below it."""

    label: str
    value: str
    note: str = ""
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table of texts; the first `left` columns are words, the rest numbers.

    `bold_last` where the last row is a sum. `wraps` where the words may be long.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1
    bold_last: bool = False
    wraps: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part: a sentence, a picture by name, a table, remarks."""

    title: str
    lede: str = ""
    picture: str = ""
    picture_words: str = ""
    grid: Grid | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A whole report; `verdict` is what a person must know who reads nothing else."""

    subject: str
    title: str
    subtitle: str
    verdict: str
    tone: Tone
    concerns: tuple[str, ...]
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]
    footer: tuple[str, ...]
    pictures: Mapping[str, bytes]


def usd(value: Decimal | float | Missing, *, signed: bool = False) -> str:
    """Return dollars, or a dash where they are missing; a zero has no sign."""
    if isinstance(value, Missing):
        return "–"
    if not value:
        return "0"
    return money(value, signed=signed)


def sign_tone(value: Decimal | float | Missing) -> Tone:
    """Gain, loss, or neither."""
    if isinstance(value, Missing):
        return Tone.SOFT
    return Tone.GOOD if value > 0 else Tone.BAD if value < 0 else Tone.PLAIN


def why(*values: _Value | Missing) -> tuple[str, ...]:
    """Return the reasons of those that are missing, each once."""
    return tuple(dict.fromkeys(row.reason for row in values if isinstance(row, Missing)))


def clock(at: datetime) -> str:
    """Time of day in New York."""
    return f"{at.astimezone(NEW_YORK):%H:%M:%S}"


def long_day(day: date) -> str:
    """A day in words, for example ``Friday 20 November 2026``."""
    return f"{day:%A} {day.day} {day:%B %Y}"


def joined(words: Sequence[str], none: str) -> str:
    """Return words in one line, or what to say where there are none."""
    return ", ".join(words) if words else none


def counted(count: int, thing: str) -> str:
    """A number of things, for example ``1 day`` or ``2 days``."""
    return f"{count} {thing}{'' if count == 1 else 's'}"
