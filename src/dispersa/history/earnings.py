"""On which days do companies report, as far as a file knows?"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import polars as pl

from dispersa.errors import InvalidInput
from dispersa.history.tables import as_dates, collect, scan_table
from dispersa.market import Symbol

WHAT = "earnings calendar"
SYMBOL_COLUMNS = ("symbol", "ticker")
DATE_COLUMNS = ("date", "earnings_date", "report_date")


def read_earnings(path: Path) -> Mapping[Symbol, tuple[date, ...]]:
    """Read report days by name from a CSV (gz allowed) or Parquet file with a symbol and a date.

    Raises
    ------
    InvalidInput
        Missing or malformed file, no such columns, or a row without a name or an ISO date.
    """
    frame = scan_table(path, WHAT)
    by_lower = {name.lower(): name for name in frame.collect_schema().names()}
    symbol, day = (
        next((by_lower[name] for name in names if name in by_lower), None)
        for names in (SYMBOL_COLUMNS, DATE_COLUMNS)
    )
    if symbol is None or day is None:
        raise InvalidInput(
            f"{WHAT} {path} has columns {', '.join(by_lower.values())}; expected "
            f"{' or '.join(SYMBOL_COLUMNS)}, and {' or '.join(DATE_COLUMNS)}"
        )
    rows = frame.select(symbol=pl.col(symbol).cast(pl.String), day=as_dates(pl.col(day)))
    table = collect(rows, path, WHAT)
    unusable = table.filter(pl.any_horizontal(pl.all().is_null())).height
    if unusable or table.is_empty():
        raise InvalidInput(
            f"{WHAT} {path}: {unusable} of {table.height} rows lack a name or an ISO date; "
            "expected both on every row"
        )
    found: dict[Symbol, set[date]] = {}
    for name, reported in table.iter_rows():
        found.setdefault(Symbol(name), set()).add(reported)
    return {name: tuple(sorted(days)) for name, days in found.items()}
