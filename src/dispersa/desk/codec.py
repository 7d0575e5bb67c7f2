"""How does a record become text in the journal, and come back the same?"""

import types
from functools import cache
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from dispersa.desk.commands import Command
from dispersa.desk.events import Event
from dispersa.desk.evolve import Record
from dispersa.desk.state import DeskState
from dispersa.errors import BrokenInvariant


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
    """Return the record's kind and its value in JSON's own types."""
    kind = type(record).__name__
    return kind, _adapter(kind).dump_python(record, mode="json")


def decode(kind: str, payload: str) -> Record:
    """Return the record that `encode` wrote.

    Raises
    ------
    BrokenInvariant
        If this build does not know the kind, or the payload does not fit it.
    """
    if kind not in KINDS:
        raise BrokenInvariant(
            f"the journal holds a record of kind {kind!r}, which this build does not know; "
            "open it with the build that wrote it"
        )
    try:
        return _adapter(kind).validate_json(payload)
    except ValidationError as error:
        raise BrokenInvariant(f"a {kind} record in the journal can not be read: {error}") from error
