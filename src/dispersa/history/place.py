"""In which folder is the history kept?"""

import os
from pathlib import Path


def default_store(*, is_simulated: bool = False) -> Path:
    """Folder of the store in the user's data folder; a simulated market has one of its own.

    `XDG_DATA_HOME` or `~/.local/share`, then `dispersa/history` or `dispersa/history-simulated`:
    what a simulated market showed must never be read as history of the real one.
    """
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    name = "history-simulated" if is_simulated else "history"
    return Path(data).expanduser() / "dispersa" / name
