"""The world's early-exercise premium against the product's grid, which shares no code with it."""

import numpy as np
import pytest

from dispersa.gateway.world.american import Exercise, american_vol, early_premium
from dispersa.gateway.world.kernels import Terms, values
from dispersa.pricing import american
from dispersa.pricing.contracts import Carry, DividendModel

RATE = 0.04


def terms_of(
    strike: float, years: float, sign: float, *, q: float = 0.0, paid: float = 0.0
) -> Terms:
    one = np.ones(1)
    return Terms(spot=100.0 * one, strike=strike * one, years=years * one, rate=RATE,
                 dividend_yield=q * one, sign=sign * one, dividends=paid * one)  # fmt: skip


def exercise_of(last_ex_years: float = 0.0, *, is_american: bool = True) -> Exercise:
    return Exercise(is_american=np.array([is_american]), last_ex_years=np.array([last_ex_years]),
                    earlier_dividends=np.zeros(1))  # fmt: skip


@pytest.mark.parametrize("years", [7 / 365, 30 / 365, 0.25, 1.0])
@pytest.mark.parametrize("strike", [70.0, 90.0, 100.0, 110.0, 140.0])
@pytest.mark.parametrize(("sign", "q"), [(-1.0, 0.0), (-1.0, 0.01), (1.0, 0.03)])
@pytest.mark.parametrize("vol", [0.15, 0.4])
def test_value_is_within_a_third_of_a_percent_of_the_strike_of_the_grids(
    years: float, strike: float, sign: float, q: float, vol: float
) -> None:
    terms, vols = terms_of(strike, years, sign, q=q), np.array([vol])
    found = float(values(terms, vols).price[0] + early_premium(terms, exercise_of(), vols)[0])
    carry = Carry(dividend_yield=q)
    grid = float(american.price(100.0, strike, vol, years, RATE, sign > 0, carry))
    assert found == pytest.approx(grid, abs=0.0015 * strike)
    assert found >= sign * (100.0 - strike) - 1e-9


def test_call_before_a_large_dividend_is_worth_its_exercise_on_the_eve() -> None:
    years, ex, paid = 60 / 365, 40 / 365, 3.0
    terms = terms_of(80.0, years, 1.0, paid=paid * np.exp(-RATE * ex))
    premium = float(early_premium(terms, exercise_of(ex), np.array([0.2]))[0])
    carry = Carry(ex_years=[ex], amounts=[paid], model=DividendModel.SPOT_JUMP)
    grid = float(american.price(100.0, 80.0, 0.2, years, RATE, True, carry))
    assert premium > 2.0
    assert float(values(terms, np.array([0.2])).price[0]) + premium == pytest.approx(grid, abs=0.05)


def test_european_options_and_calls_without_income_have_no_premium() -> None:
    vol = np.array([0.3])
    assert early_premium(terms_of(120.0, 0.5, -1.0), exercise_of(is_american=False), vol)[0] == 0.0
    assert early_premium(terms_of(80.0, 0.5, 1.0), exercise_of(), vol)[0] == 0.0


def test_volatility_of_an_american_price_is_found_again() -> None:
    terms, vol = terms_of(105.0, 0.3, -1.0), np.array([0.27])
    price = float(values(terms, vol).price[0] + early_premium(terms, exercise_of(), vol)[0])
    assert american_vol(terms, exercise_of(), price) == pytest.approx(0.27, abs=1e-4)
