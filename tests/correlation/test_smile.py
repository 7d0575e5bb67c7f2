"""Is the vol of an expiry read where each rule says, over whole columns of chains?"""

from dataclasses import dataclass
from datetime import date
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dispersa.correlation.tenor import vol_panel
from dispersa.market import Symbol
from dispersa.pricing import black
from dispersa.pricing.atm import AtTheMoney, at_the_money_vol, at_the_money_vols, vols_at_delta
from dispersa.pricing.units import DAYS_PER_YEAR

NAN = float("nan")
CARRY = 0.04


@dataclass(frozen=True, kw_only=True)
class Chains:
    dates: tuple[date, ...]
    symbols: tuple[Symbol, ...]
    date_index: NDArray[np.int64]
    symbol_index: NDArray[np.int64]
    days_to_expiry: NDArray[np.int64]
    spot: NDArray[np.float64]
    starts: NDArray[np.int64]
    strike: NDArray[np.float64]
    call_iv: NDArray[np.float64]
    put_iv: NDArray[np.float64]


Smile = list[tuple[float, float, float]]


def chains(groups: list[tuple[float, int, Smile]]) -> Chains:
    """One date and one name; each group is (spot, days, [(strike, call vol, put vol), ...])."""
    rows = np.array([row for _, _, smile in groups for row in sorted(smile)]).reshape(-1, 3)
    return Chains(
        dates=(date(2026, 5, 26),),
        symbols=(Symbol("X"),),
        date_index=np.zeros(len(groups), dtype=np.int64),
        symbol_index=np.zeros(len(groups), dtype=np.int64),
        days_to_expiry=np.array([days for _, days, _ in groups]),
        spot=np.array([spot for spot, _, _ in groups]),
        starts=np.cumsum([0] + [len(smile) for _, _, smile in groups]),
        strike=rows[:, 0],
        call_iv=rows[:, 1],
        put_iv=rows[:, 2],
    )


def spot_vol(*smile: tuple[float, float, float], spot: float = 100.0) -> float:
    return float(at_the_money_vols(chains([(spot, 30, list(smile))]), AtTheMoney.SPOT, CARRY)[0])


def test_vol_is_the_mean_of_call_and_put_at_a_strike_on_the_spot() -> None:
    assert spot_vol((100, 0.20, 0.24), (110, 0.5, 0.5)) == pytest.approx(0.22)


def test_vol_is_linear_in_strike_between_the_strikes_around_the_spot() -> None:
    assert spot_vol((95, 0.30, 0.30), (105, 0.20, 0.20), spot=97.5) == pytest.approx(0.275)


def test_strike_with_one_side_missing_is_stepped_over() -> None:
    got = spot_vol((90, 0.30, 0.30), (99, 0.9, NAN), (101, NAN, 0.9), (110, 0.20, 0.20))
    assert got == pytest.approx(0.25)


def test_last_strike_exactly_on_the_spot_is_enough() -> None:
    assert spot_vol((90, 0.3, 0.3), (100, 0.2, 0.2)) == pytest.approx(0.2)
    assert spot_vol((100, 0.2, 0.2)) == pytest.approx(0.2)


@pytest.mark.parametrize(
    "smile",
    [
        ((101, 0.2, 0.2), (110, 0.2, 0.2)),
        ((80, 0.2, 0.2), (99, 0.2, 0.2)),
        ((90, NAN, 0.2), (110, 0.2, NAN)),
    ],
)
def test_spot_outside_the_two_sided_strikes_has_no_vol(
    smile: tuple[tuple[float, float, float], ...],
) -> None:
    assert np.isnan(spot_vol(*smile))


def test_groups_do_not_borrow_strikes_from_their_neighbors() -> None:
    columns = chains(
        [
            (100.0, 10, [(90, 0.1, 0.1), (95, 0.1, 0.1)]),
            (100.0, 20, [(105, 0.9, 0.9), (110, 0.9, 0.9)]),
            (100.0, 30, [(95, 0.4, 0.4), (105, 0.4, 0.4)]),
            (100.0, 40, [(100, NAN, 0.4)]),
        ]
    )
    vols = at_the_money_vols(columns, AtTheMoney.SPOT, CARRY)
    assert np.isnan(vols[[0, 1, 3]]).all()
    assert vols[2] == pytest.approx(0.4)


vol = st.one_of(st.just(NAN), st.floats(0.05, 0.9))
smiles = st.lists(
    st.tuples(st.integers(70, 130).map(float), vol, vol),
    min_size=1,
    max_size=15,
    unique_by=lambda row: row[0],
)
groups = st.lists(
    st.tuples(st.floats(80, 120).map(lambda x: round(x, 1)), st.integers(1, 200), smiles),
    min_size=1,
    max_size=6,
)


def by_hand(smile: Smile, level: float, mode: AtTheMoney, years: float) -> float:
    """The rules of the page, one expiry at a time: numpy's line and plain bisection."""
    known = sorted(row for row in smile if row[1] > 0 and row[2] > 0)
    if not known:
        return NAN
    k, c, p = (np.array(column) for column in zip(*known, strict=True))
    mean = 0.5 * (c + p)

    def d1(strike: float) -> float:
        s = float(np.interp(strike, k, mean)) * np.sqrt(years)
        return float(np.log(level / strike) + 0.5 * s * s)

    if mode is AtTheMoney.DELTA:
        falls = [at for at in range(k.size - 1) if d1(k[at]) >= 0 > d1(k[at + 1])]
        if not falls:
            return float(mean[-1]) if d1(k[-1]) == 0 else NAN
        low, high = k[falls[0]], k[falls[0] + 1]
        for _ in range(100):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if d1(middle) > 0 else (low, middle)
        return float(np.interp(low, k, mean))
    if not k[0] <= level <= k[-1]:
        return NAN
    if mode is not AtTheMoney.STRADDLE:
        return float(np.interp(level, k, mean))
    at = int(np.argmin(np.abs(k - level)))
    return one_vol(float(k[at]), float(c[at]), float(p[at]), level, years)


def one_vol(strike: float, call_vol: float, put_vol: float, forward: float, years: float) -> float:
    """Bisect for the vol at which call plus put cost what they cost at their own vols."""

    def pair(call: float, put: float) -> float:
        sides = ((call, True), (put, False))
        return sum(
            float(black.price(forward, strike, v, years, 1.0, is_call)) for v, is_call in sides
        )

    want = pair(call_vol, put_vol)
    low, high = min(call_vol, put_vol), max(call_vol, put_vol)
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if pair(middle, middle) < want else (low, middle)
    return 0.5 * (low + high)


@pytest.mark.parametrize("mode", list(AtTheMoney))
@example(groups=[(94.0, 49, [(96.0, 0.5, 0.25), (97.0, 0.5, 0.75), (98.0, 0.5, 0.5)])])
@given(groups=groups)
def test_every_mode_reads_the_vol_that_its_rule_says(
    mode: AtTheMoney, groups: list[tuple[float, int, Smile]]
) -> None:
    got = at_the_money_vols(chains(groups), mode, CARRY)
    for vol_got, (spot, days, smile) in zip(got, groups, strict=True):
        years = days / DAYS_PER_YEAR
        level = spot if mode is AtTheMoney.SPOT else float(spot * np.exp(CARRY * years))
        want = by_hand(smile, level, mode, years)
        # A straddle far from the money holds too little time value for many digits of its vol.
        assert vol_got == pytest.approx(want, rel=1e-9, abs=1e-6, nan_ok=True)
        k, c, p = (np.array(column) for column in zip(*smile, strict=True))
        one = float(at_the_money_vol(k[::-1], c[::-1], p[::-1], level, mode, years).vol)
        assert one == pytest.approx(float(vol_got), rel=1e-12, nan_ok=True)


def test_straddle_takes_the_nearer_strike_and_weighs_both_sides_by_their_price() -> None:
    smile = [(95.0, 0.30, 0.30), (100.0, 0.22, 0.26), (105.0, 0.18, 0.18)]
    got = float(at_the_money_vols(chains([(101.0, 30, smile)]), AtTheMoney.STRADDLE, 0.0)[0])
    assert got == pytest.approx(0.24, abs=1e-4)  # equal vegas: all but the mean of the two
    got = float(at_the_money_vols(chains([(104.0, 30, smile)]), AtTheMoney.STRADDLE, 0.0)[0])
    assert got == pytest.approx(0.18, abs=1e-12)


def test_panel_interpolates_total_variance_in_days_and_skips_an_expiry_without_vol() -> None:
    flat = {20: 0.20, 40: 0.30}
    columns = chains(
        [
            (100.0, 20, [(100, 0.20, 0.20)]),
            (100.0, 28, [(100, NAN, 0.90)]),
            (100.0, 40, [(100, 0.30, 0.30)]),
        ]
    )
    panel = vol_panel(columns, 30, AtTheMoney.SPOT, CARRY)
    variance = (flat[20] ** 2 * 20 + flat[40] ** 2 * 40) / 2
    assert panel.vols[0, 0] == pytest.approx(np.sqrt(variance / 30), rel=1e-12)
    assert panel.spots[0, 0] == 100.0


def test_panel_does_not_extrapolate_beyond_the_listed_expiries() -> None:
    columns = chains([(100.0, 10, [(100, 0.2, 0.2)]), (100.0, 25, [(100, 0.2, 0.2)])])
    panel = vol_panel(columns, 30, AtTheMoney.SPOT, CARRY)
    assert np.isnan(panel.vols[0, 0])
    assert np.isnan(panel.column(Symbol("NOPE"))).all()


@pytest.mark.parametrize("delta", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_strike_of_a_delta_has_that_delta_at_its_own_vol(delta: float) -> None:
    # A linear smile, so that the vol found tells the strike: s(K) = 0.5 - 0.003 (K - 80).
    smile = [(float(k), 0.5 - 0.003 * (k - 80), 0.5 - 0.003 * (k - 80)) for k in range(60, 160, 5)]
    columns = chains([(100.0, 45, smile)])
    vol = float(vols_at_delta(columns, delta, CARRY)[0])
    strike = 80 + (0.5 - vol) / 0.003
    years = 45 / DAYS_PER_YEAR
    d1 = np.log(100 * np.exp(CARRY * years) / strike) / (vol * np.sqrt(years))
    d1 += 0.5 * vol * np.sqrt(years)
    assert NormalDist().cdf(float(d1)) == pytest.approx(delta, abs=1e-9)


def test_delta_beyond_the_listed_strikes_has_no_vol() -> None:
    columns = chains([(100.0, 45, [(95, 0.3, 0.3), (105, 0.3, 0.3)])])
    assert np.isnan(vols_at_delta(columns, 0.05, CARRY)[0])
