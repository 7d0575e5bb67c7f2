"""How is daily history brought from a broker into the store, and taken up again after a break?"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

import polars as pl

from dispersa.errors import BrokerRefused, MarketDataMissing, RequestTimedOut
from dispersa.history.keeping import Progress
from dispersa.history.store import BAR_SCHEMA, Dataset, HistoryStore
from dispersa.market import Symbol


class Bar(Protocol):
    """One day as a broker gives it: price in dollars, or annualized vol as a decimal."""

    @property
    def day(self) -> date:
        """Trading day."""

    @property
    def open(self) -> float:
        """First."""

    @property
    def high(self) -> float:
        """Highest."""

    @property
    def low(self) -> float:
        """Lowest."""

    @property
    def close(self) -> float:
        """Last."""


ReadBars = Callable[[Symbol], Awaitable[Sequence[Bar]]]
"""Asks the broker for the daily bars of one name; pacing is the broker's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """Outcome of a fetch: names added, names already complete, and why others failed."""

    added: tuple[Symbol, ...]
    complete: tuple[Symbol, ...]
    failed: Mapping[Symbol, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """What to bring: `days` daily bars, complete `through` their last finished trading day."""

    dataset: Dataset
    symbols: tuple[Symbol, ...]
    days: int
    through: date
    known_at: datetime
    source: str


async def fetch_bars(
    store: HistoryStore, wanted: Fetch, read: ReadBars, progress: Progress | None = None
) -> Fetched:
    """Bring daily bars of each name into the store, one name after the other.

    A name that is held through the last day and for at least as many days is not asked for, so
    that a fetch goes on where it was broken off; one for which the broker has nothing new counts
    as complete. A name that the broker refuses, has nothing for or does not answer in time is
    reported and the others go on; a lost connection ends the fetch with its own error.
    """
    added: list[Symbol] = []
    complete: list[Symbol] = []
    failed: dict[Symbol, str] = {}
    for done, symbol in enumerate(wanted.symbols, start=1):
        held = store.days(wanted.dataset, symbol)
        if len(held) >= wanted.days and held[-1] >= wanted.through:
            complete.append(symbol)
        else:
            try:
                bars = await read(symbol)
            except (BrokerRefused, MarketDataMissing, RequestTimedOut) as error:
                failed[symbol] = str(error)
            else:
                if refusal := _unfinished(bars, wanted, symbol):
                    failed[symbol] = refusal
                else:
                    (added if _keep(store, wanted, symbol, bars) else complete).append(symbol)
        if progress:
            progress(done, len(wanted.symbols))
    return Fetched(added=tuple(added), complete=tuple(complete), failed=failed)


def _unfinished(bars: Sequence[Bar], wanted: Fetch, symbol: Symbol) -> str | None:
    """Say that no bar is of a finished day."""
    if any(bar.day <= wanted.through for bar in bars):
        return None
    return f"the broker has no daily bars of {symbol} through {wanted.through}"


def _keep(store: HistoryStore, wanted: Fetch, symbol: Symbol, bars: Sequence[Bar]) -> bool:
    """Append a name's finished days; False if exactly these are held already."""
    rows = [
        (bar.day, symbol, bar.open, bar.high, bar.low, bar.close, None)
        for bar in bars
        if bar.day <= wanted.through
    ]
    table = pl.DataFrame(rows, schema=BAR_SCHEMA, orient="row")
    kept = store.append(wanted.dataset, table, known_at=wanted.known_at, source=wanted.source)
    return kept is not None
