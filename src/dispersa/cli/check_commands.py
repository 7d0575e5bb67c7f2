"""`dispersa paper-test`: does the way from the chain to a position work on this account?"""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from dispersa.cli.options import ConfigOption, JsonOption
from dispersa.cli.output import print_json, print_table
from dispersa.cli.registration import command
from dispersa.errors import BrokerError, DispersaError

if TYPE_CHECKING:
    from dispersa.market import AtmStraddle
    from dispersa.orders import OrderRef
    from dispersa.reports.findings import Finding
    from dispersa.runtime.config.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(
        app,
        "paper-test",
        "dispersa paper-test",
        "dispersa paper-test --config paper.toml --symbol MSFT --json",
    )(paper_test)


def paper_test(
    *,
    symbol: Annotated[str, typer.Option(help="Liquid underlying to buy one straddle of.")] = "AAPL",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Connect, read chain and Greeks, buy one straddle at the offer, see it filled and held.

    Six lines, each with the number that shows it or the mend. Works on the simulated gateway or a
    paper account, never live; the straddle stays in the account. Ends with 0 if all six passed.
    """
    from dispersa.reports.findings import all_passed, findings_document, findings_table
    from dispersa.runtime.config import load_config
    from dispersa.runtime.loop import run
    from dispersa.runtime.paper_test import require_not_live

    settings = load_config(config).settings
    require_not_live(settings)
    findings, code = run(lambda: _paper_test(settings, symbol))
    if json:
        print_json(findings_document(findings))
    else:
        print_table(findings_table(f"Paper test of {symbol}", findings))
    if not all_passed(findings):
        raise typer.Exit(code)


async def _paper_test(settings: "Settings", symbol: str) -> tuple[tuple["Finding", ...], int]:
    """Return the findings, and the exit code if one of them failed."""
    from contextlib import AsyncExitStack

    from dispersa.api import TradeLeg, Trader
    from dispersa.market import Side
    from dispersa.runtime.paper_test import not_connected
    from dispersa.runtime.paper_test import paper_test as walk

    async with AsyncExitStack() as stack:
        try:
            trader = await stack.enter_async_context(Trader(settings=settings))
        except DispersaError as error:
            code = error.exit_code if isinstance(error, BrokerError) else 1
            return not_connected(error), code

        async def buy(found: "AtmStraddle", limit: Decimal) -> "OrderRef":
            legs = [TradeLeg(leg, Side.BUY, 1) for leg in found.straddle.legs]
            return await trader.submit_combo_order(legs, limit_price=limit)

        return await walk(trader, buy, symbol), 1
