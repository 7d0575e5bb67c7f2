"""Does every command end as cli.md says, seen from outside as a process?"""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer

from dispersa.cli.app import app
from dispersa.journal import Journal, NewEntry

PROGRAM = [sys.executable, "-c", "from dispersa.cli import main; main()"]
NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


def dispersa(
    *arguments: str | Path, folder: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=60,
        env={
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "PYTHONWARNINGS": "error",
            **environment,
        },
    )
    assert "Traceback" not in done.stderr + done.stdout
    return done


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal.sqlite3"
    with Journal.open(path, build_id="b", now=lambda: NOON) as journal:
        for n in range(30):
            kind = "signal_read" if n % 3 else "plan_made"
            journal.append([NewEntry.of(kind, {"n": n, "text": "[bold]é[/bold]"})])
    return path


def commands(group: Any = None, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    group = group or typer.main.get_command(app)
    for name, found in group.commands.items():
        if hasattr(found, "commands"):
            yield from commands(found, (*prefix, name))
        else:
            yield (*prefix, name)


@pytest.mark.parametrize("command", list(commands()), ids=" ".join)
def test_help_of_every_command_ends_with_examples_of_itself(command: tuple[str, ...]) -> None:
    done = dispersa(*command, "--help")
    assert done.returncode == 0
    examples = done.stdout.partition("Examples:\n")[2].splitlines()
    assert examples
    for example in examples:
        assert f"dispersa {' '.join(command)}" in example
    for option in re.findall(r" (--[a-z-]+)", "\n".join(examples)):
        assert option in done.stdout.partition("Examples:")[0]


def test_help_is_quick_and_imports_no_room() -> None:
    seconds = []
    for _ in range(3):
        before = os.times()
        assert dispersa("--help").returncode == 0
        after = os.times()
        seconds.append(
            after.children_user
            + after.children_system
            - before.children_user
            - before.children_system
        )
    assert min(seconds) < 0.4  # of processor time, so that a busy machine fails nothing
    code = (
        "import sys; sys.argv = ['dispersa', '--help']\n"
        "from dispersa.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(sorted({'numpy', 'pydantic', 'scipy', 'polars', 'numba', 'rich', 'ib_async',"
        " 'sqlite3', 'asyncio', 'exchange_calendars'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_version_names_version_and_build() -> None:
    done = dispersa("--version")
    assert re.fullmatch(r"dispersa \d+\.\d+\.\d+\+[0-9a-f]{12}\n", done.stdout)


@pytest.mark.parametrize(
    "arguments",
    [
        ("corelation",),
        ("journal", "show", "--last", "many"),
        ("journal", "show", "--last", "0"),
        ("correlation",),
        ("config", "init", "--profile", "real"),
        ("config", "show", "--colour"),
        ("gateway", "--port", "99999"),
        ("gateway", "--port", "http"),
        ("gateway", "--speed", "0"),
        ("gateway", "--speed", "nan"),
        ("gateway", "--cash", "-5"),
        ("gateway", "--cash", "lots"),
        ("gateway", "--start", "yesterday"),
        ("gateway", "--start", "2026-11-20T10:00:00"),
        ("gateway", "--max-server-version", "12"),
        ("gateway", "--market", "/nonexistent/chains.parquet"),
    ],
    ids=" ".join,
)
def test_usage_errors_exit_2_with_a_sentence(arguments: tuple[str, ...]) -> None:
    done = dispersa(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip()) > 20


@pytest.mark.parametrize(
    ("rules", "complaint"),
    [
        ("read_only_apy = true", "did you mean 'read_only_api'?"),
        ("read_only_api = 1", "read_only_api is 1; expected true or false"),
        ("messages_per_second_max = 2.5", "expected a whole number from 0 or"),
        ("messages_per_second_max = -1", "expected a whole number from 0 or"),
        ("snapshot_seconds = 'none'", "snapshot_seconds is 'none'; expected a number from 0"),
        ("[venue]\nfill_model = 3", "expected a table of texts"),
        ("[venue]\nfil_model = 'hard'", "fil_model"),
        ("not toml", "can not be read"),
    ],
)
def test_bad_gateway_rules_exit_2(rules: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(rules)
    done = dispersa("gateway", "--port", "0", "--rules", tmp_path / "rules.toml")
    assert done.returncode == 2
    assert complaint in done.stderr


def test_config_init_writes_what_check_accepts_and_refuses_to_overwrite(tmp_path: Path) -> None:
    done = dispersa("config", "init", "--profile", "paper", folder=tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "dispersa.toml").stat().st_mode & 0o777 == 0o600
    assert "valid, profile paper" in dispersa("config", "check", folder=tmp_path).stdout
    again = dispersa("config", "init", folder=tmp_path)
    assert again.returncode == 2
    assert "exists" in again.stderr


def test_config_check_refuses_with_key_and_exit_2(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[risk]\nvix_max = -1\nvix_maxx = 2")
    done = dispersa("config", "check", "--config", tmp_path / "bad.toml")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "risk.vix_max is -1; expected a number from 1 to 200 (points)" in done.stderr
    assert "did you mean risk.vix_max?" in done.stderr


def test_config_check_json_has_the_remarks(tmp_path: Path) -> None:
    (tmp_path / "odd.toml").write_text("[live]\nenabled = true")
    done = dispersa("config", "check", "--json", DISPERSA_CONFIG=str(tmp_path / "odd.toml"))
    document = json.loads(done.stdout)
    assert document["valid"] is True
    assert "no effect" in document["remarks"][0]


def test_config_show_names_origins_and_masks_secrets(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[alerts]\nsmtp_password = 'hunter2'\n[risk]\ncollar_share = 0.04")
    file.chmod(0o600)
    done = dispersa("config", "show", "--json", "--config", file, DISPERSA__RISK__VIX_MAX="21")
    values = json.loads(done.stdout)["values"]
    assert values["risk.vix_max"] == {"value": 21.0, "origin": "DISPERSA__RISK__VIX_MAX"}
    assert values["risk.collar_share"] == {"value": 0.04, "origin": str(file)}
    assert values["web.port"]["origin"] == "default"
    table = dispersa("config", "show", "--changed", "--config", file)
    assert "smtp_password" in table.stdout
    assert "web.port" not in table.stdout
    assert "hunter2" not in done.stdout + table.stdout


def test_journal_verify_says_intact_then_names_the_damage(journal: Path) -> None:
    done = dispersa("journal", "verify", "--journal", journal)
    assert (done.returncode, done.stderr) == (0, "")
    assert "30 entries, chain intact" in done.stdout
    connection = sqlite3.connect(journal)
    connection.execute("DROP TRIGGER entries_update")
    connection.execute("UPDATE entries SET kind = 'other' WHERE sequence = 7")
    connection.commit()
    connection.close()
    done = dispersa("journal", "verify", "--journal", journal, "--json")
    assert done.returncode == 1
    assert "entry 7" in done.stderr
    document = json.loads(done.stdout)
    assert document["intact"] is False
    assert document["damages"][0]["sequence"] == 7


def test_journal_show_filters_and_prints_payloads_literally(journal: Path) -> None:
    done = dispersa("journal", "show", "--journal", journal, "--last", "3", "--kind", "plan_made")
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["22", "25", "28"]
    assert "[bold]" in done.stdout
    entries = json.loads(
        dispersa("journal", "show", "--journal", journal, "--after", "28", "--json").stdout
    )
    assert [entry["sequence"] for entry in entries] == [29, 30]
    assert entries[0]["payload"]["n"] == 28


def test_journal_export_writes_lines_and_leaves_nothing_half_written(
    journal: Path, tmp_path: Path
) -> None:
    done = dispersa("journal", "export", "--journal", journal)
    assert len([json.loads(line) for line in done.stdout.splitlines()]) == 30
    out = tmp_path / "out.jsonl"
    assert dispersa("journal", "export", "--journal", journal, "--out", out).returncode == 0
    assert out.read_text() == done.stdout
    failed = dispersa(
        "journal", "export", "--journal", journal, "--out", tmp_path / "absent" / "out.jsonl"
    )
    assert failed.returncode == 1
    assert "No such file" in failed.stderr


def test_journal_backup_and_restore_keep_what_they_replace(journal: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved.sqlite3"
    done = dispersa("journal", "backup", saved, "--journal", journal)
    assert (done.returncode, done.stderr) == (0, "")
    assert "30 entries, chain intact" in done.stdout
    again = dispersa("journal", "backup", saved, "--journal", journal)
    assert again.returncode == 2
    connection = sqlite3.connect(journal)
    connection.execute("DROP TABLE entries")
    connection.close()
    done = dispersa("journal", "restore", saved, "--journal", journal, "--json")
    document = json.loads(done.stdout)
    assert document["entries"] == 30
    assert document["path"] == str(journal)
    assert (Path(document["set_aside"]) / "journal.sqlite3").is_file()
    with Journal.open(journal, build_id="b", now=lambda: NOON, contact="the test's journal"):
        refused = dispersa("journal", "restore", saved, "--journal", journal)
    assert refused.returncode == 5
    assert "the test's journal" in refused.stderr


def test_journal_commands_find_the_configured_journal(journal: Path, tmp_path: Path) -> None:
    done = dispersa("journal", "verify", DISPERSA__JOURNAL__PATH=str(journal))
    assert done.returncode == 0
    missing = dispersa("journal", "verify", XDG_STATE_HOME=str(tmp_path))
    assert missing.returncode == 2
    assert "there is no journal at" in missing.stderr


def test_a_defect_is_one_sentence_and_its_traceback_is_kept(tmp_path: Path) -> None:
    code = (
        "from dispersa.cli.app import app, main\n"
        "@app.command('divide')\ndef divide() -> None:\n    print('half'); 1 / 0\nmain()"
    )
    for state in (tmp_path / "state", Path("/dev/null")):
        environment = {"PATH": os.environ["PATH"], "XDG_STATE_HOME": str(state)}
        done = subprocess.run(
            [sys.executable, "-c", code, "divide"],
            capture_output=True,
            text=True,
            check=False,
            env={**environment, "TMPDIR": str(tmp_path)},
        )
        assert (done.returncode, done.stdout) == (1, "half\n")
        assert done.stderr.count("\n") == 1
        assert "a defect in dispersa: ZeroDivisionError: division by zero." in done.stderr
        assert "dispersa reconcile" in done.stderr
        kept = Path(done.stderr.split()[-1])
        assert tmp_path in kept.parents
        assert kept.stat().st_mode & 0o777 == 0o600
        text = kept.read_text()
        assert text.startswith("dispersa ")
        assert "ZeroDivisionError: division by zero" in text
        assert ", in divide" in text
    assert len(list((tmp_path / "state" / "dispersa").iterdir())) == 1


def test_broken_pipe_is_quiet(journal: Path) -> None:
    reader = f"{sys.executable} -m dispersa journal export --journal {journal}"
    for _ in range(3):
        done = subprocess.run(
            ["bash", "-c", f"{reader} | true"], capture_output=True, text=True, check=False
        )
        assert done.stderr == ""


def test_no_color_when_asked_and_when_piped(journal: Path) -> None:
    show = ("journal", "show", "--journal", journal)
    for environment in ({}, {"NO_COLOR": "1"}, {"NO_COLOR": "1", "TERM": "xterm"}):
        assert "\x1b" not in dispersa(*show, folder=None, **environment).stdout


def shake_hands(port: int) -> None:
    """Say hello as a TWS client does and wait for the answer: the gateway is at work then."""
    hello = b"v100..178"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(b"API\0" + len(hello).to_bytes(4, "big") + hello)
        assert len(client.recv(4)) == 4


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 0)])
def test_gateway_says_where_it_listens_and_stops_cleanly(
    number: int, code: int, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text("messages_per_second_max = 'none'\nsnapshot_seconds = 2\n[venue]\n")
    with subprocess.Popen(
        [*PROGRAM, "gateway", "--port", "0", "--speed", "10", "--rules", rules],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as gateway:
        assert gateway.stdout is not None
        line = gateway.stdout.readline()
        shake_hands(int(line.rpartition(":")[2]))
        gateway.send_signal(number)
        _, errors = gateway.communicate(timeout=20)
    assert re.fullmatch(r"listening on 127\.0\.0\.1:\d+\n", line)
    assert (gateway.returncode, errors) == (code, "")


def test_busy_port_is_refused_in_one_sentence() -> None:
    with subprocess.Popen(
        [*PROGRAM, "gateway", "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        port = first.stdout.readline().strip().rpartition(":")[2]
        second = dispersa("gateway", "--port", port)
        first.terminate()
    assert second.returncode == 2
    assert port in second.stderr


@pytest.mark.parametrize(
    ("typed", "asked", "offered"),
    [
        ("bash", {"COMP_WORDS": "dispersa jour", "COMP_CWORD": "1"}, "journal"),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "dispersa journal ver"}, '"verify"'),
        (
            "fish",
            {
                "_TYPER_COMPLETE_ARGS": "dispersa halt --le",
                "_TYPER_COMPLETE_FISH_ACTION": "get-args",
            },
            "--level",
        ),
    ],
)
def test_shell_completes_commands_and_options(
    typed: str, asked: dict[str, str], offered: str
) -> None:
    answer = dispersa(folder=None, _DISPERSA_COMPLETE=f"complete_{typed}", **asked)
    assert offered in answer.stdout


@pytest.mark.real_data
def test_correlation_reads_the_real_chains(test_data: Path) -> None:
    folder = test_data / "us_chains_2026"
    if not (folder / "chains.parquet").is_file():
        pytest.skip("us_chains_2026 is not in the data folder")
    done = dispersa(
        "correlation",
        "--chains", folder / "chains.parquet",
        "--weights", folder / "estimated_weights.csv.gz",
        "--index", "SPY",
        "--json",
        PYTHONWARNINGS="default",
    )  # fmt: skip
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert document["index"] == "SPY"
    assert len(document["rows"]) == 32


@pytest.mark.parametrize("index", ["NOPE", ""])
def test_correlation_of_missing_files_or_index_exits_2(index: str, tmp_path: Path) -> None:
    done = dispersa(
        "correlation", "--chains", tmp_path / "c", "--weights", tmp_path / "w", "--index", index
    )
    assert done.returncode == 2
    assert len(done.stderr) > 20
