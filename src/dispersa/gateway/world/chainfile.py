"""What market does a chains file hold on one date?

Reads the layout of data.md's `us_chains_2026` (one row per strike, call and put side by side,
implied volatilities in percent, 0 = missing). Volatility of a strike = mean of call and put where
both are there, else the one that is there. An option without
its own IV is not quoted. Last-trade prices are never used. Names, spots, strikes and expiries are
the file's; rates, dividends and the spread model are ours. Dates that follow each other are
replayed as days pass: each opens at its levels, with its chains, volatilities and splits.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dispersa.errors import InvalidInput
from dispersa.gateway.world.actions import Split
from dispersa.gateway.world.chainmath import NameRows, split_factors, thirty_day_vol, vix_of
from dispersa.gateway.world.filemarket import members_of, universe_of
from dispersa.gateway.world.history import KnownDays
from dispersa.gateway.world.listings import Chain
from dispersa.gateway.world.source import MarketSource, NextDay
from dispersa.gateway.world.universe import Universe

if TYPE_CHECKING:
    import polars as pl

WEIGHTS_NAME = "estimated_weights.csv.gz"
INDEX_FUNDS = ("QQQ", "SPY")
_USUAL_SPLITS = (2, 3, 4, 5, 8, 10, 15, 20, 25, 50)
_SPLIT_RATIO_MIN = 1.8
_FUND_OF = {"NDX": "QQQ", "SPX": "SPY"}
RATE = 0.04
_COLUMNS = ("date", "symbol", "expiry", "strike", "spot", "c_iv", "p_iv", "c_vol", "p_vol")
_WEIGHT_COLUMNS = ("date", "symbol", "weight", "etf")
_NEAR_MONEY = 0.08
_KEY = ["symbol", "expiry", "strike"]
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_VALUES = ("strike", "spot", "c_iv", "p_iv", "c_vol", "p_vol")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFile:
    """Where a market comes from; `names` keeps the largest members of QQQ only."""

    chains: Path
    day: date | None = None
    weights: Path | None = None
    names: int | None = None


def chainfile_source(request: ChainFile) -> MarketSource:
    """Return the file's market on its date.

    Raises `InvalidInput` when a file is missing or malformed, when the date or enough names are
    not in it, or when weights do not sum to one.
    """
    frame = _open(request.chains)
    days = _dates(frame, request.chains)
    day = _chosen_day(request, days)
    weights = _weights(request, day)
    by_name = _names_on(frame, day)
    vols = {s: vol for s, rows in by_name.items() if (vol := thirty_day_vol(rows, day)) is not None}
    members = members_of(request.names, weights, vols, str(request.chains))
    funds = [fund for fund in INDEX_FUNDS if fund in vols]
    tables = {symbol: by_name[symbol] for symbol in (*members, *funds)}
    label = f"{request.chains.name}, {day.isoformat()}; earlier history synthesized"
    universe = universe_of(label, tables, vols, weights, members)
    spy = by_name.get("SPY")
    return MarketSource(
        day=day,
        universe=universe,
        chain_of=lambda underlying, _vol, _day: _chain(tables[underlying.symbol]),
        start_vols=_start_vols(universe, vols),
        known=lambda: _known(frame, universe, [d for d in days if d < day], tables),
        vix=None if spy is None else vix_of(spy, day, RATE),
        later_days=frozenset(d for d in days if d > day),
        next_day=lambda later: _next_day(frame, universe, days, later),
    )


def _next_day(frame: "pl.LazyFrame", universe: Universe, days: list[date], day: date) -> NextDay:
    """Return what the file knows of a later date for the names that the market carries."""
    names, before = _names_on(frame, day), _names_on(frame, days[days.index(day) - 1])
    listed = [u.symbol for u in universe.listed if u.symbol in names]
    vols = {s: vol for s in listed if (vol := thirty_day_vol(names[s], day)) is not None}
    levels = {symbol: names[symbol].spot for symbol in listed}
    for index in universe.indices:
        fund = _FUND_OF.get(index.symbol, "")
        if fund in levels:
            ratio = index.spot / next(u.spot for u in universe.indices if u.symbol == fund)
            levels[index.symbol] = ratio * levels[fund]
            vols[index.symbol] = vols[fund]
    splits = {}
    for symbol in listed:
        if symbol in before:
            ratio = before[symbol].spot / names[symbol].spot
            if max(ratio, 1.0 / ratio) >= _SPLIT_RATIO_MIN:
                splits[symbol] = _split_of(ratio)
    spy = names.get("SPY")
    return NextDay(
        levels=levels,
        vols=vols,
        chains={symbol: _chain(names[symbol]) for symbol in listed},
        splits=splits,
        vix=None if spy is None else vix_of(spy, day, RATE),
    )


def _split_of(ratio: float) -> Split:
    """Return the usual split nearest to a ratio of closes, which a day's move blurs."""
    size = min(_USUAL_SPLITS, key=lambda usual: abs(np.log(usual / max(ratio, 1.0 / ratio))))
    return Split(new=size, old=1) if ratio > 1.0 else Split(new=1, old=size)


def last_date(path: Path) -> date:
    """Return the last date of a chains file."""
    return _dates(_open(path), path)[-1]


def _chain(rows: NameRows) -> Chain:
    return Chain(symbol=rows.symbol, multiplier=100, is_european=False, slices=rows.slices())


def _start_vols(universe: Universe, vols: dict[str, float]) -> dict[str, float]:
    """Return the 30-day volatilities of the baskets; a cash index has those of its fund."""
    names = (u.symbol for u in universe.indices)
    return {s: vols[_FUND_OF.get(s, s)] for s in names}


# -- reading -------------------------------------------------------------------------------------


def _open(path: Path) -> "pl.LazyFrame":
    import polars as pl

    if not path.is_file():
        raise InvalidInput(f"chains file {path} does not exist; give the path of a parquet file")
    try:
        frame = pl.scan_parquet(path)
        columns = frame.collect_schema().names()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InvalidInput(f"chains file {path} is not a parquet file: {error}") from error
    if missing := [name for name in _COLUMNS if name not in columns]:
        raise InvalidInput(
            f"chains file {path} has no column {', '.join(missing)}; found {', '.join(columns)}"
        )
    return frame


def _text(column: str) -> "pl.Expr":
    import polars as pl

    return pl.col(column).cast(pl.String)


def _dates(frame: "pl.LazyFrame", path: Path) -> list[date]:
    import polars as pl

    try:
        found = frame.select(_text("date").unique()).collect().to_series()
        days = sorted(date.fromisoformat(text) for text in found.drop_nulls())
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise InvalidInput(f"chains file {path} can not be read: {error}") from error
    if not days:
        raise InvalidInput(f"chains file {path} has no rows")
    return days


def _chosen_day(request: ChainFile, days: list[date]) -> date:
    if request.day is None:
        return days[-1]
    if request.day not in days:
        raise InvalidInput(
            f"chains file {request.chains} has no date {request.day}; "
            f"it holds {days[0]} to {days[-1]} ({len(days)} dates)"
        )
    return request.day


def _weights(request: ChainFile, day: date) -> dict[str, dict[str, float]]:
    """Return weights by fund and symbol; a fund's weights sum to one."""
    import polars as pl

    path = request.weights or request.chains.parent / WEIGHTS_NAME
    if not path.is_file():
        raise InvalidInput(f"weights file {path} does not exist; name one with --weights")
    try:
        frame = pl.read_csv(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InvalidInput(f"weights file {path} is not a CSV file: {error}") from error
    if missing := [name for name in _WEIGHT_COLUMNS if name not in frame.columns]:
        raise InvalidInput(f"weights file {path} has no column {', '.join(missing)}")
    rows = frame.filter(pl.col("date").cast(pl.String) == day.isoformat())
    if rows.is_empty():
        raise InvalidInput(f"weights file {path} has no weights on {day}")
    return {
        fund: _checked(path, fund, rows.filter(pl.col("etf") == fund))
        for fund in rows["etf"].unique().to_list()
    }


def _checked(path: Path, fund: str, rows: "pl.DataFrame") -> dict[str, float]:
    values = [float(value) for value in rows["weight"].to_list()]
    total = sum(values)
    scale = 100.0 if abs(total - 100.0) < 0.1 else 1.0
    if min(values) < 0.0 or abs(total / scale - 1.0) > 1e-3:
        raise InvalidInput(
            f"weights file {path}: the weights of {fund} sum to {total:.4f} with a smallest of "
            f"{min(values):.4f}; expected none below 0 and a sum of 1 within 0.001 (or 100)"
        )
    return {s: w / total for s, w in zip(rows["symbol"].to_list(), values, strict=True)}


def _names_on(frame: "pl.LazyFrame", day: date) -> dict[str, NameRows]:

    here = frame.filter(_text("date") == day.isoformat()).select(
        _text("symbol"), _text("expiry").str.to_date().alias("expiry"), *_VALUES
    )
    rows = here.sort("expiry", "strike").collect().unique(_KEY, keep="first", maintain_order=True)
    groups = rows.partition_by("symbol", as_dict=True, maintain_order=True)
    tables = {str(key[0]): _name_rows(str(key[0]), part) for key, part in groups.items()}
    if not tables:
        raise InvalidInput(f"the chains file has no rows on {day}")
    return {symbol: rows for symbol, rows in tables.items() if rows.spot > 0.0}


def _name_rows(symbol: str, part: "pl.DataFrame") -> NameRows:
    since_epoch = part["expiry"].to_physical().to_numpy().astype(np.int64)
    return NameRows(
        symbol=symbol,
        spot=round(float(part["spot"][0]), 4),
        expiries=since_epoch + _EPOCH_ORDINAL,
        strikes=np.round(part["strike"].to_numpy().astype(float), 3),
        call_vols=part["c_iv"].to_numpy().astype(float) / 100.0,
        put_vols=part["p_iv"].to_numpy().astype(float) / 100.0,
        option_volume=int((part["c_vol"] + part["p_vol"]).sum() or 0),
    )


# -- the dates before ----------------------------------------------------------------------------


def _known(
    frame: "pl.LazyFrame",
    universe: Universe,
    days: list[date],
    tables: dict[str, NameRows],
) -> KnownDays | None:
    """Return closes and 30-day volatilities of the earlier dates, near-the-money rows only."""
    if not days:
        return None
    columns = [u.symbol for u in (*universe.components, *universe.indices)]
    closes, vols = (np.full((len(days), len(columns)), np.nan) for _ in range(2))
    place = {d.isoformat(): row for row, d in enumerate(days)}
    column_of = {symbol: column for column, symbol in enumerate(columns)}
    for day, symbol, spot, vol in _near_money(frame, set(tables), set(place)):
        closes[place[day], column_of[symbol]] = spot
        vols[place[day], column_of[symbol]] = vol
    for column, symbol in enumerate(columns):
        if symbol in tables:
            known = ~np.isnan(closes[:, column])
            raw = np.append(closes[known, column], tables[symbol].spot)
            closes[known, column] = raw[:-1] * split_factors(raw)[:-1]
    _follow(columns, closes, vols, universe)
    return KnownDays(days=tuple(days), closes=closes, vols=vols)


def _follow(columns: list[str], closes: np.ndarray, vols: np.ndarray, universe: Universe) -> None:
    """Give a cash index the moves of the fund on the same basket."""
    levels = {u.symbol: u.spot for u in universe.indices}
    for index, fund in (("NDX", "QQQ"), ("SPX", "SPY")):
        if index in columns and fund in columns:
            to, source = columns.index(index), columns.index(fund)
            closes[:, to] = closes[:, source] * levels[index] / levels[fund]
            vols[:, to] = vols[:, source]


def _near_money(
    frame: "pl.LazyFrame", symbols: set[str], days: set[str]
) -> list[tuple[str, str, float, float]]:
    """Return date, symbol, spot and 30-day volatility, by the rules of `thirty_day_vol`."""
    import polars as pl

    both = (pl.col("c_iv") > 0.0) & (pl.col("p_iv") > 0.0)
    is_near = (pl.col("strike") / pl.col("spot") - 1.0).abs() < _NEAR_MONEY
    tenor = (pl.col("expiry") - pl.col("date").str.to_date()).dt.total_days().cast(pl.Float64)
    rows = (
        frame.filter(_text("symbol").is_in(symbols) & _text("date").is_in(days) & is_near & both)
        .select(
            _text("date"), _text("symbol"), _text("expiry").str.to_date(), *_VALUES,
        )
        .with_columns(
            tenor.alias("days"), ((pl.col("c_iv") + pl.col("p_iv")) / 200.0).alias("vol")
        )
        .filter(pl.col("days").is_between(1, 75) & (pl.col("spot") > 0.0))
    )  # fmt: skip
    at_spot = _interpolated(rows, ["date", "symbol", "spot", "days"], "strike", pl.col("spot"))
    totals = at_spot.with_columns(variance=pl.col("vol") ** 2 * pl.col("days"))
    keys = ["date", "symbol", "spot"]
    found = _interpolated(totals, keys, "days", pl.lit(30.0), value="variance", is_flat=True)
    vol = (pl.col("variance") / 30.0).sqrt()
    return found.select("date", "symbol", "spot", vol).collect().rows()


def _interpolated(
    rows: "pl.LazyFrame",
    keys: list[str],
    over: str,
    at: "pl.Expr",
    value: str = "vol",
    *,
    is_flat: bool = False,
) -> "pl.LazyFrame":
    """Return `value` at `at`, linear in `over`, within each group of `keys`.

    Groups that do not enclose `at` are dropped, or with `is_flat` scaled in proportion to `over`
    from the nearest point (a flat volatility for total variances).
    """
    import polars as pl

    low = rows.filter(pl.col(over) <= at).sort(over).group_by(keys).last()
    high = rows.filter(pl.col(over) >= at).sort(over).group_by(keys).first()
    joined = low.join(high, on=keys, how="full" if is_flat else "inner", suffix="_high",
                      coalesce=True)  # fmt: skip
    x0, x1 = pl.col(over), pl.col(f"{over}_high")
    y0, y1 = pl.col(value), pl.col(f"{value}_high")
    inside = pl.when(x1 > x0).then(y0 + (y1 - y0) * (at - x0) / (x1 - x0)).otherwise(y0)
    outside = pl.when(x0.is_null()).then(y1 * at / x1).when(x1.is_null()).then(y0 * at / x0)
    full = outside.otherwise(inside) if is_flat else inside
    return joined.select(*keys, full.alias(value), *([x0] if over != "days" else []))
