"""Where does output go? Results to stdout, everything else to stderr."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

WIDTH_WITHOUT_TERMINAL = 160
"""Columns of a table that goes to a file or pipe, where nothing says how wide a line may be."""


def print_json(document: Any) -> None:
    """Print one JSON document on stdout; a text is taken as a document already written."""
    text = document if isinstance(document, str) else json.dumps(document, allow_nan=False)
    print(text)


def print_table(table: "RenderableType") -> None:
    """Print a rich table (or text) on stdout."""
    console_on(stderr=False).print(table)


def say(text: str) -> None:
    """Tell the person at the terminal something that is no result."""
    print(text, file=sys.stderr, flush=True)


def write_whole(file: Path, text: str) -> None:
    """Write a text file completely or not at all."""
    part = file.with_name(file.name + ".part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def console_on(*, stderr: bool) -> "Console":
    """Make a rich console; colors only on a terminal and without NO_COLOR."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else WIDTH_WITHOUT_TERMINAL
    return Console(file=stream, width=width, highlight=False)
