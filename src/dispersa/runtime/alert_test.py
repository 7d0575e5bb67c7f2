"""Does an alert reach the operator over every channel? One test message over each."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from dispersa.alerts import Alert, Delivery, Dispatcher, Outbox, Severity
from dispersa.alerts.channels import Channel


async def send_test_alert(
    channels: Sequence[Channel], within: timedelta, link: str | None
) -> tuple[Delivery, ...]:
    """Send one test alert over every channel, tried once each, and return what became of it.

    It waits in memory only: a test that can not be delivered must not arrive tomorrow.
    """
    at = datetime.now(UTC)
    alert = Alert(
        alert_id=f"test-{at:%Y%m%dT%H%M%S}",
        topic="test",
        severity=Severity.INFO,
        at=at,
        headline="Test message, nothing happened",
        happened="Somebody ran `dispersa alerts test`.",
        done="This message was sent over every configured channel.",
        options="Nothing is needed. If you did not expect it, ask who did this.",
        link=link,
    )
    dispatcher = Dispatcher(Outbox(None), channels, lambda: datetime.now(UTC))
    task = asyncio.create_task(dispatcher.run())
    try:
        await dispatcher.post(alert)
        return await dispatcher.settled(alert.alert_id, within)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
