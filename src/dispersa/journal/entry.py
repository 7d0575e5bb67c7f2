"""What is one entry of the journal, and how is it chained to the one before?

Each entry folds the hash of its predecessor into its own:

    hash(0) = sha256("dispersa journal 1 " + journal_id)
    hash(n) = sha256(hash(n-1) + " " + canonical_json([sequence, at, monotonic_ns, kind, payload,
                                                       cause, build_id]))

so that an entry that is changed, removed, inserted or moved breaks every hash after it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Self

from dispersa.errors import BrokenInvariant, require

JsonValue = None | bool | int | float | str | Sequence["JsonValue"] | Mapping[str, "JsonValue"]

_Fields = tuple[int, str, int, str, str, int | None, str]
_quoted = json.encoder.encode_basestring_ascii
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical_json(value: JsonValue) -> str:
    """Write a value as the one JSON text that stands for it.

    Keys sorted, no spaces, ASCII only. NaN and infinity are no JSON and raise `BrokenInvariant`,
    as does anything that JSON has no word for.
    """
    try:
        return _CANONICAL.encode(value)
    except (TypeError, ValueError) as error:
        raise BrokenInvariant(
            f"a journal payload can not be written as JSON: {error}; "
            "expected objects, lists, texts, finite numbers, true, false and null"
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """Something that happened, before the journal has given it a place.

    `payload` is canonical JSON text (`canonical_json`). `cause` is the sequence of the entry that
    this one follows from, None for what came from outside.
    """

    kind: str
    payload: str
    cause: int | None = None

    @classmethod
    def of(cls, kind: str, value: JsonValue, *, cause: int | None = None) -> Self:
        """Build an entry from a value, written canonically."""
        return cls(kind=kind, payload=canonical_json(value), cause=cause)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something that happened, at its place in the chain.

    `sequence` counts from 1 without a gap. `at` is UTC by the journal's clock; `monotonic_ns`
    orders and spaces entries of one run even where `at` was stepped. `hash` is hexadecimal.
    """

    sequence: int
    at: datetime
    monotonic_ns: int
    kind: str
    payload: str
    cause: int | None
    build_id: str
    hash: str

    @property
    def at_text(self) -> str:
        """`at` as it is stored and hashed: ISO 8601 with microseconds, in UTC."""
        return time_text(self.at)


def time_text(at: datetime) -> str:
    """Write an aware instant as ISO 8601 with microseconds, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def genesis_hash(journal_id: str) -> str:
    """Return the hash that the first entry of a journal folds in."""
    return sha256(f"dispersa journal 1 {journal_id}".encode()).hexdigest()


def chained(
    new: NewEntry, *, after: str, sequence: int, at: datetime, monotonic_ns: int, build_id: str
) -> Entry:
    """Give a new entry its place after the entry whose hash is `after`."""
    require(at.tzinfo is not None, f"the time {at} has no zone; the journal needs aware times")
    at = at.astimezone(UTC)
    fields = (sequence, time_text(at), monotonic_ns, new.kind, new.payload, new.cause, build_id)
    return Entry(
        sequence=sequence,
        at=at,
        monotonic_ns=monotonic_ns,
        kind=new.kind,
        payload=new.payload,
        cause=new.cause,
        build_id=build_id,
        hash=_link(after, fields),
    )


def expected_hash(entry: Entry, *, after: str) -> str:
    """Return the hash that `entry` must carry if it follows the entry with hash `after`."""
    return _link(
        after,
        (
            entry.sequence,
            entry.at_text,
            entry.monotonic_ns,
            entry.kind,
            entry.payload,
            entry.cause,
            entry.build_id,
        ),
    )


def require_writable(new: NewEntry, *, sequence: int) -> None:
    """Refuse an entry that the journal could not give back: raise `BrokenInvariant`."""
    require(
        new.kind.isidentifier() and new.kind.isascii(),
        f"a journal entry has the kind {new.kind!r}; expected a name such as order_intended",
    )
    require(
        new.cause is None or 0 < new.cause < sequence,
        f"entry {sequence} ({new.kind}) names the cause {new.cause}; expected an earlier entry",
    )
    try:
        value = json.loads(new.payload)
    except ValueError as error:
        raise BrokenInvariant(f"the payload of {new.kind} is not JSON: {error}") from error
    require(
        canonical_json(value) == new.payload,
        f"the payload of {new.kind} is not canonical JSON; build it with canonical_json",
    )


def _link(after: str, fields: _Fields) -> str:
    """Chain the canonical JSON of the fields, written out since a start does it for every entry."""
    sequence, at, monotonic_ns, kind, payload, cause, build_id = fields
    text = (
        f"{after} [{sequence},{_quoted(at)},{monotonic_ns},{_quoted(kind)},{_quoted(payload)},"
        f"{'null' if cause is None else cause},{_quoted(build_id)}]"
    )
    return sha256(text.encode()).hexdigest()
