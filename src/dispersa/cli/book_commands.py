"""`dispersa positions`, `exposure`, `reconcile`, `orders`: what we hold."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dispersa.cli.options import ConfigOption, JsonOption
from dispersa.cli.output import print_json, print_table, say
from dispersa.cli.registration import command

if TYPE_CHECKING:
    from dispersa.desk.state import DeskState
    from dispersa.orders import BrokerSnapshot
    from dispersa.portfolio import Explanation, Reconciliation
    from dispersa.reports.exposure_views import BookView
    from dispersa.runtime.config.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    command(
        app, "positions", "dispersa positions", "dispersa positions --export positions.parquet"
    )(positions)
    command(
        app,
        "exposure",
        "dispersa exposure",
        "dispersa exposure --by leg --export legs.csv",
        "dispersa exposure --stress --spot -0.1",
    )(exposure)
    command(
        app,
        "reconcile",
        "dispersa reconcile",
        "dispersa reconcile --flex statement.xml",
        'dispersa reconcile --adopt AAPL --reason "4 for 1 split of 20 November"',
    )(reconcile)
    command(app, "orders", "dispersa orders", "dispersa orders --json")(orders)


def positions(
    *,
    export: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the rows to .csv or .parquet.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show every position: whose it is, its mark by our own vols, the mark's age, open P&L."""
    from dispersa.reports.book_tables import positions_document
    from dispersa.reports.exposure_views import View, document_rows, positions_view_table
    from dispersa.reports.exposure_views import export as write

    snapshot, view = _read(config)
    if export is not None:
        write(view, View.LEG, export)
    if json:
        print_json(positions_document(snapshot) | {"legs": document_rows(view, View.LEG)})
    else:
        print_table(positions_view_table(view, snapshot.account.account))


def _read(config: Path | None) -> "tuple[BrokerSnapshot, BookView]":
    from dispersa.runtime.config import load_config
    from dispersa.runtime.loop import run

    settings = load_config(config).settings
    return run(lambda: _book(settings, desk_state(settings)))


async def _book(settings: "Settings", state: "DeskState") -> "tuple[BrokerSnapshot, BookView]":
    from dispersa.runtime.book_reading import book_inputs, read_book
    from dispersa.runtime.live import open_market

    async with open_market(settings) as market:
        snapshot = await market.connection.orders.snapshot()
        inputs = book_inputs(settings, market.connection.feed, market.clock)
        return snapshot, await read_book(inputs, state, snapshot)


async def _snapshot(settings: "Settings") -> "BrokerSnapshot":
    from dispersa.runtime.live import open_market

    async with open_market(settings) as market:
        return await market.connection.orders.snapshot()


def exposure(
    *,
    by: Annotated[
        Literal["leg", "straddle", "trade", "underlying", "book"],
        typer.Option(help="What a row is."),
    ] = "underlying",
    stress: Annotated[
        bool, typer.Option("--stress", help="Heat map of vols and correlation, and scenarios.")
    ] = False,
    spot: Annotated[float, typer.Option(help="Spot move of the heat map, such as -0.1.")] = 0.0,
    export: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the rows to .csv or .parquet.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Value every position: premium, margin, notional, Greeks; with --stress, what could happen."""
    from dispersa.reports.book_tables import exposure_document
    from dispersa.reports.exposure_views import (
        View,
        document_rows,
        exposure_view_table,
        stress_document,
        stress_table,
    )
    from dispersa.reports.exposure_views import export as write

    _, view = _read(config)
    chosen = View(by)
    if export is not None:
        write(view, chosen, export)
    if json:
        parts = {f"by_{each}": document_rows(view, each) for each in View}
        found = {"stress": stress_document(view), "stress_missing": view.stress_missing or None}
        print_json(exposure_document(view.exposure) | parts | found)
        return
    print_table(exposure_view_table(view, chosen))
    if stress:
        print_table(stress_table(view, spot=spot))


def reconcile(
    *,
    flex: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Compare with a Flex statement (XML) instead."),
    ] = None,
    adopt: Annotated[
        str | None, typer.Option(metavar="NAME", help="Accept what explains a name's difference.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why it is accepted; kept in the journal.")] = "",
    settlement: Annotated[
        str | None, typer.Option(metavar="VALUE", help="Settlement value of options paid in cash.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Compare the journal's book with the broker's; exit code 6 where they differ.

    Every difference is explained as far as it can be. `--flex` compares with a statement that the
    broker has made afterwards, without any connection.
    """
    from dispersa.reports.book_tables import reconciliation_document, reconciliation_table
    from dispersa.runtime.config import load_config
    from dispersa.runtime.loop import run

    settings = load_config(config).settings
    if flex is not None:
        _compare_statement(desk_state(settings), flex, as_json=json)
        return
    if adopt is not None:
        say(run(lambda: _adopt(settings, adopt, reason, settlement)))
    found, explained = run(lambda: _reconcile(settings, desk_state(settings)))
    if json:
        rows = [{"symbol": e.symbol, "cause": e.cause, "sentence": e.sentence} for e in explained]
        print_json(reconciliation_document(found) | {"explanations": rows})
    else:
        print_table(reconciliation_table(found))
        for each in explained:
            print_table(f"{each.cause}: {each.sentence}")
    raise typer.Exit(0 if found.agrees else 6)


def _compare_statement(state: "DeskState", file: Path, *, as_json: bool) -> None:
    from dispersa.reports.book_tables import statement_document, statement_table
    from dispersa.runtime.statement_check import check_statement

    statement, breaks = check_statement(state, file.read_text(encoding="utf-8"))
    if as_json:
        print_json(statement_document(statement, breaks))
    else:
        print_table(statement_table(statement, breaks))
    raise typer.Exit(6 if breaks else 0)


async def _adopt(settings: "Settings", name: str, reason: str, settlement: str | None) -> str:
    from decimal import Decimal, InvalidOperation

    from dispersa.cli.trade_commands import StandardInput
    from dispersa.errors import InvalidInput
    from dispersa.market import Symbol
    from dispersa.runtime.live import open_desk
    from dispersa.runtime.settling import adopt, awake

    if not reason.strip():
        raise InvalidInput("--adopt needs --reason: why is the difference accepted?")
    try:
        value = None if settlement is None else Decimal(settlement)
    except InvalidOperation:
        raise InvalidInput(f"--settlement is {settlement!r}; expected a price") from None
    async with open_desk(settings, StandardInput()) as setup, awake(setup) as desk:
        return await adopt(desk, Symbol(name), reason=reason, by="command line", settlement=value)


async def _reconcile(
    settings: "Settings", state: "DeskState"
) -> "tuple[Reconciliation, tuple[Explanation, ...]]":
    from dispersa.desk.lifecycle import known
    from dispersa.portfolio import explain
    from dispersa.portfolio import reconcile as compare

    snapshot = await _snapshot(settings)
    found = compare(
        state.book,
        snapshot,
        baseline=state.baseline,
        orders=tuple(state.orders.values()),
        bookings=state.bookings,
    )
    return found, () if found.agrees else explain(known(state), snapshot)


def orders(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show every order in the journal with its state, fills and limits."""
    from dispersa.reports.book_tables import orders_document, orders_table
    from dispersa.runtime.config import load_config

    state = desk_state(load_config(config).settings)
    if json:
        print_json(orders_document(state))
    else:
        print_table(orders_table(state))


def desk_state(settings: "Settings") -> "DeskState":
    """Fold the journal read-only; no journal yet is an empty desk."""
    from dispersa.desk.state import DeskState
    from dispersa.runtime.replay import replay_file

    if not settings.journal_file.exists():
        say(f"no journal at {settings.journal_file} yet: nothing has been traded with it")
        return DeskState()
    return replay_file(settings.journal_file).state
