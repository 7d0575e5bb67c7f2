"""A real SMTP server and a real HTTP server on loopback, which behave as badly as they are told."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from dispersa.alerts import Alert, Severity
from dispersa.alerts.channels.mail import Mail, MailServer
from dispersa.alerts.channels.sms import Sms, SmsProvider
from dispersa.alerts.rendering import Sender

SENDER = Sender(profile="paper", account="DU···567")
NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


def alert(
    number: int = 1,
    *,
    severity: Severity = Severity.WARNING,
    topic: str = "link",
    at: datetime | None = None,
    headline: str = "The link to the broker is down",
    link: str | None = None,
) -> Alert:
    return Alert(
        alert_id=f"a{number}",
        topic=topic,
        severity=severity,
        at=at or datetime.now(UTC),
        headline=headline,
        happened="IB Gateway at 127.0.0.1:4002 closed the connection.",
        done="Walking is paused; nothing new is sent.",
        options="Check that IB Gateway runs and is logged in.",
        link=link,
    )


class MailSink:
    """What the mail server took, and what it answers to the next messages."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.answers: list[str] = []
        self.recipient_answers: dict[str, str] = {}
        self.delay_s = 0.0
        self.attempts = 0

    async def handle_RCPT(  # noqa: N802  # aiosmtpd calls it so
        self, _server: SMTP, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        answer = self.recipient_answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: SMTP, _session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd calls it so
        self.attempts += 1
        await asyncio.sleep(self.delay_s)
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("250"):
            parsed = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(parsed, EmailMessage)
            self.mails.append(parsed)
        return answer


@contextmanager
def mail_server(sink: MailSink, port: int = 0) -> Iterator[int]:
    """Run the mail server; yields its port."""
    controller = Controller(sink, hostname="127.0.0.1", port=port or free_port())
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@dataclass
class WebSink:
    """What the provider was sent, and what it answers to the next requests."""

    requests: list[tuple[str, dict[str, list[str]], dict[str, str]]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], str]] = field(default_factory=list)


@contextmanager
def web_server(sink: WebSink) -> Iterator[int]:
    """Run the HTTP server; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            sink.requests.append((self.path, parse_qs(body.decode()), dict(self.headers)))
            status, headers, text = (
                sink.answers.pop(0) if sink.answers else (201, {}, '{"sid": "SM1"}')
            )
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its own name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def mail_section(port: int) -> dict[str, object]:
    """Return the [alerts] of a desk that mails to a server on loopback."""
    return {
        "email_to": ["ann@example.org"],
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        "smtp_security": "none",
        "allow_private_targets": True,
    }


def mail_channel(port: int, *receivers: str, private_allowed: bool = True) -> Mail:
    server = MailServer(
        host="127.0.0.1", port=port, security="none", private_allowed=private_allowed
    )
    return Mail(
        server=server,
        origin="desk@example.org",
        receivers=receivers or ("trader@example.org",),
        sender=SENDER,
    )


def sms_channel(port: int, *, private_allowed: bool = True) -> Sms:
    provider = SmsProvider(
        base_url=f"http://127.0.0.1:{port}",
        account="AC1",
        token="hush",  # noqa: S106  # of a server of our own
        origin="+15550001",
        private_allowed=private_allowed,
    )
    return Sms(provider=provider, receiver="+15550002", sender=SENDER)


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
