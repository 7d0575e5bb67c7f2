"""Which cash dividends do companies pay, and what can be borrowed of their shares, by files?"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import polars as pl

from dispersa.history.name_tables import read_name_table
from dispersa.market import Symbol

DIVIDENDS, BORROW = "dividend calendar", "borrow list"


def read_dividends(path: Path) -> Mapping[Symbol, tuple[tuple[date, float], ...]]:
    """Read ex-dates and dollars per share by name, from CSV (gz allowed) or Parquet.

    Raises
    ------
    InvalidInput
        Missing or malformed file, no such columns, or a row that lacks one of them.
    """
    columns = {"day": ("ex_date", "date"), "amount": ("amount", "dividend")}
    kinds = {"day": pl.Date(), "amount": pl.Float64()}
    table = read_name_table(path, DIVIDENDS, columns, kinds)
    found: dict[Symbol, set[tuple[date, float]]] = {}
    for name, day, amount in table.iter_rows():
        found.setdefault(Symbol(name), set()).add((day, amount))
    return {name: tuple(sorted(rows)) for name, rows in found.items()}


def read_borrow(path: Path) -> Mapping[Symbol, tuple[int, float]]:
    """Read shares that can be borrowed and the yearly fee as a fraction by name.

    Raises
    ------
    InvalidInput
        As `read_dividends`.
    """
    columns = {"shares": ("shares", "available"), "fee": ("fee", "fee_rate")}
    kinds = {"shares": pl.Int64(), "fee": pl.Float64()}
    table = read_name_table(path, BORROW, columns, kinds)
    return {Symbol(name): (shares, fee) for name, shares, fee in table.iter_rows()}
