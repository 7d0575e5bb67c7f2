"""Where does output go? Results to stdout, everything else to stderr."""

import json
import sys
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


def console_on(*, stderr: bool) -> "Console":
    """Make a rich console; colors only on a terminal and without NO_COLOR."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else WIDTH_WITHOUT_TERMINAL
    return Console(file=stream, width=width, highlight=False)
