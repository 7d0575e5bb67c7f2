"""`dispersa demo`: the main job on the embedded simulated gateway."""

from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Annotated

import typer

from dispersa.cli.options import JsonOption
from dispersa.cli.output import console_on, print_json, say
from dispersa.cli.registration import command

if TYPE_CHECKING:
    from dispersa.cli.trade_screen import TradeScreen
    from dispersa.runtime.demo import DemoOptions, DemoResult

SPEED, SPEED_WITH_PAGE = 25.0, 4.0


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(
        app,
        "demo",
        "dispersa demo",
        "dispersa demo --names 5 --seed 7 --json",
        "dispersa demo --market chains.parquet --names 10",
        "dispersa demo --web",
    )(demo)


def demo(
    *,
    seed: Annotated[int, typer.Option(help="Seed of the market and of its fills.")] = 1,
    speed: Annotated[
        float | None,
        typer.Option(help="Market time runs so many times as fast; default: 25, with --web 4."),
    ] = None,
    names: Annotated[int, typer.Option(help="Number of component names, 2 to 30.")] = 10,
    market: Annotated[
        Path | None,
        typer.Option(metavar="PARQUET", help="Chain file to build the market from."),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Weights; default: estimated_weights.csv.gz beside it."),
    ] = None,
    date: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Date of the file; default: its last one."),
    ] = None,
    journal: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the journal here.")
    ] = None,
    web: Annotated[
        bool, typer.Option("--web", help="Keep the web page open on the running market.")
    ] = False,
    port: Annotated[int, typer.Option(help="Port of the page with --web; 0 takes any.")] = 8765,
    json: JsonOption = False,
) -> None:
    """Run the main job end to end on the embedded simulated gateway: no account, no questions.

    Start the gateway, connect over TCP, read the signal, plan, pass the gate, let a scripted
    operator type EXECUTE, work all packages as one program, reconcile, and check the journal.
    The signal's verdict is reported and traded whatever it says; every other check binds.

    With --web nothing is typed for you: the page opens on the running market, and you are the
    operator.
    """
    from dispersa.cli.trade_screen import TradeScreen, exit_code_of
    from dispersa.runtime.demo import DemoOptions

    options = DemoOptions(
        seed=seed,
        speed=speed or (SPEED_WITH_PAGE if web else SPEED),
        names=names,
        market=market,
        weights=weights,
        market_date=None if date is None else date.date(),
    )
    path = journal or Path(mkdtemp(prefix="dispersa-demo-")) / "journal.sqlite3"
    if web:
        _keep_page_open(options, path, port)
        return
    with TradeScreen(quiet=json) as screen:
        if not json:
            screen.say(_introduction(options))
        result = _run(options, path, screen)
    _report(result, as_json=json)
    raise typer.Exit(exit_code_of(result.state) if result.journal_ok else 1)


def _run(options: "DemoOptions", path: Path, screen: "TradeScreen") -> "DemoResult":
    from dispersa.runtime.demo import run_demo
    from dispersa.runtime.loop import run

    return run(lambda: run_demo(options, path, observers=[screen]), options.speed)


def _keep_page_open(options: "DemoOptions", path: Path, port: int) -> None:
    """Run desk, market and page until Ctrl-C."""
    from dispersa.runtime.demo_page import run_demo_page
    from dispersa.runtime.loop import run

    say(_introduction(options))
    run(lambda: run_demo_page(options, path, port=port, say=say), options.speed)
    say(f"Ended. Journal: {path}")


def _introduction(options: "DemoOptions") -> str:
    source = "a synthetic market" if options.market is None else f"the chains of {options.market}"
    return (
        f"Simulated gateway with {source}, seed {options.seed}, {options.speed:g} times as fast "
        "as the clock; simulated account, simulated fills."
    )


def _report(result: "DemoResult", *, as_json: bool) -> None:
    from dispersa.cli.trade_screen import show_outcome
    from dispersa.reports.trade_json import trade_document

    if as_json:
        document = trade_document(result.state, journal_ok=result.journal_ok)
        document |= {"journal": str(result.journal), "fill_model": result.fill_model}
        print_json(document)
        return
    console = console_on(stderr=False)
    show_outcome(console, result.state)
    agrees = result.state.reconciliation is not None and result.state.reconciliation.agrees
    console.print(f"Books: {'ours and the broker’s agree' if agrees else 'NOT reconciled'}.")
    intact = "intact, and its replay gives the same state" if result.journal_ok else "NOT intact"
    console.print(f"Journal: {result.entries} entries, {intact}. {result.journal}")
    console.print(f"Fills: {result.fill_model}")
