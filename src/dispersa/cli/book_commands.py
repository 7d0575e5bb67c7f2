"""`dispersa positions`, `exposure`, `reconcile`, `orders`, `status`: what we hold."""

from typing import TYPE_CHECKING, Any

import typer

from dispersa.cli.options import ConfigOption, JsonOption
from dispersa.cli.output import print_json, print_table, say
from dispersa.cli.registration import command

if TYPE_CHECKING:
    from dispersa.desk.state import DeskState
    from dispersa.orders import BrokerSnapshot
    from dispersa.portfolio import Exposure, Reconciliation
    from dispersa.runtime.config.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    command(app, "positions", "dispersa positions", "dispersa positions --json")(positions)
    command(app, "exposure", "dispersa exposure", "dispersa exposure --json")(exposure)
    command(app, "reconcile", "dispersa reconcile")(reconcile)
    command(app, "orders", "dispersa orders", "dispersa orders --json")(orders)
    command(app, "status", "dispersa status", "dispersa status --json")(status)


def positions(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show the account's positions as the broker reports them now."""
    from dispersa.reports.book_tables import positions_document, positions_table
    from dispersa.runtime.config import load_config
    from dispersa.runtime.loop import run

    settings = load_config(config).settings
    snapshot = run(lambda: _snapshot(settings))
    if json:
        print_json(positions_document(snapshot))
    else:
        print_table(positions_table(snapshot))


async def _snapshot(settings: "Settings") -> "BrokerSnapshot":
    from dispersa.runtime.live import open_market

    async with open_market(settings) as market:
        return await market.connection.orders.snapshot()


def exposure(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Value every position: premium, margin, notional, Greeks, by underlying and as a book."""
    from dispersa.reports.book_tables import exposure_document, exposure_table
    from dispersa.runtime.config import load_config
    from dispersa.runtime.loop import run

    settings = load_config(config).settings
    found = run(lambda: _exposure(settings))
    if json:
        print_json(exposure_document(found))
    else:
        print_table(exposure_table(found))


async def _exposure(settings: "Settings") -> "Exposure":
    from dispersa.runtime.live import open_market
    from dispersa.runtime.marking import read_exposure

    async with open_market(settings) as market:
        snapshot = await market.connection.orders.snapshot()
        return await read_exposure(
            market.connection.feed, snapshot, rate=settings.planning.rate, clock=market.clock
        )


def reconcile(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Compare the journal's book with the broker's; exit code 6 where they differ."""
    from dispersa.reports.book_tables import reconciliation_document, reconciliation_table
    from dispersa.runtime.config import load_config
    from dispersa.runtime.loop import run

    settings = load_config(config).settings
    state = desk_state(settings)
    found = run(lambda: _reconcile(settings, state))
    if json:
        print_json(reconciliation_document(found))
    else:
        print_table(reconciliation_table(found))
    raise typer.Exit(0 if found.agrees else 6)


async def _reconcile(settings: "Settings", state: "DeskState") -> "Reconciliation":
    from dispersa.portfolio import reconcile as compare

    snapshot = await _snapshot(settings)
    return compare(
        state.book, snapshot, baseline=state.baseline, orders=tuple(state.orders.values())
    )


def orders(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show every order in the journal with its state, fills and limits."""
    from dispersa.reports.book_tables import orders_document, orders_table
    from dispersa.runtime.config import load_config

    state = desk_state(load_config(config).settings)
    if json:
        print_json(orders_document(state))
    else:
        print_table(orders_table(state))


def status(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show the desk's state: from the engine that runs, else as its journal tells it."""
    from dispersa.reports.book_tables import status_document, status_table
    from dispersa.runtime.config import load_config

    settings = load_config(config).settings
    live = _live(settings)
    if json and live is not None:
        print_json(live | {"engine": f"process {live['pid']}"})
        return
    state = desk_state(settings)
    if json:
        document: dict[str, Any] = status_document(state)
        print_json(document | {"journal": str(settings.journal_file), "engine": None})
        return
    print_table(status_table(state))
    engine = "no engine runs" if live is None else f"engine: process {live['pid']}"
    say(f"journal: {settings.journal_file}; {engine}")


def _live(settings: "Settings") -> dict[str, Any] | None:
    """Ask the engine that owns the journal; None where none runs."""
    from dispersa.runtime.control_client import ControlClient, EngineNotRunning
    from dispersa.runtime.control_requests import StatusAsked

    try:
        found: dict[str, Any] = ControlClient(settings.journal_file).ask(StatusAsked(), seconds=5)
    except EngineNotRunning:
        return None
    return found


def desk_state(settings: "Settings") -> "DeskState":
    """Fold the journal read-only; no journal yet is an empty desk."""
    from dispersa.desk.state import DeskState
    from dispersa.runtime.replay import replay_file

    if not settings.journal_file.exists():
        say(f"no journal at {settings.journal_file} yet: nothing has been traded with it")
        return DeskState()
    return replay_file(settings.journal_file).state
