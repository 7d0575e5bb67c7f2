"""Over what is an alert sent? One small class a channel, each with one blocking `send`."""

from typing import Protocol

from dispersa.alerts.alert import Alert


class Channel(Protocol):
    """A way to a person.

    `send` blocks, keeps to its own deadline, and returns the other side's answer once it took the
    message over; it raises `Refused` or `TryLater`. It is called from a worker thread.
    """

    @property
    def name(self) -> str:
        """What the channel is called in tables and in the outbox."""
        ...

    @property
    def per_hour(self) -> int:
        """Most alerts an hour, critical ones not counted."""
        ...

    def send(self, alert: Alert) -> str:
        """Hand one alert over."""
        ...
