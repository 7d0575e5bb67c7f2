"""What did the listed options of many underlyings look like on past days?

Layout `us_chains`: one Parquet row per date, symbol, expiry and strike with call and put side by
side; implied vols in percent, zero where missing. Prices in that layout are last trades, hours old
for quiet strikes; they are never read here. Spot and strikes are as listed on the day, so a split
switches both together.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dispersa.errors import InvalidInput
from dispersa.history.tables import (
    collect,
    did_you_mean,
    encode,
    require_columns,
    scan_parquet,
)
from dispersa.market import Symbol

WHAT = "chain file"
COLUMNS = ("date", "symbol", "expiry", "strike", "spot", "c_iv", "p_iv", "c_delta", "p_delta")
DAY_COLUMNS = ("date", "expiry")
EPOCH = date(1970, 1, 1).toordinal()
PERCENT_MEDIAN_MIN = 3.0
"""A median implied vol below this is a decimal, not the percent that the layout promises."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChainTable:
    """Strikes of many option chains as columns, grouped by date, symbol and expiry.

    Group `g` is one expiry of one underlying on one date; its strikes are the rows
    `starts[g]` to `starts[g + 1]`, ascending. Groups ascend by date, then symbol, then expiry.

    Attributes
    ----------
    dates, symbols
        Distinct days (ascending) and names (alphabetical) that the table holds.
    date_index, symbol_index
        Per group: positions in `dates` and `symbols`.
    days_to_expiry
        Per group: calendar days from date to expiry.
    spot
        Per group: price of the underlying as of the date's snapshot.
    starts
        One longer than the number of groups.
    strike, call_iv, put_iv, call_delta, put_delta
        Per strike: listed strike; implied vols as annualized decimals, NaN where missing; deltas
        rounded to 0.01 as delivered.
    """

    dates: tuple[date, ...]
    symbols: tuple[Symbol, ...]
    date_index: NDArray[np.int64]
    symbol_index: NDArray[np.int64]
    days_to_expiry: NDArray[np.int64]
    spot: NDArray[np.float64]
    starts: NDArray[np.int64]
    strike: NDArray[np.float64]
    call_iv: NDArray[np.float64]
    put_iv: NDArray[np.float64]
    call_delta: NDArray[np.float64]
    put_delta: NDArray[np.float64]

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    @property
    def group_count(self) -> int:
        """Number of expiries over all names and dates."""
        return self.spot.size

    @property
    def strike_count(self) -> int:
        """Number of strike rows."""
        return self.strike.size


def read_chains(path: Path, symbols: Collection[str] | None = None) -> ChainTable:
    """Read chains in the `us_chains` layout; with `symbols`, of these names only.

    Rows without strike or spot above zero are no options and are left out, as are rows on or after
    expiry. A name that the file does not know is simply absent from the result: who needs it asks
    `require_symbol`.

    Raises
    ------
    InvalidInput
        Not a Parquet file, missing columns, dates that are not ISO, no rows, two rows for one
        strike, or implied vols that are decimals where percent is promised.
    """
    frame = scan_parquet(path, WHAT)
    require_columns(frame.collect_schema().names(), COLUMNS, path, WHAT)
    frame = frame.select(COLUMNS)
    if symbols is not None:
        frame = frame.filter(pl.col("symbol").is_in(sorted(set(symbols))))
    table = collect(frame, path, WHAT)
    wanted = "" if symbols is None else f" of {', '.join(sorted(set(symbols))[:8])}"
    _require_rows(table.height, wanted, path)
    _require_keys(table, path)
    rows = _ordered(table, path)
    _require_rows(rows.strike.size, wanted, path)
    _require_distinct(rows, path)
    _require_percent(rows, path)
    return _grouped(rows)


def table_of(rows: pl.DataFrame) -> ChainTable:
    """Columns of the store (see `importing.CHAIN_SCHEMA`), sorted by date, symbol, expiry, strike.

    Every row needs a spot; vols are decimals, null where missing.
    """
    symbols, symbol_code = encode(rows["symbol"])
    day, expiry = (rows[name].to_physical().to_numpy().astype(np.int64) for name in DAY_COLUMNS)

    def number(name: str) -> NDArray[np.float64]:
        return rows[name].fill_null(float("nan")).to_numpy().astype(np.float64)

    return _grouped(
        _Rows(
            symbols=symbols,
            symbol_code=symbol_code,
            day=day,
            expiry_day=expiry,
            strike=number("strike"),
            spot=number("spot"),
            call_iv=number("call_iv"),
            put_iv=number("put_iv"),
            call_delta=number("call_delta"),
            put_delta=number("put_delta"),
        )
    )


def symbols_in(path: Path) -> tuple[Symbol, ...]:
    """Names of the underlyings in a chain file, alphabetical."""
    frame = scan_parquet(path, WHAT)
    require_columns(frame.collect_schema().names(), COLUMNS, path, WHAT)
    names = collect(frame.select(pl.col("symbol").unique().cast(pl.String)), path, WHAT)
    return tuple(Symbol(name) for name in sorted(names["symbol"].drop_nulls().to_list()))


def require_symbol(symbol: str, known: Iterable[str], path: Path) -> Symbol:
    """Return `symbol` if the chain file knows it; otherwise refuse and offer the nearest names."""
    names = list(known)
    if symbol not in names:
        raise InvalidInput(
            f"{WHAT} {path} has no chain of {symbol}; expected one of its {len(names)} symbols; "
            f"{did_you_mean(symbol, names)}"
        )
    return Symbol(symbol)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rows:
    """Strike rows in order of date, symbol, expiry and strike; days count from 1970-01-01."""

    symbols: list[str]
    symbol_code: NDArray[np.int64]
    day: NDArray[np.int64]
    expiry_day: NDArray[np.int64]
    strike: NDArray[np.float64]
    spot: NDArray[np.float64]
    call_iv: NDArray[np.float64]
    put_iv: NDArray[np.float64]
    call_delta: NDArray[np.float64]
    put_delta: NDArray[np.float64]


def _require_rows(count: int, wanted: str, path: Path) -> None:
    """Refuse a file without usable rows."""
    if count == 0:
        raise InvalidInput(
            f"{WHAT} {path} holds no usable rows{wanted}; "
            "expected strikes and spots above zero on dates before expiry"
        )


def _require_keys(table: pl.DataFrame, path: Path) -> None:
    """Refuse rows without date, symbol or expiry, and columns that are no numbers."""
    for name in ("date", "symbol", "expiry"):
        if missing := table[name].null_count():
            raise InvalidInput(
                f"{WHAT} {path}: {missing} of {table.height} rows have no {name}; "
                "expected one on every row"
            )
    for name in COLUMNS[3:]:
        if not table[name].dtype.is_numeric():
            raise InvalidInput(
                f"{WHAT} {path}: column {name} holds {table[name].dtype}; expected numbers"
            )


def _days(column: pl.Series, path: Path) -> NDArray[np.int64]:
    """Days since 1970-01-01 of a column of ISO dates."""
    texts, codes = encode(column)
    days = pl.Series(texts).str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    if days.null_count():
        unreadable = texts[int(days.is_null().arg_max() or 0)]
        raise InvalidInput(
            f"{WHAT} {path}: {column.name} {unreadable!r} is no date; expected ISO, as 2026-05-26"
        )
    return days.to_physical().to_numpy().astype(np.int64)[codes]


def _ordered(table: pl.DataFrame, path: Path) -> _Rows:
    """Drop what is no live option, bring the rows into order, and read vols as decimals."""
    day, expiry_day = _days(table["date"], path), _days(table["expiry"], path)
    symbols, symbol_code = encode(table["symbol"])
    strike, spot = (table[name].fill_null(0).to_numpy() for name in ("strike", "spot"))
    live = np.flatnonzero((strike > 0) & (spot > 0) & (expiry_day > day))
    order = live[_order(day[live], symbol_code[live], expiry_day[live], strike[live])]

    def number(name: str) -> NDArray[np.float64]:
        return table[name].fill_null(0).to_numpy()[order].astype(np.float64)

    def vol(name: str) -> NDArray[np.float64]:
        percent = number(name)
        return np.where(percent > 0, percent / 100, np.nan)

    return _Rows(
        symbols=symbols,
        symbol_code=symbol_code[order],
        day=day[order],
        expiry_day=expiry_day[order],
        strike=number("strike"),
        spot=number("spot"),
        call_iv=vol("c_iv"),
        put_iv=vol("p_iv"),
        call_delta=number("c_delta"),
        put_delta=number("p_delta"),
    )


def _order(
    day: NDArray[np.int64],
    symbol_code: NDArray[np.int64],
    expiry_day: NDArray[np.int64],
    strike: NDArray[np.float32],
) -> NDArray[np.int64]:
    """Sort by day, symbol, expiry and strike; a stable sort of one key where strikes ascend."""
    key = (day * (1 + int(symbol_code.max(initial=0))) + symbol_code) * 100_000 + expiry_day
    order = np.argsort(key, kind="stable")
    within_group = np.diff(key[order]) == 0
    if np.any(within_group & (np.diff(strike[order]) < 0)):
        order = np.lexsort((strike, key))
    return order


def _starts_group(rows: _Rows) -> NDArray[np.bool_]:
    """Tell for every row after the first whether it opens a new date, symbol or expiry."""
    changed: NDArray[np.bool_] = (
        (np.diff(rows.day) != 0)
        | (np.diff(rows.symbol_code) != 0)
        | (np.diff(rows.expiry_day) != 0)
    )
    return changed


def _require_distinct(rows: _Rows, path: Path) -> None:
    """Refuse two rows for one strike of one expiry."""
    doubled = np.flatnonzero(~_starts_group(rows) & (np.diff(rows.strike) == 0))
    if doubled.size:
        row = int(doubled[0])
        raise InvalidInput(
            f"{WHAT} {path}: strike {rows.strike[row]:g} of {rows.symbols[rows.symbol_code[row]]} "
            f"expiring {_date(rows.expiry_day[row])} appears more than once on "
            f"{_date(rows.day[row])}; expected one row for each strike"
        )


def _require_percent(rows: _Rows, path: Path) -> None:
    """Refuse implied vols that must have been decimals already."""
    present = rows.call_iv[np.isfinite(rows.call_iv)]
    if present.size == 0:
        raise InvalidInput(
            f"{WHAT} {path} holds no implied vol above zero; expected c_iv and p_iv in percent"
        )
    median_percent = float(np.median(present)) * 100
    if median_percent < PERCENT_MEDIAN_MIN:
        raise InvalidInput(
            f"{WHAT} {path}: the median implied vol is {median_percent:.3g}; expected percent "
            "(25 for 25 %); multiply c_iv and p_iv by 100"
        )


def _grouped(rows: _Rows) -> ChainTable:
    """Find the group boundaries of the ordered rows."""
    first = np.concatenate(([0], np.flatnonzero(_starts_group(rows)) + 1))
    days, date_index = np.unique(rows.day[first], return_inverse=True)
    return ChainTable(
        dates=tuple(_date(day) for day in days),
        symbols=tuple(Symbol(name) for name in rows.symbols),
        date_index=date_index,
        symbol_index=rows.symbol_code[first],
        days_to_expiry=(rows.expiry_day - rows.day)[first],
        spot=rows.spot[first],
        starts=np.append(first, rows.strike.size),
        strike=rows.strike,
        call_iv=rows.call_iv,
        put_iv=rows.put_iv,
        call_delta=rows.call_delta,
        put_delta=rows.put_delta,
    )


def _date(day: np.int64) -> date:
    """Calendar date of a day counted from 1970-01-01."""
    return date.fromordinal(EPOCH + int(day))
