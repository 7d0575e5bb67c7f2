"""`dispersa backtest`: what would the desk have done over a past market, and what does it prove?"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dispersa.cli.options import ConfigOption, JsonOption
from dispersa.cli.output import print_json, print_table, say
from dispersa.cli.registration import command
from dispersa.errors import InvalidInput

if TYPE_CHECKING:
    from dispersa.backtest import BacktestResult, BacktestSettings, Source
    from dispersa.backtest.evidence import Evidence
    from dispersa.backtest.sources import Origin

SHEET = "sheet.html"
DAY = ["%Y-%m-%d"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for beside the run itself."""

    trials: int
    evidence: bool
    days: tuple[date, ...]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(
        app,
        "backtest",
        "dispersa backtest --invented 7 --days 400 --out runs/first",
        "dispersa backtest --chains chains.parquet --weights weights.csv.gz --index QQQ "
        "--index-vols VIX_History.csv --names 20 --out runs/chains",
        "dispersa backtest --vols vols.csv.gz --closes closes.csv.gz --index-closes index.csv.gz "
        "--index-vols VIX_History.csv --evidence --out runs/long",
        "dispersa backtest --repeat runs/long/manifest.json",
    )(backtest)


def backtest(
    *,
    chains: Annotated[
        Path | None, typer.Option(metavar="PARQUET", help="Option chains by date and strike.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CSV with date, symbol, weight, etf.")
    ] = None,
    vols: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="IV-only: daily vols, a column for each name. Model-marked."
        ),
    ] = None,
    closes: Annotated[
        Path | None, typer.Option(metavar="FILE", help="IV-only: closes of the same names.")
    ] = None,
    index_closes: Annotated[
        Path | None, typer.Option(metavar="FILE", help="IV-only: closes of the index.")
    ] = None,
    index_vols: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="VIX by day: the gate's, and IV-only the index vol."),
    ] = None,
    invented: Annotated[
        int | None, typer.Option(metavar="SEED", help="An invented market in place of data.")
    ] = None,
    premium: Annotated[
        float, typer.Option(help="Invented: correlation premium that is planted, a fraction.")
    ] = 0.0,
    days: Annotated[int, typer.Option(help="Invented: trading days.")] = 400,
    index: Annotated[
        str | None, typer.Option(metavar="SYM", help="Index of the chains; the configured one.")
    ] = None,
    names: Annotated[
        int | None, typer.Option(help="Number of components; the configured number.")
    ] = None,
    start: Annotated[
        datetime | None, typer.Option(formats=DAY, metavar="DATE", help="First day.")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option(formats=DAY, metavar="DATE", help="Last day.")
    ] = None,
    capital: Annotated[int, typer.Option(metavar="USD", help="Capital at the start.")] = 5_000_000,
    fills: Annotated[str, typer.Option(help="Fill model: generous, base or hard.")] = "base",
    seed: Annotated[int, typer.Option(help="Of the fills and of random entries.")] = 1,
    entry: Annotated[
        str, typer.Option(help="signal, always or random; the last two are baselines.")
    ] = "signal",
    spreads: Annotated[float, typer.Option(help="Quoted widths times this.")] = 1.0,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Also run baselines, doubled cost, walk-forward.")
    ] = False,
    trials: Annotated[
        int, typer.Option(help="Trials made before, for the deflated Sharpe ratio.")
    ] = 0,
    relived: Annotated[
        list[datetime] | None,
        typer.Option(
            "--reenact",
            formats=DAY,
            metavar="DATE",
            help="Chains: also trade this day's entry on the simulated gateway, over the wire, in "
            "virtual time; repeatable.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where tear sheet and tables go.")
    ] = None,
    repeat: Annotated[
        Path | None, typer.Option(metavar="MANIFEST", help="Repeat a run and compare every bit.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Run the production desk over a past market, day after day, at closing values.

    Signal, sizing, gate, execution, hedges, exits and books are those that trade; only market and
    exchange are of the past. The result says in words what it shows and what not. Without quotes in
    the data the run is model-marked and says so everywhere.
    """
    from decimal import Decimal

    from dispersa.backtest import BacktestSettings, Entry
    from dispersa.backtest.sources import Files, origin_of
    from dispersa.runtime.config import load_config

    if repeat is not None:
        _repeat(repeat, json=json)
        return
    settings = load_config(config).settings
    if names is not None:
        universe = settings.universe.model_copy(update={"names": names})
        settings = settings.model_copy(update={"universe": universe})
    files = Files(
        chains=chains,
        weights=weights,
        vols=vols,
        closes=closes,
        index_closes=index_closes,
        index_vols=index_vols,
        invented=None if invented is None else (invented, premium, days),
    )
    origin = origin_of(files, index or settings.universe.index, settings.universe.names)
    asked = BacktestSettings(
        config=settings,
        start=None if start is None else start.date(),
        end=None if end is None else end.date(),
        capital_usd=Decimal(capital),
        fills=fills,
        seed=seed,
        entry=Entry(entry),
        spread_multiple=spreads,
    )
    lived = tuple(each.date() for each in relived or ())
    _run(asked, origin, out, Wanted(trials=trials, evidence=evidence, days=lived), json=json)


def _run(
    asked: "BacktestSettings",
    origin: "Origin",
    out: Path | None,
    wanted: Wanted,
    *,
    json: bool,
) -> None:
    """Run, write what was asked for, and show the result."""
    from dispersa.backtest import run
    from dispersa.backtest.evidence import Evidence, gather
    from dispersa.backtest.files import write_run
    from dispersa.backtest.sheet import sheet_html
    from dispersa.backtest.sources import open_source

    source = open_source(origin)
    result = run(asked, source)
    evidence = Evidence(trials=1 + wanted.trials)
    if wanted.evidence:
        evidence = gather(run, asked, source, result, earlier_trials=wanted.trials, said=say)
    if wanted.days:
        lived = _relive(asked, source, origin, wanted.days)
        evidence = replace(evidence, depths=lived)
    if out is not None:
        manifest = write_run(out, result, origin, {SHEET: sheet_html(result, evidence)})
        say(f"tear sheet: {out / SHEET}; repeat it with: dispersa backtest --repeat {manifest}")
    _show(result, evidence, json=json)


def _relive(
    asked: "BacktestSettings", source: "Source", origin: "Origin", days: tuple[date, ...]
) -> tuple[str, ...]:
    """Live days through on the gateway and say how far the daily depth is from them."""
    from dispersa.backtest.reenacting import reenact
    from dispersa.backtest.sources import ChainFiles

    if not isinstance(origin, ChainFiles):
        raise InvalidInput("--reenact needs --chains: only chains make a market for the gateway")
    return tuple(reenact(asked, source, origin, day).sentence for day in days)


def _show(result: "BacktestResult", evidence: "Evidence", *, json: bool) -> None:
    from dispersa.backtest.reading import read
    from dispersa.backtest.tables import document_of, table_of

    reading = read(result, evidence)
    if json:
        print_json(document_of(result, reading))
        return
    print_table(table_of(result, reading))


def _repeat(path: Path, *, json: bool) -> None:
    """Run a manifest again; fail unless every table comes out the same."""
    from dispersa.backtest import run
    from dispersa.backtest.files import changed_data, differences, read_manifest
    from dispersa.backtest.sources import open_source
    from dispersa.runtime.build import build_id

    manifest = read_manifest(path)
    if changed := changed_data(manifest):
        raise InvalidInput(f"the data of {path} is not what it was: {'; '.join(changed)}")
    if manifest.build != build_id():
        say(f"made by build {manifest.build}, this is {build_id()}: results may differ")
    result = run(manifest.settings, open_source(manifest.origin))
    found = differences(manifest, result)
    if json:
        print_json({"same": not found, "different": list(found)})
    elif not found:
        say(f"the same to the last bit: {', '.join(manifest.tables)}")
    if found:
        say(f"not the same: {', '.join(found)}")
        raise typer.Exit(1)
