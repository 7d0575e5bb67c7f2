"""Is every name that is left out told why, and is the subset the best one?"""

from dataclasses import replace
from datetime import date
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispersa.correlation.selection import (
    Candidate,
    EarningsPolicy,
    Eligibility,
    Ineligible,
    heaviest,
    most_liquid,
    screen,
    tracking_subset,
)
from dispersa.errors import MarketDataMissing
from dispersa.market import Symbol

TODAY, EXPIRY = date(2026, 5, 26), date(2026, 6, 19)
GOOD = Candidate(
    symbol=Symbol("AAA"), weight=0.1, implied_vol=0.3, spread_vol_points=0.6, open_interest=5000
)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"implied_vol": None}, Ineligible.VOL_MISSING),
        ({"spread_vol_points": None}, Ineligible.QUOTE_MISSING),
        ({"spread_vol_points": 3.1}, Ineligible.SPREAD_WIDE),
        ({"open_interest": None}, Ineligible.OPEN_INTEREST_LOW),
        ({"open_interest": 99}, Ineligible.OPEN_INTEREST_LOW),
        ({"is_standard_deliverable": False}, Ineligible.DELIVERABLE_ADJUSTED),
        ({"corporate_action": "cash merger"}, Ineligible.CORPORATE_ACTION),
        ({"earnings": date(2026, 6, 19)}, Ineligible.EARNINGS),
        ({"earnings": date(2026, 5, 26)}, Ineligible.EARNINGS),
    ],
)
def test_ineligible_name_is_dropped_with_its_reason(
    changes: dict[str, object], code: Ineligible
) -> None:
    bad = replace(GOOD, **changes)  # type: ignore[arg-type]
    eligible, dropped = screen([bad], Eligibility(), TODAY, EXPIRY)
    assert eligible == ()
    assert dropped[0].code is code
    assert "AAA" in dropped[0].sentence


@pytest.mark.parametrize(
    "changes",
    [
        {"spread_vol_points": 3.0},
        {"open_interest": 100},
        {"earnings": date(2026, 6, 20)},
        {"earnings": date(2026, 5, 25)},
    ],
)
def test_name_at_a_limit_is_eligible(changes: dict[str, object]) -> None:
    good = replace(GOOD, **changes)  # type: ignore[arg-type]
    assert screen([good], Eligibility(), TODAY, EXPIRY) == ((good,), ())


def test_earnings_policy_decides_about_reporters() -> None:
    reporter = replace(GOOD, earnings=date(2026, 6, 3))
    known = replace(reporter, has_event_vol=True)
    allow = Eligibility(earnings=EarningsPolicy.ALLOW)
    with_event = Eligibility(earnings=EarningsPolicy.ALLOW_WITH_EVENT_VOL)
    assert screen([reporter], allow, TODAY, EXPIRY)[1] == ()
    assert screen([known], with_event, TODAY, EXPIRY)[1] == ()
    assert screen([reporter], with_event, TODAY, EXPIRY)[1][0].code is Ineligible.EVENT_VOL_MISSING


def test_heaviest_and_most_liquid_rank_by_their_own_measure() -> None:
    names = [
        replace(GOOD, symbol=Symbol("A"), weight=0.1, implied_vol=0.2, spread_vol_points=0.4),
        replace(GOOD, symbol=Symbol("B"), weight=0.3, implied_vol=0.3, spread_vol_points=0.9),
        replace(GOOD, symbol=Symbol("C"), weight=0.2, implied_vol=0.8, spread_vol_points=0.8),
    ]
    assert [one.symbol for one in heaviest(names, 2)] == ["B", "C"]
    assert [one.symbol for one in most_liquid(names, 2)] == ["C", "A"]


def problem(seed: int, names: int) -> tuple[list[Candidate], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    loadings = rng.normal(0, 0.15, (names, 3)) + 0.1
    covariance = loadings @ loadings.T + np.diag(rng.uniform(0.01, 0.1, names))
    weights = rng.dirichlet(np.ones(names))
    spreads = rng.uniform(0.2, 3, names)
    return (
        [
            replace(
                GOOD,
                symbol=Symbol(f"N{i}"),
                weight=float(weights[i]),
                spread_vol_points=float(spreads[i]),
            )
            for i in range(names)
        ],
        covariance,
        weights,
    )


def value(chosen: tuple[int, ...], made: tuple[list[Candidate], np.ndarray, np.ndarray]) -> float:
    """The objective written out: tracking in vol points plus half the cost."""
    candidates, covariance, weights = made
    shares = np.zeros(weights.size)
    shares[list(chosen)] = weights[list(chosen)] / weights[list(chosen)].sum()
    off = shares - weights
    cost = sum(shares[i] * (candidates[i].spread_vol_points or 0) for i in chosen)
    return float(100 * np.sqrt(off @ covariance @ off) + 0.5 * cost)


def test_subset_agrees_with_enumeration_on_small_cases() -> None:
    for seed in range(40):
        made = problem(seed, 8)
        subset = tracking_subset(*made, range(8), (3, 0.5))
        got = subset.tracking_vol_points + 0.5 * subset.cost_vol_points
        best = min(value(one, made) for size in (1, 2, 3) for one in combinations(range(8), size))
        assert got == pytest.approx(best, rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(2, 6))
def test_subset_is_never_worse_than_its_own_numbers_say(seed: int, count: int) -> None:
    made = problem(seed, 12)
    subset = tracking_subset(*made, range(12), (count, 0.5))
    chosen = tuple(int(one.symbol[1:]) for one in subset.names)
    assert len(chosen) <= count
    assert subset.tracking_vol_points + 0.5 * subset.cost_vol_points == pytest.approx(
        value(chosen, made)
    )
    assert subset.coverage == pytest.approx(sum(made[2][list(chosen)]))


def test_whole_index_without_cost_tracks_itself() -> None:
    made = problem(1, 6)
    subset = tracking_subset(*made, range(6), (6, 0.0))
    assert subset.tracking_vol_points == pytest.approx(0, abs=1e-6)
    assert subset.coverage == pytest.approx(1)


def test_subset_of_nothing_is_refused() -> None:
    _, covariance, weights = problem(1, 6)
    with pytest.raises(MarketDataMissing, match="0 names are eligible"):
        tracking_subset([], covariance, weights, [], (3, 0.0))
