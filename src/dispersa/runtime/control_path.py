"""Where does the owner of a journal listen? Beside it, or where the path is short enough."""

import os
import stat
from hashlib import sha256
from pathlib import Path

from dispersa.errors import InvalidInput

PATH_BYTES_MAX = 100
"""A socket's address holds 108 bytes on Linux and 104 on macOS, its end included."""


def socket_path(journal: Path) -> Path:
    """Return the address of the engine that owns this journal.

    `<journal>.sock`; where that is too long for a socket, a name made from it in XDG_RUNTIME_DIR,
    else in a private folder of /tmp.
    """
    journal = journal.resolve()
    beside = journal.with_name(journal.name + ".sock")
    if _fits(beside):
        return beside
    name = sha256(os.fsencode(journal)).hexdigest()[:16] + ".sock"
    given = os.environ.get("XDG_RUNTIME_DIR")
    if given and _fits(found := Path(given) / "dispersa" / name):
        return found
    return Path(f"/tmp/dispersa-{os.getuid()}") / name  # noqa: S108 - checked by make_folder


def make_folder(path: Path) -> None:
    """Make the socket's folder; raise `InvalidInput` where a folder made for it is another's."""
    folder = path.parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not folder.name.startswith("dispersa"):
        return  # the journal's own folder, which is as private as the journal's owner made it
    found = folder.lstat()
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if not is_ours or found.st_mode & 0o022:
        raise InvalidInput(
            f"the folder {folder} belongs to, or can be written by, another user; expected a "
            f"folder of yours alone: remove it, or chmod 700 {folder}"
        )


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= PATH_BYTES_MAX
