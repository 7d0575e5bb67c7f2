"""Fifty million option rows, made up: what would a data vendor's file of 250 names look like?

One row per date, symbol, expiry, strike and side, in this order: 250 names x 1,000 dates x
4 expiries x 25 strikes x 2. The first name is the index; its vols carry a planted correlation.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

TENORS_DAYS = (16, 30, 58, 93)
STRIKES = 25
STRIKE_SPACING = 0.025
DATES_PER_ROW_GROUP = 10
FIRST_DATE = date(2022, 1, 3)
MISSING_SHARE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Vols and spots by date and name, weights by name, and the planted correlation by date."""

    dates: tuple[date, ...]
    symbols: tuple[str, ...]
    weights: np.ndarray
    spots: np.ndarray
    vols: np.ndarray
    correlation: np.ndarray


def make_market(names: int, dates: int) -> Market:
    """Names with vols of 15 to 60 %, whose index has the vol that the planted correlation gives."""
    rng = np.random.default_rng(15)
    days = [FIRST_DATE + timedelta(days=i) for i in range(2 * dates)]
    weekdays = tuple(day for day in days if day.weekday() < 5)[:dates]
    weights = 1 / np.arange(1, names)
    weights /= weights.sum()
    base = rng.uniform(0.15, 0.6, names - 1)
    drift = np.cumsum(rng.normal(0, 0.02, (dates, names - 1)), axis=0)
    vols = base * np.exp(np.clip(drift, -0.5, 0.5))
    correlation = np.clip(0.3 + np.cumsum(rng.normal(0, 0.01, dates)), 0.05, 0.8)
    average, own = vols @ weights, (vols**2) @ weights**2
    index = np.sqrt(own + correlation * (average**2 - own))
    vols = np.column_stack([index, vols])
    moves = rng.normal(0, vols / np.sqrt(252))
    spots = rng.uniform(30, 600, names) * np.exp(np.cumsum(moves, axis=0))
    return Market(
        dates=weekdays,
        symbols=("IDX", *(f"N{i:03d}" for i in range(1, names))),
        weights=weights,
        spots=np.round(spots, 2),
        vols=vols,
        correlation=correlation,
    )


def rows_of(market: Market, at: int) -> pl.DataFrame:
    """All options of one date; a vol that is missing is zero, as vendors write it."""
    rng = np.random.default_rng(at)
    spot, vol = market.spots[at], market.vols[at]
    step = np.maximum(0.5, np.round(spot * STRIKE_SPACING * 2) / 2)
    offsets = np.arange(STRIKES) - STRIKES // 2
    strike = (np.round(spot / step) * step)[:, None] + offsets * step[:, None]
    strike = np.maximum(strike, 0.5 * np.arange(1, STRIKES + 1))
    shape = (len(market.symbols), len(TENORS_DAYS), STRIKES, 2)
    money = np.log(strike / spot[:, None])[:, None, :, None]
    iv = np.broadcast_to(vol[:, None, None, None], shape) - 0.1 * money + 0.3 * money**2
    iv = np.maximum(iv + rng.normal(0, 0.001, shape), 0.02)
    iv[rng.uniform(size=shape) < MISSING_SHARE] = 0.0
    day = market.dates[at]
    count = iv.size
    expiries = np.array([day + timedelta(days=days) for days in TENORS_DAYS], "datetime64[D]")

    def spread(values: np.ndarray, axis: int) -> np.ndarray:
        """Repeat the values of one axis over all rows."""
        lengths = [1] * 4
        lengths[axis] = shape[axis]
        return np.broadcast_to(values.reshape(lengths), shape).ravel()

    return pl.DataFrame(
        {
            "date": np.full(count, np.datetime64(day), "datetime64[D]"),
            "symbol": pl.Series(market.symbols).gather(spread(np.arange(shape[0]), 0)),
            "expiry": spread(expiries, 1),
            "strike": np.broadcast_to(strike[:, None, :, None], shape).ravel(),
            "right": pl.Series(["C", "P"]).gather(spread(np.arange(2), 3)),
            "spot": spread(spot, 0),
            "iv": iv.ravel(),
        }
    )


def write_market(market: Market, path: Path) -> int:
    """Write the file in row groups of ten dates; return the number of rows."""
    parts, rows = [], 0
    for first in range(0, len(market.dates), DATES_PER_ROW_GROUP):
        last = min(first + DATES_PER_ROW_GROUP, len(market.dates))
        frame = pl.concat([rows_of(market, at) for at in range(first, last)])
        parts.append(path.with_suffix(f".{first}.part"))
        frame.write_parquet(parts[-1], row_group_size=frame.height)
        rows += frame.height
    height = DATES_PER_ROW_GROUP * rows // len(market.dates)
    pl.scan_parquet(parts).sink_parquet(path, row_group_size=height)
    for part in parts:
        part.unlink()
    return rows
