"""The mistakes of a first hour, made on the gateway: does each answer name cause and mend?"""

import io
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from dispersa.cli.app import main

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


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended, and what it said on stderr."""

    exit_code: object
    said: str


@pytest.fixture
def answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Mistake, int], Ended]:
    """Run the command of a mistake against a port, as the program does."""

    def run(mistake: Mistake, port: int) -> Ended:
        settings = {
            "DISPERSA__BROKER__PORT": str(port),
            "DISPERSA__UNIVERSE__NAMES": "3",
            "DISPERSA__JOURNAL__PATH": str(tmp_path / "journal.sqlite3"),
            "XDG_CONFIG_HOME": str(tmp_path),
            "XDG_DATA_HOME": str(tmp_path),
            **dict(mistake.settings),
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["dispersa", *mistake.command.split()])
        monkeypatch.setattr(sys, "stdin", io.StringIO(mistake.typed))
        with pytest.raises(SystemExit) as end:
            main()
        return Ended(exit_code=end.value.code, said=capsys.readouterr().err)

    return run


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_mistake_is_answered_in_one_paragraph_with_its_mend(
    mistake: Mistake, tmp_path: Path, answered: Callable[[Mistake, int], Ended]
) -> None:
    with gateway(tmp_path, mistake) as port:
        ended = answered(mistake, port)
    assert ended.exit_code == mistake.exit_code, ended.said
    assert [line[:9] for line in ended.said.splitlines()].count("dispersa:") == 1
    for words in mistake.said:
        assert words in ended.said


def test_wrong_port_names_what_must_listen_there(
    answered: Callable[[Mistake, int], Ended],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    ended = answered(Mistake(name="wrong port", said=()), free)
    assert ended.exit_code == 4
    for words in (f"127.0.0.1:{free}", "nobody listens there", "API access enabled", "4002"):
        assert words in ended.said
