"""Do the examples of the documents run? Commands in the order of a first hour, and Python.

One practice gateway serves all of them. A Python block that can not be run stands below a comment
`<!-- not run: reason -->`.
"""

import asyncio
import inspect
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.testing
from typer.main import get_command

from dispersa.cli.app import app

from .test_documents import DOCS, PAGES, ROOT, commands_of

TUTORIAL = DOCS / "tutorial" / "first-hour.md"
FRIDAY = "2026-11-20T10:00:00-05:00"
RULES = "[venue]\nfill_model = 'generous'\n"

HOUR = """\
config init
config check
config check --json
config show --json
config init --profile paper paper.toml
config check --config paper.toml
history info --json
doctor --json
straddle QQQ --dte 30 --json
chain AAPL --dte 30 --json
signal --json
plan --json
trade --probe AAPL
trade --probe AAPL --json
positions
positions --json
exposure --json
programs --json
orders --json
reconcile
reconcile --json
pnl --json
cycle --json
status --json
phase --json
evidence --json
checklist --json
report eod --json
report week --json
journal verify
journal verify --json
journal show --json
journal backup first.sqlite3
journal backup second.sqlite3 --json
journal restore second.sqlite3 --json
halt --reason practice --json
resume --reason "seen to work" --json
"""
"""A first hour: the tutorial's commands, and every command that answers with JSON in seconds."""

ENDS_WITH = {"checklist --json": 1}
"""Exit codes above 0: the checklist asks for attention, since no alert channel is set up."""

NOT_RUN = {
    "demo --web": "serves until it is stopped; tests/web",
    "--install-completion": "writes into the shell start-up; tests/cli/test_cli.py prints it",
    "gateway": "is the one that these examples run on",
}
"""Commands of the tutorial that this file does not run, and why."""

JSON_NOT_RUN = {
    "backtest": "tests/backtest",
    "sweep": "tests/backtest/sweep",
    "watch": "a document per change, until it is stopped; tests/reports",
    "watchdog": "a process of its own; tests/runtime/test_watchdog.py",
    "demo": "the document of `trade`; tests/runtime/test_demo.py",
    "close": "the document of `trade`; tests/desk",
    "correlation": "needs chain files; tests/cli/test_cli.py",
    "premium": "needs files of years; tests/correlation",
    "history fetch": "asks for years of bars; tests/cli/test_history_commands.py",
    "history import": "needs files; tests/cli/test_history_commands.py",
    "alerts test": "needs a channel; tests/alerts",
    "paper-test": "tests/cli/test_check_commands.py",
}
"""Commands with `--json` that this file does not run, and why or where else they run."""


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a gateway of its own to practice on, found through the environment."""
    folder = tmp_path_factory.mktemp("hour")
    (folder / "rules.toml").write_text(RULES)
    words = ["gateway", "--port", "0", "--seed", "1", "--start", FRIDAY, "--rules", "rules.toml"]
    with (
        subprocess.Popen(
            [sys.executable, "-m", "dispersa", *words],
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
        ) as gateway,
        pytest.MonkeyPatch.context() as patch,
    ):
        assert gateway.stdout is not None
        patch.chdir(folder)
        for name, value in {
            "NO_COLOR": "1",
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "DISPERSA__BROKER__PORT": gateway.stdout.readline().rsplit(":", 1)[1].strip(),
            "DISPERSA__UNIVERSE__NAMES": "5",
            "DISPERSA__SIGNAL__EDGE_MIN_VOL_POINTS": "0",
            "DISPERSA__SIGNAL__PREMIUM_MIN": "-1",
        }.items():
            patch.setenv(name, value)
        yield folder
        gateway.terminate()


@pytest.mark.timeout(600)  # one long story, so that no worker tells it twice
@pytest.mark.usefixtures("practice")
def test_commands_of_a_first_hour_end_well_with_the_json_of_the_page() -> None:
    runner = typer.testing.CliRunner()
    for line in HOUR.splitlines():
        result = runner.invoke(app, shlex.split(line), input="EXECUTE\n")
        assert result.exit_code == ENDS_WITH.get(line, 0), (line, result.exception, result.stderr)
        if line.endswith("--json"):
            document = json.loads(result.stdout)
            keys = set(document[0] if isinstance(document, list) else document)
            assert keys == keys_on_the_page(named(line)), line


def named(line: str) -> str:
    """Name the command of a line, without what follows it."""
    return re.split(r" (?:--|[A-Z]|[a-z]+\.sqlite3)", line)[0]


def keys_on_the_page(command: str) -> set[str]:
    text = (DOCS / "reference" / "json.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`[a-z -]+`(?:, )?)+) \| (.*) \|$", text, re.MULTILINE)
    found = [keys for names, keys in rows if f"`{command}`" in names.split(", ")]
    assert len(found) == 1, f"json.md has {len(found)} rows for `{command}`"
    return set(re.findall(r"`(\w+)`", found[0].partition(": each")[0]))


def test_every_command_of_the_tutorial_is_run() -> None:
    shown = {shlex.join(words) for words in commands_of(TUTORIAL)}
    run = {line.removesuffix(" --json") for line in HOUR.splitlines()}
    assert shown - {"--version"} - set(NOT_RUN) <= run


def with_json(group: Any = None, prefix: tuple[str, ...] = ()) -> Iterator[str]:
    group = group or get_command(app)
    for name, found in group.commands.items():
        if hasattr(found, "commands"):
            yield from with_json(found, (*prefix, name))
        elif any("--json" in option.opts for option in found.params):
            yield " ".join((*prefix, name))


def test_every_command_with_json_has_its_row_on_the_page() -> None:
    wanted = set(with_json())
    assert wanted <= {named(line) for line in HOUR.splitlines()} | set(JSON_NOT_RUN)
    for command in wanted:
        assert keys_on_the_page(command), command


# Python


class AnyClient:
    """Somebody's program that only says hello and notices error 1100."""

    def __init__(self, host: str, port: int) -> None:
        self.halted = threading.Event()
        self._link = socket.create_connection((host, port), timeout=20)
        self._link.sendall(b"API\0\0\0\0\tv100..178")
        self._link.recv(100)
        self._link.sendall(b"\0\0\0\x0771\x002\x001\0\0")
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while heard := self._link.recv(65536):
            if b"\x001100\0" in heard:
                self.halted.set()


async def say_hello(host: str, port: int) -> None:
    """Connect and leave, as the shortest of all programs."""
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    await writer.wait_closed()


YOURS = {"my_program": say_hello, "start_my_ibapi_client": AnyClient}
"""What the examples call by a name of the reader's own."""

BLOCK = re.compile(
    r"(<!-- not run: (?P<why>[^>]+) -->\n+)?^ *```python\n(?P<code>.*?)^ *```",
    re.MULTILINE | re.DOTALL,
)


def python_of(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return [found["code"] for found in BLOCK.finditer(text) if found["why"] is None]


WITH_PYTHON = [page for page in PAGES if python_of(page)]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_example_runs(
    practice: Path, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPERSA__JOURNAL__PATH", str(tmp_path / "journal.sqlite3"))
    names: dict[str, Any] = {"__name__": "__main__", **YOURS}
    for block in python_of(page):
        if "def test_" in block:
            run_by_pytest(block, tmp_path)
            continue
        flags = 0x2000  # ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code = compile(block, page.name, "exec", flags=flags)
        waiting = eval(code, names)  # noqa: S307  # our own documents
        if inspect.iscoroutine(waiting):
            asyncio.run(waiting)


def run_by_pytest(block: str, folder: Path) -> None:
    """Run an example that is a test, as its reader would."""
    example = folder / "test_example.py"
    yours = "from tests.test_examples import AnyClient as start_my_ibapi_client\n"
    example.write_text((yours if "start_my_ibapi_client" in block else "") + block)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            folder,
            example,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout[-3000:]
