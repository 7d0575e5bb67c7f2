"""How is a small table with one row per name and event read, whatever its columns are called?"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from dispersa.errors import InvalidInput
from dispersa.history.tables import as_dates, collect, scan_table

SYMBOL_COLUMNS = ("symbol", "ticker")


def read_name_table(
    path: Path, what: str, columns: Mapping[str, tuple[str, ...]], kinds: Mapping[str, pl.DataType]
) -> pl.DataFrame:
    """Read columns `symbol` and those of `columns`, found by any of their names.

    `kinds` says what each holds; a `polars.Date` takes ISO dates.

    Raises
    ------
    InvalidInput
        Missing or malformed file, no such columns, or a row in which one of them is empty.
    """
    wanted = {"symbol": SYMBOL_COLUMNS, **columns}
    frame = scan_table(path, what)
    by_lower = {name.lower(): name for name in frame.collect_schema().names()}
    found = {
        key: next((by_lower[name] for name in names if name in by_lower), None)
        for key, names in wanted.items()
    }
    if None in found.values():
        expected = ", and ".join(" or ".join(names) for names in wanted.values())
        raise InvalidInput(
            f"{what} {path} has columns {', '.join(by_lower.values())}; expected {expected}"
        )
    rows = frame.select(
        **{
            key: _typed(pl.col(name), kinds.get(key, pl.String()))
            for key, name in found.items()
            if name is not None
        }
    )
    table = collect(rows, path, what)
    unusable = table.filter(pl.any_horizontal(pl.all().is_null())).height
    if unusable or table.is_empty():
        raise InvalidInput(
            f"{what} {path}: {unusable} of {table.height} rows lack one of "
            f"{', '.join(wanted)}; expected all on every row, dates as 2026-12-31"
        )
    return table


def _typed(column: pl.Expr, kind: pl.DataType) -> pl.Expr:
    return as_dates(column) if kind == pl.Date() else column.cast(kind, strict=False)
