"""May a journal lie here? Its durability rests on a local disk that keeps its word."""

from pathlib import Path

from dispersa.errors import InvalidInput

REMOTE = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "fuse.sshfs", "9p"}
)
"""File systems over a network: locks and fsync there promise less than the journal needs."""
MOUNTS = Path("/proc/self/mounts")


def require_local(path: Path, mounts: Path = MOUNTS) -> None:
    """Raise `InvalidInput` where `path` lies on a network file system that is known as one.

    Without a list of mounts (outside Linux) nothing is known and nothing is refused.
    """
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return
    best, kind = "", ""
    for line in lines:
        _, folder, found, *_ = line.split(" ")
        folder = folder.replace("\\040", " ")
        if path.is_relative_to(folder) and len(folder) >= len(best):
            best, kind = folder, found
    if kind in REMOTE:
        raise InvalidInput(
            f"the journal {path} would lie on {best}, a network file system ({kind}), where SQLite "
            "can lose entries; put it on a local disk"
        )
