"""How much more is an American option worth than a European one?

Puts, and calls on what pays a continuous yield: the quadratic approximation of Barone-Adesi and
Whaley (1987, Efficient analytic approximation of American option values, Journal of Finance 42).
Calls before cash dividends: Black's approximation (1975), the better of holding to expiry and of
exercising on the eve of the last ex-date. Nobody exercises a put early while a dividend is ahead,
so its premium runs from the last ex-date before expiry.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from dispersa.gateway.world.kernels import Floats, OptionValues, Terms, implied_vol, price

_VOL_MIN = 0.03
_YEARS_MIN = 1e-5
_BUMP = 1e-3
_NEWTON_STEPS = 6
_INVERSION_STEPS = 8
_ROOT_TWO_PI = float(np.sqrt(2.0 * np.pi))


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """When exercise may pay: arrays of one shape beside `Terms`.

    `is_american` marks what can be exercised early; `last_ex_years` is the time to the last
    ex-date before expiry (0 without one) and `earlier_dividends` the present value of the
    dividends before that one.
    """

    is_american: NDArray[np.bool_]
    last_ex_years: Floats
    earlier_dividends: Floats

    def taken(self, rows: NDArray[Any]) -> "Exercise":
        """Return some rows."""
        return Exercise(
            is_american=self.is_american[rows],
            last_ex_years=self.last_ex_years[rows],
            earlier_dividends=self.earlier_dividends[rows],
        )


def early_premium(terms: Terms, exercise: Exercise, vol: Floats) -> Floats:
    """Return the American value less the European one, per share, at least 0."""
    premium = np.zeros_like(vol)
    has_dividends = exercise.last_ex_years > 0.0
    yields = exercise.is_american & ((terms.sign < 0) | (terms.dividend_yield > 0.0))
    if np.any(rows := yields & ~((terms.sign > 0) & has_dividends)):
        premium[rows] = _boundary_premium(_rows(terms, rows), exercise.taken(rows), vol[rows])
    if np.any(rows := exercise.is_american & (terms.sign > 0) & has_dividends):
        premium[rows] = _eve_premium(_rows(terms, rows), exercise.taken(rows), vol[rows])
    return premium


def with_premium(
    terms: Terms, exercise: Exercise, vol: Floats, european: OptionValues
) -> tuple[OptionValues, Floats]:
    """Return American values and the premium in them.

    Delta and gamma of the premium are central differences in the spot; vega and theta stay those
    of the European option.
    """
    step, count = _BUMP * terms.spot, len(vol)
    tripled = np.tile(np.arange(count), 3)
    bumped = replace(
        _rows(terms, tripled),
        spot=np.concatenate([terms.spot, terms.spot + step, terms.spot - step]),
    )
    middle, above, below = np.split(early_premium(bumped, exercise.taken(tripled), vol[tripled]), 3)
    values = replace(
        european,
        price=european.price + middle,
        delta=np.clip(european.delta + (above - below) / (2.0 * step), -1.0, 1.0),
        gamma=np.maximum(european.gamma + (above - 2.0 * middle + below) / step**2, 0.0),
    )
    return values, middle


def american_vol(terms: Terms, exercise: Exercise, target: float) -> float:
    """Return the volatility at which one American option is worth `target`, nan where none is.

    The European volatility of the target less the premium at the volatility before, repeated.
    """
    goal, vol = np.array([target]), np.array([0.3])
    for _ in range(_INVERSION_STEPS):
        vol = implied_vol(terms, goal - early_premium(terms, exercise, vol))
        if np.isnan(vol[0]):
            break
    return float(vol[0])


def _rows(terms: Terms, rows: NDArray[Any]) -> Terms:
    return Terms(
        spot=terms.spot[rows],
        strike=terms.strike[rows],
        years=terms.years[rows],
        rate=terms.rate,
        dividend_yield=terms.dividend_yield[rows],
        sign=terms.sign[rows],
        dividends=np.broadcast_to(terms.dividends, terms.spot.shape)[rows],
    )


def _eve_premium(terms: Terms, exercise: Exercise, vol: Floats) -> Floats:
    eve = replace(terms, years=exercise.last_ex_years, dividends=exercise.earlier_dividends)
    gain: Floats = np.maximum(price(eve, vol) - price(terms, vol), 0.0)
    return gain


def _boundary_premium(terms: Terms, exercise: Exercise, vol: Floats) -> Floats:
    """Return the quadratic approximation's premium over the time without dividends."""
    years = np.maximum(terms.years - exercise.last_ex_years, _YEARS_MIN)
    unit = _Unit(
        years=years,
        root=np.maximum(vol, _VOL_MIN) * np.sqrt(years),
        sign=terms.sign,
        discount=np.exp(-terms.rate * years),
        growth=np.exp(-terms.dividend_yield * years),
    )
    variance = unit.root**2 / years
    carry = 2.0 * (terms.rate - terms.dividend_yield) / variance - 1.0
    reach = 8.0 * terms.rate / variance / -np.expm1(-terms.rate * years)
    power = 0.5 * (-carry + terms.sign * np.sqrt(carry**2 + reach))
    edge = _critical(unit, power, terms)
    x = terms.net_spot / terms.strike
    lift = terms.sign * edge / power * (1.0 - unit.growth * ndtr(terms.sign * unit.d1(edge)))
    with np.errstate(over="ignore", under="ignore"):
        waiting = lift * np.power(x / edge, power)
    premium = np.where(
        terms.sign * (edge - x) > 0.0, waiting, terms.sign * (x - 1.0) - unit.value(x)
    )
    gain: Floats = np.maximum(terms.strike * premium, 0.0)
    return gain


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """European options per unit of strike, as functions of spot over strike."""

    years: Floats
    root: Floats
    sign: Floats
    discount: Floats
    growth: Floats

    def d1(self, x: Floats) -> Floats:
        found: Floats = np.log(x * self.growth / self.discount) / self.root + 0.5 * self.root
        return found

    def value(self, x: Floats) -> Floats:
        d1 = self.d1(x)
        stock, cash = ndtr(self.sign * d1), ndtr(self.sign * (d1 - self.root))
        found: Floats = self.sign * (x * self.growth * stock - self.discount * cash)
        return found


def _critical(unit: _Unit, power: Floats, terms: Terms) -> Floats:
    """Return the spot over strike from which exercise pays at once, by Newton's method."""
    at_once = np.maximum(1.0, terms.rate / np.maximum(terms.dividend_yield, 1e-9))
    edge = np.where(unit.sign > 0, at_once, np.exp(-1.5 * unit.root))
    low = np.where(unit.sign > 0, 1.0, 1e-3)
    high = np.where(unit.sign > 0, 1e3, 1.0)
    for _ in range(_NEWTON_STEPS):
        d1 = unit.d1(edge)
        share = unit.growth * ndtr(unit.sign * d1)
        density = unit.growth * np.exp(-0.5 * d1 * d1) / _ROOT_TWO_PI / unit.root
        miss = (
            unit.sign * (edge - 1.0) - unit.value(edge) - unit.sign * edge * (1.0 - share) / power
        )
        slope = unit.sign * (1.0 - share) * (1.0 - 1.0 / power) + density / power
        edge = np.clip(edge - miss / slope, low, high)
    return edge
