"""Are ex-dates and borrow read as they stand, and a bad file refused?"""

from datetime import date
from pathlib import Path

import pytest

from dispersa.errors import InvalidInput
from dispersa.history.dividends import read_borrow, read_dividends


def test_dividends_are_read_by_name_in_order(tmp_path: Path) -> None:
    file = tmp_path / "dividends.csv"
    file.write_text(
        "Ticker,ex_date,amount\nBB,2026-12-10,0.5\nAA,2027-03-01,1\nBB,2026-09-10,0.4\n"
    )
    assert read_dividends(file) == {
        "AA": ((date(2027, 3, 1), 1.0),),
        "BB": ((date(2026, 9, 10), 0.4), (date(2026, 12, 10), 0.5)),
    }


def test_borrow_is_read_by_name(tmp_path: Path) -> None:
    file = tmp_path / "borrow.csv"
    file.write_text("symbol,shares,fee\nAA,120000,0.0025\n")
    assert read_borrow(file) == {"AA": (120_000, 0.0025)}


def test_a_dividend_without_a_number_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "dividends.csv"
    file.write_text("symbol,ex_date,amount\nAA,2026-12-10,soon\n")
    with pytest.raises(InvalidInput, match="1 of 1 rows lack one of symbol, day, amount"):
        read_dividends(file)
