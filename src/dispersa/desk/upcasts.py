"""How is a record of an earlier build read? One step per change of its form, oldest first.

A record's form has a version: 1 plus the number of steps that its kind has here. Version 1 is
written as it is, a later one says so under `$version`. Whoever changes the form of a record so
that old payloads do not fit any more adds a step; steps are never removed or reordered.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

Payload = dict[str, Any]
Step = Callable[[Payload], Payload]


def _walk_with_steps(payload: Payload) -> Payload:
    """Let a walk say how far it has come: at its first order that is no step, since its arrival."""
    walk = payload["walk"]
    if walk is None:
        return payload
    begun = {"arrival_fair": None, "steps": 0, "stepped_at": walk["arrival_at"]}
    return payload | {"walk": begun | walk}


def _package_by_key(payload: Payload) -> Payload:
    """Name the package by its key in the program, which was its symbol."""
    if "symbol" not in payload:
        return payload
    rest = {key: value for key, value in payload.items() if key != "symbol"}
    return {"package": payload["symbol"]} | rest


def _unbalanced_is_locked(payload: Payload) -> Payload:
    """Call an end outside the vega tolerance by its present name: a person must look at it."""
    if payload["state"] != "PARTIAL_UNBALANCED":
        return payload
    return payload | {"state": "LOCKED"}


STEPS: Mapping[str, tuple[Step, ...]] = MappingProxyType(
    {
        "PlaceOrder": (_walk_with_steps,),
        "EndPackage": (_package_by_key,),
        "EndProgram": (_unbalanced_is_locked,),
    }
)
"""Steps from version 1 on, by kind of record."""


def version_of(kind: str) -> int:
    """Return the version in which this build writes a kind of record."""
    return 1 + len(STEPS.get(kind, ()))


def upcast(kind: str, payload: Payload, version: int) -> Payload:
    """Bring a payload of an earlier version to this build's form."""
    for step in STEPS.get(kind, ())[version - 1 :]:
        payload = step(payload)
    return payload
