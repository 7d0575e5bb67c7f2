"""What does the log of the daemon say? A structured line on stderr for each step worth it."""

import sys
from typing import Any

from dispersa.desk import events as ev
from dispersa.desk.window import Looked
from dispersa.orders import CommissionReported
from dispersa.runtime.desk_loop import Seen

_QUIET = (ev.ConditionsRead, ev.MarketObserved, ev.SnapshotRead, CommissionReported, Looked)
_WORDS = ("reason", "sentence", "message", "level", "phase", "symbol", "package", "ref", "task")


def make_log(*, stream: Any = None) -> Any:
    """Return a structlog logger: colored lines on a terminal, JSON for containers and systemd."""
    import structlog

    out = stream or sys.stderr
    last = structlog.dev.ConsoleRenderer() if out.isatty() else structlog.processors.JSONRenderer()
    return structlog.wrap_logger(
        structlog.PrintLogger(out),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            last,
        ],
    )


class StepLog:
    """Writes a line for each event and decision that says something."""

    def __init__(self, log: Any) -> None:
        self._log = log

    def saw(self, seen: Seen) -> None:
        """Write one step."""
        is_quiet = isinstance(seen.event, _QUIET)
        if not is_quiet:
            self._write(seen, seen.sequence, seen.event)
        for place, command in enumerate(seen.commands, start=1):
            self._write(seen, seen.sequence + place, command)

    def _write(self, seen: Seen, sequence: int, record: object) -> None:
        words = {name: str(getattr(record, name)) for name in _WORDS if hasattr(record, name)}
        self._log.info(
            type(record).__name__, sequence=sequence, market_time=seen.at.isoformat(), **words
        )
