"""What has happened on the desk that the page shows in tests? A recorded day of a made-up market.

`stories/day.jsonl.gz` is the journal of one trade of the demo market in virtual time, after 60 days
of made-up signals: asked for, declined, asked for again, approved, worked, marked. Records stay
readable, so it is recorded anew only for another story: `python -m tests.web.record_story`.
"""

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

from dispersa.desk import events as ev
from dispersa.desk.codec import decode
from dispersa.desk.state import DeskState
from dispersa.desk.step import fold
from dispersa.market import ConId, Quote

FILE = Path(__file__).parent / "stories" / "day.jsonl.gz"


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the story: `cause` is the number of another line, counted from 1."""

    at: datetime
    kind: str
    payload: str
    cause: int | None


@cache
def lines() -> tuple[Line, ...]:
    """Read the story."""
    rows = map(json.loads, gzip.decompress(FILE.read_bytes()).splitlines())
    return tuple(
        Line(datetime.fromisoformat(at), kind, text, cause) for at, kind, text, cause in rows
    )


def number_of(kind: str, *, nth: int = 1) -> int:
    """Return the number of the nth line of a kind; negative counts from the end."""
    found = [number for number, line in enumerate(lines(), start=1) if line.kind == kind]
    return found[nth - 1 if nth > 0 else nth]


@dataclass
class Telling:
    """The story as far as it was told."""

    state: DeskState = field(default_factory=DeskState)
    quotes: Mapping[ConId, Quote] = field(default_factory=dict)
    at: datetime = field(default_factory=lambda: lines()[0].at)
    told: int = 0

    def until(self, number: int) -> Iterator[Line]:
        """Go on to this line; yields each as it is told."""
        for line in lines()[self.told : number]:
            record = decode(line.kind, line.payload)
            if isinstance(record, ev.MarketObserved):
                self.quotes = {**self.quotes, **record.quotes}
            else:
                self.state = fold([(line.at, record)], self.state)
            self.at, self.told = line.at, self.told + 1
            yield line
