"""Do the history commands bring files and the broker's bars into the store and show them?"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import get_args

import pytest

from dispersa.cli.history_commands import Layout, last_finished_day, progress_line
from dispersa.history.layouts import LAYOUTS

CHAINS = (
    "date,act_symbol,expiration,strike,call_put,bid,ask,vol,delta\n"
    "2026-05-26,AAA,2026-06-19,100,Call,2.0,2.2,0.21,0.52\n"
    "2026-05-26,AAA,2026-06-19,100,Put,1.9,2.1,0.22,-0.48\n"
    "2026-05-27,AAA,2026-06-19,100,Call,2.1,2.3,0.20,0.55\n"
    "2026-05-27,BBB,2026-06-19,50,Put,1.0,1.1,0.30,-0.40\n"
)
MAPPING = """
[columns]
date = "day"
symbol = "root"
expiry = "last"
strike = "k"
right = "cp"
iv = "percent"

[units]
iv = 0.01
"""


def dispersa(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "dispersa", "history", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "NO_COLOR": "1", **environment},
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done


@pytest.fixture
def chains(tmp_path: Path) -> Path:
    file = tmp_path / "chains.csv"
    file.write_text(CHAINS)
    return file


def held(store: Path) -> dict[tuple[str, str], int]:
    done = dispersa("info", "--store", store, "--json")
    assert done.returncode == 0, done.stderr
    return {(row["dataset"], row["symbol"]): row["days"] for row in json.loads(done.stdout)["rows"]}


def test_chains_imported_twice_are_held_once_in_the_users_data_folder(
    chains: Path, tmp_path: Path
) -> None:
    home = {"XDG_DATA_HOME": str(tmp_path / "data")}
    first = dispersa("import", chains, "--layout", "dolthub", "--json", **home)
    assert first.returncode == 0, first.stderr
    store = tmp_path / "data" / "dispersa" / "history"
    assert json.loads(first.stdout) == {"store": str(store), "rows": 3, "added": 3, "present": 0}
    again = dispersa("import", chains, **home)
    assert "0 pieces" in again.stdout
    assert "3 held already" in again.stdout
    assert again.stderr == ""
    assert held(store) == {("chains", "AAA"): 2, ("chains", "BBB"): 1}
    shown = dispersa("info", **home)
    assert "2026-05-26" in shown.stdout
    assert "chains.csv" in shown.stdout


def test_mapping_file_reads_a_table_of_any_other_layout(tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(MAPPING)
    file = tmp_path / "mine.csv"
    file.write_text("day,root,last,k,cp,percent\n2026-05-26,AAA,2026-06-19,100,C,21\n")
    unmapped = dispersa("import", file, "--store", tmp_path / "store")
    assert unmapped.returncode == 2
    assert "give a mapping file" in unmapped.stderr
    mapped = dispersa(
        "import", file, "--mapping", tmp_path / "map.toml", "--store", tmp_path / "store"
    )
    assert mapped.returncode == 0, mapped.stderr
    assert held(tmp_path / "store") == {("chains", "AAA"): 1}


def test_levels_of_an_index_are_imported_by_its_symbol(tmp_path: Path) -> None:
    file = tmp_path / "VIX_History.csv"
    file.write_text("DATE,OPEN,HIGH,LOW,CLOSE\n05/26/2026,17,18,16,17.5\n05/27/2026,17,18,16,18\n")
    store = tmp_path / "store"
    made = dispersa("import", file, "--layout", "levels", "--symbol", "VIX", "--store", store)
    assert made.returncode == 0, made.stderr
    assert "2 closes of VIX" in made.stdout
    assert held(store) == {("levels", "VIX"): 2}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("missing.csv",), "chain file missing.csv does not exist"),
        (("chains.csv", "--layout", "bloomberg"), "optionmetrics"),
        (("chains.csv", "--layout", "yahoo"), "impliedVolatility"),
        (("chains.csv", "--layout", "yahoo", "--mapping", "map.toml"), "give one"),
        (("chains.csv", "--mapping", "none.toml"), "mapping file none.toml does not exist"),
        (("chains.csv", "--mapping", "chains.csv"), "is not TOML"),
        (("chains.csv", "--layout", "levels"), "--symbol SYM"),
        (("chains.csv", "--symbol", "VIX"), "--layout levels"),
        (("broken.parquet",), "is not a Parquet file"),
        (("chains.csv", "--store", "chains.csv"), "is a file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_can_not_be_imported_is_exit_2_with_a_sentence(
    words: tuple[str, ...],
    sentence: str,
    chains: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.parquet").write_text("not parquet")
    done = dispersa("import", *words, XDG_DATA_HOME=str(tmp_path / "data"))
    assert done.returncode == 2, done.stderr
    assert sentence in " ".join(done.stderr.split())
    assert not (tmp_path / "data").exists()


def test_info_of_an_empty_default_store_says_so_and_of_a_missing_one_refuses(
    tmp_path: Path,
) -> None:
    empty = dispersa("info", XDG_DATA_HOME=str(tmp_path))
    assert empty.returncode == 0
    assert "nothing yet" in empty.stdout
    missing = dispersa("info", "--store", tmp_path / "none")
    assert missing.returncode == 2
    assert "does not exist" in missing.stderr


def test_layout_choices_are_the_layouts_of_the_room() -> None:
    assert get_args(Layout) == (*(layout.name for layout in LAYOUTS), "levels")


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2026, 11, 20, 20, 59, tzinfo=UTC), date(2026, 11, 19)),
        (datetime(2026, 11, 20, 21, 0, tzinfo=UTC), date(2026, 11, 20)),
        (datetime(2026, 11, 23, 3, 0, tzinfo=UTC), date(2026, 11, 20)),
        (datetime(2026, 11, 27, 2, 0, tzinfo=UTC), date(2026, 11, 25)),  # evening of Thanksgiving
    ],
)
def test_last_finished_day_knows_close_weekend_and_holiday(now: datetime, day: date) -> None:
    assert last_finished_day(now) == day


def test_progress_is_silent_for_two_seconds_and_then_says_the_time_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    times = iter([0.0, 1.0, 4.0, 5.0, 15.0])
    with progress_line("importing", lambda: next(times)) as show:
        for done in (10, 20, 25, 30):
            show(done, 40)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].endswith("] 20 of 40, about 0:00:04 left")
    assert lines[1].endswith("] 30 of 40, about 0:00:05 left")


@pytest.fixture(scope="module")
def gateway() -> Iterator[int]:
    command = [sys.executable, "-m", "dispersa", "gateway", "--port", "0", "--seed", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline().rsplit(":", 1)[1])
        process.terminate()


def test_fetch_keeps_both_kinds_of_bars_and_the_second_asks_for_nothing(
    gateway: int, tmp_path: Path
) -> None:
    port, store = {"DISPERSA__BROKER__PORT": str(gateway)}, tmp_path / "store"
    words = ("fetch", "AAPL", "MSFT", "--days", "20", "--store", str(store), "--json")
    first = dispersa(*words, **port)
    assert first.returncode == 0, first.stderr
    for row in json.loads(first.stdout)["datasets"]:
        assert (row["added"], row["complete"], row["failed"]) == (["AAPL", "MSFT"], [], {})
    expected = {(kind, name): 20 for kind in ("trade_bars", "iv_bars") for name in ("AAPL", "MSFT")}
    assert held(store) == expected
    again = dispersa(*words, **port)
    assert again.returncode == 0, again.stderr
    for row in json.loads(again.stdout)["datasets"]:
        assert row["complete"] == ["AAPL", "MSFT"]
    longer = dispersa("fetch", "AAPL", "--days", "30", "--store", store, **port)
    assert longer.returncode == 0, longer.stderr
    assert held(store)["iv_bars", "AAPL"] == 30
    unknown = dispersa("fetch", "NOPE", "--store", store, **port)
    assert unknown.returncode == 2
    assert "NOPE is not known" in unknown.stderr
    real = dispersa("fetch", "AAPL", "--store", store, DISPERSA__PROFILE="paper")
    assert real.returncode == 2, real.stderr
    assert "from simulated" in real.stderr


def test_chains_that_the_product_reads_are_kept_apart_from_real_history(
    gateway: int, tmp_path: Path
) -> None:
    home = {"DISPERSA__BROKER__PORT": str(gateway), "XDG_DATA_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "dispersa", "straddle", "QQQ", "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "NO_COLOR": "1", **home},
    )
    assert done.returncode == 0, done.stderr
    assert held(tmp_path / "dispersa" / "history-simulated") == {("snapshots", "QQQ"): 1}
    assert not (tmp_path / "dispersa" / "history").exists()
    shown = dispersa("info", **home)
    assert "simulated snapshot" in shown.stdout
    assert "nothing yet" in shown.stdout


def test_fetch_with_nobody_listening_is_exit_4(tmp_path: Path) -> None:
    done = dispersa("fetch", "AAPL", "--store", tmp_path / "store", DISPERSA__BROKER__PORT="9")
    assert done.returncode == 4
    assert not (tmp_path / "store").exists()
