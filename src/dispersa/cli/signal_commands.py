"""`dispersa signal`: is there a trade, today or on a past day?"""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dispersa.cli.options import ConfigOption, JsonOption
from dispersa.cli.output import print_json, print_table, say
from dispersa.cli.registration import command
from dispersa.errors import InvalidInput

if TYPE_CHECKING:
    from datetime import date

    from dispersa.correlation.terms import Signal
    from dispersa.runtime.config.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(
        app,
        "signal",
        "dispersa signal",
        "dispersa signal --config paper.toml --json",
        "dispersa signal --date 2026-06-10                  # from the history store",
        "dispersa signal --chains chains.parquet --weights weights.csv.gz --prices closes.parquet "
        "--index SPY --names 50 --date 2026-06-10",
    )(signal)


def signal(
    *,
    day: Annotated[
        datetime | None,
        typer.Option(
            "--date", formats=["%Y-%m-%d"], help="A past day, from files or the history store."
        ),
    ] = None,
    chains: Annotated[
        Path | None, typer.Option(metavar="PARQUET", help="Option chains, in place of a broker.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Dated weights; default: universe.weights.")
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Daily closes; needed with --chains.")
    ] = None,
    index: Annotated[
        str | None, typer.Option(metavar="SYM", help="Index; default: universe.index.")
    ] = None,
    names: Annotated[
        int | None, typer.Option(min=2, help="Number of components; default: universe.names.")
    ] = None,
    store: Annotated[
        Path | None, typer.Option(metavar="DIR", help="History store, for --date without --chains.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Assess the signal; a verdict of no is done, too.

    Without --date or --chains the market is read from the broker. With --chains the day (by default
    the last one) is read from files; with --date alone from the history store. Only what was known
    before a day counts for it.
    """
    from dispersa.reports.trade_json import signal_document
    from dispersa.reports.trade_tables import signal_table
    from dispersa.runtime.config import load_config

    settings = load_config(config).settings
    settings = _narrowed(settings, index, names, weights)
    wanted = None if day is None else day.date()
    if chains is not None:
        found = _from_files(settings, chains, prices, wanted)
    elif wanted is not None:
        found = _from_store(settings, store, wanted)
    else:
        found = _from_broker(settings)
    if json:
        print_json(signal_document(found))
    else:
        print_table(signal_table(found))


def _narrowed(
    settings: "Settings", index: str | None, names: int | None, weights: Path | None
) -> "Settings":
    """Settings with the universe that the command line asks for."""
    asked = {"index": index, "names": names, "weights": weights}
    given = {key: value for key, value in asked.items() if value is not None}
    universe = settings.universe.model_copy(update=given)
    return settings.model_copy(update={"universe": universe})


def _from_broker(settings: "Settings") -> "Signal":
    from dispersa.runtime.loop import run

    found, problem = run(lambda: _assess(settings))
    if problem is not None:
        say(problem)
    return found


async def _assess(settings: "Settings") -> "tuple[Signal, str | None]":
    from dispersa.runtime.live import open_market

    async with open_market(settings) as market:
        found = await market.workers().assess_signal()
    return found, market.snapshots.problem


def _from_files(
    settings: "Settings", chains: Path, prices: Path | None, day: "date | None"
) -> "Signal":
    from dispersa.reports.correlation import correlation_by_date

    universe = settings.universe
    if prices is None or universe.weights is None:
        raise InvalidInput(
            "a signal from files needs the chains, --weights (or universe.weights) and --prices; "
            "give what is missing"
        )
    report = correlation_by_date(
        chains,
        universe.weights,
        universe.index,
        universe.names,
        universe.dte_target,
        prices=prices,
        policy=settings.signal.policy(),
    )
    return report.signal_on(day)


def _from_store(settings: "Settings", folder: Path | None, day: "date") -> "Signal":
    from dispersa.history.place import default_store
    from dispersa.history.store import HistoryStore
    from dispersa.runtime.live import basket_on
    from dispersa.runtime.past_signal import PastQuestion, past_signal

    root = folder or default_store(is_simulated=settings.profile == "sim")
    if not root.is_dir():
        raise InvalidInput(
            f"there is no history store {root}; fetch or import into one (`dispersa history "
            "--help`), name another with --store, or give --chains"
        )
    asked = PastQuestion(
        day=day,
        basket=basket_on(settings, day),
        names=settings.universe.names,
        tenor_days=settings.universe.dte_target,
        policy=settings.signal.policy(),
    )
    return past_signal(HistoryStore(root=root), asked)
