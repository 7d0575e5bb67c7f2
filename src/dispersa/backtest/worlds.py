"""Which invented markets show whether the backtest is honest? Premium planted, or none.

Each name's daily return is a market factor and an own part, r_i = sigma (sqrt(rho) m + sqrt(1 -
rho) e_i), so that the realized correlation of returns is rho in expectation; the index is the
equally weighted basket, rebalanced daily. Implied vols of the names are what is realized in
expectation, the index's is the basket vol at correlation rho + premium:

    sI^2 = sigma^2 (1/n + (1 - 1/n) (rho + premium))

With premium zero and vols at their expectation every straddle is fairly priced, and a trade earns
minus its cost. Vols breathe by a common slow factor with zero drift, so that signals have
something to look at; returns are drawn at the vol of the day before.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from dispersa.backtest.grids import Grid, GridSource
from dispersa.correlation.research import AssumedSpreads
from dispersa.market import Symbol

WEEKDAYS_A_YEAR = 365 * 5 / 7
"""Variance comes on weekdays and options are priced by calendar days: both add up in a week."""
SATURDAY = 5
LONGEST_VOL = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSettings:
    """An invented market; `premium` is in correlation, a fraction."""

    seed: int = 1
    names: int = 8
    days: int = 400
    correlation: float = 0.35
    premium: float = 0.0
    vol: float = 0.25
    breathing: float = 0.0
    spot: float = 100.0
    first: date = date(2015, 1, 2)
    spreads: AssumedSpreads = field(default_factory=AssumedSpreads)


def synthetic(asked: WorldSettings, *, warmup: int = 100) -> GridSource:
    """Make a world; the same settings make the same world."""
    rng = np.random.default_rng(asked.seed)
    days = _weekdays(asked.first, asked.days)
    level = _breath(rng, asked)
    market = rng.standard_normal(asked.days)
    own = rng.standard_normal((asked.days, asked.names))
    rho, count = asked.correlation, asked.names
    factor = np.sqrt(rho) * market[:, None] + np.sqrt(1 - rho) * own
    daily = asked.vol * level / np.sqrt(WEEKDAYS_A_YEAR)
    returns = np.zeros((asked.days, count))
    returns[1:] = daily[:-1, None] * factor[1:]
    basket = returns.mean(axis=1)
    every = np.column_stack([basket, returns])
    drift = -0.5 * np.concatenate([[0.0], daily[:-1]]) ** 2
    shares = np.concatenate([[_basket_variance(count, rho)], np.ones(count)])
    spots = asked.spot * np.exp(np.cumsum(every + drift[:, None] * shares, axis=0))
    implied = np.sqrt(_basket_variance(count, rho + asked.premium))
    vols = np.column_stack([level * asked.vol * implied, *([level * asked.vol] * count)])
    symbols = (Symbol("INDX"), *(_symbol(number) for number in range(count)))
    grid = Grid(
        days=days,
        symbols=symbols,
        spots=spots,
        vols=vols,
        vol_days=(LONGEST_VOL,) * (count + 1),
        vix=100 * vols[:, 0],
    )
    return GridSource(
        label=f"invented market, seed {asked.seed}, premium {asked.premium:+.2f}",
        grid=grid,
        statements=("An invented market: nothing in it is evidence about a real one.",),
        warmup=warmup,
        spreads=asked.spreads,
    )


def _symbol(number: int) -> Symbol:
    """XAA, XAB, …: a class that ends in a digit would be one that a corporate action adjusted."""
    first, second = divmod(number, 26)
    return Symbol(f"X{chr(ord('A') + first)}{chr(ord('A') + second)}")


def _basket_variance(count: int, correlation: float) -> float:
    """Variance of the equal basket per unit of the names' variance."""
    return 1 / count + (1 - 1 / count) * correlation


def _breath(
    rng: np.random.Generator, asked: WorldSettings
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A slow common level of vol around one; one throughout where nothing breathes."""
    if not asked.breathing:
        return np.ones(asked.days)
    steps = asked.breathing * rng.standard_normal(asked.days) / np.sqrt(WEEKDAYS_A_YEAR)
    level = np.zeros(asked.days)
    for row in range(1, asked.days):
        level[row] = 0.98 * level[row - 1] + steps[row]
    return np.asarray(np.exp(level))


def _weekdays(first: date, count: int) -> tuple[date, ...]:
    days: list[date] = []
    day = first
    while len(days) < count:
        if day.weekday() < SATURDAY:
            days.append(day)
        day += timedelta(days=1)
    return tuple(days)
