"""Only room `risk` makes an approved order: nothing else in the package calls its constructor."""

import ast
from pathlib import Path

import dispersa

SOURCE = Path(dispersa.__file__).parent
NAME = "ApprovedOrder"


def makers(tree: ast.AST) -> list[int]:
    """Lines that build an approved order: by its name, by an alias or by `replace` of one."""
    aliases = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name == NAME
    }
    lines = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        made = node.func
        is_maker = (isinstance(made, ast.Name) and made.id in aliases) or (
            isinstance(made, ast.Attribute) and made.attr == NAME
        )
        if is_maker or replaces_approved(node):
            lines.append(node.lineno)
    return lines


def replaces_approved(call: ast.Call) -> bool:
    is_replace = isinstance(call.func, ast.Name) and call.func.id == "replace"
    keywords = {keyword.arg for keyword in call.keywords}
    return is_replace and bool(keywords & {"approved_at", "revision"})


def test_no_room_but_risk_makes_an_approved_order() -> None:
    found = {
        str(path.relative_to(SOURCE)): lines
        for path in sorted(SOURCE.rglob("*.py"))
        if (lines := makers(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert set(found) == {str(Path("risk", "gate.py"))}


def test_the_search_finds_what_it_looks_for() -> None:
    planted = (
        "from dispersa.orders import ApprovedOrder as Yes\n"
        "import dispersa.orders as orders\n"
        "from dataclasses import replace\n"
        "Yes(intent=1)\n"
        "orders.ApprovedOrder(intent=1)\n"
        "replace(order, revision=2)\n"
    )
    assert makers(ast.parse(planted)) == [4, 5, 6]
