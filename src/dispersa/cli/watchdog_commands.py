"""`dispersa watchdog`: a second process that watches the engine and can only stop it."""

from typing import TYPE_CHECKING

import typer

from dispersa.cli.options import ConfigOption, JsonOption
from dispersa.cli.output import print_json, say
from dispersa.cli.registration import command

if TYPE_CHECKING:
    from dispersa.runtime.config.settings import Settings
    from dispersa.runtime.watchdog import Stopped, WatchSetup


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(
        app,
        "watchdog",
        "dispersa watchdog",
        "dispersa watchdog --config paper.toml --json > stopped.json",
    )(watchdog)


def watchdog(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Watch engine and broker from a process of its own, and stop the engine when it must be.

    It watches the engine's heartbeat, our open orders, positions and net liquidation, over a
    connection with client ids of its own. To stop means: first the sentinel file beside the
    journal; if the engine has not obeyed ten seconds later, the engine is killed and our orders
    are cancelled one by one. It never sends an order, never cancels what is not ours and never
    closes a position. Runs until it has stopped the engine (exit 5), or Ctrl-C.
    """
    from dispersa.errors import Halted
    from dispersa.runtime.config import load_config
    from dispersa.runtime.loop import run

    setup = watch_setup(load_config(config).settings)
    stopped = run(lambda: _watch(setup))
    if stopped is None:
        return
    if json:
        print_json(_document(stopped))
    raise Halted(stopped.sentence)


def watch_setup(settings: "Settings") -> "WatchSetup":
    """Return what this configuration says to the watchdog."""
    from dispersa.runtime.live import desk_rules
    from dispersa.runtime.watch_rules import WatchLimits
    from dispersa.runtime.watchdog import WatchSetup

    section = settings.watchdog
    return WatchSetup.of(
        journal=settings.journal_file.resolve(),
        engine=settings.ibkr(),
        client_id=section.client_id,
        order_prefix=desk_rules(settings).order_prefix,
        limits=WatchLimits(
            beat_seconds_max=section.beat_seconds_max,
            blind_seconds_max=section.blind_seconds_max,
            orphan_seconds_max=section.orphan_seconds_max,
            loss_share_max=section.loss_share_max,
            orders_max=section.orders_max,
            contracts_max=section.contracts_max or settings.risk.book.contracts_max,
        ),
        read_every_seconds=section.read_every_seconds,
    )


async def _watch(setup: "WatchSetup") -> "Stopped | None":
    """Watch until the engine is stopped; SIGTERM ends the watch in order, and None is returned."""
    import asyncio
    import signal

    from dispersa.runtime.watchdog import Watchdog

    watch = asyncio.ensure_future(Watchdog(setup, say).run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, watch.cancel)
    try:
        return await watch
    except asyncio.CancelledError:
        say("the watch has ended; nothing was stopped")
        return None


def _document(stopped: "Stopped") -> dict[str, object]:
    return {
        "stopped": True,
        "reason": stopped.reason,
        "obeyed": stopped.obeyed,
        "killed": stopped.killed,
        "cancelled": list(stopped.cancelled),
        "left": None if stopped.left is None else list(stopped.left),
    }
