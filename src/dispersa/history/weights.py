"""Which names made up the index on a day, and with which weights?"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from dispersa.errors import InvalidInput
from dispersa.history.tables import as_dates, collect, did_you_mean, require_columns, scan_table
from dispersa.market import Basket, Symbol, Weight

WHAT = "weights file"
COLUMNS = ("date", "symbol", "weight", "etf")
SUM_TOLERANCE = 0.001
"""A date's weights may miss their sum (1, or 100 in percent) by this fraction of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexWeights:
    """Dated weights of one index, as fractions; `in_percent` says how the file wrote them."""

    index: Symbol
    baskets: tuple[Basket, ...]
    in_percent: bool

    @property
    def dates(self) -> tuple[date, ...]:
        """Days with weights, ascending."""
        return tuple(basket.as_of for basket in self.baskets)

    @property
    def symbols(self) -> frozenset[Symbol]:
        """Every name that appears on any day."""
        return frozenset(row.symbol for basket in self.baskets for row in basket.weights)

    def on(self, day: date) -> Basket | None:
        """Latest basket known on `day`: never one dated after it; None before the first."""
        known = bisect_right(self.baskets, day, key=lambda basket: basket.as_of)
        return self.baskets[known - 1] if known else None


def read_weights(path: Path, index: str) -> IndexWeights:
    """Read the weights of `index` from a CSV (gz allowed) or Parquet file.

    Columns `date, symbol, weight, etf`, filtered by `etf == index`. The weights of each date must
    sum to 1 within 0.001; sums to 100 within the same fraction on every date are read as percent
    and reported in `IndexWeights.in_percent`; anything else is refused. Rows of weight zero are
    members without weight and are left out.

    Raises
    ------
    InvalidInput
        Missing or malformed file, unknown index, negative or doubled weights, wrong sums.
    """
    frame = scan_table(path, WHAT)
    require_columns(frame.collect_schema().names(), COLUMNS, path, WHAT)
    weight = pl.col("weight").cast(pl.Float64, strict=False)
    table = collect(
        frame.select(
            day=as_dates(pl.col("date")),
            symbol=pl.col("symbol").cast(pl.String),
            weight=weight,
            etf=pl.col("etf").cast(pl.String),
        ),
        path,
        WHAT,
    )
    known = table["etf"].drop_nulls().unique().to_list()
    table = table.filter(pl.col("etf") == index).drop("etf").sort("day", "symbol")
    if table.is_empty():
        raise InvalidInput(
            f"{WHAT} {path} has no weights of {index}; expected rows whose etf is {index}; "
            f"{did_you_mean(index, known)}"
        )
    _require_clean(table, path, index)
    in_percent = _is_percent(table, path, index)
    return IndexWeights(
        index=Symbol(index),
        baskets=tuple(_baskets(table, index, 0.01 if in_percent else 1.0)),
        in_percent=in_percent,
    )


def _require_clean(table: pl.DataFrame, path: Path, index: str) -> None:
    """Refuse rows without date, name or finite weight, negative weights and doubled names."""
    unusable = table.filter(
        pl.any_horizontal(pl.all().is_null()) | ~pl.col("weight").is_finite()
    ).height
    if unusable:
        raise InvalidInput(
            f"{WHAT} {path}: {unusable} rows of {index} lack an ISO date, a symbol or a finite "
            "weight; mend or remove them"
        )
    negative = table.filter(pl.col("weight") < 0)
    if negative.height:
        day, symbol, weight = negative.row(0)
        raise InvalidInput(
            f"{WHAT} {path}: weight of {symbol} on {day} is {weight}; expected zero or more"
        )
    doubled = table.filter(table.select("day", "symbol").is_duplicated())
    if doubled.height:
        day, symbol, _ = doubled.row(0)
        raise InvalidInput(
            f"{WHAT} {path}: {symbol} appears more than once in {index} on {day}; "
            "expected one row for each date and name"
        )


def _is_percent(table: pl.DataFrame, path: Path, index: str) -> bool:
    """Tell fractions from percent by the sums, and refuse sums that are neither."""
    sums = table.group_by("day").agg(pl.col("weight").sum()).sort("day")
    total = pl.col("weight")
    off_one = sums.filter((total - 1).abs() > SUM_TOLERANCE)
    if off_one.is_empty():
        return False
    if sums.filter((total / 100 - 1).abs() > SUM_TOLERANCE).is_empty():
        return True
    day, found = off_one.row(0)
    raise InvalidInput(
        f"{WHAT} {path}: weights of {index} on {day} sum to {found:.6g}; expected 1 within "
        f"{SUM_TOLERANCE} (or 100 if all are percent); mend the file or renormalize it"
    )


def _baskets(table: pl.DataFrame, index: str, unit: float) -> list[Basket]:
    """Group the rows by date into baskets, heaviest name first."""
    rows_by_day: dict[date, list[Weight]] = {}
    for day, symbol, weight in table.iter_rows():
        rows = rows_by_day.setdefault(day, [])
        if weight > 0:
            rows.append(Weight(symbol=Symbol(symbol), weight=weight * unit))
    return [
        Basket(
            index=Symbol(index),
            as_of=day,
            weights=tuple(sorted(rows, key=lambda row: (-row.weight, row.symbol))),
        )
        for day, rows in rows_by_day.items()
    ]
