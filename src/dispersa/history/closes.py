"""At which prices did the index and its names close on past days?

Two shapes are read: long (a symbol or ticker, a date or timestamp, and one price column, the most
adjusted one that is there) and wide (a date and one column for each symbol). A folder is read as
all its tables of these shapes together, stocks in one file and funds in another.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dispersa.errors import InvalidInput
from dispersa.history.tables import (
    CSV_SUFFIXES,
    PARQUET_SUFFIXES,
    as_dates,
    collect,
    did_you_mean,
    scan_table,
)
from dispersa.market import Symbol

WHAT = "price file"
SYMBOL_COLUMNS = ("symbol", "ticker")
DATE_COLUMNS = ("date", "timestamp")
PRICE_COLUMNS = ("adjusted", "adjusted_close", "adj_close", "adj close", "close")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CloseTable:
    """Daily closes, one row per date (ascending) and one column per symbol; NaN where missing.

    `column` names the price that was read, for example `adjusted_close`; None for a wide table.
    """

    dates: tuple[date, ...]
    symbols: tuple[Symbol, ...]
    closes: NDArray[np.float64]
    column: str | None

    def of(self, symbol: Symbol) -> NDArray[np.float64]:
        """Closes of one symbol; all NaN for a symbol that is not in the table."""
        if symbol not in self.symbols:
            return np.full(len(self.dates), np.nan)
        return self.closes[:, self.symbols.index(symbol)]


def read_closes(path: Path, symbols: Collection[str]) -> CloseTable:
    """Read closes of `symbols` from a CSV or Parquet file, or from a folder of such files.

    A symbol that is nowhere in the files is absent from the result.

    Raises
    ------
    InvalidInput
        No readable price table, none of the symbols, or two prices of one symbol for one day.
    """
    if path.is_dir():
        tables = [_long(scan_table(file, WHAT), file, symbols) for file in _tables_in(path)]
    else:
        tables = [_long(scan_table(path, WHAT), path, symbols)]
    usable = [table for table in tables if table is not None]
    if not usable:
        raise InvalidInput(
            f"{WHAT} {path} holds no prices; expected columns {' or '.join(SYMBOL_COLUMNS)}, "
            f"{' or '.join(DATE_COLUMNS)} and one of {', '.join(PRICE_COLUMNS)}; "
            "or a date and one column for each symbol"
        )
    prices = pl.concat([frame for frame, _ in usable]).drop_nulls()
    prices = prices.filter(pl.col("close").is_finite() & (pl.col("close") > 0))
    if prices.is_empty():
        raise InvalidInput(
            f"{WHAT} {path} has no price of any of the {len(set(symbols))} symbols asked for; "
            f"{did_you_mean(min(symbols), _symbols_of(path))}"
        )
    _require_one_price(prices, path)
    wide = prices.pivot(on="symbol", index="day", values="close").sort("day")
    names = sorted(column for column in wide.columns if column != "day")
    return CloseTable(
        dates=tuple(wide["day"].to_list()),
        symbols=tuple(Symbol(name) for name in names),
        closes=wide.select(pl.col(names).cast(pl.Float64).fill_null(float("nan"))).to_numpy(),
        column=usable[0][1],
    )


def symbols_of_wide(path: Path) -> tuple[Symbol, ...]:
    """Names that have a column of their own in a table of one row for each date.

    Raises
    ------
    InvalidInput
        The file is missing or malformed, or has no date column.
    """
    names = scan_table(path, WHAT).collect_schema().names()
    others = tuple(Symbol(name) for name in names if name.lower() not in DATE_COLUMNS)
    if len(others) == len(names):
        raise InvalidInput(
            f"{WHAT} {path} has columns {', '.join(names[:8])}; expected "
            f"{' or '.join(DATE_COLUMNS)} and one column for each name"
        )
    return others


def _tables_in(folder: Path) -> list[Path]:
    """Tables of a folder by the end of their names."""
    return sorted(
        file
        for file in folder.iterdir()
        if file.name.lower().endswith((*PARQUET_SUFFIXES, *CSV_SUFFIXES))
    )


def _long(
    frame: pl.LazyFrame, path: Path, symbols: Collection[str]
) -> tuple[pl.DataFrame, str | None] | None:
    """Bring a table into rows of day, symbol and close; None if it holds no prices."""
    by_lower_name = {name.lower(): name for name in frame.collect_schema().names()}
    day, symbol, price = (
        next((by_lower_name[name] for name in names if name in by_lower_name), None)
        for names in (DATE_COLUMNS, SYMBOL_COLUMNS, PRICE_COLUMNS)
    )
    wanted = sorted(set(symbols))
    if day is None:
        return None
    is_wide = symbol is None
    if symbol is not None and price is not None:
        frame = frame.filter(pl.col(symbol).cast(pl.String).is_in(wanted))
    elif symbol is None and (
        present := [name for name in by_lower_name.values() if name in wanted]
    ):
        frame = frame.unpivot(on=present, index=day, variable_name="symbol", value_name="close")
        symbol, price = "symbol", "close"
    else:
        return None
    rows = frame.select(
        day=as_dates(pl.col(day)),
        symbol=pl.col(symbol).cast(pl.String),
        close=pl.col(price).cast(pl.Float64, strict=False),
    )
    return collect(rows, path, WHAT), None if is_wide else price


def _symbols_of(path: Path) -> list[str]:
    """Names that a single price file knows, for a helpful refusal."""
    if path.is_dir():
        return []
    frame = scan_table(path, WHAT)
    for name in frame.collect_schema().names():
        if name.lower() in SYMBOL_COLUMNS:
            distinct = collect(frame.select(pl.col(name).cast(pl.String).unique()), path, WHAT)
            return [str(symbol) for symbol in distinct[name].drop_nulls().to_list()]
    return []


def _require_one_price(prices: pl.DataFrame, path: Path) -> None:
    """Refuse two prices of one symbol for one day."""
    doubled = prices.filter(prices.select("day", "symbol").is_duplicated())
    if doubled.height:
        day, symbol, _ = doubled.row(0)
        raise InvalidInput(
            f"{WHAT} {path}: {symbol} has more than one price on {day}; expected one for each day"
        )
