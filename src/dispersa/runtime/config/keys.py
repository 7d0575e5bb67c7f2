"""What may one key of the configuration hold, in words that a refusal and a template can use?

Every key is declared through one of these functions, so that its meaning, its unit and its
allowed range are written once: pydantic checks them, refusals quote them, `config init` and the
reference page print them.
"""

from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, Strict
from pydantic.fields import FieldInfo


class Section(BaseModel):
    """A table of the configuration: frozen, every key known, every default checked."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, hide_input_in_errors=True
    )


def _number(value: object) -> object:
    """Let TOML's integers and decimals pass as float; texts and booleans are no numbers."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return float(value)
    raise ValueError("no number")


def _decimal(value: object) -> object:
    """Let TOML's integers and decimals pass exactly; a float only by its shortest spelling."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return Decimal(str(value))
    raise ValueError("no number")


def _path(value: object) -> object:
    if isinstance(value, Path):
        return value
    if isinstance(value, str) and value.strip() and "\0" not in value:
        return Path(value).expanduser()
    raise ValueError("no path")


def _tuple(value: object) -> object:
    """TOML's arrays are lists; ours do not change."""
    return tuple(value) if isinstance(value, list) else value


Number = Annotated[float, BeforeValidator(_number)]
Amount = Annotated[Decimal, BeforeValidator(_decimal)]
Count = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
ClockTime = Annotated[time, Strict()]
Text = Annotated[str, Strict()]
File = Annotated[Path, BeforeValidator(_path)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_tuple)]
Secret = SecretStr


def number(default: Any, low: float, high: float, unit: str, meaning: str) -> Any:
    """Declare a number from `low` to `high`, both included; for `Number` and `Amount`."""
    expected = f"a number from {low:g} to {high:g} ({unit})"
    return _field(default, meaning, expected, ge=low, le=high, allow_inf_nan=False)


def number_above(default: Any, low: float, high: float, unit: str, meaning: str) -> Any:
    """Declare a number above `low` up to `high`; for `Number` and `Amount`."""
    expected = f"a number above {low:g} up to {high:g} ({unit})"
    return _field(default, meaning, expected, gt=low, le=high, allow_inf_nan=False)


def count(
    default: Any, low: int, high: int, unit: str, meaning: str, *, example: int | None = None
) -> Any:
    """Declare a whole number from `low` to `high`, both included."""
    expected = f"a whole number from {low} to {high} ({unit})"
    return _field(default, meaning, expected, example=example, ge=low, le=high)


def flag(default: Any, meaning: str) -> Any:
    """Declare true or false."""
    return _field(default, meaning, "true or false")


def choice(default: Any, of: object, meaning: str) -> Any:
    """Declare one of the values of a `Literal`."""
    values = get_args(of)
    expected = f"one of {', '.join(map(repr, values))}"
    return _field(default, meaning, expected, example=values[0])


def text(
    default: Any,
    expected: str,
    meaning: str,
    *,
    pattern: str | None = None,
    example: str | None = None,
) -> Any:
    """Declare a text; `expected` says what it looks like, `pattern` checks it."""
    return _field(default, meaning, expected, example=example, pattern=pattern, max_length=500)


def clock_time(meaning: str) -> Any:
    """Declare a time of the clock."""
    return _field(..., meaning, "a time such as 23:40:00")


def texts(
    default: Any, expected: str, meaning: str, *, example: tuple[str, ...] | None = None
) -> Any:
    """Declare a list of texts."""
    return _field(default, meaning, expected, example=example)


def file(default: Any, meaning: str, *, example: str | None = None) -> Any:
    """Declare a path; `~` is the home folder."""
    return _field(default, meaning, "a path", example=example)


def secret(meaning: str, *, example: str) -> Any:
    """Declare a secret, which is never printed."""
    expected = "'env:NAME', 'file:PATH', 'keyring:SERVICE/NAME' or a text"
    return _field(None, meaning, expected, example=example, max_length=500)


def optional_number(low: float, high: float, unit: str, meaning: str, *, example: float) -> Any:
    """Declare a number above `low` that may be left out."""
    field: Any = number_above(None, low, high, unit, meaning)
    field.json_schema_extra["example"] = example
    return field


def table(default: Any, meaning: str) -> Any:
    """Declare a table inside a table."""
    return _field(default, meaning, "a table")


def expected_of(field: FieldInfo) -> str:
    """Return what a key may hold, in words."""
    return str(_extra(field)["expected"])


def example_of(field: FieldInfo) -> object:
    """Return a value to show for a key that has no default, None where there is none."""
    return _extra(field)["example"]


def _extra(field: FieldInfo) -> Mapping[str, Any]:
    extra = field.json_schema_extra
    return extra if isinstance(extra, dict) else {}


def _field(
    default: Any, meaning: str, expected: str, *, example: object = None, **limits: Any
) -> Any:
    return Field(
        default,
        description=meaning,
        json_schema_extra={"expected": expected, "example": example},  # type: ignore[dict-item]  # pydantic wants JSON, which these are
        **limits,
    )
