"""Do the importers take the real files as they are?"""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from dispersa.history.chains import read_chains
from dispersa.history.closes import read_closes
from dispersa.history.importing import read_chain_rows, read_level_rows
from dispersa.history.keeping import import_chains
from dispersa.history.store import Dataset, HistoryStore

pytestmark = pytest.mark.real_data
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def present(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"no {path.parent.name}/{path.name} in the real data")
    return path


def test_yahoo_chains_of_ten_stocks_keep_no_vol_without_a_quote(test_data: Path) -> None:
    rows = read_chain_rows(present(test_data / "quotes_2025_nov" / "chains.parquet"))
    assert rows["symbol"].n_unique() == 10
    assert rows["date"].n_unique() == 5
    for side in ("call", "put"):
        unquoted = rows.filter(pl.col(f"{side}_bid").is_null())
        assert unquoted.height > 0
        assert unquoted[f"{side}_iv"].null_count() == unquoted.height


def test_yahoo_snapshots_are_recognized(test_data: Path) -> None:
    rows = read_chain_rows(present(test_data / "quotes_2026_feb" / "chains.parquet"))
    assert {"SPY", "QQQ", "AAPL"} <= set(rows["symbol"])
    assert rows.filter(pl.col("strike") <= 0).is_empty()


def test_us_chains_agree_between_reader_and_importer(test_data: Path) -> None:
    path = present(test_data / "us_chains_2026" / "chains.parquet")
    table = read_chains(path, {"CRWD"})
    rows = read_chain_rows(path).filter(
        (pl.col("symbol") == "CRWD") & (pl.col("expiry") > pl.col("date"))
    )
    assert rows.height == table.strike_count
    assert rows["call_iv"].fill_null(float("nan")).to_numpy() == pytest.approx(
        table.call_iv, rel=1e-6, nan_ok=True
    )


def test_one_symbol_of_the_real_chains_goes_into_the_store_and_out(
    test_data: Path, tmp_path: Path
) -> None:
    path = present(test_data / "quotes_2026_feb" / "chains.parquet")
    store = HistoryStore(root=tmp_path / "history")
    made = import_chains(store, path, NOW)
    assert made.added == 14
    rows = read_chain_rows(path)
    kept = pl.concat(
        [store.read(Dataset.CHAINS, symbol) for symbol in store.symbols(Dataset.CHAINS)]
    )
    assert (
        kept.drop("known_at", "source").sort(rows.columns[:4]).equals(rows.sort(rows.columns[:4]))
    )


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("COR1M_History.csv", 5000),
        ("COR1M_tail_close.csv", 40),
        ("DSPX_History.csv", 2900),
        ("VIX_History.csv", 9000),
        ("vix-daily_to_2026-07-23.csv", 9000),
    ],
)
def test_index_files_of_both_date_formats_are_read(test_data: Path, name: str, days: int) -> None:
    rows = read_level_rows(present(test_data / "cboe_indices" / name), name.partition("_")[0])
    assert rows.height >= days
    assert rows["date"].is_sorted()


@pytest.mark.parametrize(
    ("source", "column", "symbols"),
    [
        ("ohlcv_2025_2026", "close", {"SPY", "NVDA", "KLAC"}),
        ("prices_2019_2025/daily.parquet", "adjusted", {"SPY", "NVDA"}),
        ("prices_2005_2021/daily.parquet", "adjusted_close", {"AAPL", "MSFT"}),
        ("sp500_20_iv_2010_2022/adjusted_close.csv.gz", None, {"AAPL", "XOM"}),
    ],
)
def test_price_files_long_wide_and_in_a_folder_are_read(
    test_data: Path, source: str, column: str | None, symbols: set[str]
) -> None:
    table = read_closes(present(test_data / source), symbols)
    assert set(table.symbols) == symbols
    assert table.closes.shape == (len(table.dates), len(symbols))
    assert table.column == column
