"""How does a foreign chain or index file become rows of the store?

Nothing is invented on the way: a price of zero is no quote, an implied vol of zero is none, a spot
that the file lacks stays missing. Last-trade prices are never taken.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from dispersa.errors import InvalidInput
from dispersa.history.layouts import KEYS, OPTION_COLUMNS, ChainLayout, recognize
from dispersa.history.tables import as_dates, collect, require_columns, scan_table
from dispersa.market import Symbol

WHAT = "chain file"
SIDES = ("call_", "put_")
CHAIN_SCHEMA: dict[str, pl.DataType] = {
    "date": pl.Date(),
    "symbol": pl.String(),
    "expiry": pl.Date(),
    "strike": pl.Float64(),
    "spot": pl.Float64(),
    **{side + name: pl.Float64() for side in SIDES for name in OPTION_COLUMNS},
}
LEVEL_SCHEMA: dict[str, pl.DataType] = {
    "date": pl.Date(),
    "symbol": pl.String(),
    "close": pl.Float64(),
}


def read_chain_rows(path: Path, layout: ChainLayout | None = None) -> pl.DataFrame:
    """Read a chain file into the store's columns, one row per date, symbol, expiry and strike.

    Without `layout` it is recognized by its columns.

    Raises
    ------
    InvalidInput
        Unreadable file, unknown layout, missing columns, or rows without date, symbol or strike.
    """
    frame = scan_table(path, WHAT)
    found = frame.collect_schema().names()
    layout = layout or recognize(found, path)
    require_columns(found, layout.required(), path, WHAT)
    present = {ours: theirs for ours, theirs in layout.columns.items() if theirs in found}
    rows = collect(frame.select(_typed(present, layout)), path, WHAT)
    _require_keys(rows, path)
    if layout.is_long:
        rows = _side_by_side(rows, path)
    rows = rows.with_columns(
        pl.lit(None, dtype=kind).alias(name)
        for name, kind in CHAIN_SCHEMA.items()
        if name not in rows.columns
    )
    return rows.select(list(CHAIN_SCHEMA)).sort("date", "symbol", "expiry", "strike")


def read_level_rows(path: Path, symbol: str) -> pl.DataFrame:
    """Read daily closes of an index from a Cboe-style CSV (DATE as MM/DD/YYYY or ISO).

    The value is the column CLOSE, one that ends in `_close`, or the only other column. Open, high
    and low are not taken: published histories hold bad prints there.
    """
    what = "index file"
    frame = scan_table(path, what)
    by_lower = {name.lower(): name for name in frame.collect_schema().names()}
    others = [name for name in by_lower if name != "date"]
    closes = [name for name in others if name == "close" or name.endswith("_close")]
    values = closes or (others if len(others) == 1 else [])
    if "date" not in by_lower or len(values) != 1:
        raise InvalidInput(
            f"{what} {path} has columns {', '.join(by_lower)}; expected DATE and CLOSE, or DATE "
            "and one value"
        )
    day = pl.col(by_lower["date"]).cast(pl.String)
    rows = frame.select(
        date=pl.coalesce(
            day.str.to_date("%Y-%m-%d", strict=False), day.str.to_date("%m/%d/%Y", strict=False)
        ),
        symbol=pl.lit(symbol),
        close=pl.col(by_lower[values[0]]).cast(pl.Float64, strict=False),
    )
    table = collect(rows, path, what)
    if table["date"].null_count() or table.is_empty():
        raise InvalidInput(
            f"{what} {path}: {table['date'].null_count()} of {table.height} rows have no readable "
            "date; expected 2026-05-26 or 05/26/2026"
        )
    return table.filter(pl.col("close").is_finite() & (pl.col("close") > 0)).sort("date")


def by_symbol_and_date(rows: pl.DataFrame) -> Iterator[tuple[Symbol, pl.DataFrame]]:
    """Part chain rows into one piece for each symbol and date, in order of date."""
    for part in rows.partition_by("date", "symbol", maintain_order=True):
        yield Symbol(part["symbol"][0]), part


def _typed(present: dict[str, str], layout: ChainLayout) -> list[pl.Expr]:
    """Cast and scale each column, and leave out what is no quote and no vol."""
    made = []
    for ours, theirs in present.items():
        column = pl.col(theirs)
        name = ours.removeprefix("call_").removeprefix("put_")
        if ours in {"date", "expiry"}:
            made.append(as_dates(column).alias(ours))
        elif ours == "symbol":
            made.append(column.cast(pl.String).alias(ours))
        elif ours == "right":
            made.append(column.cast(pl.String).str.to_lowercase().str.slice(0, 1).alias(ours))
        else:
            made.append(_number(column, name, layout, present).alias(ours))
    return made


def _number(column: pl.Expr, name: str, layout: ChainLayout, present: dict[str, str]) -> pl.Expr:
    """One numeric column in the store's unit, null where it says nothing."""
    value = column.cast(pl.Float64, strict=False)
    value = pl.when(value.is_finite()).then(value)
    match name:
        case "strike":
            value = value * layout.strike_unit
        case "iv":
            value = pl.when(value > 0).then(value * layout.iv_unit)
            if layout.iv_needs_quote:
                quoted = (pl.col(present["bid"]) > 0) & (pl.col(present["ask"]) > 0)
                value = pl.when(quoted).then(value)
        case "bid" | "ask" | "spot":
            value = pl.when(value > 0).then(value)
        case _:
            pass
    return value


def _require_keys(rows: pl.DataFrame, path: Path) -> None:
    """Refuse rows that can not be placed."""
    for name in (*KEYS, *(["right"] if "right" in rows.columns else [])):
        if missing := rows[name].null_count():
            raise InvalidInput(
                f"{WHAT} {path}: {missing} of {rows.height} rows have no readable {name}; expected "
                "ISO dates, a symbol and a strike on every row"
            )
    if rows.is_empty():
        raise InvalidInput(f"{WHAT} {path} holds no rows; give a file that holds data")


def _side_by_side(rows: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Join the calls and the puts of each strike; a side that is not there stays missing."""
    unknown = rows.filter(~pl.col("right").is_in(["c", "p"]))
    if unknown.height:
        raise InvalidInput(
            f"{WHAT} {path}: {unknown.height} rows are neither call nor put; expected C or P"
        )
    doubled = rows.select(*KEYS, "right").is_duplicated().sum()
    if doubled:
        raise InvalidInput(
            f"{WHAT} {path}: {doubled} rows share date, symbol, expiry, strike and side; expected "
            "one for each option"
        )
    options = [name for name in OPTION_COLUMNS if name in rows.columns]
    calls, puts = (
        rows.filter(pl.col("right") == side).drop("right").rename({n: prefix + n for n in options})
        for side, prefix in (("c", "call_"), ("p", "put_"))
    )
    both = calls.join(puts, on=list(KEYS), how="full", coalesce=True)
    if "spot" in rows.columns:
        both = both.with_columns(pl.coalesce("spot", "spot_right").alias("spot")).drop("spot_right")
    return both
