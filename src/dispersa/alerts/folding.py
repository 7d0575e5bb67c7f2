"""Which alerts repeat each other? The first is sent, the rest are counted and summed up.

A warning that comes back every second teaches people not to read. The first of a topic goes out
at once; those of the same topic within the window are counted; when the window ends one summary
says how many there were. Critical alerts are never folded.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from dispersa.alerts.alert import Alert, Severity
from dispersa.alerts.rendering import market_time


def is_repeat(alert: Alert, last_sent: datetime | None, window: timedelta) -> bool:
    """Return whether an alert only repeats one of its topic that was sent within the window."""
    if alert.severity is Severity.CRITICAL or last_sent is None:
        return False
    return alert.at - last_sent < window


def summary(repeats: Sequence[Alert], at: datetime) -> Alert:
    """Return the one alert that stands for repeats of a topic, the oldest first.

    Raises
    ------
    ValueError
        If there are none.
    """
    if not repeats:
        raise ValueError("found no repeats to sum up; expected at least one")
    last = repeats[-1]
    count = len(repeats)
    times = "once more" if count == 1 else f"{count} times more"
    return replace(
        last,
        alert_id=f"{repeats[0].alert_id}+{count}",
        at=at,
        headline=f"{last.headline} ({times})",
        happened=(
            f"This came {times} since the alert about it, first at "
            f"{market_time(repeats[0].at)}, last at {market_time(last.at)}. The last one: "
            f"{last.happened}"
        ),
    )
