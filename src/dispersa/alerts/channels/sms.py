"""How is an alert sent to a phone? Through a provider that speaks Twilio's Messages resource.

Source: Twilio REST API 2010-04-01, Messages: a form with From, To and Body, basic authentication,
201 with the message's `sid` when it was accepted.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import quote, urlsplit

from dispersa.alerts.alert import Alert
from dispersa.alerts.delivery import Refused, TryLater
from dispersa.alerts.rendering import Sender, text_message
from dispersa.alerts.targets import ALLOW, require_allowed

DEADLINE_S = (5.0, 15.0)
"""Seconds to connect and to wait for the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsProvider:
    """The provider's address and our account with it."""

    base_url: str
    account: str
    origin: str
    private_allowed: bool
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sms:
    """Alerts as text messages to one number."""

    provider: SmsProvider
    receiver: str
    sender: Sender
    per_hour: int = 10

    @property
    def name(self) -> str:
        """The channel, with the end of the number."""
        return f"sms ···{self.receiver[-4:]}"

    def send(self, alert: Alert) -> str:
        """Hand the alert to the provider.

        Raises
        ------
        Refused
            If the provider refuses it for good: account, number, content.
        TryLater
            If it can not be reached, is overloaded or asks to wait.
        """
        import requests

        provider = self.provider
        require_web(provider.base_url, private_allowed=provider.private_allowed)
        account = quote(provider.account, safe="")
        body = text_message(alert, self.sender)
        try:
            response = requests.post(
                f"{provider.base_url.rstrip('/')}/2010-04-01/Accounts/{account}/Messages.json",
                data={"From": provider.origin, "To": self.receiver, "Body": body},
                auth=(provider.account, provider.token),
                timeout=DEADLINE_S,
                allow_redirects=False,
            )
        except requests.exceptions.SSLError as error:
            raise Refused(f"the SMS provider's certificate is not good: {error}") from error
        except requests.RequestException as error:
            raise TryLater(f"the SMS provider can not be reached: {error}") from error
        return _judged(response.status_code, response.text, response.headers.get("Retry-After"))


def require_web(url: str, *, private_allowed: bool) -> None:
    """Let an https address of the outside pass; others only where private targets are allowed.

    Raises
    ------
    Refused, TryLater
        As `targets.require_allowed`.
    """
    parts = urlsplit(url)
    if parts.hostname is None or parts.scheme not in {"http", "https"}:
        raise Refused(f"found the address {url!r}; expected https://HOST")
    if parts.scheme == "http" and not private_allowed:
        raise Refused(f"{url} is not encrypted; expected https, or {ALLOW} = true")
    require_allowed(parts.hostname, private_allowed=private_allowed)


def _judged(status: int, text: str, wait: str | None) -> str:
    """Return the answer of a provider that took the message; raise what any other means."""
    words = f"the SMS provider answered {status} {' '.join(text.split())[:200]}"
    if 200 <= status < 300:
        return words
    if status == 429 or status >= 500:
        seconds = int(wait) if wait is not None and wait.isdecimal() else None
        raise TryLater(words, None if seconds is None else timedelta(seconds=seconds))
    raise Refused(words)
