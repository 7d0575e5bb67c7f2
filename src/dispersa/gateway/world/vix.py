"""Where does VIX stand, given the surface of the broad index?

Model-free variance at 30 days, as the Cboe VIX white paper defines it, on the smile itself:

    s^2 = 2/T e^{rT} sum_K Q(K) dK / K^2,   Q the out-of-the-money option at the forward,

with strikes spaced evenly in log-moneyness over eight deviations to each side.
"""

from datetime import date

import numpy as np

from dispersa.gateway.world.kernels import Floats, black_price
from dispersa.gateway.world.surface import TENOR_DAYS, YEAR_DAYS, Surface, Tenor

_POINTS = 161
_DEVIATIONS = 8.0


def strip_variance(log_moneyness: Floats, vols: Floats, years: float) -> float:
    """Return annualized model-free variance from vols on an ascending log-moneyness grid.

    Strikes are in units of the forward, so `dK / K^2 = d(ln K) / K`.
    """
    strikes = np.exp(log_moneyness)
    signs = np.where(log_moneyness < 0.0, -1.0, 1.0)
    one = np.ones_like(strikes)
    prices = black_price(one, strikes, vols * np.sqrt(years), one, signs)
    heights = prices / strikes
    area = float(np.sum(0.5 * (heights[1:] + heights[:-1]) * np.diff(log_moneyness)))
    return 2.0 * area / years


def model_index(surface: Surface, column: int, atm: float) -> float:
    """Return 100 times the model-free 30-day volatility of a modelled underlying."""
    years = TENOR_DAYS / YEAR_DAYS
    reach = _DEVIATIONS * atm * np.sqrt(years)
    grid = np.linspace(-reach, reach, _POINTS)
    columns = np.full(_POINTS, column)
    vols = surface.smile(columns, grid, np.full(_POINTS, atm), np.full(_POINTS, years))
    return 100.0 * float(np.sqrt(strip_variance(grid, vols, years)))


def thirty_days(today: date) -> Tenor:
    """Return the tenor of 30 days from `today`, as a batch of one."""
    return Tenor(
        years=np.array([TENOR_DAYS / YEAR_DAYS]),
        ordinals=np.array([today.toordinal() + TENOR_DAYS]),
    )
