"""Do the real chains reproduce Cboe's published implied correlation?"""

import csv
import json
import subprocess
import sys
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from dispersa.correlation.implied import CorrelationFlag
from dispersa.correlation.research import closes_without_splits
from dispersa.correlation.share_classes import ShareClasses
from dispersa.history.closes import read_closes
from dispersa.market import Symbol
from dispersa.pricing.atm import AtTheMoney
from dispersa.reports.correlation import CorrelationReport, correlation_by_date

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="session")
def files(test_data: Path) -> tuple[Path, Path]:
    folder = test_data / "us_chains_2026"
    if not (folder / "chains.parquet").is_file():
        pytest.skip("no us_chains_2026/chains.parquet in the real data")
    return folder / "chains.parquet", folder / "estimated_weights.csv.gz"


@pytest.fixture(scope="session")
def cor1m(test_data: Path) -> dict[date, float]:
    with (test_data / "cboe_indices" / "COR1M_tail_close.csv").open() as file:
        return {
            date.fromisoformat(row["date"]): float(row["cor1m_close"])
            for row in csv.DictReader(file)
        }


@cache
def report(
    files: tuple[Path, Path],
    *,
    index: str = "SPY",
    top: int = 50,
    atm: AtTheMoney = AtTheMoney.SPOT,
    classes: ShareClasses = ShareClasses.SEPARATE,
) -> CorrelationReport:
    return correlation_by_date(*files, index, top, 30, atm, classes)


def differences(made: CorrelationReport, cor1m: dict[date, float]) -> list[float]:
    return [
        100 * day.implied.clean - cor1m[day.date]
        for day in made.days
        if day.implied and day.date in cor1m
    ]


def test_default_mode_is_within_0_45_points_of_cor1m(
    files: tuple[Path, Path], cor1m: dict[date, float]
) -> None:
    off = differences(report(files), cor1m)
    assert len(off) == 5
    assert sum(map(abs, off)) / 5 < 0.45


@pytest.mark.parametrize(
    ("atm", "classes", "low", "high"),
    [
        (AtTheMoney.SPOT, ShareClasses.MERGED, -0.8, -0.4),
        (AtTheMoney.FORWARD, ShareClasses.SEPARATE, -0.9, -0.5),
        (AtTheMoney.DELTA, ShareClasses.SEPARATE, -1.0, -0.6),
        (AtTheMoney.STRADDLE, ShareClasses.SEPARATE, -0.9, -0.4),
    ],
)
def test_other_modes_lie_below_cor1m_by_a_stable_amount(
    files: tuple[Path, Path],
    cor1m: dict[date, float],
    atm: AtTheMoney,
    classes: ShareClasses,
    low: float,
    high: float,
) -> None:
    # Equity index skew falls with strike, so a higher strike lowers the index vol more than the
    # names'; merging two classes moves a correlation of nearly one into the own variances.
    off = differences(report(files, atm=atm, classes=classes), cor1m)
    assert low < sum(off) / 5 < high
    assert max(off) - min(off) < 0.6


def test_basket_of_ten_reads_below_zero_without_clipping(files: tuple[Path, Path]) -> None:
    made = report(files, top=10)
    below = [day for day in made.days if day.implied and day.implied.clean < 0]
    assert below
    assert all(CorrelationFlag.BELOW_ZERO in day.flags for day in below)


def test_rows_carry_the_keys_and_units_of_the_command_line(files: tuple[Path, Path]) -> None:
    document = json.loads(report(files).to_json())
    assert (document["index"], document["tenor_days"]) == ("SPY", 30)
    first = document["rows"][0]
    assert first["date"] == "2026-05-26"
    assert first["index_iv"] == pytest.approx(0.1427, abs=5e-5)
    assert first["implied_correlation"] == pytest.approx(0.0976, abs=5e-5)
    assert first["n_names"] == 50
    assert first["coverage"] == pytest.approx(0.906, abs=5e-4)
    assert first["flags"] == []
    assert len(document["rows"]) == 32


def test_real_splits_are_recognized_in_listed_prices_and_move_nothing(
    files: tuple[Path, Path], test_data: Path
) -> None:
    adjusted_file = test_data / "ohlcv_2025_2026"
    if not adjusted_file.is_dir():
        pytest.skip("no ohlcv_2025_2026 in the real data")
    panel = report(files, index="QQQ", top=30).panel
    symbols = tuple(Symbol(name) for name in ("CRWD", "KLAC", "NVDA", "QQQ"))
    listed = np.column_stack([panel.spots_of(symbol) for symbol in symbols])
    closes = closes_without_splits(panel.dates, symbols, listed, panel)
    assert [(one.symbol, str(one.day), one.new, one.old) for one in closes.splits] == [
        ("KLAC", "2026-06-12", 10, 1),
        ("CRWD", "2026-07-02", 4, 1),
    ]
    table = read_closes(adjusted_file, symbols)
    for symbol in symbols:
        vendor = dict(zip(table.dates, table.of(symbol).tolist(), strict=True))
        series = closes.series[symbol]
        ours = np.array(series.values)
        theirs = np.array([vendor[day] for day in series.dates])
        # Snapshots and closes differ by minutes; a split left in would differ by ln 4.
        off = np.abs(np.diff(np.log(ours)) - np.diff(np.log(theirs)))
        assert off.max() < 0.12


def test_no_other_name_of_the_file_is_taken_for_a_split(files: tuple[Path, Path]) -> None:
    panel = report(files, top=100).panel
    closes = closes_without_splits(panel.dates, panel.symbols, panel.spots, panel)
    assert {one.symbol for one in closes.splits} == {"KLAC", "CRWD"}


def test_nasdaq_basket_is_complete_on_every_date(files: tuple[Path, Path]) -> None:
    made = report(files, index="QQQ", top=30)
    assert all(day.implied is not None and len(day.names) == 30 for day in made.days)
    assert all(0 < day.implied.clean < 0.6 for day in made.days if day.implied)


def test_whole_file_takes_under_four_seconds_of_processor_and_1_5_gigabytes(
    files: tuple[Path, Path],
) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from dispersa.correlation.share_classes import ShareClasses\n"
        "from dispersa.pricing.atm import AtTheMoney\n"
        "from dispersa.reports.correlation import correlation_by_date as run\n"
        "run(Path(sys.argv[1]), Path(sys.argv[2]), 'SPY', 50, 30, AtTheMoney.SPOT, "
        "ShareClasses.SEPARATE)\n"
        "import resource; used = resource.getrusage(resource.RUSAGE_SELF)\n"
        # Linux hands ru_maxrss down from the process that started this one; VmHWM begins anew.
        "text = Path('/proc/self/status').read_text()\n"
        "rows = dict(row.split(':') for row in text.splitlines())\n"
        "peak = int(rows['VmHWM'].split()[0]) / 1e6\n"
        "print(used.ru_utime + used.ru_stime, peak)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, files)], capture_output=True, text=True, check=True
    )
    processor_seconds, gigabytes = map(float, done.stdout.split())
    # Two cores share the work, so eight processor seconds bound four seconds of wall time.
    assert processor_seconds < 8
    assert gigabytes < 1.5
