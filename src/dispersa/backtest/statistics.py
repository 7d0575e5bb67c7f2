"""What do a run's days prove, and how little? Ratios with their uncertainty.

    Sharpe          mean / standard deviation of daily P&L x sqrt(252)
    interval        stationary block bootstrap (Politis and Romano 1994), blocks of mean length b
    deflated        probability that the true Sharpe is above what the best of N trials without any
                    skill shows (Bailey and Lopez de Prado 2014), by day, not annualized:

        SR0 = s ((1 - g) Z(1 - 1/N) + g Z(1 - 1/(N e))),   g = 0.5772
        DSR = Phi( (SR - SR0) sqrt(T - 1) / sqrt(1 - g3 SR + (g4 - 1)/4 SR^2) )

s is the standard deviation of the trials' Sharpe ratios, at least 1/sqrt(T - 1), that of a
Sharpe ratio that is zero; g3 and g4 are skewness and kurtosis of the days.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from dispersa.backtest.result import DayRow

TRADING_DAYS = 252
EULER = 0.5772156649015329
BLOCK_DAYS = 21
DRAWS = 2_000
Floats = NDArray[np.float64]


def sharpe(pnl: Sequence[float]) -> float:
    """Annualized ratio of mean to standard deviation; 0 where nothing moved."""
    days = np.asarray(pnl, dtype=np.float64)
    spread = float(days.std(ddof=1)) if days.size > 1 else 0.0
    return float(days.mean()) / spread * math.sqrt(TRADING_DAYS) if spread > 0 else 0.0


def drawdown(pnl: Sequence[float]) -> float:
    """Largest fall of the running sum from a peak before it, as a positive amount."""
    path = np.concatenate([[0.0], np.cumsum(np.asarray(pnl, dtype=np.float64))])
    return float((np.maximum.accumulate(path) - path).max())


def drawdowns(pnl: Sequence[float]) -> Floats:
    """Fall from the peak by day, zero or below."""
    path = np.concatenate([[0.0], np.cumsum(np.asarray(pnl, dtype=np.float64))])
    return np.asarray((path - np.maximum.accumulate(path))[1:])


def months(daily: Sequence[DayRow]) -> tuple[tuple[str, float], ...]:
    """P&L by calendar month."""
    return _grouped(daily, lambda row: f"{row.day:%Y-%m}")


def years(daily: Sequence[DayRow]) -> tuple[tuple[str, float], ...]:
    """P&L by calendar year."""
    return _grouped(daily, lambda row: f"{row.day:%Y}")


def _grouped(
    daily: Sequence[DayRow], key: Callable[[DayRow], str]
) -> tuple[tuple[str, float], ...]:
    return tuple((name, sum(row.trading for row in rows)) for name, rows in groupby(daily, key))


def worst_month(daily: Sequence[DayRow]) -> float:
    """P&L of the worst calendar month."""
    return min(total for _, total in months(daily))


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A number with its interval, `level` of the draws inside."""

    value: float
    low: float
    high: float
    level: float = 0.95

    @property
    def holds_zero(self) -> bool:
        """Whether nothing can be told from the sign."""
        return self.low <= 0 <= self.high


def block_bootstrap(
    pnl: Sequence[float],
    measure: Callable[[Floats], Floats],
    *,
    seed: int,
    block_days: int = BLOCK_DAYS,
    draws: int = DRAWS,
    level: float = 0.95,
) -> Interval:
    """Interval of a measure of daily P&L by the stationary bootstrap.

    `measure` takes draws x days and returns one number a draw. Blocks keep what neighbors have in
    common; a trade that is held for weeks is not so many independent days.
    """
    days = np.asarray(pnl, dtype=np.float64)
    value = float(measure(days[None, :])[0])
    rng = np.random.default_rng(seed)
    found = np.concatenate(
        [
            measure(days[_resampled(rng, days.size, block_days, rows)])
            for rows in _in_parts(draws, days.size)
        ]
    )
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value=value, low=float(low), high=float(high), level=level)


def _in_parts(draws: int, days: int) -> list[int]:
    """Numbers of draws that fit into memory together."""
    most = max(1, 2_000_000 // max(days, 1))
    return [min(most, draws - done) for done in range(0, draws, most)]


def _resampled(
    rng: np.random.Generator, days: int, block_days: int, rows: int
) -> NDArray[np.int64]:
    """Row numbers of resampled histories: a block goes on with probability 1 - 1/b."""
    starts = rng.integers(0, days, size=(rows, days))
    begins = rng.random((rows, days)) < 1 / block_days
    begins[:, 0] = True
    position = np.arange(days)
    last = np.maximum.accumulate(np.where(begins, position, 0), axis=1)
    first = np.take_along_axis(starts, last, axis=1)
    return np.asarray((first + position - last) % days, dtype=np.int64)


def yearly_mean(days: Floats) -> Floats:
    """Mean P&L of a year."""
    return np.asarray(days.mean(axis=1) * TRADING_DAYS)


def yearly_sharpe(days: Floats) -> Floats:
    """Annualized Sharpe of each draw; 0 where nothing moved."""
    spread = days.std(axis=1, ddof=1)
    safe = np.where(spread > 0, spread, 1.0)
    ratio = days.mean(axis=1) / safe * math.sqrt(TRADING_DAYS)
    return np.asarray(np.where(spread > 0, ratio, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Deflated:
    """Deflated Sharpe ratio: `hurdle` is what the best of `trials` shows by luck, annualized."""

    probability: float
    hurdle: float
    trials: int
    skewness: float
    kurtosis: float


def deflated_sharpe(
    pnl: Sequence[float], *, trials: int, trial_sharpes: Sequence[float] = ()
) -> Deflated | None:
    """Probability that the true Sharpe is above the hurdle of so many trials; None if unmoved.

    `trial_sharpes` are the annualized ratios of the trials that were made, where they are known.
    """
    days = np.asarray(pnl, dtype=np.float64)
    count, spread = days.size, float(days.std(ddof=1)) if days.size > 1 else 0.0
    if spread <= 0 or count < 3:
        return None
    ratio = float(days.mean()) / spread
    scaled = (days - days.mean()) / days.std()
    skewness, kurtosis = float((scaled**3).mean()), float((scaled**4).mean())
    floor = 1 / math.sqrt(count - 1)
    known = np.asarray(trial_sharpes, dtype=np.float64) / math.sqrt(TRADING_DAYS)
    deviation = max(float(known.std(ddof=1)), floor) if known.size > 1 else floor
    hurdle = deviation * _best_of(trials)
    scale = 1 - skewness * ratio + (kurtosis - 1) / 4 * ratio**2
    score = (ratio - hurdle) * math.sqrt(count - 1) / math.sqrt(max(scale, 1e-12))
    return Deflated(
        probability=NormalDist().cdf(score),
        hurdle=hurdle * math.sqrt(TRADING_DAYS),
        trials=trials,
        skewness=skewness,
        kurtosis=kurtosis,
    )


def _best_of(trials: int) -> float:
    """Expected largest of so many standard normals; zero for a single trial."""
    if trials < 2:
        return 0.0
    normal = NormalDist()
    first, second = normal.inv_cdf(1 - 1 / trials), normal.inv_cdf(1 - 1 / (trials * math.e))
    return (1 - EULER) * first + EULER * second


def t_statistic(values: Sequence[float]) -> float:
    """Mean over its standard error; 0 for fewer than two values or none that differ."""
    sample = np.asarray(values, dtype=np.float64)
    spread = float(sample.std(ddof=1)) if sample.size > 1 else 0.0
    return float(sample.mean()) / (spread / math.sqrt(sample.size)) if spread > 0 else 0.0
