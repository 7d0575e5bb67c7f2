"""How is a refused configuration said, so that the user can mend it?"""

from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from dispersa.runtime.config.keys import expected_of
from dispersa.runtime.config.settings import Settings

SHOWN_CHARACTERS_MAX = 80


def complaints(
    error: ValidationError, values: Mapping[str, Any], origins: Mapping[str, str]
) -> tuple[str, ...]:
    """Turn a validation error into sentences: key, value, what is allowed, near name."""
    found: dict[str, None] = {}
    for detail in error.errors(include_url=False, include_context=False):
        found[_sentence(detail, values, origins)] = None
    return tuple(found)


def _sentence(detail: ErrorDetails, values: Mapping[str, Any], origins: Mapping[str, str]) -> str:
    place = _place(detail["loc"])
    key = ".".join(map(str, place))
    origin = origins.get(key, "")
    source = f" (from {origin})" if origin.startswith("DISPERSA__") else ""
    if detail["type"] == "extra_forbidden":
        return f"{key}{source} is unknown; {_near(place)}"
    field = _field(place)
    if detail["type"] == "missing":
        return f"{key} is missing; expected {_expected(field)}"
    shown = "a secret" if _is_secret(field) else _shown(_look_up(values, place))
    return f"{key}{source} is {shown}; expected {_expected(field)}"


def _place(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Keep of pydantic's location what is a key or an index of ours."""
    kept: list[int | str] = []
    for part in location:
        if isinstance(part, int) or _field((*kept, part)) or not kept or _table((*kept,)):
            kept.append(part)
    return tuple(kept)


def _table(place: tuple[int | str, ...]) -> type[BaseModel] | None:
    """Return the table that lies at a place."""
    model: type[BaseModel] = Settings
    for part in place:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        inner = None if field is None else _model_in(field.annotation)
        if inner is None:
            return None
        model = inner
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _model_in(part))), None)


def _field(place: tuple[int | str, ...]) -> FieldInfo | None:
    names = [part for part in place if isinstance(part, str)]
    table = _table(tuple(names[:-1]))
    return None if table is None or not names else table.model_fields.get(names[-1])


def _expected(field: FieldInfo | None) -> str:
    if field is None or not field.json_schema_extra:
        return "a table"
    return expected_of(field)


def _is_secret(field: FieldInfo | None) -> bool:
    return field is not None and SecretStr in (field.annotation, *get_args(field.annotation))


def _near(place: tuple[int | str, ...]) -> str:
    """Guess what an unknown key was meant to be: near in its table, else the same elsewhere."""
    name = str(place[-1])
    table = _table(place[:-1])
    known = list(table.model_fields) if table else []
    if near := get_close_matches(name, known, n=1, cutoff=0.6):
        return f"did you mean {'.'.join((*map(str, place[:-1]), near[0]))}?"
    for section, field in Settings.model_fields.items():
        model = _model_in(field.annotation)
        if model is not None and name in model.model_fields:
            return f"did you mean {section}.{name}?"
    return f"known here: {', '.join(known)}"


def _look_up(values: Any, place: tuple[int | str, ...]) -> Any:
    for part in place:
        values = values[part]
    return values


def _shown(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case Decimal() | int() | float() | datetime() | date() | time():
            return str(value)
        case Mapping():
            return "a table"
        case list():
            text = f"[{', '.join(map(_shown, value))}]"
        case _:
            text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[:SHOWN_CHARACTERS_MAX]}..."
