"""American options against QuantLib, worked numbers, an independent lattice and their own laws."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispersa.pricing import american, american_implied, black, exercise
from dispersa.pricing.american import Grid
from dispersa.pricing.contracts import Carry, DividendModel
from dispersa.pricing.quality import Status
from dispersa.pricing.surrogate import Surrogate

BLOCK_D = ["atm_45d_div", "atm_45d_no_div", "itm_call_exdiv_tomorrow", "atm_call_exdiv_tomorrow"]
KINDS = ["call_american", "put_american", "call_european", "put_european"]


def carry_of(row: dict[str, Any], model: DividendModel) -> Carry:
    dividends = row["dividends"]
    years = [d["days"] / 365 for d in dividends]
    return Carry(ex_years=years, amounts=[d["amount"] for d in dividends], model=model)


@pytest.mark.parametrize("case", BLOCK_D)
def test_both_dividend_models_match_the_worked_numbers(case: str, vectors: Any) -> None:
    row = vectors["D_american_vs_european_discrete_dividends"][case]
    keys = {
        DividendModel.SPOT_JUMP: "price_quantlib_fd_spot_dividend",
        DividendModel.ESCROWED: "price_quantlib_fd_escrowed",
    }
    terms = (row["spot"], row["strike"], row["vol"], row["days"] / 365, row["rate"])
    for model, key in keys.items():
        found = american.greeks(
            *terms,
            [True, False, True, False],
            carry_of(row, model),
            is_american=[True, True, False, False],
        )
        for i, kind in enumerate(KINDS):
            assert found.price[i] == pytest.approx(row[kind][key], abs=3e-4)
            if model is DividendModel.ESCROWED:
                assert found.price[i] == pytest.approx(row[kind]["price_lattice"], abs=3e-4)
                assert found.vega[i] == pytest.approx(row[kind]["vega_lattice"], abs=1e-2)


def test_exercise_before_ex_date_matches_the_worked_examples(vectors: Any) -> None:
    block = vectors["D_american_vs_european_discrete_dividends"]
    for row in block["early_exercise_rule_examples"]:
        terms = block[row["name"]]
        found = exercise.before_ex_date(
            row["dividend"],
            terms["strike"],
            terms["rate"],
            terms["days"] / 365,
            row["put_value_ex_div"],
        )
        interest = row["interest_on_strike"]
        assert float(found.interest_on_strike) == pytest.approx(interest, rel=1e-12)
        assert bool(found.should_exercise) is row["exercise_before_exdiv"]
        if "time_value_forgone" in row:
            forgone = row["time_value_forgone"]
            assert float(found.time_value_forgone) == pytest.approx(forgone, rel=1e-12)


def test_deep_options_should_be_exercised_and_others_kept() -> None:
    carry = Carry(ex_years=[0.2 / 365], amounts=[1.0])
    terms = ([120.0, 100.0], 100.0, 0.25, 21 / 365, 0.045, True, carry)
    eve = exercise.now(*terms, gain_min=0.01)
    assert eve.should_exercise.tolist() == [True, False]
    assert float(eve.holding_gain[0]) == pytest.approx(100 * 0.045 * 0.2 / 365, rel=1e-2)
    assert exercise.now(*terms).should_exercise.tolist() == [False, False]  # not a moment too soon
    deep_put = exercise.now([60.0, 100.0], 100.0, 0.25, 0.5, 0.05, False)
    assert deep_put.should_exercise.tolist() == [True, False]


@pytest.fixture(scope="module")
def answers() -> dict[str, np.ndarray]:
    file = Path(__file__).parent / "answers" / "quantlib.npz"
    with np.load(file) as stored:
        return {name: stored[name] for name in stored.files}


def sample(answers: dict[str, np.ndarray], is_american: bool, count: int) -> np.ndarray:
    rows = np.flatnonzero(answers["is_american"] == is_american)
    return np.random.default_rng(6).choice(rows, count, replace=False)


def test_european_greeks_match_600_quantlib_contracts(answers: dict[str, np.ndarray]) -> None:
    rows = sample(answers, is_american=False, count=600)
    a = {name: values[rows] for name, values in answers.items() if values.ndim}
    years = a["days"] / 365
    forward = 100 * np.exp((a["rate"] - a["dividend_yield"]) * years)
    discount = np.exp(-a["rate"] * years)
    terms = (forward, a["strike"], a["vol"], years, discount, a["is_call"])
    found = black.greeks(*terms, 100.0)
    assert np.all(found.status == Status.OK)
    for name in ("price", "delta", "gamma", "vega", "theta", "rho"):
        # far out of the money QuantLib's normal distribution loses its relative precision
        assert getattr(found, name) == pytest.approx(a[name], rel=2e-11, abs=1e-11)


def test_american_values_match_1400_quantlib_contracts(answers: dict[str, np.ndarray]) -> None:
    rows = sample(answers, is_american=True, count=1400)
    a = {name: values[rows] for name, values in answers.items() if values.ndim}
    years = a["days"] / 365
    scale = np.minimum(100 * a["vol"] * np.sqrt(years), 200.0)
    for escrowed in (False, True):
        on = a["escrowed"] == escrowed
        model = DividendModel.ESCROWED if escrowed else DividendModel.SPOT_JUMP
        carry = Carry(
            dividend_yield=a["dividend_yield"][on],
            ex_years=a["ex_days"][on] / 365,
            amounts=a["amounts"][on],
            model=model,
        )
        terms = (a["strike"][on], a["vol"][on], years[on], a["rate"][on], a["is_call"][on])
        found = american.values(100.0, *terms, carry)
        assert np.all(found.status == Status.OK)
        error = np.abs(found.price - a["price"][on]) / scale[on]
        assert np.quantile(error, 0.99) < 1e-4
        assert error.max() < 5e-4  # where QuantLib's own grid is the coarser one


def lattice(  # noqa: PLR0917 -- an option is six numbers
    spot: float,
    strike: float,
    vol: float,
    days: int,
    rate: float,
    sign: int,
    dividends: dict[int, float],
    steps: int = 1200,
) -> float:
    """Binomial tree on the spot; at an ex-date V(S) is read off at S - D by interpolation."""
    years = days / 365
    dt = years / steps
    up = np.exp(vol * np.sqrt(dt))
    p = (np.exp(rate * dt) - 1 / up) / (up - 1 / up)
    ex = {round(day / 365 / dt): amount for day, amount in dividends.items()}
    nodes = spot * up ** np.arange(-2 * steps, 2 * steps + 1)  # one fixed, wide axis
    value = np.maximum(sign * (nodes - strike), 0.0)
    for step in range(steps - 1, -1, -1):
        inner = np.exp(-rate * dt) * (p * value[2:] + (1 - p) * value[:-2])
        value[1:-1] = np.maximum(inner, sign * (nodes[1:-1] - strike))
        if step in ex:
            value = np.interp(np.maximum(nodes - ex[step], nodes[0]), nodes, value)
            value = np.maximum(value, sign * (nodes - strike))
    return float(value[2 * steps])


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("strike", "vol", "days", "rate", "dividends"),
    [
        (100.0, 0.25, 45, 0.05, {20: 0.75}),
        (90.0, 0.40, 90, 0.03, {10: 1.5, 70: 1.5}),
        (108.0, 0.20, 180, 0.06, {30: 0.4, 90: 2.0, 150: 0.4}),
        (100.0, 0.60, 30, -0.01, {}),
    ],
)
def test_dividend_model_agrees_with_an_independent_lattice(
    sign: int, strike: float, vol: float, days: int, rate: float, dividends: dict[int, float]
) -> None:
    carry = Carry(ex_years=[d / 365 for d in dividends], amounts=list(dividends.values()))
    found = american.price(100.0, strike, vol, days / 365, rate, sign > 0, carry)
    tree = lattice(100.0, strike, vol, days, rate, sign, dividends)
    assert float(found) == pytest.approx(tree, abs=4e-3)


strikes = st.floats(70.0, 140.0)
moderate_vols = st.floats(0.08, 1.2)
times = st.floats(3 / 365, 1.0)
rates = st.floats(-0.01, 0.08)
amounts = st.floats(0.0, 2.0)


@settings(max_examples=60)
@given(k=strikes, v=moderate_vols, t=times, r=rates, d=amounts, x=st.floats(0.05, 0.95))
def test_american_is_worth_at_least_european_and_exercise(
    k: float, v: float, t: float, r: float, d: float, x: float
) -> None:
    carry = Carry(ex_years=[x * t], amounts=[d])
    sides = np.array([True, True, False, False])
    early = np.array([True, False, True, False])
    call, call_e, put, put_e = american.values(
        100.0, k, v, t, r, sides, carry, is_american=early
    ).price
    slack = 2e-4 * 100 * v * np.sqrt(t) + 1e-9
    assert call >= call_e - slack
    assert put >= put_e - slack
    assert call >= 100.0 - k
    assert put >= k - 100.0
    assert min(call_e, put_e) >= 0.0
    parity = (100.0 - d * np.exp(-r * x * t)) - k * np.exp(-r * t)
    assert call_e - put_e == pytest.approx(parity, abs=slack)


@settings(max_examples=25)
@given(v=moderate_vols, t=times, r=rates, d=amounts, is_call=st.booleans())
def test_price_is_monotone_and_convex_in_strike_and_rises_with_vol(
    v: float, t: float, r: float, d: float, is_call: bool
) -> None:
    carry = Carry(ex_years=[0.5 * t], amounts=[d])
    grid = np.linspace(80.0, 120.0, 9)
    price = american.price(100.0, grid, v, t, r, is_call, carry)
    higher = american.price(100.0, grid, 1.1 * v, t, r, is_call, carry)
    slack = 4e-4 * 100 * v * np.sqrt(t) + 1e-9
    rise = np.diff(price) * (-1 if is_call else 1)
    assert np.all(rise >= -slack)
    assert np.all(np.diff(price, 2) >= -slack)
    assert np.all(higher >= price - slack)


@settings(max_examples=25)
@given(k=st.floats(85.0, 118.0), v=moderate_vols, t=times, r=st.floats(0.0, 0.08), d=amounts)
def test_american_vol_survives_the_round_trip(
    k: float, v: float, t: float, r: float, d: float
) -> None:
    carry = Carry(ex_years=[0.4 * t], amounts=[d])
    sides = [True, False]
    greeks = american.greeks(100.0, k, v, t, r, sides, carry)
    found = american_implied.implied_vol(greeks.price, 100.0, k, t, r, sides, carry)
    for i in range(2):
        if greeks.vega[i] > 0.5:
            assert found.status[i] == Status.OK
            assert found.vol[i] == pytest.approx(v, abs=2e-6)
        else:  # next to no vega: the vol may be anything that gives the price, or none
            assert Status(int(found.status[i])) in {Status.OK, Status.BELOW_INTRINSIC}


def test_bad_american_rows_get_a_reason_and_spoil_no_other_row() -> None:
    spot = [100.0, np.nan, 100.0, 100.0, 100.0]
    years = [0.1, 0.1, 0.0, 0.1, 0.1]
    vol = [0.2, 0.2, 0.2, 0.0, 0.2]
    carry = Carry(ex_years=0.05 * np.ones((5, 1)), amounts=[[0.0], [1.0], [1.0], [1.0], [np.nan]])
    found = american.greeks(spot, 100.0, vol, years, 0.03, True, carry)
    assert [Status(s) for s in found.status] == [
        Status.OK,
        Status.INVALID_INPUT,
        Status.EXPIRED,
        Status.INVALID_INPUT,
        Status.INVALID_INPUT,
    ]
    for name in ("price", "delta", "gamma", "vega", "theta", "rho", "vanna", "volga"):
        assert np.isfinite(getattr(found, name)).tolist() == [True, False, False, False, False]


def test_american_vol_of_impossible_prices_is_refused_with_the_reason() -> None:
    prices = [20.0, 19.0, 130.0, np.nan, 21.5]
    found = american_implied.implied_vol(prices, 120.0, 100.0, 0.25, 0.02, True)
    assert [Status(s) for s in found.status] == [
        Status.BELOW_INTRINSIC,
        Status.BELOW_INTRINSIC,
        Status.ABOVE_MAXIMUM,
        Status.INVALID_INPUT,
        Status.OK,
    ]


def test_theta_is_the_price_change_of_a_day_gone() -> None:
    carry, later = (
        Carry(ex_years=[(40 - day) / 365], amounts=[0.8], model=model)
        for day, model in ((0, DividendModel.SPOT_JUMP), (1, DividendModel.SPOT_JUMP))
    )
    fine = Grid(nodes=400, steps=200)
    terms = (100.0, 105.0, 0.3)
    now = american.greeks(*terms, 90 / 365, 0.04, [True, False], carry, grid=fine)
    then = american.values(*terms, 89 / 365, 0.04, [True, False], later, grid=fine)
    assert now.theta / 365 == pytest.approx(then.price - now.price, rel=0.01)


def test_surrogate_states_an_error_that_holds_elsewhere() -> None:
    strikes = np.array([92.0, 100.0, 108.0] * 2)
    is_call = np.arange(6) < 3
    carry = Carry(ex_years=[15 / 365], amounts=[0.75])
    made = Surrogate.build(100.0, strikes, 0.3, 30 / 365, 0.045, is_call, carry)
    rng = np.random.default_rng(3)
    draw = lambda: (rng.uniform(-0.3, 0.3, 12), 0.3 * np.exp(rng.uniform(-0.8, 0.8, 12)))  # noqa: E731
    assert made.error(*draw()).max() < 1e-3
    assert made.error(*draw()).max() < 1e-3
    assert np.isnan(made.price(np.full((6, 1), 0.9), np.full((6, 1), 0.3))).all()
