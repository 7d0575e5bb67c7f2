"""`dispersa programs`, `dispersa close`: the trades that are held, and how they end."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from dispersa.cli.options import ConfigOption, JsonOption
from dispersa.cli.output import print_json, print_table, say
from dispersa.cli.registration import command

if TYPE_CHECKING:
    from dispersa.cli.trade_screen import TradeScreen
    from dispersa.desk.state import DeskState
    from dispersa.orders import ProgramId
    from dispersa.runtime.config.settings import Settings
    from dispersa.runtime.single_orders import Worked

ALL = "all"


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    command(app, "programs", "dispersa programs", "dispersa programs 20261122-4f0c2a-1 --json")(
        programs
    )
    command(
        app,
        "close",
        'dispersa close 20261122-4f0c2a-1 --reason "target reached"',
        'dispersa close all --reason "event risk" --share 0.5',
        'dispersa close 20261122-4f0c2a-1 --roll --reason "eight days left"',
        'dispersa close 20261122-4f0c2a-1 --leg alone --reason "nobody bids for the puts"',
    )(close)


def programs(
    program: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One trade with everything it holds.")
    ] = None,
    *,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show every trade: what it holds, what it paid and received, whether it is open."""
    from dispersa.cli.book_commands import desk_state
    from dispersa.reports.program_tables import programs_document, programs_table
    from dispersa.runtime.config import load_config

    state = desk_state(load_config(config).settings)
    if json:
        print_json(programs_document(state, program))
    else:
        print_table(programs_table(state, program))


def close(
    program: Annotated[str, typer.Argument(metavar="PROGRAM|all", help="Which trade to close.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the journal.")],
    share: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="Part to close; the rest keeps its balance.")
    ] = 1.0,
    roll: Annotated[
        bool, typer.Option("--roll", help="Open the next trade in the same program.")
    ] = False,
    leg: Annotated[
        str | None,
        typer.Option(metavar="LABEL|alone", help="One leg, or those without a partner, by orders."),
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Close a trade, or part of it, through the gate and the engine that opened it.

    The closing plan is shown and the word EXECUTE is read from standard input, as for a trade.
    `all` closes one trade after the other. Exit code 3 where nothing was closed.

    --leg closes single legs, each by one order at the far side of its quote: what is left over, or
    the leg of a straddle whose other leg nobody bids for. PROGRAM `single` is what no trade holds.
    """
    from dispersa.cli.trade_commands import report
    from dispersa.cli.trade_screen import TradeScreen, exit_code_of
    from dispersa.orders import ProgramId
    from dispersa.runtime.config import load_config
    from dispersa.runtime.loop import run

    settings = load_config(config).settings
    if leg is not None:
        told = _closed_legs(settings, _Asked(ProgramId(program), reason, share, rolls=roll), leg)
        said = [row.sentence for row in told] or ["not confirmed: nothing was sent"]
        print_json({"legs": said}) if json else print("\n".join(said))
        raise typer.Exit(0 if any(row.filled for row in told) else 3)
    codes: list[int] = []
    for trade in _chosen(settings, program):
        asked = _Asked(trade, reason, share, rolls=roll)
        with TradeScreen(quiet=json) as screen:
            state = run(partial(_close, settings, screen, asked))
        report(settings, state, as_json=json)
        codes.append(exit_code_of(state))
    raise typer.Exit(max(codes))


class _Asked:
    """One closing as it was asked for."""

    def __init__(self, trade: "ProgramId", reason: str, share: float, *, rolls: bool) -> None:
        self.trade, self.reason, self.share, self.rolls = trade, reason, share, rolls


def _chosen(settings: "Settings", program: str) -> "list[ProgramId]":
    from dispersa.cli.book_commands import desk_state
    from dispersa.errors import InvalidInput
    from dispersa.orders import ProgramId

    held = list(desk_state(settings).programs_held)
    chosen = held if program == ALL else [ProgramId(program)] if program in held else []
    if not chosen:
        known = ", ".join(held) or "none"
        raise InvalidInput(f"nothing is held of {program!r}; trades held: {known}")
    return chosen


async def _close(settings: "Settings", screen: "TradeScreen", asked: _Asked) -> "DeskState":
    from dispersa.cli.trade_commands import StandardInput
    from dispersa.desk.events import ClosingRequested
    from dispersa.runtime.live import open_desk
    from dispersa.runtime.trade_session import run_trade

    closing = ClosingRequested(
        trade=asked.trade,
        reason=asked.reason,
        requested_by="command line",
        share=asked.share,
        rolls=asked.rolls,
    )
    async with open_desk(settings, StandardInput(), owns_process=True) as setup:
        return await run_trade(setup, edge_waiver=None, observers=[screen], closing=closing)


def _closed_legs(settings: "Settings", asked: _Asked, leg: str) -> "tuple[Worked, ...]":
    from dispersa.errors import InvalidInput
    from dispersa.runtime.loop import run

    if asked.share != 1.0 or asked.rolls:
        raise InvalidInput("--leg closes whole legs; leave --share and --roll out")
    return run(lambda: _close_legs(settings, asked, leg))


async def _close_legs(settings: "Settings", asked: _Asked, leg: str) -> "tuple[Worked, ...]":
    """Close legs after the word EXECUTE; return what came of each, nothing without the word."""
    from dispersa.cli.trade_commands import StandardInput
    from dispersa.runtime.leg_closing import close_legs, leg_sentence, legs_asked
    from dispersa.runtime.live import open_desk
    from dispersa.runtime.settling import awake

    async with open_desk(settings, StandardInput()) as setup, awake(setup) as desk:
        legs = legs_asked(desk.state, asked.trade, leg)
        for contract, quantity in legs:
            say(leg_sentence(contract, quantity))
        if typer.prompt("Type EXECUTE to send these orders", err=True).strip() != "EXECUTE":
            return ()
        by = f"command line: {asked.reason}"
        return await close_legs(setup, desk, asked.trade, legs, by=by)
