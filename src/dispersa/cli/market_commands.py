"""`dispersa chain` and `straddle`: what the broker shows of one underlying."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from dispersa.cli.options import ConfigOption, JsonOption
from dispersa.cli.output import print_json, print_table
from dispersa.cli.registration import command
from dispersa.errors import InvalidInput

if TYPE_CHECKING:
    from dispersa.market import AtmStraddle, OptionChain
    from dispersa.runtime.config.settings import Settings

Symbol = Annotated[str, typer.Argument(help="Underlying, for example QQQ.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    command(
        app, "chain", "dispersa chain QQQ --dte 30", "dispersa chain QQQ --expiry 2026-12-18 --json"
    )(chain)
    command(app, "straddle", "dispersa straddle QQQ --dte 30")(straddle)


def chain(
    symbol: Symbol,
    *,
    expiry: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Expiry of the chain.")
    ] = None,
    dte: Annotated[
        int | None, typer.Option(min=1, help="Days to expiry: take the nearest one.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show the option chain of one expiry: quotes, model Greeks, and what is missing."""
    from dispersa.reports.chain_tables import chain_document, chain_table
    from dispersa.runtime.config import load_config
    from dispersa.runtime.loop import run

    if (expiry is None) == (dte is None):
        raise InvalidInput("give either --expiry DATE or --dte DAYS")
    settings = load_config(config).settings
    found = run(lambda: _chain(settings, symbol, expiry, dte))
    if json:
        print_json(chain_document(found))
    else:
        print_table(chain_table(found))


async def _chain(
    settings: "Settings", symbol: str, expiry: datetime | None, dte: int | None
) -> "OptionChain":
    from dispersa.market import Symbol as Name
    from dispersa.runtime.chain_reading import read_atm_straddle, read_chain
    from dispersa.runtime.live import open_market

    async with open_market(settings) as market:
        feed, clock, rate = market.connection.feed, market.clock, settings.planning.rate
        if expiry is not None:
            day = expiry.date()
        else:
            nearest = await read_atm_straddle(feed, Name(symbol), dte or 30, rate=rate, clock=clock)
            day = nearest.straddle.expiry
        return await read_chain(feed, Name(symbol), day, clock=clock, keep=market.snapshots.keep)


def straddle(
    symbol: Symbol,
    *,
    dte: Annotated[int, typer.Option(min=1, help="Days to expiry aimed at.")] = 30,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show the at-the-money straddle: contracts, price, own vol and Greeks, broker's vega."""
    from dispersa.reports.chain_tables import straddle_document, straddle_table
    from dispersa.runtime.config import load_config
    from dispersa.runtime.loop import run

    settings = load_config(config).settings
    found = run(lambda: _straddle(settings, symbol, dte))
    if json:
        print_json(straddle_document(found))
    else:
        print_table(straddle_table(found))


async def _straddle(settings: "Settings", symbol: str, dte: int) -> "AtmStraddle":
    from dispersa.market import Symbol as Name
    from dispersa.runtime.chain_reading import read_atm_straddle
    from dispersa.runtime.live import open_market

    async with open_market(settings) as market:
        return await read_atm_straddle(
            market.connection.feed,
            Name(symbol),
            dte,
            rate=settings.planning.rate,
            clock=market.clock,
            keep=market.snapshots.keep,
        )
