"""How does an alert read: as a mail, and as a text message on a phone?"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dispersa.alerts.alert import Alert

NEW_YORK = ZoneInfo("America/New_York")
SMS_LENGTH_MAX = 300
"""Characters of a text message: two parts of one, which every phone joins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Which desk speaks: its profile (sim, paper, live) and its account, masked."""

    profile: str
    account: str


def market_time(at: datetime) -> str:
    """Return a time as a trader reads it.

    >>> from datetime import UTC
    >>> market_time(datetime(2026, 11, 20, 19, 2, tzinfo=UTC))
    'Fri 20 Nov, 14:02:00 New York'
    """
    return f"{at.astimezone(NEW_YORK):%a %d %b, %H:%M:%S} New York"


def masked(account: str) -> str:
    """Hide the middle of an account id.

    >>> masked("DU1234567")
    'DU···567'
    """
    return f"{account[:2]}···{account[-3:]}" if len(account) > 5 else "···"


def subject(alert: Alert, sender: Sender) -> str:
    """Return the subject of a mail: who speaks, how grave, what happened."""
    return _one_line(f"[dispersa {sender.profile.upper()}] {_grade(alert)}: {alert.headline}")


def letter(alert: Alert, sender: Sender) -> str:
    """Return the text of a mail, in the order in which a person asks."""
    parts = [
        alert.headline,
        f"WHAT HAPPENED\n{alert.happened}",
        f"WHAT THE SYSTEM DID\n{alert.done}",
        f"WHAT YOU CAN DO\n{alert.options}",
    ]
    if alert.link is not None:
        parts.append(f"LOOK\n{alert.link}")
    parts.append(
        f"{_grade(alert)} · {market_time(alert.at)} · {sender.profile.upper()} "
        f"{sender.account} · alert {alert.alert_id}"
    )
    return "\n\n".join(parts) + "\n"


def text_message(alert: Alert, sender: Sender) -> str:
    """Return the alert in at most 300 characters; the link is never cut."""
    link = f" {alert.link}" if alert.link is not None else ""
    clock = f"{alert.at.astimezone(NEW_YORK):%H:%M} NY"
    words = _one_line(
        f"dispersa {sender.profile.upper()} {_grade(alert)} {clock}: {alert.headline}. "
        f"{alert.done} {alert.options}"
    )
    room = SMS_LENGTH_MAX - len(link)
    return (words if len(words) <= room else words[: room - 1].rstrip() + "…") + link


def _grade(alert: Alert) -> str:
    return alert.severity.value.upper()


def _one_line(text: str) -> str:
    """A header or a text message has one line; what the broker wrote may have more."""
    return " ".join(text.split())
