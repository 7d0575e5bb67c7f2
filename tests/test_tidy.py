"""Is the style guide kept? Style as a test; every exemption stands here with its reason."""

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "dispersa"

BODY_LINES_MAX = 40
MODULE_LINES_MAX = 400
PURE_ROOMS = (
    "market",
    "pricing",
    "correlation",
    "orders",
    "portfolio",
    "sizing",
    "risk",
    "execution",
    "desk",
)

LONG_MODULES: dict[str, str] = {}
"""Modules of more than 400 lines, with the reason; the list only shrinks."""

LONG_FUNCTIONS: dict[str, str] = {
    "src/dispersa/correlation/verdict.py:data_reasons": "one table, a row for each refusal",
    "src/dispersa/gateway/exchange/account.py:values": "one table, a line for each account key",
    "src/dispersa/gateway/wire/replies.py:contract_details": "one message, field by field in order",
    "src/dispersa/reports/correlation_html.py:_premium_and_edge": "one chart, drawn in one pass",
    "src/dispersa/reports/correlation_names.py:coverage_and_dropped": "one chart, in one pass",
}
"""Functions of more than 40 lines (`path:name`), with the reason; the list only shrinks."""

CLOCK_AND_CHANCE = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "time.time",
    "time.monotonic",
    "time.monotonic_ns",
    "time.perf_counter",
    "time.time_ns",
    "time.sleep",
    "uuid.uuid4",
    "uuid4",
}
CHANCE_AND_LOG_MODULES = {"random", "secrets", "uuid", "logging"}

IMPURE_IN_PURE_ROOMS: dict[str, str] = {
    "src/dispersa/pricing/warm.py:time.perf_counter": "says how long compiling the kernels took",
}
"""Uses of clock, chance or log in a pure room (`path:name`), with the reason."""

SILENCED = re.compile(r"#\s*(?:type:\s*ignore(?:\[[^\]]*\])?|noqa(?::\s*[A-Z0-9, ]+)?)(?P<rest>.*)")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|root|Users|work|mnt|opt/pyenv)/\w")
INDEX_ADDRESS = re.compile(
    r"(?:--(?:extra-)?index-url|index-url\s*=|https?://[^\s\"'>)]*/simple\b"
    r"|pypi\.org/simple|artifactory|devpi)",
    re.IGNORECASE,
)

MODULES = sorted(SOURCE.rglob("*.py"))


def tracked_files() -> list[Path]:
    """List what git would put into a clone."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False, text=True
    )
    if listed.returncode:
        pytest.skip("this is no git checkout, so nothing is tracked")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> int:
    """Count the lines of a body that say something, without its docstring."""
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    if not body:
        return 0
    end = body[-1].end_lineno or body[-1].lineno
    return sum(1 for line in lines[body[0].lineno - 1 : end] if line.strip())


def test_functions_are_short() -> None:
    found = set()
    for path in MODULES:
        text = path.read_text()
        lines = text.splitlines()
        for function in functions(ast.parse(text)):
            if body_lines(function, lines) > BODY_LINES_MAX:
                found.add(f"{named(path)}:{function.name}")
    assert found == set(LONG_FUNCTIONS), "split them, or drop the exemption that is not needed"


def test_modules_are_short() -> None:
    found = {
        named(path) for path in MODULES if len(path.read_text().splitlines()) > MODULE_LINES_MAX
    }
    assert found == set(LONG_MODULES), "split them, or drop the exemption that is not needed"


def test_modules_open_with_a_docstring() -> None:
    paths = [*MODULES, *sorted((ROOT / "tests").rglob("test_*.py"))]
    missing = [named(path) for path in paths if not ast.get_docstring(ast.parse(path.read_text()))]
    assert missing == []


def test_silenced_checks_give_a_reason() -> None:
    found: dict[str, list[int]] = {}
    for path in MODULES:
        text = path.read_text()
        if not SILENCED.search(text):
            continue
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            silenced = SILENCED.search(token.string) if token.type == tokenize.COMMENT else None
            if silenced and len(silenced["rest"].strip(" -#")) < 8:
                found.setdefault(named(path), []).append(token.start[0])
    assert not found, f"write the reason beside it: {found}"


def test_tracked_files_hold_no_machine_path_and_no_index_address() -> None:
    found = []
    for path in tracked_files():
        if path == Path(__file__):
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE_PATH.search(line) or INDEX_ADDRESS.search(line):
                found.append(f"{named(path)}:{number}: {line.strip()[:120]}")
    assert found == []


def calls_and_imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                yield node.module or ""
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            case ast.Attribute(value=ast.Name(id=owner)):
                yield f"{owner}.{node.attr}"
            case ast.Attribute(value=ast.Attribute(attr=owner)):
                yield f"{owner}.{node.attr}"


@pytest.mark.parametrize("room", PURE_ROOMS)
def test_pure_rooms_read_no_clock_draw_no_number_and_log_nothing(room: str) -> None:
    found = set()
    for path in sorted((SOURCE / room).rglob("*.py")):
        for name in calls_and_imports(ast.parse(path.read_text())):
            if name in CLOCK_AND_CHANCE or name.partition(".")[0] in CHANCE_AND_LOG_MODULES:
                found.add(f"{named(path)}:{name}")
    allowed = {name for name in IMPURE_IN_PURE_ROOMS if name.startswith(f"src/dispersa/{room}/")}
    assert found == allowed


def test_exemptions_give_a_reason() -> None:
    lists = (LONG_MODULES, LONG_FUNCTIONS, IMPURE_IN_PURE_ROOMS)
    reasons = [reason for exemptions in lists for reason in exemptions.values()]
    assert all(len(reason) >= 20 for reason in reasons)


def example(body: int) -> str:
    statements = "\n\n".join(f"    x = {n}  # comment" for n in range(body))
    return f'def f():\n    """Say."""\n{statements}\n'


@pytest.mark.parametrize("body", [1, 40, 41])
def test_the_body_count_itself_counts_statements_without_docstring_and_blanks(body: int) -> None:
    text = example(body)
    (function,) = functions(ast.parse(text))
    assert body_lines(function, text.splitlines()) == body


@pytest.mark.parametrize(
    ("line", "is_found"),
    [
        ("path = '/home/someone/x'", True),
        ("see /work/main", True),
        ("--index-url https://mirror.local/simple", True),
        ("https://files.mirror.example/simple/", True),
        ("GET /homepage", False),
        ("a/work/b", False),
        ("a simple thing at https://example.org/page", False),
    ],
)
def test_the_path_and_address_patterns_find_what_they_should(line: str, is_found: bool) -> None:
    assert bool(MACHINE_PATH.search(line) or INDEX_ADDRESS.search(line)) is is_found
