"""How do files, and the snapshots that the product itself sees, get into the store?"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dispersa.history.importing import by_symbol_and_date, read_chain_rows, read_level_rows
from dispersa.history.layouts import ChainLayout
from dispersa.history.store import Dataset, HistoryStore

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
