"""Do six foreign layouts become the same rows?"""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dispersa.errors import InvalidInput
from dispersa.history.importing import CHAIN_SCHEMA, read_chain_rows, read_level_rows
from dispersa.history.keeping import import_chains, import_levels
from dispersa.history.layouts import read_mapping
from dispersa.history.store import Dataset, HistoryStore
from dispersa.market import Symbol

NOW = datetime(2026, 6, 1, 21, tzinfo=UTC)
US_CHAINS = """date,symbol,expiry,strike,spot,c_px,p_px,c_iv,p_iv,c_delta,p_delta,c_oi,p_oi
2026-05-26,AAPL,2026-06-19,100,101.5,9,9,25,0,0.52,-0.48,10,20
"""
YAHOO = """date,symbol,type,expiration,strike,bid,ask,volume,openInterest,\
impliedVolatility,spot_price
2026-05-26,AAPL,call,2026-06-19,100,4.9,5.1,7,10,0.25,101.5
2026-05-26,AAPL,put,2026-06-19,100,0,3.1,,20,0.25,101.5
"""
SNAPSHOT = """snap,snap_date,symbol,optionType,expirationDate,strike,bid,ask,volume,openInterest,\
impliedVolatility,underlyingPrice
1,2026-05-26,AAPL,call,2026-06-19,100,4.9,5.1,7,10,0.25,101.5
"""
DOLTHUB = """date,act_symbol,expiration,strike,call_put,bid,ask,vol,delta,gamma,theta,vega,rho
2026-05-26,AAPL,2026-06-19,100.00,Call,4.90,5.10,0.25,0.52,0.1,-0.1,0.1,0.1
2026-05-26,AAPL,2026-06-19,100.00,Put,2.90,3.10,0.26,-0.48,0.1,-0.1,0.1,0.1
"""
OPTION_METRICS = """ticker,date,exdate,cp_flag,strike_price,best_bid,best_offer,volume,\
open_interest,impl_volatility,delta
AAPL,2026-05-26,2026-06-19,C,100000,4.9,5.1,7,10,0.25,0.52
AAPL,2026-05-26,2026-06-19,P,100000,2.9,3.1,8,20,,
"""
OWN = """day,root,exp,k,cp,px_bid,px_ask,vol_pct,under
2026-05-26,AAPL,2026-06-19,100,CALL,4.9,5.1,25,101.5
"""
MAPPING = """
[columns]
date = "day"
symbol = "root"
expiry = "exp"
strike = "k"
right = "cp"
bid = "px_bid"
ask = "px_ask"
iv = "vol_pct"
spot = "under"
[units]
iv = 0.01
"""


def write(folder: Path, text: str, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def only_row(rows: pl.DataFrame) -> dict[str, Any]:
    assert list(rows.columns) == list(CHAIN_SCHEMA)
    assert rows.height == 1
    row: dict[str, Any] = rows.row(0, named=True)
    assert (row["date"], row["symbol"]) == (date(2026, 5, 26), "AAPL")
    assert (row["expiry"], row["strike"]) == (date(2026, 6, 19), 100.0)
    assert row["call_iv"] == pytest.approx(0.25)
    return row


def test_us_chains_give_vols_as_decimals_and_never_prices(tmp_path: Path) -> None:
    row = only_row(read_chain_rows(write(tmp_path, US_CHAINS)))
    assert row["put_iv"] is None
    assert row["call_bid"] is None
    assert (row["spot"], row["put_open_interest"]) == (101.5, 20)


def test_yahoo_drops_the_vol_of_a_side_without_bid(tmp_path: Path) -> None:
    row = only_row(read_chain_rows(write(tmp_path, YAHOO)))
    assert (row["call_bid"], row["call_ask"], row["put_ask"]) == (4.9, 5.1, 3.1)
    assert row["put_bid"] is None
    assert row["put_iv"] is None
    assert row["spot"] == 101.5


def test_yahoo_snapshot_without_a_put_keeps_the_call(tmp_path: Path) -> None:
    row = only_row(read_chain_rows(write(tmp_path, SNAPSHOT)))
    assert row["put_iv"] is None
    assert row["spot"] == 101.5


def test_dolthub_has_both_sides_and_no_spot(tmp_path: Path) -> None:
    row = only_row(read_chain_rows(write(tmp_path, DOLTHUB)))
    assert (row["put_iv"], row["put_delta"], row["spot"]) == (0.26, -0.48, None)


def test_option_metrics_strikes_are_divided_by_a_thousand(tmp_path: Path) -> None:
    row = only_row(read_chain_rows(write(tmp_path, OPTION_METRICS)))
    assert (row["call_volume"], row["put_bid"], row["put_iv"]) == (7, 2.9, None)


def test_own_file_is_read_by_a_mapping(tmp_path: Path) -> None:
    layout = read_mapping(write(tmp_path, MAPPING, "mine.toml"))
    row = only_row(read_chain_rows(write(tmp_path, OWN), layout))
    assert (row["call_ask"], row["spot"]) == (5.1, 101.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "layout that is not known"),
        (DOLTHUB.replace("Put", "Call"), "2 rows share"),
        (DOLTHUB.replace("Put", "Warrant"), "neither call nor put"),
        (DOLTHUB.replace("2026-05-26", "26 May"), "no readable date"),
        (DOLTHUB.splitlines()[0] + "\n", "holds no rows"),
    ],
)
def test_unusable_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_chain_rows(write(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[columns", "is not TOML"),
        ('[columns]\nstrik = "k"\n', "strik is no column of the store; did you mean strike"),
        ('[columns]\nstrike = "k"\n', "lacks date, symbol, expiry"),
        ("[columns]\nstrike = 3\n", "of texts"),
        (MAPPING.replace("0.01", "-1"), "units.iv is -1"),
    ],
)
def test_unusable_mapping_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_mapping(write(tmp_path, text, "mine.toml"))


def test_mapping_that_names_a_column_the_file_lacks_is_refused(tmp_path: Path) -> None:
    layout = read_mapping(write(tmp_path, MAPPING.replace("px_bid", "px_bld"), "mine.toml"))
    with pytest.raises(InvalidInput, match="lacks the columns px_bld"):
        read_chain_rows(write(tmp_path, OWN), layout)


@pytest.mark.parametrize(
    "text",
    [
        "DATE,OPEN,HIGH,LOW,CLOSE\n05/26/2026,9,526,0.64,10.16\n05/27/2026,9,9,9,0\n",
        "date,cor1m_close\n2026-05-26,10.16\n",
        "DATE,DSPX\n05/26/2026,10.16\n",
    ],
)
def test_index_levels_take_closes_in_either_date_format(tmp_path: Path, text: str) -> None:
    rows = read_level_rows(write(tmp_path, text), "COR1M")
    assert rows.rows() == [(date(2026, 5, 26), "COR1M", 10.16)]


def test_index_file_without_one_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="DATE and CLOSE"):
        read_level_rows(write(tmp_path, "DATE,A,B\n05/26/2026,1,2\n"), "X")
    with pytest.raises(InvalidInput, match="no readable date"):
        read_level_rows(write(tmp_path, "DATE,A\nsoon,1\n"), "X")


def test_import_keeps_each_symbol_and_date_and_a_second_run_adds_nothing(tmp_path: Path) -> None:
    text = DOLTHUB + DOLTHUB.replace("AAPL", "MSFT").split("\n", 1)[1]
    store, path = HistoryStore(root=tmp_path / "h"), write(tmp_path, text)
    seen: list[tuple[int, int]] = []
    first = import_chains(store, path, NOW, progress=lambda done, total: seen.append((done, total)))
    again = import_chains(store, path, NOW)
    assert (first.added, first.present, again.added, again.present) == (2, 0, 0, 2)
    assert seen == [(1, 2), (2, 2)]
    kept = store.read(Dataset.CHAINS, Symbol("MSFT"))
    assert kept["source"].to_list() == ["file.csv"]
    assert kept["call_iv"].to_list() == [0.25]
    levels = write(tmp_path, "DATE,VIX\n05/26/2026,15\n", "vix.csv")
    assert import_levels(store, levels, "VIX", NOW).added == 1
