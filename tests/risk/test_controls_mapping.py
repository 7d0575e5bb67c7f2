"""Does each control of the mapping page have a test that exists, can not be skipped, and passes?"""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dispersa.risk import DenialCode

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "controls-mapping.md"
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`( \(long\))?")


def rows(text: str) -> list[tuple[str, str]]:
    """Controls and proof of every row of both tables."""
    cells = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    found = [(row[2], row[3]) for row in cells if row[0].strip() not in {"Article", "Paragraph"}]
    assert all(len(row) == 4 for row in cells)
    return found


def faults(text: str, root: Path = ROOT) -> list[str]:
    """What is wrong with a mapping page, in words."""
    table = rows(text)
    found = [f"row without a test: {control}" for control, proof in table if not TEST.search(proof)]
    named = {code for control, _ in table for code in re.findall(r"`(\w+)`", control)}
    found += [f"code in no row: {code}" for code in DenialCode if code.value not in named]
    found += [f"no such code: {name}" for name in sorted(named - {*map(str, DenialCode)} - ROOMS)]
    for path, name, _ in TEST.findall(text):
        fault = _fault_of(root / path, name)
        if fault is not None:
            found.append(f"{path}::{name} {fault}")
    return found


ROOMS = {"risk"}


def _fault_of(path: Path, name: str) -> str | None:
    if not path.is_file():
        return "is in no file"
    body = ast.parse(path.read_text()).body
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if node.name == name:
                marks = ast.unparse(ast.Module(body=node.decorator_list, type_ignores=[]))  # type: ignore[arg-type]  # expressions print as they are
                may_skip = "skip" in marks or "xfail" in marks or "real_data" in marks
                return "may be skipped" if may_skip else None
            case ast.Assign(targets=[ast.Name(id=found)]) if found == name:
                return None
    return "does not exist"


def test_every_control_has_a_test_and_every_code_a_row() -> None:
    assert faults(PAGE.read_text()) == []


def test_named_tests_of_the_gate_pass_by_themselves() -> None:
    """Each is run once more, alone: a proof must not rest on what ran before it."""
    quick = sorted(
        {f"{path}::{name}" for path, name, is_long in TEST.findall(PAGE.read_text()) if not is_long}
    )
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-q", "-p", "no:cacheprovider", *quick],
        cwd=ROOT, env={**os.environ, "CI": "true"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout[-3000:]
    assert "skipped" not in ended.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("::test_neither_half_imports_the_other", "::test_gone", "test_gone does not exist"),
        ("tests/risk/test_two_gates.py::", "tests/risk/gone.py::", "is in no file"),
        ("`rejects_in_a_row`, ", "", "code in no row: rejects_in_a_row"),
        ("`account`, ", "`acount`, ", "no such code: acount"),
        ("`tests/risk/test_denials_page.py::test_page_is_fresh`", "by reading", "row without"),
    ],
)
def test_page_that_promises_too_much_is_found_out(before: str, after: str, fault: str) -> None:
    text = PAGE.read_text()
    assert before in text
    assert any(fault in found for found in faults(text.replace(before, after)))


def test_test_that_may_be_skipped_is_no_proof(tmp_path: Path) -> None:
    folder = tmp_path / "tests" / "risk"
    folder.mkdir(parents=True)
    (folder / "test_two_gates.py").write_text(
        "@pytest.mark.skipif(True, reason='')\ndef test_neither_half_imports_the_other(): ...\n"
    )
    found = faults(PAGE.read_text(), tmp_path)
    assert any("test_neither_half_imports_the_other may be skipped" in fault for fault in found)
