"""How long from an event to the hand-over of its alert? To a real SMTP server on loopback."""

import asyncio
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

from dispersa.alerts import Alert, Dispatcher, Outbox, Severity
from dispersa.alerts.channels.mail import Mail, MailServer
from dispersa.alerts.rendering import Sender

ALERTS, PER_SECOND = 1000, 20
PORT = 52525
_PATIENCE = timedelta(seconds=30)


class _Taken:
    """Takes every mail and notes when, by its Message-ID."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: ARG002, N802  # aiosmtpd's names
        text = envelope.content.decode()
        number = text.split("Message-ID: <", 1)[1].split("@", 1)[0]
        self.at[number] = time.perf_counter()
        return "250 OK"


def main() -> None:
    """Print the median and the 99.9th percentile of the delay, while alerts keep coming."""
    taken = _Taken()
    controller = Controller(taken, hostname="127.0.0.1", port=PORT)
    controller.start()
    try:
        raised = asyncio.run(_raise_alerts())
    finally:
        controller.stop()
    delays = sorted(taken.at[name] - at for name, at in raised.items() if name in taken.at)
    median, tail = delays[len(delays) // 2], delays[int(len(delays) * 0.999)]
    print(f"{len(delays)} of {ALERTS} critical alerts handed over, {PER_SECOND} a second")
    print(
        f"median {median * 1e3:.0f} ms, p99.9 {tail * 1e3:.0f} ms (goal 1000 ms), "
        f"worst {delays[-1] * 1e3:.0f} ms"
    )


async def _raise_alerts() -> dict[str, float]:
    server = MailServer(host="127.0.0.1", port=PORT, security="none", private_allowed=True)
    sender = Sender(profile="sim", account="DU···567")
    mail = Mail(server=server, origin="d@example.org", receivers=("t@example.org",), sender=sender)
    raised: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        outbox = Outbox(Path(folder) / "alerts.sqlite3")
        dispatcher = Dispatcher(outbox, [mail], lambda: datetime.now(UTC))
        task = asyncio.create_task(dispatcher.run())
        for number in range(ALERTS):
            raised[f"a{number}"] = time.perf_counter()
            await dispatcher.post(_alert(number))
            await asyncio.sleep(1 / PER_SECOND)
        for number in range(ALERTS):
            await dispatcher.outcome(f"a{number}", _PATIENCE)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return raised


def _alert(number: int) -> Alert:
    return Alert(
        alert_id=f"a{number}",
        topic=f"t{number}",
        severity=Severity.CRITICAL,
        at=datetime.now(UTC),
        headline="The link to the broker is down",
        happened="IB Gateway closed the connection.",
        done="Walking is paused.",
        options="Check IB Gateway.",
    )
