"""Do the forecasts learn from pairs that were complete, and shrink as written?"""

import numpy as np
import pytest

from dispersa.correlation.forecast import (
    CORRELATION_PRIOR,
    VOL_PRIOR,
    fit_correlation,
    fit_vols,
)
from dispersa.correlation.past import Past
from dispersa.correlation.realized import clean_correlation, trailing_vols

DAYS, NAMES, HORIZON = 330, 5, 21


def foresight() -> Past:
    """A past whose implied vols are exactly what the following window realized."""
    rng = np.random.default_rng(9)
    spread = np.exp(rng.normal(0, 0.4, (DAYS, 1)).cumsum(axis=0) / 8)
    returns = spread * (rng.normal(0, 0.01, (DAYS, NAMES)) + rng.normal(0, 0.008, (DAYS, 1)))
    weights = np.full(NAMES, 1 / NAMES)
    index_returns = returns @ weights

    def ahead(values: np.ndarray) -> np.ndarray:
        vols = np.full(values.shape, np.nan)
        for day in range(DAYS - HORIZON):
            vols[day] = np.sqrt(252 * (values[day + 1 : day + 1 + HORIZON] ** 2).mean(axis=0))
        return vols

    return Past(
        weights=weights,
        implied_vols=ahead(returns),
        index_implied_vols=ahead(index_returns[:, None])[:, 0],
        returns=returns,
        index_returns=index_returns,
    )


PAST = foresight()
FULL_PAIRS = DAYS - HORIZON - (HORIZON - 1)
MONTHS = FULL_PAIRS / HORIZON


def test_perfect_foresight_is_learned_exactly_without_a_prior() -> None:
    correlation = fit_correlation(PAST, HORIZON, prior_months=0)
    assert correlation.coefficients == pytest.approx((0, 1, 0), abs=1e-9)
    vols = fit_vols(PAST, HORIZON, prior_months=0)
    assert vols.coefficients == pytest.approx((1, 0), abs=1e-9)


def test_overlapping_pairs_count_as_independent_months() -> None:
    assert fit_correlation(PAST, HORIZON, 36).months == pytest.approx(MONTHS)
    assert fit_vols(PAST, HORIZON, 36).months == pytest.approx(MONTHS)


def test_coefficients_are_the_weighted_mean_of_sample_and_prior() -> None:
    share = MONTHS / (MONTHS + 36)
    got = fit_correlation(PAST, HORIZON, 36).coefficients
    want = [
        share * one + (1 - share) * prior
        for one, prior in zip((0, 1, 0), CORRELATION_PRIOR, strict=True)
    ]
    assert got == pytest.approx(want, abs=1e-9)
    got_vols = fit_vols(PAST, HORIZON, 36).coefficients
    want_vols = [
        share * one + (1 - share) * prior for one, prior in zip((1, 0), VOL_PRIOR, strict=True)
    ]
    assert got_vols == pytest.approx(want_vols, abs=1e-9)


def test_prediction_is_intercept_and_slopes() -> None:
    fit = fit_correlation(PAST, HORIZON, 36)
    b0, b1, b2 = fit.coefficients
    assert fit.predict(0.3, 0.2) == pytest.approx(b0 + 0.3 * b1 + 0.2 * b2)


def test_window_that_is_still_running_does_not_enter() -> None:
    # The last HORIZON days have an implied vol but no outcome: whatever it is, nothing changes.
    wild = PAST.implied_vols.copy()
    wild[-HORIZON:] = 5.0
    changed = Past(
        weights=PAST.weights,
        implied_vols=wild,
        index_implied_vols=np.where(
            np.arange(DAYS) >= DAYS - HORIZON, 9.0, PAST.index_implied_vols
        ),
        returns=PAST.returns,
        index_returns=PAST.index_returns,
    )
    assert fit_vols(changed, HORIZON, 36) == fit_vols(PAST, HORIZON, 36)
    assert fit_correlation(changed, HORIZON, 36) == fit_correlation(PAST, HORIZON, 36)


def test_sample_is_ordinary_least_squares_on_the_complete_pairs() -> None:
    rng = np.random.default_rng(10)
    noisy = Past(
        weights=PAST.weights,
        implied_vols=0.2 * np.exp(rng.normal(0, 0.1, (DAYS, NAMES))),
        index_implied_vols=0.15 * np.exp(rng.normal(0, 0.1, DAYS)),
        returns=PAST.returns,
        index_returns=PAST.index_returns,
    )
    implied = clean_correlation(noisy.weights, noisy.implied_vols, noisy.index_implied_vols)
    trailing = clean_correlation(
        noisy.weights,
        trailing_vols(noisy.returns, HORIZON),
        trailing_vols(noisy.index_returns[:, None], HORIZON)[:, 0],
    )
    rows = range(HORIZON - 1, DAYS - HORIZON)
    design = np.array([(1, implied[row], trailing[row]) for row in rows])
    outcome = np.array([trailing[row + HORIZON] for row in rows])
    want, *_ = np.linalg.lstsq(design, outcome, rcond=None)
    assert fit_correlation(noisy, HORIZON, 0).coefficients == pytest.approx(want.tolist())


def test_few_pairs_leave_the_prior_alone() -> None:
    short = Past(
        weights=PAST.weights,
        implied_vols=PAST.implied_vols[:80],
        index_implied_vols=PAST.index_implied_vols[:80],
        returns=PAST.returns[:80],
        index_returns=PAST.index_returns[:80],
    )
    fit = fit_correlation(short, HORIZON, 36)
    assert (fit.coefficients, fit.months) == (CORRELATION_PRIOR, 0.0)
