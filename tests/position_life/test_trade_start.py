"""Do exit rules see the market as it was when the trade began?"""

import pytest

from dispersa.correlation.terms import Direction
from dispersa.desk.state import TradeStart
from dispersa.market import Symbol
from dispersa.runtime.daily_cycle import implied_among

START = TradeStart(
    index=Symbol("QQQ"),
    direction=Direction.LONG_DISPERSION,
    vix=16.0,
    vols={Symbol("QQQ"): 0.2, Symbol("A"): 0.2, Symbol("B"): 0.4},
    weights={Symbol("A"): 0.3, Symbol("B"): 0.3},
)


def test_correlation_is_that_of_the_names_held_with_weights_to_one() -> None:
    """Half each: A = 0.3, B = 0.01 + 0.04 = 0.05, so (0.04 - 0.05) / (0.09 - 0.05) = -0.25."""
    assert implied_among(START, START.vols) == pytest.approx(-0.25)


def test_a_vol_that_is_missing_leaves_the_correlation_unseen() -> None:
    assert implied_among(START, {Symbol("QQQ"): 0.2, Symbol("A"): 0.2}) is None
