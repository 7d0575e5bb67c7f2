"""How do files, and the snapshots that the product itself sees, get into the store?"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

import polars as pl

from dispersa.history.importing import (
    CHAIN_SCHEMA,
    by_symbol_and_date,
    read_chain_rows,
    read_level_rows,
)
from dispersa.history.layouts import ChainLayout
from dispersa.history.store import Dataset, HistoryStore
from dispersa.market import Symbol

Progress = Callable[[int, int], None]
"""Called with pieces done and pieces in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """Outcome of one import: pieces (one symbol and date each) added, and there already."""

    added: int
    present: int
    rows: int


def import_chains(
    store: HistoryStore,
    path: Path,
    known_at: datetime,
    layout: ChainLayout | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Import a chain file; interrupted and run again, it goes on where it stopped.

    Raises
    ------
    InvalidInput
        See `importing.read_chain_rows`; nothing is added then.
    """
    rows = read_chain_rows(path, layout)
    pieces = list(by_symbol_and_date(rows))
    added = 0
    for done, (_, piece) in enumerate(pieces, start=1):
        kept = store.append(Dataset.CHAINS, piece, known_at=known_at, source=path.name)
        added += kept is not None
        if progress:
            progress(done, len(pieces))
    return Imported(added=added, present=len(pieces) - added, rows=rows.height)


def import_levels(store: HistoryStore, path: Path, symbol: str, known_at: datetime) -> Imported:
    """Import the daily closes of an index, such as VIX or COR1M, from a Cboe-style CSV."""
    rows = read_level_rows(path, symbol)
    kept = store.append(Dataset.LEVELS, rows, known_at=known_at, source=path.name)
    return Imported(added=int(kept is not None), present=int(kept is None), rows=rows.height)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotSide:
    """One option as it was seen; None for what was not there. Vols are decimals."""

    bid: float | None = None
    ask: float | None = None
    iv: float | None = None
    delta: float | None = None
    volume: float | None = None
    open_interest: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotStrike:
    """Call and put of one strike as they were seen."""

    expiry: date
    strike: float
    call: SnapshotSide
    put: SnapshotSide


def keep_snapshot(
    store: HistoryStore,
    symbol: Symbol,
    spot: float | None,
    strikes: Sequence[SnapshotStrike],
    seen: tuple[datetime, date],
    source: str,
) -> Path | None:
    """Keep a chain that the product itself saw; `seen` is the moment and its trading day.

    `source` says which market was looked at. Snapshots are a dataset of their own: a few strikes
    seen at noon are no revision of a day's whole chain.

    Returns the file, or None if the newest one already holds exactly this.
    """
    moment, day = seen
    rows = [
        {"date": day, "symbol": symbol, "expiry": one.expiry, "strike": one.strike, "spot": spot}
        | {"call_" + name: value for name, value in asdict(one.call).items()}
        | {"put_" + name: value for name, value in asdict(one.put).items()}
        for one in strikes
    ]
    table = pl.DataFrame(rows, schema=CHAIN_SCHEMA)
    return store.append(Dataset.SNAPSHOTS, table, known_at=moment, source=source)
