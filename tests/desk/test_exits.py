"""When is a trade closed, and how much of each package where only part of it is?"""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispersa.desk.exits import (
    ExitPolicy,
    ExitReason,
    TradeLook,
    balanced_counts,
    exit_of,
    unseen,
)
from dispersa.errors import InvalidConfig, InvalidInput

CALM = TradeLook(
    profit_usd=Decimal(0),
    premium_usd=Decimal(100_000),
    days_to_expiry=20,
    edge_vol_points=1.0,
    vix=18.0,
    vix_at_start=17.0,
    correlation=0.25,
    correlation_at_start=0.22,
)
POLICY = ExitPolicy(edge_min_vol_points=0.0)

TABLE: list[tuple[str, dict[str, object], ExitReason | None]] = [
    ("nothing happens", {}, None),
    ("just below the target", {"profit_usd": Decimal("24999.99")}, None),
    ("at the target", {"profit_usd": Decimal(25_000)}, ExitReason.PROFIT_TARGET),
    ("just above the loss limit", {"profit_usd": Decimal("-19999.99")}, None),
    ("at the loss limit", {"profit_usd": Decimal(-20_000)}, ExitReason.LOSS_LIMIT),
    ("eight days left", {"days_to_expiry": 8}, None),
    ("seven days left", {"days_to_expiry": 7}, ExitReason.DTE_FLOOR),
    ("the edge has gone", {"edge_vol_points": -0.01}, ExitReason.EDGE_GONE),
    ("the edge is not known", {"edge_vol_points": None}, None),
    ("VIX at its most", {"vix": 40.0}, ExitReason.VIX_SHOCK),
    ("VIX rose", {"vix": 32.0}, ExitReason.VIX_SHOCK),
    ("VIX not known", {"vix": None}, None),
    ("correlation rose", {"correlation": 0.48}, ExitReason.CORRELATION_SHOCK),
    ("correlation fell", {"correlation": 0.01, "correlation_at_start": 0.4}, None),
    (
        "correlation fell and the index was bought",
        {"correlation": 0.01, "correlation_at_start": 0.4, "is_short_correlation": False},
        ExitReason.CORRELATION_SHOCK,
    ),
    (
        "a loss goes before the floor",
        {"profit_usd": Decimal(-50_000), "days_to_expiry": 1},
        ExitReason.LOSS_LIMIT,
    ),
    ("no premium, no share", {"premium_usd": Decimal(0), "profit_usd": Decimal(9)}, None),
]


@pytest.mark.parametrize(
    ("changes", "expected"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
def test_exit_rules(changes: dict[str, object], expected: ExitReason | None) -> None:
    found = exit_of(replace(CALM, **changes), POLICY)  # type: ignore[arg-type]
    assert (None if found is None else found.reason) == expected


def test_a_rule_that_is_off_decides_nothing() -> None:
    off = ExitPolicy(
        profit_share=None, loss_share=None, dte_min=None, vix_max=None, vix_rise=None,
        correlation_rise_points=None,
    )  # fmt: skip
    worst = replace(CALM, profit_usd=Decimal(-90_000), days_to_expiry=0, vix=80.0, correlation=0.9)
    assert exit_of(worst, off) is None


def test_what_was_not_measured_is_named() -> None:
    assert unseen(replace(CALM, vix=None, profit_usd=None)) == ("profit_usd", "vix")


def test_a_roll_at_the_floor_is_said_so() -> None:
    found = exit_of(replace(CALM, days_to_expiry=3), ExitPolicy(rolls_at_dte_floor=True))
    assert found is not None
    assert found.rolls


def test_a_limit_of_zero_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="loss_share"):
        ExitPolicy(loss_share=0.0)


def test_all_of_a_trade_is_all_of_it_however_unbalanced() -> None:
    held = {"I": (2, 1250.0), "A": (-17, 43.3), "B": (-6, 95.7)}
    assert balanced_counts(held, 1.0) == {"I": 2, "A": 17, "B": 6}


def test_half_of_three_index_straddles_takes_names_that_match_what_is_closed() -> None:
    # Half is 1.5 index straddles: one is closed, and names worth its 1,000, not half of all names.
    counts = balanced_counts({"I": (3, 1000.0), "A": (-30, 100.0)}, 0.5)
    assert (counts["I"], counts["A"]) in {(1, 15), (2, 15)}
    assert counts["A"] == 15


def test_a_share_outside_its_range_is_refused() -> None:
    with pytest.raises(InvalidInput, match="share"):
        balanced_counts({"I": (1, 1.0)}, 1.5)


@given(
    st.lists(st.tuples(st.integers(1, 60), st.floats(10, 400)), min_size=1, max_size=8),
    st.integers(1, 8),
    st.floats(0.05, 1.0),
)
def test_a_partial_closing_never_exceeds_what_is_held_nor_strays_from_its_share(
    names: list[tuple[int, float]], index: int, share: float
) -> None:
    vega = sum(size * each for size, each in names) / index
    held = {f"N{k}": (-size, each) for k, (size, each) in enumerate(names)}
    held["I"] = (index, vega)
    counts = balanced_counts(held, share)
    for key, (size, _) in held.items():
        assert abs(counts[key] - share * abs(size)) < 1 + 1e-6
        assert 0 <= counts[key] <= abs(size)
