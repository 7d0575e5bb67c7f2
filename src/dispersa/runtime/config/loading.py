"""Which configuration holds, and where does each value come from?

Order, the later wins: built-in defaults, the file, environment variables. `DISPERSA_CONFIG` names
the file; `DISPERSA__RISK__VIX_MAX=25` sets one key (its value is read as TOML, else as text).
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError

from dispersa.errors import InvalidConfig
from dispersa.runtime.config.complaints import complaints
from dispersa.runtime.config.secrets import is_reference, reveal
from dispersa.runtime.config.settings import Settings, contradictions, remarks

FILE_VARIABLE = "DISPERSA_CONFIG"
KEY_PREFIX = "DISPERSA__"
SIZE_BYTES_MAX = 1_000_000
DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedConfig:
    """The settings, the file they came from, and the origin of each key by its dotted name.

    An origin is `default`, the file's path or an environment variable. `remarks` is what is
    allowed and still looks like a mistake.
    """

    settings: Settings
    file: Path | None
    origins: Mapping[str, str]
    remarks: tuple[str, ...]


def load_config(
    file: Path | None = None, environment: Mapping[str, str] | None = None
) -> LoadedConfig:
    """Load and validate the configuration.

    `file` None looks at DISPERSA_CONFIG, ./dispersa.toml and ~/.config/dispersa/dispersa.toml, in
    this order, and does without one where there is none.

    Raises
    ------
    InvalidConfig
        With one sentence for each thing that is wrong: key, value, what is allowed.
    """
    variables = os.environ if environment is None else environment
    path = file or _configured_file(variables)
    values = {} if path is None else _read(path)
    origins = {key: str(path) for key, _ in flattened(values)}
    for variable, key, value in _from_environment(variables):
        _put(values, key, value, variable)
        origins[key] = variable
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise InvalidConfig(_together(path, complaints(error, values, origins))) from None
    if wrong := contradictions(settings):
        raise InvalidConfig(_together(path, wrong))
    _require_private_secrets(path, settings, origins)
    all_origins = {key: origins.get(key, DEFAULT) for key, _ in flattened(settings)}
    return LoadedConfig(
        settings=settings, file=path, origins=all_origins, remarks=remarks(settings)
    )


def flattened(values: BaseModel | Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Name every key that holds no table, with its dotted name, in order."""
    for name, value in values.items() if isinstance(values, Mapping) else values:
        if isinstance(value, BaseModel | Mapping):
            yield from flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _configured_file(variables: Mapping[str, str]) -> Path | None:
    """Find the file that nobody named on the command line."""
    if named := variables.get(FILE_VARIABLE):
        return Path(named).expanduser()
    home = variables.get("XDG_CONFIG_HOME") or "~/.config"
    usual = (Path("dispersa.toml"), Path(home).expanduser() / "dispersa" / "dispersa.toml")
    return next((path for path in usual if path.is_file()), None)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidConfig(
            f"the configuration {path} can not be read: {error.strerror}; "
            "write one with `dispersa config init`"
        ) from error
    if len(content) > SIZE_BYTES_MAX:
        raise InvalidConfig(f"{path} has {len(content)} bytes; expected a configuration file")
    try:
        return tomllib.loads(content.decode(), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidConfig(f"{path} is no TOML: {error}") from error


def _from_environment(variables: Mapping[str, str]) -> Iterator[tuple[str, str, Any]]:
    for variable in sorted(variables):
        if variable.startswith(KEY_PREFIX):
            key = variable.removeprefix(KEY_PREFIX).lower().replace("__", ".")
            yield variable, key, _value(variables[variable])


def _value(text: str) -> Any:
    """Read the text of a variable as a TOML value; what is none is a text."""
    try:
        found = tomllib.loads(f"value = {text}", parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    return found["value"] if list(found) == ["value"] else text


def _put(values: dict[str, Any], key: str, value: Any, variable: str) -> None:
    *tables, name = key.split(".")
    for table in tables:
        inner = values.setdefault(table, {})
        if not isinstance(inner, dict):
            raise InvalidConfig(f"{variable} sets a key inside {table!r}, which is no table")
        values = inner
    values[name] = value


def _together(path: Path | None, sentences: tuple[str, ...]) -> str:
    where = "the configuration" if path is None else str(path)
    return f"{where}: {'; '.join(sentences)}"


def _require_private_secrets(
    path: Path | None, settings: Settings, origins: Mapping[str, str]
) -> None:
    """Refuse a file that holds a secret and that other users of the machine can read."""
    if path is None or not path.stat().st_mode & 0o077:
        return
    for key, value in flattened(settings):
        if not isinstance(value, SecretStr) or origins.get(key) != str(path):
            continue
        if not is_reference(value):
            raise InvalidConfig(
                f"{path} holds {key} and can be read by other users; chmod 600 {path}, or "
                "write 'env:NAME', 'file:PATH' or 'keyring:SERVICE/NAME' in its place"
            )


def unavailable_secrets(settings: Settings) -> tuple[str, ...]:
    """Say which secrets can not be had where their keys say that they are.

    Asks files and keyring, which may want to be unlocked: for `config check` and the doctor alone.
    """
    found = []
    for key, value in flattened(settings):
        if isinstance(value, SecretStr):
            try:
                reveal(key, value)
            except InvalidConfig as error:
                found.append(str(error))
    return tuple(found)
