"""Does a journal of an earlier build still fold to what its own build had made of it?

`journals/` keeps journals as their builds wrote them (made-up trades), each scenario after a line
that says what that build's desk knew at its end. A new form of a record adds a file, none is ever
renewed.
"""

import gzip
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from dispersa.desk import upcasts
from dispersa.desk.codec import decode, encode
from dispersa.desk.state import DeskState
from dispersa.desk.step import fold
from dispersa.errors import BrokenInvariant
from dispersa.journal import canonical_json
from tests.desk.scene import Scene

RENAMED = {"PARTIAL_UNBALANCED": "LOCKED"}
"""Ends of a program under the names of earlier builds."""
JOURNALS = Path(__file__).with_name("journals")


def scenarios() -> Iterator[tuple[str, dict[str, Any], list[tuple[str, str, str]]]]:
    for path in sorted(JOURNALS.glob("*.jsonl.gz")):
        known: dict[str, Any] = {}
        rows: list[tuple[str, str, str]] = []
        for line in gzip.decompress(path.read_bytes()).splitlines():
            found = json.loads(line)
            if isinstance(found, dict):
                if known:
                    yield path.name, known, rows
                known, rows = found, []
            else:
                rows.append((found[0], found[1], found[2]))
        yield path.name, known, rows


def summary(state: DeskState) -> dict[str, Any]:
    program = state.program
    return {
        "stage": state.stage.value,
        "halted": state.halt is not None,
        "orders": {
            ref: [order.state.value, order.filled, str(order.working_limit), len(order.limit_path)]
            for ref, order in state.orders.items()
        },
        "executions": len(state.book.executions),
        "filled": {}
        if program is None
        else {name: row.filled for name, row in program.packages.items()},
        "program": None if program is None else program.state.value,
    }


@pytest.mark.parametrize(
    ("known", "rows"),
    [pytest.param(known, rows, id=f"{n}-{known['scenario']}") for n, known, rows in scenarios()],
)
def test_journal_of_an_earlier_build_folds_to_what_that_build_knew(
    known: dict[str, Any], rows: list[tuple[str, str, str]]
) -> None:
    records = [(datetime.fromisoformat(at), decode(kind, text)) for at, kind, text in rows]
    expected = {key: value for key, value in known.items() if key != "scenario"}
    expected["program"] = RENAMED.get(expected["program"], expected["program"])
    assert summary(fold(records)) == expected


def test_record_written_now_says_its_version_and_comes_back_equal() -> None:
    scene = Scene()
    scene.open()
    scene.tick(8)
    seen = set()
    for _, kind, text in scene.journal:
        record = decode(kind, text)
        again, value = encode(record)
        assert (again, canonical_json(value)) == (kind, text)
        assert json.loads(text).get("$version", 1) == upcasts.version_of(kind)
        seen.add(kind)
    assert "PlaceOrder" in seen


@pytest.mark.parametrize("kind", ["PlaceOrder", "HaltRequested"])
def test_record_of_a_newer_build_is_refused_with_the_mend(kind: str) -> None:
    with pytest.raises(BrokenInvariant, match=r"version 99.*newer one"):
        decode(kind, '{"$version":99,"reason":"x"}')


def test_record_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(BrokenInvariant, match="'Teleport'"):
        decode("Teleport", "{}")


@pytest.mark.parametrize("text", ["[]", "{}", '{"walk": 3}', '"x"'])
def test_record_that_fits_no_version_is_refused(text: str) -> None:
    with pytest.raises(BrokenInvariant, match="can not be read"):
        decode("PlaceOrder", text)
