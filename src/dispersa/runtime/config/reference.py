"""Which keys are there? The reference page of the configuration, written from the models."""

from collections.abc import Iterator

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dispersa.runtime.config.keys import expected_of
from dispersa.runtime.config.settings import Settings
from dispersa.runtime.config.template import is_tables, toml

_HEAD = """\
# Configuration

One TOML file. `dispersa config init` writes it with every key and a comment, `config check`
validates it and remarks on likely mistakes, `config show` prints the values in effect with the
origin of each; secrets are masked.

The file is the one named by `--config`, else by `DISPERSA_CONFIG`, else `./dispersa.toml`, else
`~/.config/dispersa/dispersa.toml`; without any, the defaults below hold. One key can be set in the
environment, which wins over the file: `DISPERSA__RISK__VIX_MAX=25`,
`DISPERSA__RISK__ORDER__CONTRACTS_MAX=10`. Its value is read as TOML, else as text.

An unknown key is refused with the nearest known one, a bad value with what is allowed, and
everything that is wrong is said at once (exit code 2).

A secret is `env:NAME`, `file:PATH`, `keyring:SERVICE/NAME` (an entry of the system's keyring, which
`keyring set SERVICE NAME` stores) or the text itself; a file that holds one in the clear must be
readable by its owner alone. No command prints one; `config check` says which can not be had.

**Live trading** needs all of `profile = "live"`, `live.enabled = true` and `live.account` written
out; the profiles `sim` and `paper` refuse a live account.

This page is written from the models by `python -m dispersa.runtime.config.reference`; a test holds
that it is current.
"""


def reference() -> str:
    """Write the page, in Markdown."""
    settings = Settings()
    lines = [_HEAD, "## Top level", "", *_table_head()]
    lines += [_row("profile", Settings.model_fields["profile"], settings.profile)]
    for name, value in settings:
        if isinstance(value, BaseModel):
            lines += _section(name, value, type(value).__doc__ or "")
    return "\n".join(lines) + "\n"


def _section(path: str, section: BaseModel, meaning: str) -> Iterator[str]:
    yield from ("", f"## [{path}]", "", meaning, "", *_table_head())
    fields = type(section).model_fields
    for name, field in fields.items():
        value = getattr(section, name)
        if not isinstance(value, BaseModel):
            yield _row(name, field, value)
    for name, field in fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _section(f"{path}.{name}", value, field.description or "")


def _table_head() -> tuple[str, str]:
    return "| key | default | meaning | expected |", "|---|---|---|---|"


def _row(name: str, field: FieldInfo, value: object) -> str:
    default = "-" if value is None else f"`{_shown(value)}`"
    return f"| `{name}` | {default} | {field.description} | {expected_of(field)} |"


def _shown(value: object) -> str:
    if isinstance(value, tuple) and is_tables(value):
        rows = (", ".join(f"{name} = {toml(inner)}" for name, inner in row) for row in value)
        return f"[{', '.join(f'{{ {row} }}' for row in rows)}]"
    return toml(value)


if __name__ == "__main__":
    print(reference(), end="")
