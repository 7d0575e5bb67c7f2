"""How is a foreign table opened, and what is said when it is not the table that was expected?"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dispersa.errors import InvalidInput

PARQUET_SUFFIXES = (".parquet", ".pq")
CSV_SUFFIXES = (".csv", ".csv.gz")


def require_file(path: Path, what: str) -> None:
    """Refuse a path that does not name a readable, non-empty file."""
    if not path.exists():
        raise InvalidInput(f"{what} {path} does not exist; give the path of an existing file")
    if not path.is_file():
        raise InvalidInput(f"{what} {path} is not a file; give the path of the file itself")
    if path.stat().st_size == 0:
        raise InvalidInput(f"{what} {path} is empty; give a file that holds data")


def scan_parquet(path: Path, what: str) -> pl.LazyFrame:
    """Open a Parquet file lazily.

    Raises
    ------
    InvalidInput
        The file is missing, empty, or not Parquet.
    """
    require_file(path, what)
    with path.open("rb") as file:
        if file.read(4) != b"PAR1":
            raise InvalidInput(
                f"{what} {path} is not a Parquet file (it does not begin with PAR1); "
                "expected the us_chains layout in Parquet; convert it or give another file"
            )
    frame = pl.scan_parquet(path)
    try:
        frame.collect_schema()
    except pl.exceptions.PolarsError as error:
        raise unreadable(path, what, error) from error
    return frame


def scan_table(path: Path, what: str) -> pl.LazyFrame:
    """Open a CSV file (plain or gzip) or a Parquet file lazily, by the end of its name."""
    name = path.name.lower()
    if name.endswith(PARQUET_SUFFIXES):
        return scan_parquet(path, what)
    require_file(path, what)
    if not name.endswith(CSV_SUFFIXES):
        raise InvalidInput(
            f"{what} {path} ends in neither .csv, .csv.gz nor .parquet; "
            "rename it after what it is, or convert it"
        )
    try:
        return pl.read_csv(path, try_parse_dates=False, infer_schema_length=None).lazy()
    except (pl.exceptions.PolarsError, UnicodeDecodeError, OSError) as error:
        raise unreadable(path, what, error) from error


def collect(frame: pl.LazyFrame, path: Path, what: str) -> pl.DataFrame:
    """Carry out a lazy query, translating polars' errors into ours."""
    try:
        return frame.collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(path, what, error) from error


def unreadable(path: Path, what: str, error: Exception) -> InvalidInput:
    """Say in one sentence why a file could not be decoded."""
    lines = str(error).strip().splitlines()
    reason = lines[0] if lines else type(error).__name__
    return InvalidInput(f"{what} {path} can not be read ({reason}); check that it is complete")


def require_columns(found: Iterable[str], expected: Sequence[str], path: Path, what: str) -> None:
    """Refuse a table that lacks a column, naming what is there."""
    present = list(found)
    missing = [name for name in expected if name not in present]
    if missing:
        raise InvalidInput(
            f"{what} {path} lacks the columns {', '.join(missing)}; found {', '.join(present)}; "
            f"expected at least {', '.join(expected)}"
        )


def as_dates(column: pl.Expr) -> pl.Expr:
    """Read ISO dates from text, categories or dates; what is none of these becomes null."""
    return column.cast(pl.String).str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)


def encode(column: pl.Series) -> tuple[list[str], NDArray[np.int64]]:
    """Distinct texts of a column without nulls, ascending, and each row's position among them."""
    categories = column if column.dtype == pl.Categorical else column.cast(pl.String)
    categories = categories.cast(pl.Categorical)
    distinct = categories.unique()
    texts = distinct.cast(pl.String).to_list()
    physical = distinct.to_physical().to_numpy()
    order = np.argsort(np.asarray(texts, dtype=np.str_), kind="stable")
    position = np.zeros(int(physical.max()) + 1, dtype=np.int64)
    position[physical[order]] = np.arange(order.size)
    return [texts[i] for i in order], position[categories.to_physical().to_numpy()]


def did_you_mean(symbol: str, known: Iterable[str]) -> str:
    """Offer the nearest known names for a name that is not known."""
    names = sorted(set(known))
    spelled = {name.upper(): name for name in names}
    near = [spelled[match] for match in get_close_matches(symbol.upper(), spelled, n=3, cutoff=0.5)]
    if near:
        return f"did you mean {' or '.join(near)}?"
    shown = ", ".join(names[:8]) + (" ..." if len(names) > 8 else "")
    return f"known are {shown or 'none'}"
