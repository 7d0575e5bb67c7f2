"""The gateway's Black kernels against QuantLib, by hand and by property."""

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813 - its own documentation's name
from hypothesis import given
from hypothesis import strategies as st

from dispersa.gateway.world.kernels import Terms, implied_vol, price, smile_variance, values
from dispersa.gateway.world.vix import strip_variance


def _terms(spot: float, strike: float, years: float, sign: float, q: float = 0.01) -> Terms:
    one = np.ones(1)
    return Terms(
        spot=spot * one, strike=strike * one, years=years * one, rate=0.04,
        dividend_yield=q * one, sign=sign * one,
    )  # fmt: skip


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("strike", [70.0, 95.0, 100.0, 140.0])
@pytest.mark.parametrize("years", [1 / 365, 30 / 365, 1.1])
def test_values_equal_quantlib(strike: float, years: float, sign: float) -> None:
    spot, vol, rate, q = 100.0, 0.31, 0.04, 0.01
    deviation, discount = vol * np.sqrt(years), np.exp(-rate * years)
    payoff = ql.PlainVanillaPayoff(ql.Option.Call if sign > 0 else ql.Option.Put, strike)
    forward = spot * np.exp((rate - q) * years)
    theirs = ql.BlackCalculator(payoff, forward, deviation, discount)
    ours = values(_terms(spot, strike, years, sign), np.array([vol]))
    assert ours.price[0] == pytest.approx(theirs.value(), abs=1e-11)
    assert ours.delta[0] == pytest.approx(theirs.delta(spot), abs=1e-10)
    assert ours.gamma[0] == pytest.approx(theirs.gamma(spot), rel=1e-9, abs=1e-14)
    assert ours.vega[0] == pytest.approx(theirs.vega(years), rel=1e-9, abs=1e-14)
    assert ours.theta[0] == pytest.approx(theirs.theta(spot, years), rel=1e-8, abs=1e-9)


@given(
    strike=st.floats(80.0, 125.0),
    years=st.floats(5 / 365, 1.0),
    vol=st.floats(0.08, 1.5),
    sign=st.sampled_from([1.0, -1.0]),
)
def test_implied_vol_inverts_price(strike: float, years: float, vol: float, sign: float) -> None:
    terms = _terms(100.0, strike, years, sign)
    target = price(terms, np.array([vol]))
    if values(terms, np.array([vol])).vega[0] < 0.05:
        return
    assert implied_vol(terms, target)[0] == pytest.approx(vol, rel=1e-6)


def test_price_below_the_intrinsic_value_has_no_vol() -> None:
    assert np.isnan(implied_vol(_terms(100.0, 50.0, 0.1, 1.0), np.array([20.0]))[0])


@given(
    atm=st.floats(0.08, 1.2),
    years=st.floats(1 / 365, 1.1),
    slope=st.sampled_from([-0.62, -0.3]),
)
def test_smile_has_no_butterfly_arbitrage(atm: float, years: float, slope: float) -> None:
    """Second differences of call prices in strike are a density, so never below zero."""
    reach = 6.0 * atm * np.sqrt(years)
    strikes = np.linspace(np.exp(-reach), np.exp(min(reach, 3.0)), 400)
    total = np.full(400, atm**2 * years)
    curve = 0.60 if slope < -0.5 else 0.70
    variance = smile_variance(np.log(strikes), total, np.full(400, slope), np.full(400, curve))
    one = np.ones(400)
    terms = Terms(spot=one, strike=strikes, years=years * one, rate=0.0, dividend_yield=0 * one,
                  sign=one)  # fmt: skip
    calls = price(terms, np.sqrt(variance / years))
    assert np.all(np.diff(calls) <= 1e-12)
    assert np.all(np.diff(calls, 2) >= -1e-10)


def test_smile_passes_through_the_money() -> None:
    found = smile_variance(np.zeros(1), np.array([0.04]), np.array([-0.5]), np.array([0.6]))
    assert found[0] == pytest.approx(0.04)


def test_strip_of_a_flat_smile_is_its_variance() -> None:
    grid = np.linspace(-1.0, 1.0, 2001)
    assert strip_variance(grid, np.full(2001, 0.2), 30 / 365) == pytest.approx(0.04, rel=1e-4)
