"""The mistakes of a first hour, made on the gateway: does each answer name cause and mend?"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "dispersa"]
STRADDLE = "straddle QQQ --dte 30"


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """What is wrong with the gateway or the configuration, and what a command must say of it."""

    name: str
    rules: str = ""
    faults: str = ""
    settings: tuple[tuple[str, str], ...] = ()
    command: str = STRADDLE
    typed: str = ""
    exit_code: int = 4
    said: tuple[str, ...]


MISTAKES = [
    Mistake(
        name="log-in not finished",
        faults="[[fault]]\ncode = 'A12'\nafter_seconds = 0\nseconds = 3600\n",
        said=("closed the connection", "log-in is finished (second factor)"),
    ),
    Mistake(
        name="client id in use",
        faults="[[fault]]\ncode = 'A13'\nafter_seconds = 0\nseconds = 3600\nclient_id = 12\n",
        said=("client id 12", "in use"),
    ),
    Mistake(
        name="wrong account",
        settings=(("DISPERSA__BROKER__ACCOUNT", "DU7654321"),),
        said=("logged in to DU1…67; expected DU7…21",),
    ),
    Mistake(
        name="no data permission",
        rules="live_market_data = false\n",
        said=("QQQ is not quoted: error 354", "subscribe"),
        exit_code=1,
    ),
    Mistake(
        name="only delayed data",
        rules="live_market_data = false\nmarket_data_refusal = 10089\n",
        said=("QQQ is not quoted: error 10089", "subscribe"),
        exit_code=1,
    ),
    Mistake(
        name="paper on a simulated gateway",
        settings=(("DISPERSA__PROFILE", "paper"),),
        said=("a simulated gateway has a time of its own: profile 'sim'",),
        exit_code=1,
    ),
    Mistake(
        name="read-only API",
        rules="read_only_api = true\n",
        command="trade --probe AAPL",
        typed="EXECUTE\n",
        said=("error 321", "switch off 'Read-Only API'"),
    ),
]


@contextmanager
def gateway(folder: Path, mistake: Mistake) -> Iterator[int]:
    """A gateway process of three names with the mistake's rules and faults; its port."""
    (folder / "rules.toml").write_text(mistake.rules)
    (folder / "faults.toml").write_text(mistake.faults)
    options = ["--port", "0", "--seed", "1", "--rules", "rules.toml"]
    options += ["--faults", "faults.toml"] if mistake.faults else []
    with subprocess.Popen(
        [*PROGRAM, "gateway", *options], cwd=folder, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline().rsplit(":", 1)[1])
        process.terminate()


def answered(mistake: Mistake, port: int, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *mistake.command.split()],
        input=mistake.typed,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=120,
        env={
            **os.environ,
            "NO_COLOR": "1",
            "DISPERSA__BROKER__PORT": str(port),
            "DISPERSA__UNIVERSE__NAMES": "3",
            "DISPERSA__JOURNAL__PATH": str(folder / "journal.sqlite3"),
            **dict(mistake.settings),
        },
    )


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_mistake_is_answered_in_one_paragraph_with_its_mend(
    mistake: Mistake, tmp_path: Path
) -> None:
    with gateway(tmp_path, mistake) as port:
        ended = answered(mistake, port, tmp_path)
    assert ended.returncode == mistake.exit_code, ended.stderr
    assert [line[:9] for line in ended.stderr.splitlines()].count("dispersa:") == 1
    for words in mistake.said:
        assert words in ended.stderr


def test_wrong_port_names_what_must_listen_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    mistake = Mistake(name="wrong port", said=())
    ended = answered(mistake, free, tmp_path)
    assert ended.returncode == 4
    for words in (f"127.0.0.1:{free}", "nobody listens there", "API access enabled", "4002"):
        assert words in ended.stderr
