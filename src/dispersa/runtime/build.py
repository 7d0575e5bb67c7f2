"""Which build is running? Its version and a digest of its own source."""

from functools import cache
from hashlib import sha256
from pathlib import Path

import dispersa


@cache
def build_id() -> str:
    """Return, for example, ``0.1.0+4f1c09ab22de``: equal ids promise equal replays."""
    root = Path(dispersa.__file__).parent
    digest = sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode())
        digest.update(path.read_bytes())
    return f"{dispersa.__version__}+{digest.hexdigest()[:12]}"
