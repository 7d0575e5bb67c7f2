"""Does the chain reader give what the file says, and refuse what it can not mean?"""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dispersa.errors import InvalidInput
from dispersa.history.chains import read_chains, require_symbol, symbols_in

from .conftest import ChainFile, strike_row


def test_reader_groups_shuffled_strikes_by_date_symbol_and_expiry(chain_file: ChainFile) -> None:
    rows = [
        strike_row(date=day, symbol=symbol, expiry=expiry, strike=strike)
        for day in ("2026-05-27", "2026-05-26")
        for symbol in ("SPY", "AAPL")
        for expiry in ("2026-07-17", "2026-06-19")
        for strike in (105.0, 95.0, 100.0)
    ]
    table = read_chains(chain_file(rows))
    assert table.dates == (date(2026, 5, 26), date(2026, 5, 27))
    assert table.symbols == ("AAPL", "SPY")
    assert table.group_count == 8
    assert table.strike_count == 24
    assert table.date_index.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert table.symbol_index.tolist() == [0, 0, 1, 1, 0, 0, 1, 1]
    assert table.days_to_expiry.tolist() == [24, 52, 24, 52, 23, 51, 23, 51]
    assert table.strike.reshape(8, 3).tolist() == [[95.0, 100.0, 105.0]] * 8


def test_percent_becomes_decimal_and_zero_becomes_missing(chain_file: ChainFile) -> None:
    table = read_chains(chain_file([strike_row(c_iv=25.0, p_iv=0.0), strike_row(strike=101.0)]))
    assert table.call_iv.tolist() == [0.25, 0.20]
    assert np.isnan(table.put_iv[0])
    assert table.put_iv[1] == pytest.approx(0.22, abs=1e-7)


@pytest.mark.parametrize("as_categories", [True, False])
def test_text_and_categorical_keys_read_alike(chain_file: ChainFile, as_categories: bool) -> None:
    table = read_chains(chain_file([strike_row()], as_categories=as_categories))
    assert (table.dates, table.symbols) == ((date(2026, 5, 26),), ("SPY",))


def test_date_typed_columns_are_read(tmp_path: Path) -> None:
    path = tmp_path / "typed.parquet"
    pl.DataFrame([strike_row()]).with_columns(
        pl.col("date").str.to_date(), pl.col("expiry").str.to_date()
    ).write_parquet(path)
    assert read_chains(path).days_to_expiry.tolist() == [24]


def test_expired_and_worthless_rows_are_left_out(chain_file: ChainFile) -> None:
    rows = [
        strike_row(expiry="2026-05-26"),
        strike_row(strike=0.0),
        strike_row(spot=0.0, strike=90.0),
        strike_row(strike=110.0),
    ]
    assert read_chains(chain_file(rows)).strike.tolist() == [110.0]


def test_prices_are_never_needed(chain_file: ChainFile) -> None:
    assert read_chains(chain_file([strike_row()], drop=["c_px", "p_px"])).strike_count == 1


def test_only_the_symbols_asked_for_are_read(chain_file: ChainFile) -> None:
    path = chain_file([strike_row(), strike_row(symbol="QQQ"), strike_row(symbol="AAPL")])
    assert read_chains(path, {"SPY", "AAPL", "NOPE"}).symbols == ("AAPL", "SPY")
    assert symbols_in(path) == ("AAPL", "QQQ", "SPY")


def test_table_columns_can_not_be_written(chain_file: ChainFile) -> None:
    table = read_chains(chain_file([strike_row()]))
    with pytest.raises(ValueError, match="read-only"):
        table.strike[0] = 1.0


@pytest.mark.parametrize(
    ("rows", "drop", "said"),
    [
        ([strike_row()], ["c_iv", "spot"], "lacks the columns spot, c_iv"),
        ([strike_row(), strike_row()], [], "strike 100 of SPY expiring 2026-06-19 appears more"),
        ([strike_row(c_iv=0.25, p_iv=0.25)], [], "expected percent"),
        ([strike_row(c_iv=0.0, p_iv=0.0)], [], "no implied vol above zero"),
        ([strike_row(date="26/05/2026")], [], "'26/05/2026' is no date"),
        ([strike_row(), strike_row(date=None, strike=1.0)], [], "have no date"),
        ([strike_row(expiry="2026-05-26")], [], "holds no usable rows"),
    ],
)
def test_malformed_chain_file_is_refused_with_its_reason(
    chain_file: ChainFile, rows: list[dict[str, object]], drop: list[str], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_chains(chain_file(rows, drop=drop))


def test_column_that_holds_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.parquet"
    pl.DataFrame([strike_row(c_iv="twenty")]).write_parquet(path)
    with pytest.raises(InvalidInput, match="column c_iv holds String"):
        read_chains(path)


def test_missing_file_folder_empty_file_and_foreign_bytes_are_refused(tmp_path: Path) -> None:
    csv, empty = tmp_path / "chains.csv", tmp_path / "empty.parquet"
    csv.write_text("date,symbol\n")
    empty.touch()
    for path, said in (
        (tmp_path / "none.parquet", "does not exist"),
        (tmp_path, "is not a file"),
        (empty, "is empty"),
        (csv, "is not a Parquet file"),
    ):
        with pytest.raises(InvalidInput, match=said):
            read_chains(path)


def test_truncated_parquet_is_refused(chain_file: ChainFile) -> None:
    path = chain_file([strike_row()])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InvalidInput, match="can not be read"):
        read_chains(path)


def test_unknown_symbol_offers_the_nearest_names() -> None:
    known = ["SPY", "QQQ", "AAPL"]
    with pytest.raises(InvalidInput, match=r"no chain of SPYY; .*did you mean SPY\?"):
        require_symbol("SPYY", known, Path("f.parquet"))
    with pytest.raises(InvalidInput, match="known are AAPL, QQQ, SPY"):
        require_symbol("ZZZZ", known, Path("f.parquet"))
