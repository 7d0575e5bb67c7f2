"""What market do recorded quotes hold, date after date?

Reads the two layouts that data.md calls `quotes_2026_feb` and `quotes_2025_nov`: one row per
option with bid, ask and the underlying's price. Each side of a strike keeps the volatility of its
recorded middle and its recorded width, so that the market opens with the recorded quotes (to the
tick) and moves on from there; what was not quoted on both sides is not quoted here. Of several
recordings of a date the first counts. A file of quotes has no weights: its names are single stocks
and funds beside a broad index that none of them belongs to.
"""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dispersa.errors import InvalidInput
from dispersa.gateway.world.american import Exercise, early_premium
from dispersa.gateway.world.calendar import trading_day_on_or_before
from dispersa.gateway.world.chainmath import NameRows, thirty_day_vol, vol_at
from dispersa.gateway.world.currencies import currency_pairs
from dispersa.gateway.world.filemarket import FILE_YIELD, cash_index, remainder, stock_of
from dispersa.gateway.world.kernels import Floats, Terms, implied_vol
from dispersa.gateway.world.listings import Chain, ExpirySlice
from dispersa.gateway.world.source import MarketSource, NextDay
from dispersa.gateway.world.universe import Universe

if TYPE_CHECKING:
    import polars as pl

RATE = 0.04
_LAYOUTS = (
    {"date": "date", "side": "type", "expiry": "expiration", "spot": "spot_price"},
    {"date": "snap_date", "side": "optionType", "expiry": "expirationDate",
     "spot": "underlyingPrice"},
)  # fmt: skip
_COMMON = ("symbol", "strike", "bid", "ask", "volume")
_BROAD_VOL, _BROAD_LEVEL = 0.16, 6_900.0
_HOURS_LEFT = 4.0
"""How long before the close a recording is taken to be, for options on their last day."""
_ROUNDS = 3


def is_quotefile(path: Path) -> bool:
    """Whether a file holds recorded quotes rather than chains."""
    import polars as pl

    try:
        return {"bid", "ask"} <= set(pl.scan_parquet(path).collect_schema().names())
    except (pl.exceptions.PolarsError, OSError):
        return False


def quotefile_source(path: Path, day: date | None, names: int | None) -> MarketSource:
    """Return the recorded market as of `day`, by default its first date.

    `names` keeps that many symbols with the most volume. Raises `InvalidInput` for a file of
    another layout, and for a date or a number of names that it does not have.
    """
    frame = _open(path)
    days = quote_dates(path)
    day = days[0] if day is None else day
    if day not in days:
        raise InvalidInput(f"{path} has no quotes of {day}; it has {days[0]} to {days[-1]}")
    chains, rows = _chains_on(frame, day)
    vols = {s: vol for s, name in rows.items() if (vol := thirty_day_vol(name, day)) is not None}
    ranked = sorted(vols, key=lambda symbol: -rows[symbol].option_volume)
    if not ranked or (names is not None and not 1 <= names <= len(ranked)):
        raise InvalidInput(
            f"{path} holds {len(ranked)} names with quotes on {day}, found names={names}"
        )
    kept = ranked[:names]
    rest = remainder("SPX", _BROAD_VOL)
    universe = Universe(
        label=f"{path.name}, recorded quotes of {day.isoformat()}; earlier history synthesized",
        components=(*(stock_of(rows[s], vols[s]) for s in kept), rest, *currency_pairs()),
        indices=(cash_index("SPX", "S&P 500 Stock Index", "CBOE", _BROAD_LEVEL),),
        baskets={"SPX": {rest.symbol: 1.0}},
    )
    return MarketSource(
        day=day,
        universe=universe,
        chain_of=lambda underlying, _vol, _day: chains[underlying.symbol],
        start_vols={},
        later_days=frozenset(d for d in days if d > day),
        next_day=lambda later: _next_day(frame, later, kept),
    )


def quote_dates(path: Path) -> list[date]:
    """Return the dates of a file of quotes."""
    found = _open(path).select("date").unique().collect()["date"].to_list()
    return sorted(date.fromisoformat(text) for text in found)


def _next_day(frame: "pl.LazyFrame", day: date, kept: list[str]) -> NextDay:
    chains, rows = _chains_on(frame, day)
    here = [symbol for symbol in kept if symbol in rows]
    return NextDay(
        levels={s: rows[s].spot for s in here},
        vols={s: vol for s in here if (vol := thirty_day_vol(rows[s], day)) is not None},
        chains={s: chains[s] for s in here},
        splits={},
    )


def _open(path: Path) -> "pl.LazyFrame":
    import polars as pl

    if not path.is_file():
        raise InvalidInput(f"quotes file {path} does not exist; give the path of a parquet file")
    frame = pl.scan_parquet(path)
    columns = set(frame.collect_schema().names())
    for layout in _LAYOUTS:
        if {*layout.values(), *_COMMON} <= columns:
            return frame.select(*_COMMON, *(pl.col(c).alias(name) for name, c in layout.items()))
    raise InvalidInput(f"{path} has none of the known layouts of quotes; see quotefile")


def _chains_on(frame: "pl.LazyFrame", day: date) -> tuple[dict[str, Chain], dict[str, NameRows]]:
    import polars as pl

    rows = (
        frame.filter((pl.col("date") == day.isoformat()) & (pl.col("spot") > 0))
        .with_columns(
            expiry=pl.col("expiry").str.slice(0, 10).str.to_date(),
            sign=pl.when(pl.col("side").str.to_lowercase() == "call").then(1).otherwise(-1),
            quoted=(pl.col("bid") > 0) & (pl.col("ask") > pl.col("bid")),
        )
        .filter(pl.col("expiry") >= day)
        .collect()
        .unique(["symbol", "expiry", "strike", "sign"], keep="first", maintain_order=True)
    )
    chains, names = {}, {}
    for (symbol,), part in rows.partition_by("symbol", as_dict=True, maintain_order=True).items():
        chain, found = _name(str(symbol), part, day)
        if chain.slices:
            chains[chain.symbol], names[chain.symbol] = chain, found
    return chains, names


def _name(symbol: str, part: "pl.DataFrame", day: date) -> tuple[Chain, NameRows]:
    """Return one name's chain, and its rows as a chains file would have them."""
    spot = float(part["spot"][0])
    slices, columns = [], []
    for (expiry,), rows in (
        part.sort("expiry").partition_by("expiry", as_dict=True, maintain_order=True).items()
    ):
        assert isinstance(expiry, date)  # noqa: S101 - read as a date above
        strikes = np.unique(rows["strike"].to_numpy())
        middles, widths = _recorded(rows, strikes)
        years = max((expiry - day).days, 0) / 365.0 + _HOURS_LEFT / 24.0 / 365.0
        vols = np.nan_to_num(_vols(middles, strikes, spot, years))
        columns.append((np.full(len(strikes), expiry.toordinal()), strikes, *vols))
        piece = _slice(symbol, expiry, strikes, vols, widths, spot)
        slices += [] if piece is None else [piece]
    ordinals, strikes, calls, puts = map(np.concatenate, zip(*columns, strict=True))
    found = NameRows(
        symbol=symbol, spot=round(spot, 4), expiries=ordinals, strikes=strikes, call_vols=calls,
        put_vols=puts, option_volume=int(part["volume"].fill_null(0.0).sum()),
    )  # fmt: skip
    return Chain(symbol=symbol, multiplier=100, is_european=False, slices=tuple(slices)), found


def _recorded(rows: "pl.DataFrame", strikes: Floats) -> tuple[Floats, Floats]:
    """Return middles and widths of calls and puts by strike, nan where not quoted on both sides."""
    place = np.searchsorted(strikes, rows["strike"].to_numpy())
    side = np.where(rows["sign"].to_numpy() > 0, 0, 1)
    quoted = rows["quoted"].fill_null(value=False).to_numpy()
    bid, ask = rows["bid"].to_numpy(), rows["ask"].to_numpy()
    middles, widths = np.full((2, 2, len(strikes)), np.nan)
    middles[side[quoted], place[quoted]] = 0.5 * (bid + ask)[quoted]
    widths[side[quoted], place[quoted]] = (ask - bid)[quoted]
    return middles, widths


def _vols(middles: Floats, strikes: Floats, spot: float, years: float) -> Floats:
    """Return the American volatilities of calls and puts, nan where a middle has none."""
    count = 2 * len(strikes)
    one = np.ones(count)
    terms = Terms(
        spot=spot * one, strike=np.tile(strikes, 2), years=years * one, rate=RATE,
        dividend_yield=FILE_YIELD * one, sign=np.repeat([1.0, -1.0], len(strikes)),
        dividends=0.0 * one,
    )  # fmt: skip
    exercise = Exercise(is_american=one > 0, last_ex_years=0.0 * one, earlier_dividends=0.0 * one)
    targets, vols = np.nan_to_num(middles, nan=-1.0).ravel(), 0.3 * one
    for _ in range(_ROUNDS):
        guess = np.where(np.isnan(vols), 0.3, vols)
        vols = implied_vol(terms, targets - early_premium(terms, exercise, guess))
    return vols.reshape(2, -1)


def _slice(
    symbol: str, expiry: date, strikes: Floats, vols: Floats, widths: Floats, spot: float
) -> ExpirySlice | None:
    both = np.where((vols > 0.0).all(axis=0), 0.5 * vols.sum(axis=0), vols.max(axis=0))
    atm = vol_at(strikes, both, spot)
    if atm is None:
        return None
    last = trading_day_on_or_before(expiry)
    return ExpirySlice(
        last_trade_day=last, settlement_day=last, trading_class=symbol, strikes=strikes,
        vols=both, sides=vols, widths=widths, call_quoted=vols[0] > 0.0, put_quoted=vols[1] > 0.0,
        file_atm=atm,
    )  # fmt: skip
