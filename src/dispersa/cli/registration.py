"""How does a function become a command whose help ends with examples?"""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import typer

_Command = TypeVar("_Command", bound=Callable[..., Any])


def group(name: str, summary: str) -> typer.Typer:
    """Make a group of commands, such as `journal`; add it with `app.add_typer(...)`."""
    return typer.Typer(name=name, help=summary, no_args_is_help=True, rich_markup_mode=None)


def command(app: typer.Typer, name: str, *examples: str) -> Callable[[_Command], _Command]:
    """Register a function under `name`; its docstring and the examples are the help."""

    def register(function: _Command) -> _Command:
        lines = "\n".join(f"  {example}" for example in examples)
        app.command(
            name,
            help=inspect.getdoc(function),
            epilog=f"\b\nExamples:\n{lines}",  # \b: click must not re-wrap these lines
        )(function)
        return function

    return register
