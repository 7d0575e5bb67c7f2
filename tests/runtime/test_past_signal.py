"""Does the signal of a past day come from what the store held by then, and from nothing later?"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dispersa.correlation.research import ASSUMED_SPREAD
from dispersa.correlation.terms import Signal, SignalPolicy
from dispersa.errors import InvalidInput
from dispersa.history.importing import CHAIN_SCHEMA
from dispersa.history.store import BAR_SCHEMA, Dataset, HistoryStore
from dispersa.market import Basket, Symbol, Weight
from dispersa.runtime.past_signal import VOL_OF_DAILY_BAR, PastQuestion, past_signal

NAMES = ("AAA", "BBB", "CCC", "DDD", "EEE")
KNOWN = datetime(2026, 9, 1, tzinfo=UTC)
DAYS = [day for n in range(220) if (day := date(2026, 1, 1) + timedelta(days=n)).weekday() < 5]
ASKED = DAYS[120]
QUESTION = PastQuestion(
    day=ASKED,
    basket=Basket(
        index=Symbol("IDX"),
        as_of=DAYS[0],
        weights=tuple(Weight(symbol=Symbol(name), weight=0.2) for name in NAMES),
    ),
    names=5,
    tenor_days=30,
    policy=SignalPolicy(history_days_min=40),
)


def bars(symbol: str, days: list[date], values: list[float]) -> pl.DataFrame:
    rows = [(day, symbol, v, v, v, v, None) for day, v in zip(days, values, strict=True)]
    return pl.DataFrame(rows, schema=BAR_SCHEMA, orient="row")


def filled(root: Path, through: date = DAYS[-1]) -> HistoryStore:
    """Bars of an index and five names, their last day as given."""
    store = HistoryStore(root=root)
    rng = np.random.default_rng(3)
    common = rng.normal(0, 0.008, len(DAYS))
    own = rng.normal(0, 0.012, (5, len(DAYS)))
    returns = dict(zip(NAMES, common + own, strict=True)) | {"IDX": common + own.mean(axis=0)}
    days = [day for day in DAYS if day <= through]
    for symbol, moves in returns.items():
        closes = (100 * np.cumprod(1 + moves)).tolist()[: len(days)]
        level = 0.20 if symbol == "IDX" else 0.27
        vols = (level + 0.02 * np.sin(np.arange(len(DAYS)) / 9)).tolist()[: len(days)]
        for dataset, values in ((Dataset.TRADE_BARS, closes), (Dataset.IV_BARS, vols)):
            store.append(dataset, bars(symbol, days, values), known_at=KNOWN, source="test")
    return store


def test_daily_bars_alone_give_a_signal_that_says_so(tmp_path: Path) -> None:
    found = past_signal(filled(tmp_path), QUESTION)
    assert found.as_of == datetime(2026, 6, 18, 20, tzinfo=UTC)
    assert found.implied_correlation is not None
    assert found.edge_net is not None
    assert found.history_days == 120
    assert all({VOL_OF_DAILY_BAR, ASSUMED_SPREAD} <= set(row.flags) for row in found.names)


def test_cutting_the_future_off_changes_nothing(tmp_path: Path) -> None:
    whole = past_signal(filled(tmp_path / "whole"), QUESTION)
    cut = past_signal(filled(tmp_path / "cut", through=ASKED), QUESTION)
    assert cut == whole


def chain(symbol: str, vol: float, width: float) -> pl.DataFrame:
    rows = [
        dict.fromkeys(CHAIN_SCHEMA)
        | {"date": ASKED, "symbol": symbol, "strike": strike, "spot": 100.0}
        | {"expiry": ASKED + timedelta(days=days), "call_iv": vol, "put_iv": vol}
        | {"call_bid": 2.0, "call_ask": 2.0 + width, "put_bid": 2.0, "put_ask": 2.0 + width}
        for days in (20, 40)
        for strike in (95.0, 100.0, 105.0)
    ]
    return pl.DataFrame(rows, schema=CHAIN_SCHEMA)


@pytest.mark.parametrize("dataset", [Dataset.CHAINS, Dataset.SNAPSHOTS])
def test_chain_of_the_day_gives_its_vol_and_its_quoted_spread(
    tmp_path: Path, dataset: Dataset
) -> None:
    store = filled(tmp_path)
    store.append(dataset, chain("AAA", 0.4, 0.1), known_at=KNOWN, source="test")
    row = past_signal(store, QUESTION).names[0]
    assert row.symbol == "AAA"
    assert row.implied_vol == pytest.approx(0.4)
    assert row.spread_vol_points == pytest.approx(40 * 0.2 / 4.1)  # width over mid, times the vol
    assert row.flags == ()


def test_day_that_is_not_held_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="neither a chain nor a daily bar of implied vol of IDX"):
        past_signal(filled(tmp_path), replace(QUESTION, day=date(2026, 3, 1)))


def test_name_without_bars_is_dropped_with_its_reason(tmp_path: Path) -> None:
    basket = replace(
        QUESTION.basket,
        weights=(*QUESTION.basket.weights, Weight(symbol=Symbol("NEW"), weight=0.1)),
    )
    found: Signal = past_signal(filled(tmp_path), replace(QUESTION, basket=basket, names=6))
    dropped = {row.symbol: row.dropped for row in found.names if row.dropped}
    assert list(dropped) == ["NEW"]
