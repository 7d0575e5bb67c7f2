"""Do the documents say what the product does? Links, generated pages, and examples that are run."""

import json
import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.testing
from typer.main import get_command

from dispersa.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    [
        *(page for page in DOCS.rglob("*.md") if "build" not in page.parts),
        *ROOT.glob("*.md"),
        *(ROOT / "deploy").glob("*.md"),
    ]
)
WRITTEN = runpy.run_path(str(DOCS / "write_reference.py"))["PAGES"]

CHEAP = [
    "dispersa --version",
    "dispersa config init",
    "dispersa config check",
    "dispersa config show --json",
    "dispersa status --json",
]
"""Examples that need neither network nor gateway, in the order of a first hour."""


def _blocks(page: Path, language: str) -> Iterator[str]:
    text = page.read_text(encoding="utf-8")
    yield from re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)


def commands_of(page: Path) -> Iterator[list[str]]:
    """Yield every `$ dispersa …` of the console blocks as words, without comments and pipes."""
    for block in _blocks(page, "console"):
        for line in block.replace("\\\n", " ").splitlines():
            for part in line.strip().removeprefix("$ ").split("; "):
                words = shlex.split(part, comments=True) if part.count("'") % 2 == 0 else []
                stop = [i for i, word in enumerate(words) if word in {"|", ">", "||", "&&"}]
                words = words[: stop[0]] if stop else words
                if words and words[0].rpartition("/")[2] == "dispersa" and line.strip()[0] == "$":
                    yield words[1:]


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_generated_page_is_fresh(name: str) -> None:
    page = DOCS / "reference" / name
    assert page.read_text(encoding="utf-8") == WRITTEN[name](), f"{page} is stale; `make reference`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_local_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", target) and not target.startswith("#"):
            path = page.parent / target.partition("#")[0]
            assert path.exists(), f"{page.name} links to {target}, which does not exist"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_examples_exist_with_their_options(page: Path) -> None:
    for words in commands_of(page):
        command: Any = get_command(app)
        rest = list(words)
        while rest and rest[0] in getattr(command, "commands", {}):
            command = command.commands[rest.pop(0)]
        group = getattr(command, "commands", None)
        assert not (group and rest and not rest[0].startswith("-")), (
            f"{page.name}: no command `dispersa {shlex.join(words)}`"
        )
        known = {
            name for option in command.params for name in (*option.opts, *option.secondary_opts)
        }
        for word in rest:
            option = word.partition("=")[0]
            if option.startswith("--"):
                assert option in known | {"--help"}, (
                    f"{page.name}: `dispersa {shlex.join(words)}` has no option {option}"
                )


def test_every_room_has_a_page_of_its_own() -> None:
    elsewhere = {"cli": "reference/cli.md", "testing": "how-to/gateway-for-any-bot.md"}
    rooms = {path.parent.name for path in (ROOT / "src" / "dispersa").glob("*/__init__.py")}
    for room in rooms:
        page = DOCS / elsewhere.get(room, f"concepts/{room}.md")
        assert page.is_file(), f"room {room} has no page {page}"


def test_table_of_rooms_allows_what_the_rooms_import() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| .* \| (.*) \|$", text, re.MULTILINE)
    used = _uses()
    listed = {room for names, _ in rows for room in re.findall(r"\w+", names)}
    assert listed == set(used)
    for names, allowed in rows:
        words = set(re.findall(r"\w+", allowed.removeprefix("everything but ")))
        may = set(used) - words if allowed.startswith("everything") else words
        for room in re.findall(r"\w+", names):
            assert used[room] <= may | {"errors"}, f"{room} uses {used[room] - may}"


def _uses() -> dict[str, set[str]]:
    """Map each room to the rooms that it imports."""
    source = ROOT / "src" / "dispersa"
    found: dict[str, set[str]] = {}
    for file in source.rglob("*.py"):
        room = file.relative_to(source).parts[0].removesuffix(".py")
        if not room.startswith("__"):
            imports = re.findall(
                r"^\s*(?:from|import) dispersa\.(\w+)",
                file.read_text(encoding="utf-8"),
                re.MULTILINE,
            )
            found.setdefault(room, set()).update(set(imports) - {room})
    return found


def test_cheap_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISPERSA__JOURNAL__PATH", str(tmp_path / "journal.sqlite3"))
    shown = {shlex.join(words) for page in PAGES for words in commands_of(page)}
    runner = typer.testing.CliRunner()
    for example in CHEAP:
        words = shlex.split(example)[1:]
        result = runner.invoke(app, words)
        assert result.exit_code == 0, f"{example}: {result.output}"
        if "--json" in words:
            assert json.loads(result.stdout)
    assert {"--version", "config init", "config check", "status --json"} <= shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_examples_compile_and_their_imports_exist(page: Path) -> None:
    for block in _blocks(page, "python"):
        flags = 0x2000  # ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        compile(block, page.name, "exec", flags=flags)
        for line in re.findall(r"^from dispersa.*", block, re.MULTILINE):
            if "(" not in line:
                exec(line, {})  # noqa: S102
