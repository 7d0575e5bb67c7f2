"""How is an alert sent over anything else? Through apprise, which knows some hundred services.

Source: https://appriseit.com, URL schemes. apprise reports success or failure only; its own log
line says why.
"""

import logging
from dataclasses import dataclass, field

from dispersa.alerts.alert import Alert, Severity
from dispersa.alerts.delivery import Refused, TryLater
from dispersa.alerts.rendering import Sender, letter, subject
from dispersa.alerts.targets import require_allowed
from dispersa.errors import InvalidConfig

_KINDS = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """Alerts over one service that apprise knows; the URL holds secrets and is never shown."""

    name: str
    url: str = field(repr=False)
    sender: Sender
    private_allowed: bool
    per_hour: int = 30

    def send(self, alert: Alert) -> str:
        """Hand the alert to the service.

        Raises
        ------
        Refused
            If the URL leads to this machine or a private network and that is not allowed.
        TryLater
            If the service did not take it.
        """
        import apprise

        service = apprise.Apprise.instantiate(self.url, suppress_exceptions=True)
        if service is None:
            raise Refused(f"{self.name}: apprise can not use its URL; check alerts.notifications")
        host = getattr(service, "host", None)
        if host:
            require_allowed(str(host), private_allowed=self.private_allowed)
        carrier = apprise.Apprise(service)
        with apprise.LogCapture(level=logging.WARNING) as said:  # type: ignore[no-untyped-call]  # apprise types this one loosely
            taken = carrier.notify(
                title=subject(alert, self.sender),
                body=letter(alert, self.sender),
                notify_type=_KINDS[alert.severity],
            )
            words = " ".join(said.getvalue().split())[-300:]
        if not taken:
            raise TryLater(f"the service did not take it: {words or 'no reason given'}")
        return "the service took it over"


def hosts_of(urls: str) -> list[str]:
    """Return the hosts that these URLs lead to; services with an address of their own have none."""
    import apprise

    services = [apprise.Apprise.instantiate(url, suppress_exceptions=True) for url in urls.split()]
    return [str(host) for service in services if (host := getattr(service, "host", None))]


def notifications(urls: str, sender: Sender, *, private_allowed: bool) -> tuple[Notification, ...]:
    """Return a channel for each apprise URL in a text, a URL in a line or separated by spaces.

    Raises
    ------
    InvalidConfig
        If apprise does not know a URL; it is named by its place, for it holds secrets.
    """
    import apprise

    channels = []
    for place, url in enumerate(urls.split(), start=1):
        service = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if service is None:
            raise InvalidConfig(
                f"URL {place} of alerts.notifications (scheme {url.partition(':')[0]!r}) is none "
                "that apprise knows; expected one such as ntfys://TOPIC, see appriseit.com"
            )
        name = f"{place} {service.service_name}"
        channels.append(
            Notification(name=name, url=url, sender=sender, private_allowed=private_allowed)
        )
    return tuple(channels)
