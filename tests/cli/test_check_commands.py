"""Does `paper-test` walk the roadmap's six lines, and end as cli.md says where one fails?"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

LINES = ["connect", "option chain", "Greeks", "combo order", "monitor", "position"]
Run = subprocess.CompletedProcess[str]


def dispersa(*words: str, **settings: str) -> Run:
    """Run one command with settings from the environment."""
    return subprocess.run(
        [sys.executable, "-m", "dispersa", *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "NO_COLOR": "1", **settings},
    )


@pytest.fixture(scope="module")
def gateway() -> Iterator[int]:
    """A gateway process; its port."""
    command = [sys.executable, "-m", "dispersa", "gateway", "--port", "0", "--seed", "5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield int(line.rsplit(":", 1)[1])
        process.terminate()


@pytest.fixture
def settings(gateway: int, tmp_path: Path) -> dict[str, str]:
    return {
        "DISPERSA__BROKER__PORT": str(gateway),
        "DISPERSA__UNIVERSE__NAMES": "3",
        "DISPERSA__JOURNAL__PATH": str(tmp_path / "journal.sqlite3"),
    }


def test_all_six_lines_pass_and_the_broker_holds_one_straddle(settings: dict[str, str]) -> None:
    ended = dispersa("paper-test", "--json", **settings)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = json.loads(ended.stdout)
    assert report["passed"] is True
    assert [row["check"] for row in report["findings"]] == LINES
    assert {row["standing"] for row in report["findings"]} == {"ok"}
    held = json.loads(dispersa("positions", "--json", **settings).stdout)["positions"]
    assert len(held) == 2
    assert {int(float(row["quantity"])) for row in held} == {1}


def test_an_unknown_name_fails_its_line_and_the_rest_is_not_tried(
    settings: dict[str, str],
) -> None:
    ended = dispersa("paper-test", "--symbol", "NOPE", "--json", **settings)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    findings = json.loads(ended.stdout)["findings"]
    assert [row["standing"] for row in findings] == ["ok"] + ["failed"] * 5
    assert "NOPE is not known" in findings[1]["found"]
    assert all("not tried" in row["found"] for row in findings[2:])
    assert all(row["mend"] for row in findings[1:])


def test_nobody_listening_is_exit_4_with_every_line_failed(tmp_path: Path) -> None:
    closed = {
        "DISPERSA__BROKER__PORT": "9",
        "DISPERSA__JOURNAL__PATH": str(tmp_path / "journal.sqlite3"),
    }
    ended = dispersa("paper-test", "--json", **closed)
    assert ended.returncode == 4, ended.stdout + ended.stderr
    findings = json.loads(ended.stdout)["findings"]
    assert [row["check"] for row in findings] == LINES
    assert {row["standing"] for row in findings} == {"failed"}
    assert "nobody listens there" in findings[0]["found"]
    ended = dispersa("paper-test", **closed)
    assert ended.returncode == 4
    assert "IB Gateway" in ended.stdout
    assert "Traceback" not in ended.stderr


def test_live_is_refused_before_anything_connects(tmp_path: Path) -> None:
    ended = dispersa(
        "paper-test",
        DISPERSA__PROFILE="live",
        DISPERSA__LIVE__ENABLED="true",
        DISPERSA__LIVE__ACCOUNT="U1234567",
        DISPERSA__BROKER__PORT="9",
        DISPERSA__JOURNAL__PATH=str(tmp_path / "journal.sqlite3"),
    )
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert "buys one straddle" in ended.stderr
