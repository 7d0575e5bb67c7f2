"""Invented markets of which the answer is known: no premium, a planted one.

Many seeds take minutes: DISPERSA_WORLDS=120 (as `make soak` sets it) runs that many of each.
"""

import math
import os
from functools import cache

import numpy as np
import pytest

from tests.backtest.worlds import one_trade

SEEDS = range(1, int(os.environ.get("DISPERSA_WORLDS", "4")) + 1)
ERRORS = 3.5
"""Standard errors that chance alone crosses once in two thousand times."""


@cache
def before_cost(premium: float) -> tuple[tuple[float, float, float], ...]:
    """P&L before cost, after cost, and index vega of the trade, by seed."""
    rows = []
    for seed in SEEDS:
        result = one_trade(seed, premium=premium)
        summary = result.summary
        rows.append(
            (
                float(summary["pnl_before_cost_usd"]),
                float(summary["pnl_usd"]),
                result.trades[0].vega,
            )
        )
    return tuple(rows)


def test_without_a_premium_the_trade_loses_its_cost_and_nothing_else() -> None:
    rows = np.array(before_cost(0.0))
    gross, costs = rows[:, 0], rows[:, 0] - rows[:, 1]
    error = gross.std(ddof=1) / math.sqrt(len(gross))
    assert abs(gross.mean()) < ERRORS * error
    assert (costs > 0).all()
    assert abs(rows[:, 1].mean() + costs.mean()) < ERRORS * error


def test_a_planted_premium_is_recovered_in_size() -> None:
    # Index vol .3 sqrt(1/4 + 3/4 rho): 21.48 at the true correlation of .35, 23.72 at the implied
    # .50. Of that 2.24 points a trade from 28 to 7 days earns the vega that decays meanwhile,
    # 1 - sqrt(7/28) = half. The same paths are run with and without, so chance cancels.
    plain, planted = np.array(before_cost(0.0)), np.array(before_cost(0.15))
    gained = planted[:, 0] - plain[:, 0] * planted[:, 2] / plain[:, 2]
    expected = 100 * (0.3 * math.sqrt(0.625) - 0.3 * math.sqrt(0.5125)) * 0.5 * planted[:, 2]
    error = gained.std(ddof=1) / math.sqrt(len(gained))
    assert gained.mean() > 0
    assert gained.mean() == pytest.approx(
        expected.mean(), abs=ERRORS * error + 0.25 * expected.mean()
    )
