"""How does a record become text in the journal, and come back the same?"""

import json
import types
from functools import cache
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from dispersa.desk.commands import Command
from dispersa.desk.events import Event
from dispersa.desk.evolve import Record
from dispersa.desk.state import DeskState
from dispersa.desk.upcasts import upcast, version_of
from dispersa.errors import BrokenInvariant

_VERSION = "$version"
_VERSIONED = '{"$version":'
"""How canonical JSON begins where the record has a version: the sign sorts before letters."""


def _kinds() -> dict[str, type[Record]]:
    members: tuple[type[Record], ...] = (*get_args(Event), *get_args(Command))
    return {member.__name__: member for member in members}


KINDS: types.MappingProxyType[str, type[Record]] = types.MappingProxyType(_kinds())
"""Every kind of record by its name in the journal."""


@cache
def _adapter(kind: str) -> TypeAdapter[Record]:
    return TypeAdapter(KINDS[kind])


@cache
def _state_adapter() -> TypeAdapter[DeskState]:
    return TypeAdapter(DeskState)


def encode_state(state: DeskState) -> Any:
    """Return the whole state in JSON's own types."""
    return _state_adapter().dump_python(state, mode="json")


def state_text(state: DeskState) -> bytes:
    """Return the whole state as JSON text."""
    return _state_adapter().dump_json(state)


def decode_state(text: bytes) -> DeskState:
    """Return the state that `state_text` wrote.

    Raises `BrokenInvariant` if the text does not fit this build's state.
    """
    try:
        return _state_adapter().validate_json(text)
    except ValidationError as error:
        raise BrokenInvariant(f"a saved desk state can not be read: {error}") from error


def encode(record: Record) -> tuple[str, Any]:
    """Return the record's kind and its value in JSON's own types, with its version beyond 1."""
    kind = type(record).__name__
    value = _adapter(kind).dump_python(record, mode="json")
    version = version_of(kind)
    return kind, value if version == 1 else {_VERSION: version, **value}


def decode(kind: str, payload: str) -> Record:
    """Return the record that `encode` of this build, or of an earlier one, wrote.

    Raises
    ------
    BrokenInvariant
        If this build does not know the kind or its version, or the payload does not fit it.
    """
    if kind not in KINDS:
        raise BrokenInvariant(
            f"the journal holds a record of kind {kind!r}, which this build does not know; "
            "open it with the build that wrote it"
        )
    try:
        if version_of(kind) == 1 and not payload.startswith(_VERSIONED):
            return _adapter(kind).validate_json(payload)
        return _adapter(kind).validate_python(_current(kind, payload))
    except (ValidationError, KeyError, TypeError, ValueError) as error:
        raise BrokenInvariant(f"a {kind} record in the journal can not be read: {error}") from error


def _current(kind: str, payload: str) -> dict[str, Any]:
    """Bring a payload to this build's form."""
    value = json.loads(payload)
    if not isinstance(value, dict):
        raise TypeError(f"it is {payload[:40]}, expected an object")
    written, known = value.pop(_VERSION, 1), version_of(kind)
    if written > known:
        raise BrokenInvariant(
            f"the journal holds a {kind} of version {written}, this build reads up to {known}; "
            "open it with the build that wrote it, or a newer one"
        )
    return upcast(kind, value, written)
