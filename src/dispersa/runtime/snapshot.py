"""How does a long journal start fast? The desk's state as of one entry, kept beside the journal.

`<journal>.state` is derived and may be deleted at any time. It counts only for the journal, the
entry and the build that it was made from; anything else is folded from the first entry again.

    line 1   {"format": 1, "build": …, "sequence": …, "hash": …, "digest": sha256 of the state}
    rest     the state as JSON, compressed
"""

import json
import os
import zlib
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from dispersa.desk.codec import decode_state, state_text
from dispersa.desk.state import DeskState
from dispersa.errors import BrokenInvariant

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The state after the entry `sequence`, whose hash is `hash`."""

    sequence: int
    hash: str
    state: DeskState


def snapshot_file(journal: Path) -> Path:
    """Return where the snapshot of a journal lies."""
    return journal.with_name(journal.name + ".state")


def save_snapshot(journal: Path, snapshot: Snapshot, *, build: str) -> None:
    """Write the snapshot whole, in place of the one before."""
    text = state_text(snapshot.state)
    head = {
        "format": FORMAT,
        "build": build,
        "sequence": snapshot.sequence,
        "hash": snapshot.hash,
        "digest": sha256(text).hexdigest(),
    }
    path = snapshot_file(journal)
    part = path.with_name(path.name + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(json.dumps(head).encode() + b"\n" + zlib.compress(text, level=1))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def load_snapshot(journal: Path, *, build: str) -> Snapshot | None:
    """Return the snapshot of this journal by this build; None where there is no whole one."""
    try:
        head, _, body = snapshot_file(journal).read_bytes().partition(b"\n")
        found = json.loads(head)
        if (found["format"], found["build"]) != (FORMAT, build):
            return None
        text = zlib.decompress(body)
        if sha256(text).hexdigest() != found["digest"]:
            return None
        return Snapshot(
            sequence=int(found["sequence"]), hash=str(found["hash"]), state=decode_state(text)
        )
    except (OSError, ValueError, KeyError, TypeError, zlib.error, BrokenInvariant):
        return None
