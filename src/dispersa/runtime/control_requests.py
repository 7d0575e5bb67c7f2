"""What may be asked of the process that owns the journal? Versioned requests, one JSON line each.

    question  {"schema": 1, "ask": "halt", "level": "cancel", "reason": "…", "by": "…"}
    answer    {"schema": 1, "build": "…", "ok": true, "answer": {…}}
    refusal   {"schema": 1, "build": "…", "ok": false,
               "error": {"name": "Halted", "sentence": "…", "exit_code": 5}}

`subscribe` is answered by one line per journal entry, `{"entry": {…}}`, and by `{"alive": N}` (the
last sequence) while nothing happens, until the asking side closes.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from dispersa.desk.phases import Phase
from dispersa.errors import DispersaError, InvalidInput
from dispersa.risk import HaltLevel

SCHEMA = 1
LINE_BYTES_MAX = 65_536
"""A longer question is refused; answers may be longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusAsked:
    """Show the desk's read model; `whole` adds the state with everything in it."""

    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltAsked:
    """Stop: hold, cancel or flatten."""

    level: HaltLevel
    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeAsked:
    """Let trading go on after a halt."""

    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalGiven:
    """What a person typed for the plan with this hash; EXECUTE carries it out."""

    plan_hash: str
    text: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramCancelAsked:
    """Cancel the running program, or withdraw the plan that waits for its approval."""

    reason: str
    by: str
    plan_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeAsked:
    """Ask for today's trade: signal, plan, gate, approval; `phase` is a lower one for it."""

    by: str
    phase: Phase | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteGiven:
    """Write a note into the journal."""

    text: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageProofGiven:
    """The operator has opened the test link under this public address."""

    url: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseAsked:
    """Ask for another phase; `live_waiver` is a reason to trade live without paper days."""

    phase: Phase
    reason: str
    by: str
    live_waiver: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofLinkAsked:
    """Send the operator an alert whose link proves that the page is reached from outside."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgesAsked:
    """Say which delta hedges are due now; with the text EXECUTE, send them."""

    by: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthAsked:
    """Say how the daemon is: tasks, links, alerts, the day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntriesAsked:
    """Stream the journal's entries after a sequence number, then every new one."""

    after: int = 0


ControlRequest = (
    StatusAsked
    | HaltAsked
    | ResumeAsked
    | ApprovalGiven
    | ProgramCancelAsked
    | TradeAsked
    | NoteGiven
    | PageProofGiven
    | PhaseAsked
    | ProofLinkAsked
    | HedgesAsked
    | HealthAsked
    | EntriesAsked
)

ASKS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "status": StatusAsked,
        "halt": HaltAsked,
        "resume": ResumeAsked,
        "approve": ApprovalGiven,
        "cancel_program": ProgramCancelAsked,
        "request_trade": TradeAsked,
        "note": NoteGiven,
        "prove_page": PageProofGiven,
        "change_phase": PhaseAsked,
        "send_proof_link": ProofLinkAsked,
        "hedge": HedgesAsked,
        "health": HealthAsked,
        "subscribe": EntriesAsked,
    }
)
"""The request that each word asks for."""
_WORDS = {request: ask for ask, request in ASKS.items()}
_Request = TypeVar("_Request")


def question_line(request: ControlRequest) -> bytes:
    """Write a request as its line."""
    body = {"schema": SCHEMA, "ask": _WORDS[type(request)], **asdict(request)}
    return json.dumps(body, allow_nan=False).encode() + b"\n"


def read_question(line: bytes) -> tuple[str, dict[str, Any]]:
    """Return the word and the fields of a question; raise `InvalidInput` where it is none."""
    try:
        body = json.loads(line)
    except ValueError as error:
        raise InvalidInput(
            f"the question is not JSON ({error}); send one object per line"
        ) from None
    if not isinstance(body, dict) or not isinstance(body.get("ask"), str):
        raise InvalidInput('the question names nothing to do; expected {"schema": 1, "ask": "…"}')
    schema = body.pop("schema", None)
    if schema != SCHEMA:
        raise InvalidInput(
            f"the question has schema {schema!r}, this process speaks {SCHEMA}; "
            "use the command line of the same build"
        )
    return body.pop("ask"), body


def request_of(kind: type[_Request], body: Mapping[str, Any]) -> _Request:
    """Build a request from a question's fields; unknown or missing ones raise `InvalidInput`."""
    unknown = set(body) - {field.name for field in fields(kind)}  # type: ignore[arg-type]  # our dataclasses
    if unknown:
        raise InvalidInput(f"the question has unknown fields: {', '.join(sorted(unknown))}")
    try:
        return TypeAdapter(kind).validate_python(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"the question's field {where!r} is wrong: {first['msg']}") from None


def error_document(error: DispersaError) -> dict[str, Any]:
    """Return an error as it is answered."""
    return {
        "name": type(error).__name__,
        "sentence": str(error),
        "exit_code": error.exit_code,
    }
