"""How does the journal leave SQLite? One JSON object per line, nothing lost."""

import json
from collections.abc import Iterable
from typing import TextIO

from dispersa.journal.entry import Entry, JsonValue


def entry_document(entry: Entry) -> dict[str, JsonValue]:
    """Return one entry as a JSON object, its payload nested and not quoted."""
    return {
        "sequence": entry.sequence,
        "at": entry.at_text,
        "monotonic_ns": entry.monotonic_ns,
        "kind": entry.kind,
        "payload": json.loads(entry.payload),
        "cause": entry.cause,
        "build_id": entry.build_id,
        "hash": entry.hash,
    }


def export_jsonl(entries: Iterable[Entry], target: TextIO) -> int:
    """Write entries as JSON lines; return how many."""
    count = 0
    for entry in entries:
        target.write(json.dumps(entry_document(entry), separators=(",", ":")) + "\n")
        count += 1
    return count
