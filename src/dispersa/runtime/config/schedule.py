"""Which keys say when the daemon does what, and where it can be asked how it is?"""

from dispersa.runtime.config.keys import (
    Count,
    File,
    Flag,
    Number,
    Section,
    Text,
    count,
    file,
    flag,
    number,
    text,
)


class ScheduleSection(Section):
    """When `dispersa run` does what on a trading day of the New York stock exchange.

    Times count from opening and close, so that half days need no keys of their own.
    """

    enter: Flag = flag(True, "Ask for a trade on every trading day; false: only when told to.")
    entry_minutes_after_open: Count = count(
        30, 0, 380, "minutes", "The entry window opens this long after the opening."
    )
    entry_minutes_before_close: Count = count(
        60, 5, 380, "minutes", "The entry window ends this long before the close."
    )
    entry_attempts: Count = count(
        3, 1, 50, "attempts", "How often a day's trade is asked for until one begins."
    )
    entry_again_minutes: Count = count(
        15, 1, 380, "minutes", "Time between two attempts within the entry window."
    )
    end_of_day_minutes_after_close: Count = count(
        5, 0, 120, "minutes", "When the day's last full reconciliation is made."
    )
    reconcile_seconds: Number = number(
        120.0, 5, 3600, "s", "Time between two full reads of the broker while nothing is worked."
    )


class DaemonSection(Section):
    """How `dispersa run` tells monitors how it is."""

    health_host: Text = text(
        "127.0.0.1",
        "a host name or address",
        "Address of /healthz and /metrics; they need no log-in, so keep them local.",
        pattern=r"^[\w.:-]+$",
    )
    health_port: Count | None = count(
        None,
        1,
        65535,
        "port",
        "Port of /healthz and /metrics (Prometheus); nothing listens if left out.",
        example=9464,
    )
    status_file: File | None = file(
        None,
        "Status file, rewritten whole every few seconds; beside the journal if left out.",
        example="~/.local/state/dispersa/paper.status.json",
    )
