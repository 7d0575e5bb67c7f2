"""Black's formula against worked numbers, by hand, and by its own laws."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispersa.pricing import black, implied, straddle, units
from dispersa.pricing.quality import Status

CASES = ["spx_like_atm", "stock_atm", "stock_strike_rounded", "zero_rates_atm"]
NAMES = ["price", "delta", "gamma", "vega", "theta", "vanna", "volga"]


@pytest.mark.parametrize("case", CASES)
def test_greeks_match_the_worked_numbers(case: str, vectors: dict[str, Any]) -> None:
    row = vectors["B_european_straddles"][case]
    discount = np.exp(-row["rate"] * row["T"])
    inputs = (row["forward"], row["strike"], row["vol"], row["T"], discount)
    pair = black.greeks(*inputs, [True, False], row["spot"])
    both = straddle.greeks(*inputs, row["spot"])
    for name in NAMES:
        assert getattr(pair, name)[0] == pytest.approx(row["call"][name], rel=1e-12)
        assert getattr(pair, name)[1] == pytest.approx(row["put"][name], rel=1e-12)
        assert getattr(both, name) == pytest.approx(row["straddle"][name], rel=1e-12)
    vega = units.vega_per_point(float(both.vega)) * row["multiplier"]
    theta = units.theta_per_day(float(both.theta)) * row["multiplier"]
    assert vega == pytest.approx(row["straddle_vega_per_point_contract"], rel=1e-12)
    assert theta == pytest.approx(row["straddle_theta_per_day_contract"], rel=1e-12)
    strike = straddle.delta_neutral_strike(row["forward"], row["vol"], row["T"])
    assert float(strike) == pytest.approx(row["delta_neutral_straddle_strike"], rel=1e-12)


def test_vega_decays_as_worked_when_spot_drifts(vectors: dict[str, Any]) -> None:
    for row in vectors["C_vega_decay_when_spot_drifts"]["rows"]:
        spot = np.array([100.0, 100.0 * (1 + row["spot_move"])])
        pair = straddle.greeks(spot, 100.0, row["vol"], row["days"] / 365, 1.0, spot)
        assert pair.vega[1] / pair.vega[0] == pytest.approx(row["vega_ratio_to_atm"], rel=1e-9)
        assert pair.delta[1] == pytest.approx(row["straddle_delta"], rel=1e-9)


positive = st.floats(min_value=1.0, max_value=1e4)
vols = st.floats(min_value=0.03, max_value=3.0)
times = st.floats(min_value=1 / 365, max_value=3.0)
rates = st.floats(min_value=-0.01, max_value=0.08)


@given(f=positive, k=positive, v=vols, t=times, r=rates)
def test_put_call_parity_and_bounds_hold(f: float, k: float, v: float, t: float, r: float) -> None:
    d = float(np.exp(-r * t))
    call, put = black.price(f, k, v, t, d, [True, False])
    assert call - put == pytest.approx(d * (f - k), abs=1e-11 * d * max(f, k))
    assert d * max(f - k, 0.0) <= call <= d * f
    assert d * max(k - f, 0.0) <= put <= d * k


@given(f=positive, v=vols, t=times)
def test_call_price_falls_and_is_convex_in_strike(f: float, v: float, t: float) -> None:
    strikes = f * np.linspace(0.5, 1.5, 41)
    call = black.price(f, strikes, v, t, 1.0, True)
    slack = 1e-12 * f
    assert np.all(np.diff(call) <= slack)
    assert np.all(np.diff(call, 2) >= -slack)


@given(z=st.floats(-8, 8), s=st.floats(0.002, 2.5), t=times, r=rates, call=st.booleans())
def test_vol_survives_the_round_trip(z: float, s: float, t: float, r: float, call: bool) -> None:
    forward, vol, d = 100.0, s / np.sqrt(t), float(np.exp(-r * t))
    strike = forward * float(np.exp(z * s * (1 if call else -1)))
    price = black.price(forward, strike, vol, t, d, call)
    found = implied.implied_vol(price, forward, strike, t, d, call)
    if z < 0:  # in the money the price holds little of the vol: checked by its price alone
        again = black.price(forward, strike, np.nan_to_num(found.vol), t, d, call)
        assert int(found.status) in {Status.OK, Status.BELOW_INTRINSIC}
        assert float(again) == pytest.approx(float(price), rel=1e-12)
    else:
        assert found.status == Status.OK
        assert float(found.vol) == pytest.approx(vol, rel=1e-12)


def test_bad_rows_get_a_reason_and_spoil_no_other_row() -> None:
    price = [2.0, np.nan, 0.0, 100.0, 2.0, 2.0, np.inf]
    years = [0.1, 0.1, 0.1, 0.1, 0.0, np.nan, 0.1]
    found = implied.implied_vol(price, 100.0, 100.0, years, 1.0, True)
    assert [Status(s) for s in found.status] == [
        Status.OK,
        Status.INVALID_INPUT,
        Status.BELOW_INTRINSIC,
        Status.ABOVE_MAXIMUM,
        Status.EXPIRED,
        Status.INVALID_INPUT,
        Status.INVALID_INPUT,
    ]
    assert np.array_equal(np.isfinite(found.vol), found.status == Status.OK)


def test_greeks_of_a_bad_row_are_all_nan_and_say_so() -> None:
    greeks = black.greeks([100.0, np.nan, 100.0], [100.0, 100.0, -1.0], 0.2, 0.1, 1.0, True)
    assert list(greeks.status) == [Status.OK, Status.INVALID_INPUT, Status.INVALID_INPUT]
    for name in [*NAMES, "rho"]:
        assert np.isfinite(getattr(greeks, name)).tolist() == [True, False, False]


def test_expiring_and_zero_vol_options_are_worth_intrinsic_value() -> None:
    greeks = black.greeks(
        [110.0, 110.0, 90.0], 100.0, [0.2, 0.0, 0.2], [0.0, 0.1, 0.0], 1.0, [True, True, False]
    )
    assert greeks.price.tolist() == [10.0, 10.0, 10.0]
    assert greeks.delta == pytest.approx([1.0, 1.0, -1.0], rel=1e-15)
    assert greeks.vega == pytest.approx(0.0, abs=1e-300)


def test_greeks_are_the_slopes_of_the_price() -> None:
    spot, strike, vol, years, rate, q = 100.0, 105.0, 0.3, 0.4, 0.04, 0.015
    is_call = np.array([True, False])

    def value(ds: float = 0.0, dv: float = 0.0, dt: float = 0.0, dr: float = 0.0) -> Any:
        r, t = rate + dr, years + dt
        forward = (spot + ds) * np.exp((r - q) * t)
        return black.price(forward, strike, vol + dv, t, np.exp(-r * t), is_call)

    forward = spot * np.exp((rate - q) * years)
    g = black.greeks(forward, strike, vol, years, np.exp(-rate * years), is_call, spot)
    h = 1e-4
    assert g.delta == pytest.approx((value(ds=h) - value(ds=-h)) / (2 * h), rel=1e-7)
    assert g.vega == pytest.approx((value(dv=h) - value(dv=-h)) / (2 * h), rel=1e-7)
    assert g.theta == pytest.approx(-(value(dt=h) - value(dt=-h)) / (2 * h), rel=1e-6)
    assert g.rho == pytest.approx((value(dr=h) - value(dr=-h)) / (2 * h), rel=1e-7)
    cross = value(ds=h, dv=h) - value(ds=h, dv=-h) - value(ds=-h, dv=h) + value(ds=-h, dv=-h)
    assert g.vanna == pytest.approx(cross / (4 * h * h), rel=1e-4)
    assert g.gamma == pytest.approx((value(ds=h) - 2 * value() + value(ds=-h)) / h**2, rel=1e-4)
    assert g.volga == pytest.approx((value(dv=h) - 2 * value() + value(dv=-h)) / h**2, rel=1e-4)


def test_columns_that_may_not_be_written_and_sides_of_any_type_give_the_same() -> None:
    strikes = np.linspace(80.0, 120.0, 2_500)  # more than one block
    sides = np.arange(strikes.size) % 2 == 0
    want = black.greeks(100.0, strikes, 0.2, 0.1, 0.99, sides, 100.0)
    frozen = strikes.copy()
    frozen.flags.writeable = False
    strided = np.repeat(strikes, 2)[::2]
    for k, side in ((frozen, sides.astype(float)), (strided, sides.tolist())):
        got = black.greeks(100.0, k, 0.2, 0.1, 0.99, side, 100.0)
        np.testing.assert_array_equal(got.vanna, want.vanna)
        np.testing.assert_array_equal(got.status, want.status)
    wide = black.greeks(100.0, strikes[:, None], [0.2, 0.3, -1.0], 0.1, 0.99, True)
    assert wide.price.shape == (2_500, 3)
    assert (wide.status[:, 2] == Status.INVALID_INPUT).all()
    assert np.isnan(wide.price[:, 2]).all()
    assert (wide.status[:, :2] == Status.OK).all()
