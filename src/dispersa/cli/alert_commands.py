"""`dispersa alerts`: does an alert reach you?"""

from typing import TYPE_CHECKING, Any

import typer

from dispersa.cli.options import ConfigOption, JsonOption
from dispersa.cli.output import print_json, print_table, say
from dispersa.cli.registration import command, group
from dispersa.errors import InvalidConfig

if TYPE_CHECKING:
    from rich.table import Table

    from dispersa.alerts import Delivery


def register(app: typer.Typer) -> None:
    """Add the group to the program."""
    alerts = group("alerts", "Alerts by mail, text message and other services.")
    command(alerts, "test", "dispersa alerts test", "dispersa alerts test --json")(send_test)
    app.add_typer(alerts)


def send_test(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Send a test message over every configured channel and show what each answered.

    Handed over means that the mail server or the provider took it; whether it was read is yours
    to see. Ends with 0 if every channel took it, 1 if one did not, 2 if none is configured.
    """
    import asyncio
    from datetime import timedelta

    from dispersa.alerts import DeliveryState
    from dispersa.runtime.alert_test import send_test_alert
    from dispersa.runtime.alerting import channels
    from dispersa.runtime.config import load_config

    settings = load_config(config).settings
    ways = channels(settings, settings.account or "")
    if not ways:
        raise InvalidConfig(
            "no alert channel is configured; expected at least alerts.smtp_host and "
            "alerts.email_to, or the alerts.sms_ keys, or alerts.notifications"
        )
    say(f"sending a test message over {len(ways)} channel{'s' if len(ways) > 1 else ''} ...")
    found = asyncio.run(send_test_alert(ways, timedelta(seconds=45), settings.web.public_url))
    if json:
        print_json({"deliveries": [_document(one) for one in found]})
    else:
        print_table(_table(found))
    if any(one.state is not DeliveryState.HANDED_OVER for one in found):
        raise typer.Exit(1)


def _document(delivery: "Delivery") -> dict[str, Any]:
    return {
        "channel": delivery.channel,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "ended": None if delivery.ended is None else delivery.ended.isoformat(),
        "answer": delivery.answer,
    }


def _table(deliveries: "tuple[Delivery, ...]") -> "Table":
    from rich.table import Table

    from dispersa.alerts import DeliveryState

    table = Table(title="Test message", title_justify="left")
    for name in ("channel", "state", "answer"):
        table.add_column(name, overflow="fold")
    for one in deliveries:
        good = one.state is DeliveryState.HANDED_OVER
        state = one.state.value if good or one.answer else "no answer in time"
        table.add_row(one.channel, state, one.answer, style="" if good else "yellow")
    return table
