"""What happens without an order: dividends, assignment, expiry in shares and in cash."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from dispersa.backtest import BacktestResult, run
from dispersa.backtest.grids import GridSource
from dispersa.market import Symbol, UnderlyingKind
from tests.backtest.worlds import WARMUP, fair_settings, world

DAYS = WARMUP + 25


def to_expiry(source: GridSource, *, is_hedged: bool = False) -> BacktestResult:
    """Hold whatever was bought until it expires."""
    settings = fair_settings(is_hedged=is_hedged)
    exits = settings.config.exits.model_copy(
        update={
            "dte_min": None,
            "profit_share": None,
            "loss_share": None,
            "vix_max": None,
            "vix_rise": None,
            "correlation_rise_points": None,
        }
    )
    config = settings.config.model_copy(update={"exits": exits})
    return run(replace(settings, config=config), source)


def remade(source: GridSource, **changes: object) -> GridSource:
    own = {
        "label": source.label,
        "grid": source.grid,
        "statements": (),
        "warmup": source.warmup,
        "spreads": source.spreads,
    }
    return GridSource(**{**own, **changes})  # type: ignore[arg-type]  # keywords of a test


def expiry_of(result: BacktestResult, source: GridSource) -> date:
    """The day on which the first trade's options expire, by their labels."""
    label = next(row.contract for row in result.fills if row.purpose == "open").split()[1]
    return next(day for day in source.days if f"{day:%d%b%y}".upper() == label)


def by_hand(result: BacktestResult, source: GridSource) -> float:
    """Payoff of every option at expiry less what was paid for it, from fills and spots alone."""
    row_of_expiry = source.grid.days.index(expiry_of(result, source))
    total = 0.0
    for row in result.fills:
        if row.trade != result.trades[0].trade or row.purpose != "open":
            continue
        _, _, strike, right = row.contract.split()
        column = list(source.grid.symbols).index(Symbol(row.symbol))
        spot = round(float(source.grid.spots[row_of_expiry, column]), 4)
        payoff = max((1 if right == "C" else -1) * (spot - float(strike)), 0.0)
        total += (1 if row.side == "BUY" else -1) * row.quantity * 100 * (payoff - row.price)
    return total


@pytest.mark.parametrize("kind", [UnderlyingKind.ETF, UnderlyingKind.INDEX])
def test_a_trade_held_to_expiry_pays_its_payoff_in_shares_or_in_cash(kind: UnderlyingKind) -> None:
    source = remade(world(4, days=DAYS), index_kind=kind)
    result = to_expiry(source)
    last = expiry_of(result, source)
    days = [row for row in result.daily if row.day <= last]
    paid = sum(row.trading + row.commissions for row in days)
    expected = by_hand(result, source)
    assert paid == pytest.approx(expected, abs=1.0)
    assert abs(expected) > 1_000  # otherwise the comparison would prove nothing
    first = result.trades[0]
    assert first.reason == "expired"
    assert first.closed == next(day for day in source.days if day > last)  # the shares are sold


def test_dividends_reach_the_shares_that_hedge() -> None:
    source = world(6)
    dividends = np.zeros_like(source.grid.spots)
    dividends[WARMUP + 5 : WARMUP + 9, 1:] = 0.25
    grid = replace(source.grid, dividends=dividends)
    result = run(fair_settings(), remade(source, grid=grid))
    paid = {row.day: row.dividends for row in result.daily if row.dividends}
    assert set(paid) <= set(source.days[5:9])
    assert paid
    row = next(row for row in result.daily if row.day in paid)
    assert row.attribution["dividends"] == pytest.approx(row.dividends)


def test_a_short_call_is_assigned_before_a_dividend_worth_more_than_its_put() -> None:
    source = world(8)
    spots = source.grid.spots.copy()
    turn = WARMUP + 4
    spots[turn:, 0] *= 1.30  # the index straddle's call is deep in the money, its put worthless
    dividends = np.zeros_like(spots)
    dividends[turn + 2, 0] = 3.0
    grid = replace(source.grid, spots=spots, dividends=dividends)
    result = to_expiry(remade(source, grid=grid))
    ex_day = source.days[turn + 2 - WARMUP]
    row = next(row for row in result.daily if row.day == ex_day)
    assert row.dividends < 0  # the shares were delivered short, and owe the dividend
