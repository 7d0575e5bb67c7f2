"""What does the store hold about the options of some names, as one table of chains?"""

from collections.abc import Collection
from datetime import date

import polars as pl

from dispersa.history.chains import ChainTable, table_of
from dispersa.history.store import Dataset, HistoryStore
from dispersa.market import Symbol

KEYS = ("date", "symbol", "expiry", "strike")


def held_option_rows(
    store: HistoryStore, symbols: Collection[Symbol], through: date
) -> pl.DataFrame:
    """Option rows of these names up to a day: whole chains, and snapshots on days without one.

    A row without spot gets the day's close of the trade bars, where that is held; what still has
    no spot, and what expires on its own day, is left out.
    """
    parts = [_of(store, symbol, through) for symbol in sorted(symbols)]
    rows = pl.concat([part for part in parts if part is not None] or [_nothing(store)])
    return rows.filter((pl.col("spot") > 0) & (pl.col("expiry") > pl.col("date"))).sort(KEYS)


def chain_table(rows: pl.DataFrame) -> ChainTable | None:
    """Option rows of the store as columns by date, name and expiry; None of no rows."""
    return None if rows.is_empty() else table_of(rows)


def _of(store: HistoryStore, symbol: Symbol, through: date) -> pl.DataFrame | None:
    """Rows of one name, each day from one dataset."""
    chains = store.read(Dataset.CHAINS, symbol)
    seen = store.read(Dataset.SNAPSHOTS, symbol).join(
        chains.select("date").unique(), on="date", how="anti"
    )
    rows = pl.concat([chains, seen]).filter(pl.col("date") <= through)
    if rows.is_empty():
        return None
    closes = store.read(Dataset.TRADE_BARS, symbol).select("date", "close")
    filled = rows.join(closes, on="date", how="left").with_columns(pl.coalesce("spot", "close"))
    return filled.drop("close")


def _nothing(store: HistoryStore) -> pl.DataFrame:
    """No rows, in the columns of chains."""
    return store.read(Dataset.CHAINS, Symbol("")).clear()
