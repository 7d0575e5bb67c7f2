"""Is the implied correlation exact, with its gradients, bounds and flags?"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispersa.correlation.implied import CorrelationFlag, read_correlation
from dispersa.errors import MarketDataMissing

ANSWERS = Path(__file__).parents[1] / "pricing" / "answers" / "vectors.json"
CASES = (
    "two_name_half",
    "three_name_published_forum",
    "five_name",
    "below_zero_case",
    "heterogeneous_matrix",
)

vols = st.floats(0.05, 2.0)
weights = st.floats(0.01, 1.0)


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(ANSWERS.read_text())["A_implied_correlation"]
    return loaded


@pytest.mark.parametrize("case", CASES)
def test_reading_matches_the_independent_answers(answers: dict[str, Any], case: str) -> None:
    answer = answers[case]
    reading = read_correlation(answer["weights"], answer["vols"], answer["index_vol"])
    assert reading.clean == pytest.approx(answer["implied_corr_clean"], rel=1e-12)
    assert reading.dirty_vol_ratio == pytest.approx(answer["dirty_corr_volratio_sq"], rel=1e-12)
    assert reading.dirty_variance_ratio == pytest.approx(
        answer["dirty_corr_variance_ratio"], rel=1e-12
    )
    assert reading.per_index_vol == pytest.approx(answer["d_corr_d_index_vol"], rel=1e-12)
    assert reading.per_component_vol == pytest.approx(answer["d_corr_d_component_vol"], rel=1e-9)
    assert reading.average_vol == pytest.approx(answer["index_vol_if_corr_1"], rel=1e-12)
    assert reading.index_vol_at_zero == pytest.approx(answer["index_vol_if_corr_0"], rel=1e-12)
    assert reading.index_vol_per_correlation == pytest.approx(
        answer["d_index_vol_d_corr"], rel=1e-9
    )
    for wrong in answer["wrong_values"].values():
        assert wrong is None or abs(reading.clean - wrong) > 1e-3


def test_raw_index_weights_are_renormalized_over_the_names(answers: dict[str, Any]) -> None:
    answer = answers["subset_26pct_coverage"]
    reading = read_correlation(answer["raw_index_weights"], answer["vols"], answer["index_vol"])
    assert reading.clean == pytest.approx(answer["renormalised"]["implied_corr_clean"], rel=1e-12)


@pytest.mark.parametrize(
    ("index_vol", "flags"),
    [
        (0.25, ()),
        (0.31, (CorrelationFlag.ABOVE_ONE,)),
        (0.20, (CorrelationFlag.BELOW_ZERO,)),
        (0.001, (CorrelationFlag.BELOW_ZERO,)),
    ],
)
def test_value_outside_bounds_is_flagged_and_never_clipped(
    index_vol: float, flags: tuple[CorrelationFlag, ...]
) -> None:
    # Two names of 30 %, equal weights: A = 0.30, B = 0.045, rho = (sI^2 - 0.045) / 0.045.
    reading = read_correlation([1, 1], [0.3, 0.3], index_vol)
    assert reading.clean == pytest.approx((index_vol**2 - 0.045) / 0.045)
    assert reading.flags == flags


def test_value_below_the_floor_of_equal_correlation_is_flagged() -> None:
    # Three equal names: floor -1/2, reached at sI = 0; unequal weights can not fall below it
    # either while the index variance is positive, unless one name dominates.
    reading = read_correlation([0.9, 0.05, 0.05], [0.3, 0.3, 0.3], 0.01)
    assert reading.clean < reading.floor == -0.5
    assert CorrelationFlag.BELOW_FLOOR in reading.flags


@given(
    names=st.lists(st.tuples(weights, vols), min_size=2, max_size=12),
    correlation=st.floats(0.0, 1.0),
)
def test_correlation_that_made_the_index_vol_is_recovered(
    names: list[tuple[float, float]], correlation: float
) -> None:
    w = np.array([name[0] for name in names])
    w /= w.sum()
    s = np.array([name[1] for name in names])
    matrix = np.full((len(names), len(names)), correlation)
    np.fill_diagonal(matrix, 1.0)
    index_vol = float(np.sqrt((w * s) @ matrix @ (w * s)))
    reading = read_correlation(w.tolist(), s.tolist(), index_vol)
    assert reading.clean == pytest.approx(correlation, abs=1e-9)


@given(
    names=st.lists(st.tuples(weights, vols), min_size=2, max_size=8),
    share=st.floats(0.3, 0.95),
)
def test_gradients_match_central_differences(
    names: list[tuple[float, float]], share: float
) -> None:
    w, s = [name[0] for name in names], [name[1] for name in names]
    index_vol = share * float(np.dot(w, s) / sum(w))
    reading = read_correlation(w, s, index_vol)
    step = 1e-6
    for i, gradient in enumerate(reading.per_component_vol):
        bumped = [
            read_correlation(w, [v + sign * step * (j == i) for j, v in enumerate(s)], index_vol)
            for sign in (1, -1)
        ]
        numeric = (bumped[0].clean - bumped[1].clean) / (2 * step)
        assert gradient == pytest.approx(numeric, rel=1e-4, abs=1e-4 * (1 + abs(reading.clean)))


@pytest.mark.parametrize(
    ("weights", "vols", "index_vol", "said"),
    [
        ([1.0], [0.2], 0.1, "two or more names"),
        ([0.5, 0.5], [0.2], 0.1, "one of each"),
        ([0.5, 0.5], [0.2, float("nan")], 0.1, "missing or not above zero"),
        ([0.5, 0.5], [0.2, 0.2], 0.0, "missing or not above zero"),
        ([0.5, -0.5], [0.2, 0.2], 0.1, "missing or not above zero"),
    ],
)
def test_unusable_input_is_refused(
    weights: list[float], vols: list[float], index_vol: float, said: str
) -> None:
    with pytest.raises(MarketDataMissing, match=said):
        read_correlation(weights, vols, index_vol)
