"""Is the running correlation the exact one, and fast enough for a stream?"""

from timeit import repeat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispersa.correlation.implied import read_correlation
from dispersa.correlation.running import REFRESH_EVERY, RunningCorrelation
from dispersa.errors import MarketDataMissing

vol = st.floats(0.05, 3.0)


@given(
    names=st.lists(st.tuples(st.floats(0.01, 1), vol), min_size=2, max_size=20),
    changes=st.lists(st.tuples(st.integers(0, 19), vol), max_size=40),
    index_vol=vol,
)
def test_running_value_equals_the_exact_one_after_any_changes(
    names: list[tuple[float, float]], changes: list[tuple[int, float]], index_vol: float
) -> None:
    weights, vols = [name[0] for name in names], [name[1] for name in names]
    running = RunningCorrelation(weights, vols, index_vol)
    got = running.clean
    for number, changed in changes:
        position = number % len(names)
        vols[position] = changed
        got = running.update(position, changed)
    want = read_correlation(weights, vols, index_vol).clean
    assert got == pytest.approx(want, rel=1e-8, abs=1e-9)
    assert running.update_index(0.2) == pytest.approx(
        read_correlation(weights, vols, 0.2).clean, rel=1e-8, abs=1e-9
    )


def test_rounding_does_not_pile_up_over_a_day_of_ticks() -> None:
    rng = np.random.default_rng(11)
    vols = rng.uniform(0.1, 1.0, 500).tolist()
    running = RunningCorrelation([1.0] * 500, vols, 0.2)
    for step in range(3 * REFRESH_EVERY + 7):
        position = step % 500
        vols[position] *= 1 + 1e-3 * float(rng.normal())
        running.update(position, vols[position])
    exact = read_correlation([1.0] * 500, vols, 0.2).clean
    assert running.clean == pytest.approx(exact, rel=1e-11)


@pytest.mark.parametrize("bad", [0.0, -0.1, float("nan"), float("inf")])
def test_bad_vol_is_refused_and_changes_nothing(bad: float) -> None:
    running = RunningCorrelation([0.5, 0.5], [0.3, 0.3], 0.25)
    before = running.clean
    with pytest.raises(MarketDataMissing):
        running.update(0, bad)
    with pytest.raises(MarketDataMissing):
        running.update_index(bad)
    assert running.clean == before
    with pytest.raises(MarketDataMissing):
        RunningCorrelation([0.5, 0.5], [0.3, bad], 0.25)
    with pytest.raises(MarketDataMissing):
        RunningCorrelation([1.0], [0.3], 0.25)


def test_update_of_500_names_is_many_times_cheaper_than_a_fresh_reading() -> None:
    rng = np.random.default_rng(2)
    weights, vols = rng.uniform(0.1, 1, 500).tolist(), rng.uniform(0.1, 1, 500).tolist()
    running = RunningCorrelation(weights, vols, 0.2)
    update = min(repeat(lambda: running.update(17, 0.31), number=2000, repeat=5)) / 2000
    recompute = min(repeat(running.recompute, number=500, repeat=5)) / 500
    fresh = min(repeat(lambda: read_correlation(weights, vols, 0.2), number=20, repeat=5)) / 20
    assert update < recompute < fresh
    assert update < fresh / 20
