"""Is realized correlation the same formula as the implied one?"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispersa.correlation.realized import (
    clean_correlation,
    ewma_weights,
    realized_correlation,
    simple_returns,
    trailing_vols,
)
from dispersa.errors import MarketDataMissing

ANSWERS = Path(__file__).parents[1] / "pricing" / "answers" / "vectors.json"


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(ANSWERS.read_text())
    worked: dict[str, Any] = loaded["A_implied_correlation"]["realised_not_demeaned"]
    return worked


def test_realized_matches_the_worked_answer(answer: dict[str, Any]) -> None:
    returns, weights = np.array(answer["returns"]), np.array(answer["weights"])
    realized = realized_correlation(weights, returns, returns @ weights)
    assert realized.clean == pytest.approx(answer["realised_corr"], rel=1e-12)
    assert realized.index_vol == pytest.approx(
        answer["index_vol_from_reconstructed_basket"], rel=1e-12
    )
    assert realized.average_vol == pytest.approx(
        float(weights @ np.array(answer["component_vols"])), rel=1e-12
    )


@settings(max_examples=50)
@given(seed=st.integers(0, 10_000), names=st.integers(2, 8), decay=st.floats(2, 60))
def test_clean_equals_the_weighted_mean_of_pairwise_on_a_rebuilt_index(
    seed: int, names: int, decay: float
) -> None:
    rng = np.random.default_rng(seed)
    returns = rng.normal(0, 0.01, (40, names)) + rng.normal(0, 0.01, (40, 1))
    w = rng.uniform(0.1, 1, names)
    w /= w.sum()
    u = ewma_weights(40, decay)
    covariance = 252 * (returns * u[:, None]).T @ returns
    s = np.sqrt(np.diag(covariance))
    pairs = np.outer(w * s, w * s) * ~np.eye(names, dtype=bool)
    want = float((pairs * covariance / np.outer(s, s)).sum() / pairs.sum())
    got = realized_correlation(w, returns, returns @ w, u)
    assert got.clean == pytest.approx(want, rel=1e-9, abs=1e-12)


def test_average_pairwise_differs_and_is_kept_apart() -> None:
    rng = np.random.default_rng(7)
    common = rng.normal(0, 0.01, 250)
    # The heavy name follows the market, the nine light ones do not: the weighting matters.
    returns = rng.normal(0, 0.01, (250, 10))
    returns[:, :2] += 2 * common[:, None]
    w = np.array([0.45, 0.45] + [0.1 / 8] * 8)
    realized = realized_correlation(w, returns, returns @ w)
    assert realized.clean > 0.6
    assert realized.average_pairwise < 0.1


def test_name_without_a_full_window_is_left_out_and_coverage_says_so() -> None:
    rng = np.random.default_rng(3)
    returns = rng.normal(0, 0.01, (21, 5))
    w = np.array([0.3, 0.3, 0.2, 0.1, 0.1])
    returns[4, 4] = np.nan
    realized = realized_correlation(w, returns, np.nansum(returns * w, axis=1))
    assert realized.coverage == pytest.approx(0.9)
    returns[4, 0] = np.nan
    with pytest.raises(MarketDataMissing, match="cover 60%"):
        realized_correlation(w, returns, np.nansum(returns * w, axis=1))


def test_missing_index_return_is_refused() -> None:
    returns = np.full((5, 2), 0.01)
    with pytest.raises(MarketDataMissing, match="4 index days"):
        realized_correlation(np.array([0.5, 0.5]), returns, np.array([0.01] * 4 + [np.nan]))


def test_rows_of_vols_give_the_same_as_one_at_a_time_and_never_guess() -> None:
    w = np.array([0.5, 0.3, 0.2])
    vols = np.array([[0.2, 0.3, 0.4], [0.2, 0.3, np.nan], [np.nan, 0.3, 0.4], [0.2, 0.3, 0.4]])
    index = np.array([0.2, 0.2, 0.2, np.nan])
    got = clean_correlation(w, vols, index)
    ws = w * vols[0]
    assert got[0] == pytest.approx((0.04 - ws @ ws) / (ws.sum() ** 2 - ws @ ws))
    two = np.array([0.5, 0.3]) / 0.8 * vols[1, :2]
    assert got[1] == pytest.approx((0.04 - two @ two) / (two.sum() ** 2 - two @ two))
    assert np.isnan(got[2:]).all()


def test_trailing_vol_is_the_second_moment_and_waits_for_a_full_window() -> None:
    vols = trailing_vols(np.array([[np.nan], [0.01], [-0.02], [0.03]]), 2)
    assert np.isnan(vols[:2, 0]).all()
    assert vols[2, 0] == pytest.approx(np.sqrt(252 * (0.01**2 + 0.02**2) / 2))
    assert vols[3, 0] == pytest.approx(np.sqrt(252 * (0.02**2 + 0.03**2) / 2))
    assert np.isnan(trailing_vols(np.ones((1, 1)), 2)).all()


def test_return_over_a_missing_close_is_missing() -> None:
    returns = simple_returns(np.array([[100.0], [110.0], [np.nan], [121.0], [121.0]]))
    assert returns[1, 0] == pytest.approx(0.1)
    assert np.isnan(returns[[0, 2, 3], 0]).all()
    assert returns[4, 0] == 0.0
