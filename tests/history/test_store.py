"""Is the store append-only, atomic, point-in-time and honest about where rows came from?"""

import multiprocessing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from dispersa.errors import InvalidInput
from dispersa.history.coverage import coverage, months_of, weekdays_in
from dispersa.history.store import BAR_SCHEMA, Dataset, HistoryStore
from dispersa.market import Symbol
from dispersa.reports.correlation_history import coverage_table, shade

SPY = Symbol("SPY")
MONDAY = datetime(2026, 6, 1, 21, tzinfo=UTC)
TUESDAY = MONDAY + timedelta(days=1)


def bars(closes: dict[str, float], symbol: str = "SPY") -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"date": date.fromisoformat(day), "symbol": symbol, "close": close, "volume": 1.0}
            | dict.fromkeys(("open", "high", "low"), close)
            for day, close in closes.items()
        ],
        schema=BAR_SCHEMA,
    )


@pytest.fixture
def store(tmp_path: Path) -> HistoryStore:
    return HistoryStore(root=tmp_path / "history")


def closes(store: HistoryStore, known_by: datetime | None = None) -> dict[str, float]:
    rows = store.read(Dataset.TRADE_BARS, SPY, known_by)
    return {str(day): close for day, close in rows.select("date", "close").iter_rows()}


def test_reader_sees_only_what_was_known_at_the_moment(store: HistoryStore) -> None:
    store.append(
        Dataset.TRADE_BARS,
        bars({"2026-05-28": 1.0, "2026-05-29": 2.0}),
        known_at=MONDAY,
        source="first",
    )
    store.append(
        Dataset.TRADE_BARS,
        bars({"2026-05-29": 2.5, "2026-06-01": 3.0}),
        known_at=TUESDAY,
        source="second",
    )
    assert closes(store, MONDAY - timedelta(seconds=1)) == {}
    assert closes(store, MONDAY) == {"2026-05-28": 1.0, "2026-05-29": 2.0}
    assert closes(store) == {"2026-05-28": 1.0, "2026-05-29": 2.5, "2026-06-01": 3.0}
    sources = store.read(Dataset.TRADE_BARS, SPY)["source"].to_list()
    assert sources == ["first", "second", "second"]


def test_same_addition_twice_is_one_file(store: HistoryStore) -> None:
    for moment in (MONDAY, TUESDAY):
        store.append(
            Dataset.TRADE_BARS, bars({"2026-05-29": 2.0}), known_at=moment, source="vendor"
        )
    assert len(list(store.additions(Dataset.TRADE_BARS, SPY))) == 1


def test_value_that_was_revised_and_revised_back_is_known_as_such(store: HistoryStore) -> None:
    for days, close in enumerate((2.0, 2.5, 2.0)):
        store.append(
            Dataset.TRADE_BARS,
            bars({"2026-05-29": close}),
            known_at=MONDAY + timedelta(days=days),
            source="vendor",
        )
    assert closes(store) == {"2026-05-29": 2.0}
    assert closes(store, TUESDAY) == {"2026-05-29": 2.5}


def test_two_sources_at_one_moment_do_not_double_a_day(store: HistoryStore) -> None:
    for source, close in (("a", 1.0), ("b", 2.0)):
        store.append(
            Dataset.TRADE_BARS, bars({"2026-05-29": close}), known_at=MONDAY, source=source
        )
    assert store.read(Dataset.TRADE_BARS, SPY).height == 1


def test_earlier_files_are_never_touched(store: HistoryStore) -> None:
    first = store.append(Dataset.TRADE_BARS, bars({"2026-05-29": 2.0}), known_at=MONDAY, source="v")
    assert first is not None
    before = (first.read_bytes(), first.stat().st_mtime_ns)
    store.append(Dataset.TRADE_BARS, bars({"2026-05-29": 3.0}), known_at=TUESDAY, source="v")
    assert (first.read_bytes(), first.stat().st_mtime_ns) == before


def test_symbol_with_a_slash_or_a_blank_keeps_its_name(store: HistoryStore) -> None:
    for symbol in ("BRK B", "BF/B"):
        store.append(
            Dataset.TRADE_BARS, bars({"2026-05-29": 1.0}, symbol), known_at=MONDAY, source="v"
        )
    assert store.symbols(Dataset.TRADE_BARS) == ("BF/B", "BRK B")
    assert store.read(Dataset.TRADE_BARS, Symbol("BF/B")).height == 1


@pytest.mark.parametrize(
    ("rows", "moment", "said"),
    [
        (bars({}), MONDAY, "no rows"),
        (bars({"2026-05-29": 1.0}).drop("close"), MONDAY, "lack close"),
        (bars({"2026-05-29": 1.0}), MONDAY.replace(tzinfo=None), "has no zone"),
        (
            pl.concat([bars({"2026-05-29": 1.0}), bars({"2026-05-29": 1.0}, "QQQ")]),
            MONDAY,
            "one symbol",
        ),
    ],
)
def test_what_is_no_addition_is_refused_and_leaves_nothing(
    store: HistoryStore, rows: pl.DataFrame, moment: datetime, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        store.append(Dataset.TRADE_BARS, rows, known_at=moment, source="v")
    assert not store.root.exists()


def _append(root: Path, number: int) -> None:
    HistoryStore(root=root).append(
        Dataset.TRADE_BARS,
        bars({"2026-05-29": float(number + 1)}),
        known_at=MONDAY + timedelta(seconds=number),
        source=str(number),
    )


def test_writers_at_the_same_time_lose_nothing_and_leave_no_part(store: HistoryStore) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(3) as pool:
        pool.starmap(_append, [(store.root, number) for number in range(6)])
    assert len(list(store.additions(Dataset.TRADE_BARS, SPY))) == 6
    assert closes(store) == {"2026-05-29": 6.0}
    assert not list(store.root.rglob("*.part"))


@pytest.mark.parametrize("bad", [b"", b"PAR1 and then nothing", None])
def test_damaged_file_is_named_in_one_sentence(store: HistoryStore, bad: bytes | None) -> None:
    path = store.append(Dataset.TRADE_BARS, bars({"2026-05-28": 1.0}), known_at=MONDAY, source="x")
    assert path is not None
    if bad is None:
        pl.DataFrame({"other": [1]}).write_parquet(path)
    else:
        path.write_bytes(bad)
    for look in (store.read, store.sources, store.days):
        with pytest.raises(InvalidInput, match="is damaged: move it out of the store") as refused:
            look(Dataset.TRADE_BARS, SPY)
        assert str(path) in str(refused.value)
        assert "\n" not in str(refused.value)


def test_foreign_file_in_the_store_is_named(store: HistoryStore) -> None:
    path = store.append(Dataset.TRADE_BARS, bars({"2026-05-28": 1.0}), known_at=MONDAY, source="x")
    assert path is not None
    path.rename(path.with_name("copy of bars.parquet"))
    with pytest.raises(InvalidInput, match="is not named as files of the store are"):
        store.read(Dataset.TRADE_BARS, SPY)


def test_failed_write_leaves_no_file(store: HistoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(OSError, match="no space"):
        store.append(Dataset.TRADE_BARS, bars({"2026-05-29": 1.0}), known_at=MONDAY, source="v")
    assert not [path for path in store.root.rglob("*") if path.is_file()]


def test_coverage_shows_months_as_shades(store: HistoryStore) -> None:
    june = [date(2026, 6, 1) + timedelta(days=n) for n in range(30)]
    store.append(
        Dataset.TRADE_BARS,
        bars({str(day): 1.0 for day in june if day.weekday() < 5} | {"2026-04-30": 1.0}),
        known_at=TUESDAY,
        source="vendor",
    )
    rows = coverage(store)
    assert months_of(rows) == (date(2026, 4, 1), date(2026, 5, 1), date(2026, 6, 1))
    assert rows[0].share_by_month(months_of(rows)) == pytest.approx((1 / 22, 0, 1))
    assert weekdays_in(date(2026, 6, 1)) == 22
    assert [shade(share) for share in (0, 0.01, 0.3, 0.5, 0.8, 1)] == list("·░▒▓██")
    console = Console(width=140, record=True, file=None)
    with console.capture() as captured:
        console.print(coverage_table(rows))
    assert "░·█" in captured.get()


def test_empty_store_says_so(store: HistoryStore) -> None:
    assert coverage(store) == ()
    assert coverage_table(()).title == "History: nothing yet"
    assert store.read(Dataset.CHAINS, SPY).is_empty()
