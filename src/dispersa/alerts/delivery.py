"""What became of an alert on one channel, and when is it tried again?"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dispersa.alerts.alert import Alert, Severity

FIRST_RETRY = timedelta(seconds=5)
LONGEST_RETRY = timedelta(minutes=10)
LIFETIME = {
    Severity.INFO: timedelta(hours=12),
    Severity.WARNING: timedelta(hours=24),
    Severity.CRITICAL: timedelta(hours=72),
}
"""How long an alert is worth sending; after that it is given up and said to be."""


class DeliveryState(StrEnum):
    """How far an alert has come on one channel."""

    WAITING = "waiting"
    HANDED_OVER = "handed over"
    """Mail server or provider took it (SMTP 250, HTTP 2xx). Not the same as read."""
    REFUSED = "refused"
    """The other side said no for good; sending it again would not help."""
    EXPIRED = "expired"
    """It could not be handed over while it was worth sending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One alert on its way over one channel; `answer` is the other side's last word."""

    alert: Alert
    channel: str
    state: DeliveryState
    attempts: int
    due: datetime
    ended: datetime | None
    answer: str


class Refused(Exception):
    """The other side refuses this message for good; the argument is its answer."""


class TryLater(Exception):
    """The message was not taken over now; `after` is how long the other side asks us to wait."""

    def __init__(self, answer: str, after: timedelta | None = None) -> None:
        super().__init__(answer)
        self.after = after


def retry_after(
    attempts: int, asked: timedelta | None, first: timedelta = FIRST_RETRY
) -> timedelta:
    """Return the wait before the next attempt: 5 s, doubled each time, at most 10 minutes.

    A longer wait that the other side asked for (HTTP Retry-After) is kept to, up to an hour.

    >>> [retry_after(tries, None).total_seconds() for tries in (1, 2, 3, 9)]
    [5.0, 10.0, 20.0, 600.0]
    """
    doubled = min(first * int(1 << min(attempts - 1, 16)), LONGEST_RETRY)
    return doubled if asked is None else max(doubled, min(asked, timedelta(hours=1)))
