"""Forwards, discounting, tenor, at-the-money vols, smiles and quote quality."""

import numpy as np
import pytest

from dispersa.errors import InvalidInput
from dispersa.market import ExerciseStyle, Right
from dispersa.pricing import (
    american,
    american_forward,
    atm,
    black,
    discounting,
    forwards,
    quality,
    smile,
    straddle,
    tenor,
)
from dispersa.pricing.contracts import Carry
from dispersa.pricing.option import Option
from dispersa.pricing.quality import Status

STRIKES = np.arange(80.0, 121.0, 2.5)
YEARS, RATE = 45 / 365, 0.045
DISCOUNT = float(np.exp(-RATE * YEARS))
FORWARD = 100.7


def quotes(spread: float = 0.05) -> tuple[np.ndarray, ...]:
    calls = black.price(FORWARD, STRIKES, 0.25, YEARS, DISCOUNT, True)
    puts = black.price(FORWARD, STRIKES, 0.25, YEARS, DISCOUNT, False)
    return calls - spread, calls + spread, puts - spread, puts + spread


def test_parity_forward_is_recovered_from_mids() -> None:
    found = forwards.parity_forward(STRIKES, *quotes(), 100.0, YEARS, DISCOUNT)
    assert found.status is Status.OK
    assert found.forward == pytest.approx(FORWARD, abs=1e-9)
    assert found.half_width == pytest.approx(0.1 / DISCOUNT, rel=1e-9)


def test_one_wrong_quote_does_not_move_the_forward() -> None:
    cb, ca, pb, pa = quotes()
    cb[8] += 3.0
    ca[8] += 3.0
    found = forwards.parity_forward(STRIKES, cb, ca, pb, pa, 100.0, YEARS, DISCOUNT)
    assert found.forward == pytest.approx(FORWARD, abs=1e-9)


def test_forward_is_refused_without_two_sided_quotes_or_agreement() -> None:
    cb, ca, pb, pa = quotes()
    none = forwards.parity_forward(STRIKES, 0 * cb, ca, pb, pa, 100.0, YEARS, DISCOUNT)
    assert none.status is Status.TOO_FEW_QUOTES
    assert np.isnan(none.forward)
    scattered = np.where(np.arange(cb.size) % 2 == 0, 4.0, -4.0) * np.arange(cb.size)
    wild = forwards.parity_forward(
        STRIKES, cb + 99 + scattered, ca + 99 + scattered, pb, pa, 100.0, YEARS, DISCOUNT
    )
    assert wild.status is Status.ARBITRAGE
    bad = forwards.parity_forward(STRIKES, cb, ca, pb, pa, np.nan, YEARS, DISCOUNT)
    assert bad.status is Status.INVALID_INPUT


def test_american_forward_and_borrow_survive_early_exercise() -> None:
    borrow, ex, amount, years = 0.02, 0.15, 1.2, 0.5
    carry = Carry(dividend_yield=borrow, ex_years=[ex], amounts=[amount])
    terms = (100.0, STRIKES, 0.25 + 0.002 * (100 - STRIKES), years, 0.06)
    calls = american.price(*terms, True, carry)
    puts = american.price(*terms, False, carry)
    chain = american_forward.Chain(
        strikes=STRIKES, call_bid=calls - 0.03, call_ask=calls + 0.03,
        put_bid=puts - 0.03, put_ask=puts + 0.03,
        spot=100.0, years=years, rate=0.06, ex_years=(ex,), amounts=(amount,),
    )  # fmt: skip
    true = (100.0 - amount * np.exp(-0.06 * ex)) * np.exp((0.06 - borrow) * years)
    found, implied_borrow = american_forward.american_parity_forward(chain)
    discount = float(np.exp(-0.06 * years))
    naive = forwards.parity_forward(
        STRIKES, calls - 0.03, calls + 0.03, puts - 0.03, puts + 0.03, 100.0, years, discount,
        moneyness_max=0.08,
    )  # fmt: skip
    assert found.status is Status.OK
    assert found.forward == pytest.approx(true, abs=0.02)
    assert implied_borrow == pytest.approx(borrow, abs=5e-4)
    assert abs(naive.forward - true) > 5 * abs(found.forward - true)


def test_discount_factor_comes_back_from_parity_line_and_box() -> None:
    calls = black.price(FORWARD, STRIKES, 0.25, YEARS, DISCOUNT, True)
    puts = black.price(FORWARD, STRIKES, 0.25, YEARS, DISCOUNT, False)
    line = discounting.parity_line(STRIKES, calls, puts, 0.05)
    assert line.status is Status.OK
    assert line.discount == pytest.approx(DISCOUNT, rel=1e-10)
    assert line.forward == pytest.approx(FORWARD, rel=1e-10)
    box = discounting.box_discount((80.0, 120.0), (calls[0], calls[-1]), (puts[0], puts[-1]))
    assert box == pytest.approx(DISCOUNT, rel=1e-12)
    few = discounting.parity_line(STRIKES[:2], calls[:2], puts[:2], 0.05)
    assert few.status is Status.TOO_FEW_QUOTES


def test_borrow_is_what_the_forward_leaves() -> None:
    forward = (100.0 - 1.5) * np.exp((0.05 - 0.03) * 0.25)
    assert discounting.borrow_rate(forward, 100.0, 0.25, 0.05, 1.5) == pytest.approx(0.03)


def test_disordered_discount_curve_is_refused() -> None:
    with pytest.raises(InvalidInput, match="years rising"):
        discounting.DiscountCurve((1.0, 0.5), (0.04, 0.05))


def test_straddle_vol_is_the_one_vol_of_the_pair() -> None:
    for strike in (80.0, 100.0, 130.0):
        price = straddle.price(FORWARD, strike, 0.31, YEARS, DISCOUNT)
        found = straddle.implied_vol(price, FORWARD, strike, YEARS, DISCOUNT)
        assert float(found.vol) == pytest.approx(0.31, rel=1e-10)
    worthless = straddle.implied_vol(20.0 * DISCOUNT, 120.0, 100.0, YEARS, DISCOUNT)
    assert worthless.status == Status.BELOW_INTRINSIC


def test_constant_maturity_is_linear_in_total_variance_and_never_extrapolates() -> None:
    vols = [[0.30, 0.20], [0.30, np.nan], [np.nan, np.nan]]
    found = tenor.constant_maturity_vol(vols, [20, 50], 30)
    by_hand = np.sqrt((0.09 * 20 * 20 / 30 + 0.04 * 50 * 10 / 30) / 30)
    assert found.vol[0] == pytest.approx(by_hand, rel=1e-14)
    expected = [Status.OK, Status.OUT_OF_RANGE, Status.TOO_FEW_QUOTES]
    assert [Status(s) for s in found.status] == expected
    assert tenor.constant_maturity_vol([0.3, 0.2], [30, 50], 30).vol == pytest.approx(0.3)


def test_at_the_money_modes_read_the_smile_where_they_say() -> None:
    strikes, calls, puts = [90.0, 100.0, 110.0], [0.30, 0.24, 0.0], [0.28, 0.22, 0.2]
    spot = atm.at_the_money_vol(strikes, calls, puts, 97.0, "spot")
    assert float(spot.vol) == pytest.approx(0.29 + 0.7 * (0.23 - 0.29))
    outside = atm.at_the_money_vol(strikes, calls, puts, 105.0, "forward")
    assert outside.status == Status.OUT_OF_RANGE  # the 110 strike lacks a call vol
    flat = [0.25] * 3
    half = atm.at_the_money_vol([90.0, 100.0, 110.0], flat, flat, 99.0, "delta", years=1.0)
    assert float(half.vol) == pytest.approx(0.25)
    sloped = atm.at_the_money_vol([90.0, 120.0], [0.3, 0.2], [0.3, 0.2], 100.0, "delta", years=1.0)
    k = 90.0 + (0.3 - float(sloped.vol)) * 300.0
    assert np.log(100.0 / k) + 0.5 * float(sloped.vol) ** 2 == pytest.approx(0.0, abs=1e-9)
    with pytest.raises(InvalidInput, match="years"):
        atm.at_the_money_vol(strikes, calls, puts, 97.0, "delta")


def test_svi_goes_through_its_own_curve_and_is_free_of_arbitrage() -> None:
    truth = smile.Smile(
        forward=100.0, years=0.25, a=0.004, b=0.06, rho=-0.5, m=0.02, s=0.1,
        low=-0.3, high=0.3, rms_error=0.0, status=Status.OK,
    )  # fmt: skip
    strikes = 100.0 * np.exp(np.linspace(-0.3, 0.3, 25))
    vols = truth.vol(strikes).vol
    found = smile.fit(strikes, vols, 100.0, 0.25)
    assert found.status is Status.OK
    assert found.rms_error < 1e-6
    assert found.vol(101.3).vol == pytest.approx(truth.vol(101.3).vol, abs=1e-5)
    assert found.vol(200.0).status == Status.OUT_OF_RANGE
    quarter = smile.delta_relative_vol(found, 0.25, is_call=False)
    assert quarter.status == Status.OK
    assert float(quarter.vol) > float(smile.delta_relative_vol(found, 0.25, is_call=True).vol)
    too_far = smile.delta_relative_vol(found, 0.0001, is_call=True)
    assert too_far.status == Status.OUT_OF_RANGE


def test_smile_of_arbitrageable_or_few_vols_is_not_passed_off_as_good() -> None:
    few = smile.fit([90.0, 100.0, 110.0], 0.2, 100.0, 0.25)
    assert few.status is Status.TOO_FEW_QUOTES
    strikes = 100.0 * np.exp(np.linspace(-0.2, 0.2, 21))
    spiky = np.where(np.arange(21) % 2 == 0, 0.2, 0.4)
    found = smile.fit(strikes, spiky, 100.0, 0.25)
    assert found.status is Status.ARBITRAGE or found.rms_error > 0.05


def test_quotes_are_judged_with_the_first_reason() -> None:
    found = quality.of_quotes(
        [1.0, 0.0, 1.2, 1.0, 1.0, np.nan, np.inf],
        [1.1, 1.1, 1.1, 2.0, 1.1, 1.1, 1.1],
        age_seconds=[0, 0, 0, 0, 99, 0, 0],
        spread_max=0.5,
        age_seconds_max=10,
    )
    assert [Status(s) for s in found] == [
        Status.OK,
        Status.NO_BID,
        Status.CROSSED,
        Status.WIDE,
        Status.STALE,
        Status.NO_BID,
        Status.INVALID_INPUT,
    ]
    assert all(status.sentence for status in Status)


def test_scalar_face_agrees_with_the_arrays_and_refuses_in_words() -> None:
    dividends = ((20 / 365, 0.75),)
    put = Option(
        spot=100.0, strike=100.0, years=YEARS, rate=0.05, right=Right.PUT, dividends=dividends
    )
    carry = Carry(ex_years=[20 / 365], amounts=[0.75])
    greeks = put.greeks(0.25)
    arrays = american.greeks(100.0, 100.0, 0.25, YEARS, 0.05, False, carry)
    assert greeks.price == float(arrays.price)
    assert put.implied_vol(greeks.price) == pytest.approx(0.25, abs=1e-6)
    with pytest.raises(InvalidInput, match="not above intrinsic"):
        Option(spot=60.0, strike=100.0, years=0.5, rate=0.05, right=Right.PUT).implied_vol(40.0)


def test_scalar_european_theta_is_the_price_change_of_a_moment() -> None:
    def option(passed: float) -> Option:
        return Option(
            spot=100.0, strike=103.0, years=0.3 - passed, rate=0.05, right=Right.CALL,
            style=ExerciseStyle.EUROPEAN, dividends=((0.1 - passed, 2.0),),
        )  # fmt: skip

    h = 1e-6
    slope = (option(h).greeks(0.3).price - option(-h).greeks(0.3).price) / (2 * h)
    assert option(0.0).greeks(0.3).theta == pytest.approx(slope, rel=1e-5)
    assert option(0.0).implied_vol(option(0.0).greeks(0.3).price) == pytest.approx(0.3)
