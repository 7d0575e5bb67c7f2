"""What was known before the scored day, on one calendar, for the index and its names?"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from dispersa.correlation.realized import clean_correlation, simple_returns, trailing_vols
from dispersa.errors import MarketDataMissing


@dataclass(frozen=True, slots=True, kw_only=True)
class DailySeries:
    """One number for each day that has one; a day without is simply absent.

    Raises `MarketDataMissing` unless the dates ascend and every value is a number above zero.
    """

    dates: tuple[date, ...] = ()
    values: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.dates) != len(self.values):
            raise MarketDataMissing(
                f"found {len(self.dates)} dates and {len(self.values)} values; expected one value "
                "for each date"
            )
        if any(map(operator.ge, self.dates, self.dates[1:])):
            raise MarketDataMissing("dates of a daily history must ascend; sort it, drop doubles")
        if self.values and not (all(map(isfinite, self.values)) and min(self.values) > 0):
            raise MarketDataMissing(
                "a daily history holds a value that is not above zero; leave that day out"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Past:
    """Aligned history up to the day before the scored day: days x names, NaN where missing."""

    weights: NDArray[np.float64]
    implied_vols: NDArray[np.float64]
    index_implied_vols: NDArray[np.float64]
    returns: NDArray[np.float64]
    index_returns: NDArray[np.float64]

    def implied_correlations(self) -> NDArray[np.float64]:
        """Clean implied correlation of every day; NaN where too few names had a vol."""
        return clean_correlation(self.weights, self.implied_vols, self.index_implied_vols)

    def realized_correlations(self, window_days: int) -> NDArray[np.float64]:
        """Clean realized correlation of the window that ends with each day."""
        return clean_correlation(
            self.weights,
            trailing_vols(self.returns, window_days),
            trailing_vols(self.index_returns[:, None], window_days)[:, 0],
        )


def aligned(
    weights: Sequence[float],
    implied_vols: Sequence[DailySeries],
    closes: Sequence[DailySeries],
    before: date,
) -> Past:
    """Put the histories on the calendar of the index's closes, strictly before a day.

    The first entry of `implied_vols` and of `closes` is the index's, the others are the names' in
    the order of `weights`. Nothing dated on or after `before` is looked at.
    """
    calendar = [day for day in closes[0].dates if day < before]
    vols = _columns(implied_vols, calendar)
    returns = simple_returns(_columns(closes, calendar))
    return Past(
        weights=np.asarray(weights, dtype=np.float64),
        implied_vols=vols[:, 1:],
        index_implied_vols=vols[:, 0],
        returns=returns[:, 1:],
        index_returns=returns[:, 0],
    )


def _columns(series: Sequence[DailySeries], calendar: list[date]) -> NDArray[np.float64]:
    """One column for each series on the calendar; NaN on days that it lacks."""
    matrix = np.full((len(calendar), len(series)), np.nan)
    days = _ordinals(calendar)
    for column, one in enumerate(series):
        own = _ordinals(one.dates)
        rows = np.searchsorted(days, own)
        is_there = rows < days.size
        is_there[is_there] = days[rows[is_there]] == own[is_there]
        matrix[rows[is_there], column] = np.asarray(one.values)[is_there]
    return matrix


def _ordinals(days: Sequence[date]) -> NDArray[np.int64]:
    return np.fromiter(map(date.toordinal, days), dtype=np.int64, count=len(days))
