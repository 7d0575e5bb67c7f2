"""What is one alert? Something happened that a person should know, in words for a tired reader."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path


class Severity(StrEnum):
    """How soon a person must look."""

    INFO = "info"
    """Good to know; tomorrow is early enough."""
    WARNING = "warning"
    """Something is not as planned; the system coped and goes on."""
    CRITICAL = "critical"
    """Trading stopped, money is at risk, or a person must decide now. Never folded or held back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One message to the operator: what happened, what the system did, what can be done.

    `alert_id` is unique and stable: the same occurrence raised again (after a crash) has the same
    id and is not sent twice. `topic` names what repeats are folded by, such as `link` or
    `reconciliation AAPL`. `at` is aware. `letter` is the file of a whole mail, such as a report,
    which mail sends in place of these words.
    """

    alert_id: str
    topic: str
    severity: Severity
    at: datetime
    headline: str
    happened: str
    done: str
    options: str
    link: str | None = None
    letter: Path | None = None
