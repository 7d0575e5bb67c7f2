"""Exercise: is it time to exercise an American option early?

A call, just before an ex-date (Merton 1973; the rule of the option guides): exercise if the
dividend is worth more than the interest on the strike and the put that are given up,

    D > K (1 - exp(-r tau)) + P

with tau the years from the ex-date to expiry and P the put of the same terms after the ex-date.
A put, or a call with a yield: exercise when the option is worth no more than exercise pays.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dispersa.pricing import american
from dispersa.pricing.contracts import NO_CARRY, Carry
from dispersa.pricing.quality import Flags, Floats, Statuses


@dataclass(frozen=True, slots=True, kw_only=True)
class ExDividendTest:
    """What exercising a call before an ex-date gains and gives up, per share."""

    dividend: Floats
    interest_on_strike: Floats
    put_value: Floats

    @property
    def time_value_forgone(self) -> Floats:
        """Interest on the strike plus the put."""
        return np.asarray(self.interest_on_strike + self.put_value)

    @property
    def should_exercise(self) -> Flags:
        """True where the dividend is worth more; False where a number is missing."""
        return np.asarray(self.dividend > self.time_value_forgone)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExerciseNow:
    """Whether immediate exercise is optimal; False beside a status that is not OK."""

    should_exercise: Flags
    holding_gain: Floats
    """What holding is worth above exercising, per share; NaN where the status is not OK."""
    status: Statuses


def before_ex_date(
    dividend: ArrayLike,
    strike: ArrayLike,
    rate: ArrayLike,
    years_after: ArrayLike,
    put_value: ArrayLike,
) -> ExDividendTest:
    """Test calls about to go ex-dividend; inputs broadcast; `years_after` runs from the ex-date.

    >>> test = before_ex_date(1.0, 100.0, 0.045, 21 / 365, 0.00304)
    >>> bool(test.should_exercise)
    True
    """
    inputs = (dividend, strike, rate, years_after, put_value)
    d, k, r, t, p = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in inputs))
    return ExDividendTest(dividend=d, interest_on_strike=-k * np.expm1(-r * t), put_value=p)


def now(  # noqa: PLR0913 -- an option is six numbers
    spot: ArrayLike,
    strike: ArrayLike,
    vol: ArrayLike,
    years: ArrayLike,
    rate: ArrayLike,
    is_call: ArrayLike,
    carry: Carry = NO_CARRY,
    *,
    gain_min: float = 0.0,
) -> ExerciseNow:
    """Test whether holding American options is worth no more than `gain_min` above exercising.

    A call is best exercised on the eve of an ex-date, not before: use `before_ex_date`, or set
    `gain_min` to what a day's interest on the strike is worth.
    """
    values = american.values(spot, strike, vol, years, rate, is_call, carry)
    sign = np.where(np.asarray(is_call, dtype=np.bool_), 1.0, -1.0)
    pays = sign * (np.asarray(spot, dtype=np.float64) - np.asarray(strike, dtype=np.float64))
    gain = values.price - pays
    return ExerciseNow(
        should_exercise=np.asarray((gain <= gain_min) & (pays > 0.0)),
        holding_gain=np.asarray(gain),
        status=values.status,
    )
