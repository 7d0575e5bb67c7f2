"""Does a fetch go on where it was broken off, and does the product keep what it saw?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from dispersa.errors import BrokerRefused, Disconnected, RequestTimedOut
from dispersa.history.fetching import Bar, Fetch, fetch_bars
from dispersa.history.keeping import SnapshotSide, SnapshotStrike, keep_snapshot
from dispersa.history.store import Dataset, HistoryStore
from dispersa.market import Symbol

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)
MONDAY = date(2026, 6, 1)
NAMES = tuple(Symbol(name) for name in ("AAA", "BBB", "CCC"))
WANTED = Fetch(
    dataset=Dataset.IV_BARS,
    symbols=NAMES,
    days=2,
    through=MONDAY,
    known_at=NOW,
    source="broker",
)


@dataclass(frozen=True)
class OneDay:
    day: date
    open: float
    high: float
    low: float
    close: float


class Broker:
    """Answers with three days of bars, the last one still running; can be told to fail."""

    def __init__(self, failures: dict[str, Exception] | None = None) -> None:
        self.failures = failures or {}
        self.asked: list[str] = []

    async def read(self, symbol: Symbol) -> Sequence[Bar]:
        self.asked.append(symbol)
        if symbol in self.failures:
            raise self.failures[symbol]
        days = (date(2026, 5, 29), MONDAY, MONDAY + timedelta(days=1))
        return [OneDay(day, 0.2, 0.3, 0.1, 0.25) for day in days]


@pytest.fixture
def store(tmp_path: Path) -> HistoryStore:
    return HistoryStore(root=tmp_path / "history")


async def test_fetch_keeps_finished_days_only(store: HistoryStore) -> None:
    seen: list[tuple[int, int]] = []
    made = await fetch_bars(store, WANTED, Broker().read, lambda *at: seen.append(at))
    assert made.added == NAMES
    assert store.days(Dataset.IV_BARS, NAMES[0]) == (date(2026, 5, 29), MONDAY)
    assert seen == [(1, 3), (2, 3), (3, 3)]


async def test_fetch_broken_off_by_a_lost_connection_goes_on_where_it_was(
    store: HistoryStore,
) -> None:
    with pytest.raises(Disconnected):
        await fetch_bars(store, WANTED, Broker({"BBB": Disconnected("gone")}).read)
    again = Broker()
    made = await fetch_bars(store, WANTED, again.read)
    assert again.asked == ["BBB", "CCC"]
    assert (made.complete, made.added) == (("AAA",), ("BBB", "CCC"))


async def test_longer_fetch_asks_again_and_what_the_broker_lacks_counts_as_complete(
    store: HistoryStore,
) -> None:
    broker = Broker()
    await fetch_bars(store, WANTED, broker.read)
    assert (await fetch_bars(store, WANTED, broker.read)).complete == NAMES
    assert len(broker.asked) == 3
    longer = replace(WANTED, days=500, known_at=NOW + timedelta(hours=1))
    made = await fetch_bars(store, longer, broker.read)
    assert len(broker.asked) == 6
    assert (made.added, made.complete) == ((), NAMES)  # the broker has but the same two days


async def test_name_that_fails_is_reported_and_the_others_go_on(store: HistoryStore) -> None:
    broker = Broker({"AAA": BrokerRefused("no data", code=162), "BBB": RequestTimedOut("slow")})
    made = await fetch_bars(store, WANTED, broker.read)
    assert made.added == ("CCC",)
    assert made.failed == {"AAA": "no data", "BBB": "slow"}


async def test_name_without_finished_days_is_reported(store: HistoryStore) -> None:
    early = Fetch(
        dataset=Dataset.IV_BARS,
        symbols=NAMES[:1],
        days=2,
        through=date(2026, 1, 2),
        known_at=NOW,
        source="broker",
    )
    made = await fetch_bars(store, early, Broker().read)
    assert "no daily bars of AAA through 2026-01-02" in made.failed[Symbol("AAA")]


def test_snapshot_is_kept_once_with_what_was_missing_left_missing(store: HistoryStore) -> None:
    strikes = [
        SnapshotStrike(
            expiry=date(2026, 6, 19),
            strike=100.0,
            call=SnapshotSide(bid=1.0, ask=1.1, iv=0.2),
            put=SnapshotSide(ask=0.9),
        )
    ]
    spy = Symbol("SPY")
    first = keep_snapshot(store, spy, 101.0, strikes, (NOW, MONDAY), "broker")
    assert first is not None
    later = (NOW + timedelta(minutes=1), MONDAY)
    assert keep_snapshot(store, spy, 101.0, strikes, later, "broker") is None
    row = store.read(Dataset.SNAPSHOTS, spy).row(0, named=True)
    assert (row["call_bid"], row["put_bid"], row["put_iv"]) == (1.0, None, None)
    assert row["source"] == "broker"
    other = [replace(strikes[0], expiry=date(2026, 7, 17))]
    assert keep_snapshot(store, spy, 102.0, other, later, "broker") is not None
    assert store.read(Dataset.SNAPSHOTS, spy)["spot"].to_list() == [101.0, 102.0]
