"""Ratios by hand, intervals by their coverage, the deflated Sharpe by its authors' example."""

import math
from datetime import date

import numpy as np
import pytest

from dispersa.backtest.evidence import walk_forward
from dispersa.backtest.result import DayRow
from dispersa.backtest.statistics import (
    block_bootstrap,
    deflated_sharpe,
    drawdown,
    drawdowns,
    sharpe,
    worst_month,
    yearly_mean,
)

NAN = float("nan")


def day(when: date, trading: float) -> DayRow:
    """A day with nothing but its P&L."""
    zeros = dict.fromkeys(
        (
            "equity",
            "pnl",
            "interest",
            "index",
            "components",
            "commissions",
            "slippage",
            "dividends",
            "borrow",
            "margin",
            "gross_exposure",
            "net_vega",
            "gross_vega",
            "net_delta",
            "implied_correlation",
            "forecast_correlation",
            "premium",
            "edge_gross",
            "edge_net",
            "cost",
            "vix",
            "index_vol",
            "average_vol",
        ),
        0.0,
    )
    return DayRow(
        day=when,
        trading=trading,
        trades_held=0,
        direction="",
        verdict="",
        stale_marks=0,
        halt="",
        **zeros,  # type: ignore[arg-type]  # none of these is the attribution
    )


def test_sharpe_of_two_days_by_hand() -> None:
    # mean 1, sample deviation sqrt(2): 1 / 1.41421356 x sqrt(252)
    assert sharpe([0.0, 2.0]) == pytest.approx(math.sqrt(252 / 2))
    assert sharpe([1.0, 1.0, 1.0]) == 0.0


def test_drawdown_counts_from_the_start_and_from_later_peaks() -> None:
    assert drawdown([-3.0, 5.0, -4.0, 1.0]) == 4.0  # from 2 down to -2
    assert drawdown([-3.0, 1.0]) == 3.0  # the beginning is a peak, too
    assert drawdowns([2.0, -1.0, 3.0]).tolist() == [0.0, -1.0, 0.0]


def test_worst_month_adds_the_days_of_a_month() -> None:
    rows = [day(date(2020, 1, 30), 5.0), day(date(2020, 2, 3), -4.0), day(date(2020, 2, 4), -3.0)]
    assert worst_month(rows) == -7.0


def test_bootstrap_interval_holds_the_true_mean_about_as_often_as_it_says() -> None:
    held = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        own = rng.standard_normal(400)
        dependent = np.convolve(own, np.ones(5) / 5, mode="same")  # weeks, not days
        found = block_bootstrap(
            dependent.tolist(), yearly_mean, seed=seed, block_days=21, draws=200
        )
        held += found.holds_zero
    assert 48 <= held <= 60  # 95 % of 60 is 57; four standard errors below is 50


def test_bootstrap_is_the_same_for_the_same_seed() -> None:
    days = np.random.default_rng(1).standard_normal(300).tolist()
    one, two = (block_bootstrap(days, yearly_mean, seed=7, draws=50) for _ in range(2))
    assert (one.low, one.high) == (two.low, two.high)


def test_deflated_sharpe_agrees_with_the_published_example() -> None:
    # Bailey and Lopez de Prado (2014), section 5: SR 2.5 a year over 1,250 days (250 a year),
    # skewness -3, kurtosis 10, 100 trials whose yearly variance is 1/2: SR0 = 0.1132 a day and
    # DSR = 0.9004. Days are made that have these moments, by mixing in jumps.
    rng = np.random.default_rng(3)
    days = _with_moments(rng, count=1_250, ratio=2.5 / math.sqrt(250), skewness=-3.0, kurtosis=10.0)
    spread = math.sqrt(0.5) * math.sqrt(252 / 250)  # our year has 252 days
    trials = rng.standard_normal(100)
    trials = (trials - trials.mean()) / trials.std(ddof=1) * spread
    found = deflated_sharpe(days.tolist(), trials=100, trial_sharpes=trials.tolist())
    assert found is not None
    assert found.hurdle / math.sqrt(252) == pytest.approx(0.1132, abs=2e-4)
    scale = math.sqrt(1 - found.skewness * 0.158114 + (found.kurtosis - 1) / 4 * 0.158114**2)
    by_hand = 0.5 * (1 + math.erf((0.158114 - 0.1132) * math.sqrt(1_249) / scale / math.sqrt(2)))
    assert found.probability == pytest.approx(by_hand, abs=2e-3)
    assert found.probability == pytest.approx(0.90, abs=0.02)


def _with_moments(
    rng: np.random.Generator, *, count: int, ratio: float, skewness: float, kurtosis: float
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Days of the wanted ratio; rare losses come near the wanted skewness and kurtosis."""
    jumps = int(count * 0.095)
    days = rng.standard_normal(count) * 0.35
    days[rng.choice(count, jumps, replace=False)] -= 3.0
    days = (days - days.mean()) / days.std(ddof=1) + ratio
    assert skewness - 1 < float((((days - days.mean()) / days.std()) ** 3).mean()) < skewness + 1
    assert kurtosis - 3 < float((((days - days.mean()) / days.std()) ** 4).mean()) < kurtosis + 3
    return np.asarray(days)


def test_more_trials_raise_the_hurdle() -> None:
    days = (np.random.default_rng(5).standard_normal(500) + 0.08).tolist()
    found = [deflated_sharpe(days, trials=count) for count in (1, 10, 1000)]
    chances = [each.probability for each in found if each is not None]
    assert chances == sorted(chances, reverse=True)
    assert found[0] is not None
    assert found[0].hurdle == 0.0


def test_walk_forward_chooses_by_earlier_years_only() -> None:
    def year(number: int, *pnl: float) -> list[DayRow]:
        return [day(date(number, 3, place + 1), value) for place, value in enumerate(pnl)]

    runs = {
        0.0: [*year(2020, 1.0, 2.0), *year(2021, -9.0, -8.0), *year(2022, 4.0, 5.0)],
        1.0: [*year(2020, 0.5, -0.5), *year(2021, 3.0, 4.0), *year(2022, -7.0, -6.0)],
    }
    found = list(walk_forward(runs))
    assert [(row.year, row.threshold) for row in found] == [("2021", 0.0), ("2022", 1.0)]
    assert [sum(row.trading) for row in found] == [-17.0, -13.0]  # each bad in the year it scored
