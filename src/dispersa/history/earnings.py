"""On which days do companies report, as far as a file knows?"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import polars as pl

from dispersa.history.name_tables import read_name_table
from dispersa.market import Symbol

WHAT = "earnings calendar"
DATE_COLUMNS = ("date", "earnings_date", "report_date")


def read_earnings(path: Path) -> Mapping[Symbol, tuple[date, ...]]:
    """Read report days by name from a CSV (gz allowed) or Parquet file with a symbol and a date.

    Raises
    ------
    InvalidInput
        Missing or malformed file, no such columns, or a row without a name or an ISO date.
    """
    table = read_name_table(path, WHAT, {"day": DATE_COLUMNS}, {"day": pl.Date()})
    found: dict[Symbol, set[date]] = {}
    for name, reported in table.iter_rows():
        found.setdefault(Symbol(name), set()).add(reported)
    return {name: tuple(sorted(days)) for name, days in found.items()}
