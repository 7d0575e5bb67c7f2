"""How does a configuration file look that explains itself? TOML written from the models."""

import json
import textwrap
from collections.abc import Iterator
from datetime import time
from decimal import Decimal
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dispersa.runtime.config.keys import example_of, expected_of
from dispersa.runtime.config.settings import Settings

_HEADER = """\
# Configuration of dispersa. Every key stands here with its default; a line that begins with `# `
# and a key is optional and shows an example. `dispersa config check` explains what is wrong.
# One key can also be set in the environment: DISPERSA__RISK__VIX_MAX=25
"""


def template(profile: str = "sim") -> str:
    """Write a whole commented configuration for a profile; it loads to the defaults."""
    settings = Settings.model_validate({"profile": profile})
    lines = [_HEADER, *_entry("profile", Settings.model_fields["profile"], profile)]
    if profile == "live":
        lines += ["", "# Real money: set live.enabled and live.account below, or nothing starts."]
    for name in Settings.model_fields:
        section = getattr(settings, name)
        if isinstance(section, BaseModel):
            lines += _table(name, section)
    return "\n".join(lines) + "\n"


def _table(path: str, section: BaseModel, meaning: str = "") -> Iterator[str]:
    yield ""
    yield from _comment(meaning or (type(section).__doc__ or ""))
    yield f"[{path}]"
    fields = type(section).model_fields
    for name, field in fields.items():
        value = getattr(section, name)
        if not isinstance(value, BaseModel) and not is_tables(value):
            yield from _entry(name, field, value)
    for name, field in fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _table(f"{path}.{name}", value, field.description or "")
        elif is_tables(value):
            yield from _tables(f"{path}.{name}", value, field.description or "")


def _tables(path: str, sections: tuple[BaseModel, ...], meaning: str) -> Iterator[str]:
    yield ""
    yield from _comment(meaning)
    for section in sections:
        yield f"[[{path}]]"
        for name in type(section).model_fields:
            yield f"{name} = {toml(getattr(section, name))}"


def _entry(name: str, field: FieldInfo, value: Any) -> Iterator[str]:
    yield from _comment(f"{field.description} Expected: {expected_of(field)}.")
    if value is None:
        yield f"# {name} = {toml(example_of(field))}"
    else:
        yield f"{name} = {toml(value)}"


def _comment(text: str) -> Iterator[str]:
    for line in textwrap.wrap(" ".join(text.split()), width=97, break_on_hyphens=False):
        yield f"# {line}"


def is_tables(value: Any) -> bool:
    """Whether a value is an array of tables."""
    return isinstance(value, tuple) and bool(value) and isinstance(value[0], BaseModel)


def toml(value: Any) -> str:
    """Write one value as TOML."""
    match value:
        case bool():
            return str(value).lower()
        case int() | Decimal():
            return str(value)
        case float():
            return repr(value)
        case time():
            return value.isoformat()
        case tuple():
            return f"[{', '.join(map(toml, value))}]"
        case _:
            return json.dumps(str(value))
