"""How is an alert mailed? SMTP with TLS; taken over means the server said 250 to the data.

Source: RFC 5321 (SMTP): replies 4yz are transient, 5yz permanent.
"""

import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from email.utils import format_datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Literal

from dispersa.alerts.alert import Alert
from dispersa.alerts.delivery import Refused, TryLater
from dispersa.alerts.letter import letter_html
from dispersa.alerts.rendering import Sender, letter, subject
from dispersa.alerts.targets import require_allowed

Security = Literal["starttls", "tls", "none"]
DEADLINE_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mail is handed in, and how.

    `security` is `starttls` (port 587), `tls` (port 465) or `none`, which sends no password.
    """

    host: str
    port: int
    security: Security
    private_allowed: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail that is no alert, such as a report: text, HTML, and PNG pictures by their name.

    The HTML names a picture as `cid:NAME`.
    """

    subject: str
    text: str
    html: str
    pictures: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """Alerts by email to every receiver."""

    server: MailServer
    origin: str
    receivers: Sequence[str]
    sender: Sender
    name: str = "email"
    per_hour: int = 60

    def send(self, alert: Alert) -> str:
        """Hand the alert to the mail server.

        Returns
        -------
        answer
            How many receivers the server took it for.

        Raises
        ------
        Refused
            If the server refuses it for good: unknown receivers, login, sender, content.
        TryLater
            If it can not be reached, or asks to come back (greylisting, full mailbox).
        """
        if alert.letter is not None:
            return self.send_file(alert.letter)
        return hand_in(self.server, composed(alert, self.sender, self.origin, self.receivers))

    def send_file(self, letter: Path) -> str:
        """Hand in a mail that was kept as a file and return the answer; as `send`."""
        try:
            message = message_from_bytes(letter.read_bytes(), policy=policy.SMTP)
        except OSError as error:
            raise Refused(f"the kept mail {letter} can not be read ({error.strerror})") from error
        return hand_in(self.server, message)

    def composed(self, letter: Letter, at: datetime) -> EmailMessage:
        """Return a letter as a mail to the receivers."""
        return composed_letter(letter, at, self.origin, self.receivers)


def composed(alert: Alert, sender: Sender, origin: str, receivers: Sequence[str]) -> EmailMessage:
    """Return an alert as a mail; its Message-ID is the alert's, so a repeated mail is seen once."""
    message = _addressed(subject(alert, sender), alert.at, origin, receivers)
    message["Message-ID"] = f"<{alert.alert_id.replace(' ', '-')}@dispersa.invalid>"
    message.set_content(letter(alert, sender))
    message.add_alternative(letter_html(alert, sender), subtype="html")
    return message


def composed_letter(
    letter: Letter, at: datetime, origin: str, receivers: Sequence[str]
) -> EmailMessage:
    """Return a letter as a mail: text, and HTML with its pictures inside (RFC 2387, 2392)."""
    message = _addressed(letter.subject, at, origin, receivers)
    identity = sha256(f"{letter.subject}\n{letter.text}".encode()).hexdigest()[:24]
    message["Message-ID"] = f"<{identity}@dispersa.invalid>"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    *_, page = message.iter_parts()
    for name, picture in letter.pictures.items():
        if isinstance(page, MIMEPart):
            page.add_related(
                picture,
                maintype="image",
                subtype="png",
                cid=f"<{name}>",
                filename=f"{name}.png",
                disposition="inline",
            )
    return message


def _addressed(title: str, at: datetime, origin: str, receivers: Sequence[str]) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = title
    message["From"] = origin
    message["To"] = ", ".join(receivers)
    message["Date"] = format_datetime(at)
    message["Auto-Submitted"] = "auto-generated"
    return message


def hand_in(server: MailServer, message: EmailMessage) -> str:
    """Give a mail to the server and return its answer.

    Raises
    ------
    Refused, TryLater
        As `Mail.send`.
    """
    require_allowed(server.host, private_allowed=server.private_allowed)
    try:
        with _connected(server) as smtp:
            _log_in(smtp, server)
            refused = smtp.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        raise _for_receivers(error.recipients) from error
    except smtplib.SMTPResponseException as error:
        raise _answer(error.smtp_code, _words(error.smtp_error)) from error
    except smtplib.SMTPNotSupportedError as error:
        raise Refused(
            f"{server.host}:{server.port} does not offer what is needed: {error}"
        ) from error
    except ssl.SSLError as error:
        raise Refused(
            f"{server.host}:{server.port}, TLS: {error}; check alerts.smtp_security"
        ) from error
    except (OSError, smtplib.SMTPException) as error:
        raise TryLater(f"{server.host}:{server.port} can not be reached: {error}") from error
    taken = len(message["To"].addresses) - len(refused)
    return f"taken over for {taken} of {taken + len(refused)} receivers" + _listed(refused)


def _connected(server: MailServer) -> smtplib.SMTP:
    if server.security == "tls":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=DEADLINE_S, context=_trusted())
    smtp = smtplib.SMTP(server.host, server.port, timeout=DEADLINE_S)
    if server.security == "starttls":
        try:
            smtp.starttls(context=_trusted())
        except BaseException:
            smtp.close()
            raise
    return smtp


@cache
def _trusted() -> ssl.SSLContext:
    """Return the machine's trusted certificates, read once: that takes 40 ms."""
    return ssl.create_default_context()


def _log_in(smtp: smtplib.SMTP, server: MailServer) -> None:
    if server.user is None or server.password is None:
        return
    if server.security == "none":
        raise Refused(
            "a password would cross the network unencrypted; expected alerts.smtp_security "
            "'starttls' or 'tls'"
        )
    smtp.login(server.user, server.password)


def _for_receivers(answers: dict[str, tuple[int, bytes]]) -> Refused | TryLater:
    """Nobody was taken: for good only if every refusal is."""
    codes = [code for code, _ in answers.values()]
    words = f"no receiver was taken{_listed(answers)}"
    return Refused(words) if min(codes) >= 500 else TryLater(words)


def _answer(code: int, words: str) -> Refused | TryLater:
    text = f"the mail server answered {code} {words}"
    return Refused(text) if code >= 500 else TryLater(text)


def _listed(answers: dict[str, tuple[int, bytes]]) -> str:
    return "".join(f"; {who}: {code} {_words(text)}" for who, (code, text) in answers.items())


def _words(text: bytes | str) -> str:
    return text.decode(errors="replace") if isinstance(text, bytes) else text
