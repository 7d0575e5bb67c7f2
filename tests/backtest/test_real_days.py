"""Thirty-two real days of chains: splits, names that join late, reports. Skips without the data."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from dispersa.backtest import BacktestSettings, Entry, run
from dispersa.backtest.chains import ChainSource
from dispersa.backtest.sources import levels
from dispersa.market import Symbol
from dispersa.runtime.config.settings import Settings

NAMES = 8
SPLIT = date(2026, 6, 12)


@pytest.fixture(scope="module")
def source(test_data: Path) -> ChainSource:
    folder = test_data / "us_chains_2026"
    if not folder.is_dir():
        pytest.skip(f"no chains: {folder} is not a folder")
    return ChainSource.read(
        folder / "chains.parquet",
        folder / "estimated_weights.csv.gz",
        Symbol("QQQ"),
        vix=levels(test_data / "cboe_indices" / "vix-daily_to_2026-07-23.csv"),
        names=60,
    )


def test_every_real_day_runs_through_and_the_books_add_up(source: ChainSource) -> None:
    config = Settings.model_validate({"universe": {"names": NAMES, "dte_min": 14}})
    result = run(BacktestSettings(config=config, entry=Entry.ALWAYS), source)
    assert len(result.daily) == len(source.days) == 32
    assert result.trades
    equity = float(result.settings.capital_usd) + sum(row.pnl for row in result.daily)
    assert result.daily[-1].equity == pytest.approx(equity, abs=0.01)
    for row in result.daily:
        assert sum(row.attribution.values()) == pytest.approx(row.trading, abs=0.05)


def test_a_split_moves_neither_price_nor_history_in_the_runs_terms(source: ChainSource) -> None:
    # KLAC split ten for one on the day: about 2,000 dollars before, about 200 after.
    rows = [row for row in source.days if abs((row - SPLIT).days) <= 1]
    before, after = source.market(rows[0]).names, source.market(SPLIT).names
    klac = Symbol("KLAC")
    assert after[klac].contracts_per_unit == 10
    assert before[klac].contracts_per_unit == 1
    assert after[klac].spot / before[klac].spot == pytest.approx(1, abs=0.15)
    _, closes = source.history(klac, source.days[-1])
    assert np.abs(np.diff(np.log(closes.values))).max() < 0.25


def test_a_name_that_joins_late_is_not_there_before(source: ChainSource) -> None:
    first, last = source.market(source.days[0]), source.market(source.days[-1])
    late = last.names.keys() - first.names.keys()
    assert late
    for symbol in late:
        vols, closes = source.history(symbol, source.days[-1])
        assert len(vols.dates) < len(source.days) - 1
        assert closes.dates[0] > source.days[0]


def test_the_split_is_not_known_the_day_before(source: ChainSource) -> None:
    day_before = max(day for day in source.days if day < SPLIT)
    cut = source.truncated(day_before)
    klac = Symbol("KLAC")
    assert cut.market(day_before).names[klac] == source.market(day_before).names[klac]
    whole, known = (each.history(klac, day_before) for each in (source, cut))
    assert whole == known
    assert SPLIT not in cut.days


def test_a_reenactable_day_needs_settings_only(source: ChainSource) -> None:
    config = Settings.model_validate({"universe": {"names": 4, "dte_min": 14}})
    asked = BacktestSettings(config=config, entry=Entry.ALWAYS)
    one = replace(asked, start=source.days[3], end=source.days[3])
    result = run(one, source)
    assert [row.day for row in result.daily] == [source.days[3]]
    assert {row.purpose for row in result.fills} >= {"open"}
