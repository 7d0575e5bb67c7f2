"""`dispersa programs`, `dispersa close`: the trades that are held, and how they end."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from dispersa.cli.options import ConfigOption, JsonOption
from dispersa.cli.output import print_json, print_table
from dispersa.cli.registration import command

if TYPE_CHECKING:
    from dispersa.cli.trade_screen import TradeScreen
    from dispersa.desk.state import DeskState
    from dispersa.orders import ProgramId
    from dispersa.runtime.config.settings import Settings

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
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Close a trade, or part of it, through the gate and the engine that opened it.

    The closing plan is shown and the word EXECUTE is read from standard input, as for a trade.
    `all` closes one trade after the other. Exit code 3 where nothing was closed.
    """
    from dispersa.cli.trade_commands import report
    from dispersa.cli.trade_screen import TradeScreen, exit_code_of
    from dispersa.runtime.config import load_config
    from dispersa.runtime.loop import run

    settings = load_config(config).settings
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
