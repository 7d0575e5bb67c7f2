"""`dispersa cycle`, `dispersa pnl`: what the day asks for, and what was earned."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dispersa.cli.options import ConfigOption, JsonOption
from dispersa.cli.output import print_json, print_table, say
from dispersa.cli.registration import command

if TYPE_CHECKING:
    from datetime import date

    from dispersa.portfolio import Basket
    from dispersa.runtime.config.settings import Settings
    from dispersa.runtime.daily_cycle import DayLook
    from dispersa.runtime.profit import DayPnl


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    command(app, "cycle", "dispersa cycle", "dispersa cycle --hedge", "dispersa cycle --json")(
        cycle
    )
    command(app, "pnl", "dispersa pnl", "dispersa pnl --daily --json")(pnl)


def cycle(
    *,
    hedge: Annotated[
        bool, typer.Option("--hedge", help="Send the share orders, after the word EXECUTE.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show what the day asks of the trades held: exits, hedges, re-strikes, expiries, ex-dates.

    Nothing is sent without --hedge. An exit is carried out by `dispersa close`.
    """
    from dispersa.cli.day_screen import day_view
    from dispersa.runtime.config import load_config
    from dispersa.runtime.daily_cycle import day_document
    from dispersa.runtime.loop import run

    settings = load_config(config).settings
    if hedge and (told := _hedged_by_engine(settings)) is not None:
        print_json({"sent": told}) if json else print("\n".join(told))
        return
    look, sent = run(lambda: _cycle(settings, hedges=hedge))
    if json:
        print_json(day_document(look) | {"sent": list(sent)})
        return
    print_table(day_view(look))
    for sentence in sent:
        print_table(sentence)


def _hedged_by_engine(settings: "Settings") -> list[str] | None:
    """Let the running daemon send what is due, after the word; None where none runs."""
    from dispersa.cli.halt_commands import person
    from dispersa.runtime.control_client import ControlClient, EngineNotRunning
    from dispersa.runtime.control_requests import HedgesAsked

    client = ControlClient(settings.journal_file.resolve())
    try:
        due = client.ask(HedgesAsked(by=person()))["due"]
    except EngineNotRunning:
        return None
    if not due:
        return ["no hedge is due"]
    for sentence in due:
        say(sentence)
    word = typer.prompt("Type EXECUTE to send these hedges", err=True).strip()
    if word != "EXECUTE":
        return ["not confirmed: nothing was sent"]
    if not client.ask(HedgesAsked(by=person(), text=word))["released"]:
        return ["nothing was sent: no hedge is due any more, or a trade is under way"]
    return ["the engine sends what is due now; `dispersa orders` shows what comes of it"]


async def _cycle(settings: "Settings", *, hedges: bool) -> "tuple[DayLook, tuple[str, ...]]":
    from dispersa.cli.trade_commands import StandardInput
    from dispersa.runtime.daily_cycle import look_at_day
    from dispersa.runtime.hedging import send_hedges
    from dispersa.runtime.live import open_desk
    from dispersa.runtime.settling import awake, book_dividends

    async with open_desk(settings, StandardInput()) as setup, awake(setup) as desk:
        policies = settings.cycle()
        await book_dividends(setup, desk, policies.dividends)
        look = await look_at_day(setup, desk.state, policies)
        wanted = [] if look.hedges is None else [h for h in look.hedges.hedges if h.shares]
        if not hedges or not wanted or look.hedges is None:
            return look, ()
        for each in wanted:
            say(each.sentence)
        if typer.prompt("Type EXECUTE to send these hedges", err=True).strip() != "EXECUTE":
            return look, ("not confirmed: nothing was sent",)
        return look, await send_hedges(setup, desk, look.hedges)


def pnl(
    *,
    daily: Annotated[bool, typer.Option("--daily", help="One row per day and trade.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show what each trade has earned since its beginning, and from what.

    Read from the journal: every time the desk wakes it marks the book. The parts add up to the
    change of what the trade is worth; slippage is a part of trades and shown beside it.
    """
    from dispersa.cli.day_screen import daily_table, pnl_document, pnl_table
    from dispersa.runtime.config import load_config

    rows = _days(load_config(config).settings, daily=daily)
    if json:
        print_json(pnl_document(rows))
    else:
        print_table(daily_table(rows) if daily else pnl_table(rows))


def _days(settings: "Settings", *, daily: bool) -> "tuple[DayPnl, ...]":
    from dispersa.journal import read_entries
    from dispersa.runtime.profit import daily_pnl, markings, since_inception

    file: Path = settings.journal_file
    if not file.exists():
        say(f"no journal at {file} yet: nothing has been traded with it")
        return ()
    marked = markings(read_entries(file))
    rows = daily_pnl(marked, _basket(settings, marked[-1].at.date()) if marked else None)
    return rows if daily else tuple(since_inception(rows).values())


def _basket(settings: "Settings", day: "date") -> "Basket":
    from dispersa.market import Symbol
    from dispersa.portfolio import Basket
    from dispersa.runtime.live import basket_on

    weights = basket_on(settings, day).weights
    return Basket(
        index=Symbol(settings.universe.index), weights={row.symbol: row.weight for row in weights}
    )
