"""What does the evidence show, and what does it not show? In sentences, before any picture."""

from collections.abc import Sequence
from dataclasses import dataclass

from dispersa.backtest.evidence import Evidence, costs_doubled, index_alone
from dispersa.backtest.result import BacktestResult, DayRow
from dispersa.backtest.statistics import (
    Deflated,
    Interval,
    block_bootstrap,
    deflated_sharpe,
    drawdown,
    sharpe,
    yearly_mean,
    yearly_sharpe,
)

TRADES_MIN = 30
SURE = 0.95
SEED = 20_261_122
"""Of the bootstrap: the same run reads the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The verdict in a sentence, its remarks, and the numbers behind them."""

    is_shown: bool
    verdict: str
    remarks: tuple[str, ...]
    yearly: Interval
    ratio: Interval
    deflated: Deflated | None
    alone: tuple[float, float]
    doubled: float


def read(result: BacktestResult, evidence: Evidence) -> Reading:
    """Judge a run."""
    trading = [row.trading for row in result.daily]
    yearly = block_bootstrap(trading, yearly_mean, seed=SEED)
    ratio = block_bootstrap(trading, yearly_sharpe, seed=SEED)
    deflated = deflated_sharpe(
        trading,
        trials=evidence.trials,
        trial_sharpes=[sharpe(each.trading) for each in evidence.thresholds],
    )
    ended = sum(row.closed is not None for row in result.trades)
    probability = 0.0 if deflated is None else deflated.probability
    is_shown = yearly.low > 0 and ended >= TRADES_MIN and probability >= SURE
    return Reading(
        is_shown=is_shown,
        verdict=_verdict(ended, yearly, is_shown=is_shown),
        remarks=tuple(_remarks(result, evidence, deflated, ended)),
        yearly=yearly,
        ratio=ratio,
        deflated=deflated,
        alone=(sum(index_alone(result.daily)), sharpe(index_alone(result.daily))),
        doubled=sum(costs_doubled(result.daily)),
    )


def _verdict(ended: int, yearly: Interval, *, is_shown: bool) -> str:
    span = f"{yearly.low:+,.0f} to {yearly.high:+,.0f} USD a year"
    if not ended:
        return "No trade was made and ended: these days show nothing about the trade."
    if is_shown:
        return (
            f"On this data the trade earned after cost: {yearly.value:+,.0f} USD a year, with 95 % "
            f"of resampled histories between {span}. That is this data, not the future."
        )
    if yearly.high < 0:
        return f"On this data the trade lost after cost: 95 % of resampled histories lie at {span}."
    if ended < TRADES_MIN:
        return (
            f"{ended} ended trades are too few to tell skill from luck: resampled histories give "
            f"{span}."
        )
    return (
        f"No edge is shown: {yearly.value:+,.0f} USD a year, and 95 % of resampled histories lie "
        f"anywhere from {span}."
    )


def _remarks(
    result: BacktestResult, evidence: Evidence, deflated: Deflated | None, ended: int
) -> list[str]:
    daily, found = result.daily, []
    trading = [row.trading for row in daily]
    if result.is_model_marked:
        found.append(
            "Model-marked: every price in this run is computed from vols and every spread is "
            "assumed. It tests rules and code, it is no evidence that a market would have paid."
        )
    if deflated is not None:
        word = "one look" if deflated.trials == 1 else f"{deflated.trials} looks"
        found.append(
            f"The chance that the true Sharpe ratio beats what luck shows in {word} at the data "
            f"({deflated.hurdle:.2f}) is {deflated.probability:.0%}; 95 % is asked for. Days have "
            f"skewness {deflated.skewness:+.1f} and kurtosis {deflated.kurtosis:.0f}: a normal "
            "day has 0 and 3."
        )
    found.append(_cost(daily))
    found.append(_against(result, evidence))
    worst = min(daily, key=lambda row: row.trading)
    found.append(
        f"The worst day was {worst.day:%d %b %Y} with {worst.trading:+,.0f}, the deepest fall "
        f"{drawdown(trading):,.0f}. {ended} trades have ended."
    )
    if evidence.walk:
        earned = sum(sum(year.trading) for year in evidence.walk)
        found.append(
            f"Walk-forward: with the edge threshold chosen each year by the years before, "
            f"{earned:+,.0f} USD over {len(evidence.walk)} years."
        )
    else:
        found.append(
            "Baselines, doubled costs and the walk-forward were not run; ask for them with "
            "--evidence before believing anything here."
        )
    found.extend(f"Lived through on the simulated gateway: {each}." for each in evidence.depths)
    stale = sum(row.stale_marks for row in daily)
    if stale:
        found.append(
            f"{stale} marks of held contracts were stale: their name had no data that day."
        )
    return found


def _cost(daily: Sequence[DayRow]) -> str:
    own, cost = (
        sum(row.trading for row in daily),
        sum(row.commissions + row.slippage for row in daily),
    )
    return (
        f"Before cost {own + cost:+,.0f} USD, cost {cost:,.0f}, after cost {own:+,.0f}; had "
        f"the same fills cost twice as much, {sum(costs_doubled(daily)):+,.0f}. Interest on idle "
        f"cash ({sum(row.interest for row in daily):+,.0f}) is in none of these."
    )


def _against(result: BacktestResult, evidence: Evidence) -> str:
    own = sum(row.trading for row in result.daily)
    index = sum(index_alone(result.daily))
    parts = [f"the index straddle of the same trades alone {index:+,.0f}"]
    parts += [f"{each.name} {sum(each.trading):+,.0f}" for each in evidence.baselines]
    return f"This run {own:+,.0f} USD against: {'; '.join(parts)}."
