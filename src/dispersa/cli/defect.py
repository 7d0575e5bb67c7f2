"""What is kept and what is said when dispersa itself is at fault?"""

import os
import shlex
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path


def kept_and_said(error: Exception) -> str:
    """Write the traceback into a file of its own; return the sentence that names it.

    The file lies in `~/.local/state/dispersa`, or where temporary files lie if that can not be
    written. Arguments are in it, the environment and values of variables are not.
    """
    what = f"{type(error).__name__}: {error}".rstrip(": ")
    return (
        f"a defect in dispersa: {what}. What the journal has, it keeps. If orders may be working, "
        "run `dispersa orders` and `dispersa reconcile` first. Then report it with the traceback, "
        f"which is in {_written(_report(error))}"
    )


def _report(error: Exception) -> str:
    from dispersa.runtime.build import build_id

    python = sys.version.split(maxsplit=1)[0]
    lines = [f"dispersa {build_id()}, Python {python}, {sys.platform}", shlex.join(sys.argv), ""]
    return "\n".join(lines) + "".join(traceback.format_exception(error))


def _written(report: str) -> Path:
    """Write a report to the first folder that takes it."""
    name = f"defect-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}.txt"
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    try:
        folder = Path(state).expanduser() / "dispersa"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return _private(folder / name, report)
    except OSError:
        return _private(Path(tempfile.mkdtemp(prefix="dispersa-")) / name, report)


def _private(file: Path, text: str) -> Path:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as target:
        target.write(text)
    return file
