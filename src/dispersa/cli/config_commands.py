"""`dispersa config`: write, check and show the configuration."""

import os
from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dispersa.cli.options import ConfigOption, JsonOption
from dispersa.cli.output import print_json, print_table, say
from dispersa.cli.registration import command, group
from dispersa.errors import InvalidInput

if TYPE_CHECKING:
    from rich.table import Table

    from dispersa.runtime.config import LoadedConfig


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    config = group("config", "Write, check and show the configuration.")
    command(
        config,
        "init",
        "dispersa config init",
        "dispersa config init --profile paper ~/.config/dispersa/dispersa.toml",
    )(init)
    command(
        config,
        "check",
        "dispersa config check",
        "dispersa config check --config paper.toml --json",
    )(check)
    command(
        config,
        "show",
        "dispersa config show",
        "dispersa config show --changed",
        "DISPERSA__RISK__VIX_MAX=25 dispersa config show --json",
    )(show)
    app.add_typer(config)


def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")] = Path(
        "dispersa.toml"
    ),
    *,
    profile: Annotated[
        Literal["sim", "paper", "live"], typer.Option(help="What the file is for.")
    ] = "sim",
) -> None:
    """Write a commented configuration with every key, its meaning, range and default."""
    from dispersa.runtime.config import template

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise InvalidInput(f"{file} exists; move it away or name another file") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as target:
        target.write(template(profile))
    say(f"written to {file}; check it with `dispersa config check --config {file}`")


def check(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Validate the configuration and explain what is wrong or looks like a mistake."""
    from dispersa.runtime.config import load_config, unavailable_secrets

    loaded = load_config(config)
    remarks = (*loaded.remarks, *unavailable_secrets(loaded.settings))
    if json:
        print_json(
            {
                "file": _path(loaded),
                "profile": loaded.settings.profile,
                "valid": True,
                "remarks": remarks,
            }
        )
        return
    print(f"{_path(loaded) or 'built-in values'}: valid, profile {loaded.settings.profile}")
    for remark in remarks:
        say(f"remark: {remark}")


def show(
    *,
    changed: Annotated[
        bool, typer.Option("--changed", help="Only keys that are not at their default.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show the values in effect and where each comes from; secrets are masked."""
    from dispersa.runtime.config import flattened, load_config

    loaded = load_config(config)
    values = {
        key: _plain(value)
        for key, value in flattened(loaded.settings)
        if not changed or loaded.origins[key] != "default"
    }
    if json:
        print_json(
            {
                "file": _path(loaded),
                "values": {
                    key: {"value": value, "origin": loaded.origins[key]}
                    for key, value in values.items()
                },
            }
        )
    else:
        print_table(_table(values, loaded.origins))


def _path(loaded: "LoadedConfig") -> str | None:
    return None if loaded.file is None else str(loaded.file)


def _plain(value: object) -> object:
    """Turn a value into what JSON has a word for; a secret becomes stars."""
    from pydantic import BaseModel

    match value:
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            return float(value)
        case time():
            return value.isoformat()
        case tuple() | list():
            return [_plain(item) for item in value]
        case BaseModel():
            return {name: _plain(item) for name, item in value}
        case _:
            return str(value)


def _table(values: Mapping[str, object], origins: Mapping[str, str]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold")
    for heading in ("key", "value", "origin"):
        table.add_column(heading, overflow="fold")
    for key, value in values.items():
        table.add_row(key, Text("-" if value is None else str(value)), origins[key])
    return table
