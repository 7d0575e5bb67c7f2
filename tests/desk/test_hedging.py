"""Is delta hedged when and as far as it is worth its cost?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dispersa.desk.hedging import (
    Borrow,
    HedgePolicy,
    HedgeVerdict,
    NameDelta,
    StraddleLook,
    band_shares,
    hedge_of,
    restrike_of,
)
from dispersa.errors import InvalidConfig
from dispersa.market import Symbol, UnderlyingKind

OPENS = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
CLOSES = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)
NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
POLICY = HedgePolicy(delta_usd_min=1_000.0)
NAME = NameDelta(
    symbol=Symbol("AAPL"),
    kind=UnderlyingKind.STOCK,
    delta_shares=900.0,
    gamma=40.0,
    spot=250.0,
    half_spread=0.01,
    shares_held=5_000,
)


def hedge(at: datetime = NOON, **changes: object) -> tuple[HedgeVerdict, int]:
    found = hedge_of(replace(NAME, **changes), POLICY, at, OPENS, CLOSES)  # type: ignore[arg-type]
    return found.verdict, found.shares


def test_band_is_the_formula_of_whalley_and_wilmott() -> None:
    # (1.5 x (0.015 / 250) x 250 x 1600 / 1e-5)^(1/3) = 3,600,000^(1/3)
    assert band_shares(NAME, POLICY) == pytest.approx(153.26, abs=0.01)


def test_a_wider_spread_widens_the_band_and_more_aversion_narrows_it() -> None:
    assert band_shares(replace(NAME, half_spread=0.10), POLICY) > band_shares(NAME, POLICY)
    bold = replace(POLICY, risk_aversion_per_usd=1e-3)
    assert band_shares(NAME, bold) < band_shares(NAME, POLICY)


def test_without_gamma_the_smallest_order_is_the_band() -> None:
    assert band_shares(replace(NAME, gamma=0.0), POLICY) == pytest.approx(4.0)


def test_delta_goes_back_to_the_edge_and_the_next_look_is_content() -> None:
    verdict, shares = hedge()
    assert (verdict, shares) == (HedgeVerdict.TRADE, -747)
    assert hedge(delta_shares=900.0 + shares)[0] is HedgeVerdict.INSIDE


TABLE: list[tuple[str, dict[str, object], datetime, tuple[HedgeVerdict, int]]] = [
    ("long delta inside", {"delta_shares": 100.0}, NOON, (HedgeVerdict.INSIDE, 0)),
    ("short delta buys", {"delta_shares": -900.0}, NOON, (HedgeVerdict.TRADE, 747)),
    ("just opened", {}, OPENS + timedelta(minutes=1), (HedgeVerdict.BLOCKED, 0)),
    ("before the close", {}, CLOSES - timedelta(minutes=9), (HedgeVerdict.BLOCKED, 0)),
    ("locked", {"is_locked": True}, NOON, (HedgeVerdict.BLOCKED, 0)),
    ("an order works", {"has_order": True}, NOON, (HedgeVerdict.BLOCKED, 0)),
    ("an index", {"kind": UnderlyingKind.INDEX}, NOON, (HedgeVerdict.BLOCKED, 0)),
    ("short sale, borrow unknown", {"shares_held": 0}, NOON, (HedgeVerdict.BLOCKED, 0)),
    ("some held, borrow unknown", {"shares_held": 300}, NOON, (HedgeVerdict.TRADE, -300)),
    (
        "borrow is enough",
        {"shares_held": 0, "borrow": Borrow(shares=10_000, fee=0.003)},
        NOON,
        (HedgeVerdict.TRADE, -747),
    ),
    (
        "borrow is short",
        {"shares_held": 100, "borrow": Borrow(shares=200, fee=0.003)},
        NOON,
        (HedgeVerdict.TRADE, -300),
    ),
    (
        "short already, nothing more to borrow",
        {"shares_held": -400, "borrow": Borrow(shares=0, fee=0.003)},
        NOON,
        (HedgeVerdict.BLOCKED, 0),
    ),
    (
        "borrow is dear",
        {"shares_held": 0, "borrow": Borrow(shares=10_000, fee=0.30)},
        NOON,
        (HedgeVerdict.BLOCKED, 0),
    ),
]


@pytest.mark.parametrize(
    ("changes", "at", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_hedge_table(
    changes: dict[str, object], at: datetime, expected: tuple[HedgeVerdict, int]
) -> None:
    assert hedge(at, **changes) == expected


def test_a_straddle_is_struck_anew_when_vega_or_delta_has_gone() -> None:
    # Vector block C: 30 days, vol 25 %: a 5 % move leaves 0.75 to 0.81 of the vega, 10 % 0.32.
    near = StraddleLook(label="A", vega=0.78, vega_at_strike=1.0, delta=0.2)
    assert restrike_of(near, POLICY) is None
    assert "32%" in (restrike_of(replace(near, vega=0.32), POLICY) or "")
    assert "+0.40" in (restrike_of(replace(near, delta=0.40), POLICY) or "")


def test_nonsense_in_the_policy_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="risk aversion"):
        HedgePolicy(risk_aversion_per_usd=0.0)
