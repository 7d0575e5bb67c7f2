"""Is a calendar of reports read, or refused with its reason?"""

from datetime import date
from pathlib import Path

import pytest

from dispersa.errors import InvalidInput
from dispersa.history.earnings import read_earnings


def test_days_are_read_by_name_ascending_and_once(tmp_path: Path) -> None:
    file = tmp_path / "earnings.csv"
    file.write_text("ticker,date\nAAA,2026-07-20\nBBB,2026-05-01\nAAA,2026-04-20\nAAA,2026-04-20\n")
    assert read_earnings(file) == {
        "AAA": (date(2026, 4, 20), date(2026, 7, 20)),
        "BBB": (date(2026, 5, 1),),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,when\nAAA,2026-07-20\n", "has columns name, when; expected"),
        ("ticker,date\nAAA,soon\n", "1 of 1 rows lack one of symbol, day"),
        ("ticker,date\n", "0 of 0 rows"),
    ],
)
def test_unusable_calendar_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "earnings.csv"
    file.write_text(text)
    with pytest.raises(InvalidInput, match=said):
        read_earnings(file)


@pytest.mark.real_data
def test_real_calendar_of_ten_names_is_read(test_data: Path) -> None:
    file = test_data / "dividend_calendar" / "earnings_top10_ndx_2025_2026.csv"
    if not file.is_file():
        pytest.skip("no dividend_calendar in the real data")
    assert len(read_earnings(file)) == 10
