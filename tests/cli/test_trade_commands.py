"""Do the commands that meet a broker end as cli.md says, against a gateway process?"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

Run = subprocess.CompletedProcess[str]


def dispersa(*words: str, typed: str = "", **settings: str) -> Run:
    """Run one command with settings from the environment."""
    return subprocess.run(
        [sys.executable, "-m", "dispersa", *words],
        input=typed,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env={**os.environ, "NO_COLOR": "1", **settings},
    )


@pytest.fixture(scope="module")
def gateway() -> Iterator[int]:
    """A gateway process of five names with a small account; its port."""
    command = [
        sys.executable, "-m", "dispersa", "gateway",
        "--port", "0", "--cash", "120000", "--seed", "1",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield int(line.rsplit(":", 1)[1])
        process.terminate()


@pytest.fixture
def settings(gateway: int, tmp_path: Path) -> dict[str, str]:
    return {
        "DISPERSA__BROKER__PORT": str(gateway),
        "DISPERSA__UNIVERSE__NAMES": "5",
        "DISPERSA__JOURNAL__PATH": str(tmp_path / "journal.sqlite3"),
    }


def test_straddle_and_positions_print_one_json_document(settings: dict[str, str]) -> None:
    found = dispersa("straddle", "AAPL", "--dte", "30", "--json", **settings)
    assert found.returncode == 0, found.stderr
    straddle = json.loads(found.stdout)
    assert straddle["call"]["strike"] == straddle["put"]["strike"]
    assert straddle["vega"] == pytest.approx(straddle["broker_vega"], rel=0.03)
    held = dispersa("positions", "--json", **settings)
    assert held.returncode == 0, held.stderr
    assert json.loads(held.stdout)["positions"] == []


def test_signal_prints_its_verdict_and_is_done_either_way(settings: dict[str, str]) -> None:
    found = dispersa("signal", "--json", **settings)
    assert found.returncode == 0, found.stderr
    signal = json.loads(found.stdout)
    assert signal["direction"] in {"LONG_DISPERSION", "NO_TRADE"}
    assert 0 < signal["implied_correlation"] < 1
    assert signal["reasons"]


def test_an_account_too_small_is_told_what_would_work_and_nothing_is_sent(
    settings: dict[str, str],
) -> None:
    ten_names = {**settings, "DISPERSA__UNIVERSE__NAMES": "10"}
    ten_names["DISPERSA__SIGNAL__EDGE_MIN_VOL_POINTS"] = "0"
    ended = dispersa("trade", typed="EXECUTE\n", **ten_names)
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert "What would work" in " ".join(ended.stdout.split())
    assert "Traceback" not in ended.stderr
    orders = dispersa("orders", "--json", **settings)
    assert json.loads(orders.stdout)["orders"] == []


def test_nobody_listening_is_exit_4_with_one_sentence(tmp_path: Path) -> None:
    ended = dispersa(
        "trade",
        DISPERSA__BROKER__PORT="9",
        DISPERSA__JOURNAL__PATH=str(tmp_path / "journal.sqlite3"),
    )
    assert ended.returncode == 4
    assert "nobody listens there" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "journal.sqlite3").exists()


def test_an_unknown_symbol_is_exit_2(settings: dict[str, str]) -> None:
    ended = dispersa("straddle", "NOPE", **settings)
    assert ended.returncode == 2
    assert "NOPE is not known" in ended.stderr


def test_demo_refuses_a_market_file_that_is_none(tmp_path: Path) -> None:
    broken = tmp_path / "chains.parquet"
    broken.write_text("not parquet")
    (tmp_path / "weights.csv").write_text(
        "date,symbol,weight,etf\n2026-07-10,AAA,0.6,QQQ\n2026-07-10,BBB,0.4,QQQ\n"
    )
    weights = str(tmp_path / "weights.csv")
    for market in (broken, tmp_path / "missing.parquet"):
        ended = dispersa("demo", "--market", str(market), "--weights", weights, "--names", "2")
        assert ended.returncode == 2, ended.stderr
        assert str(market) in ended.stderr
        assert "Traceback" not in ended.stderr


def test_demo_refuses_weights_that_do_not_sum(tmp_path: Path) -> None:
    weights = tmp_path / "weights.csv"
    weights.write_text("date,symbol,weight,etf\n2026-07-10,AAA,0.6,QQQ\n2026-07-10,BBB,0.1,QQQ\n")
    ended = dispersa("demo", "--market", str(tmp_path / "x.parquet"), "--weights", str(weights))
    assert ended.returncode == 2
    assert "sum" in ended.stderr
