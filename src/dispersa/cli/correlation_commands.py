"""`dispersa correlation` and `premium`: implied correlation by date, and years of premium."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from dispersa.cli.options import JsonOption
from dispersa.cli.output import print_json, print_table, say, write_whole
from dispersa.cli.registration import command


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(
        app,
        "correlation",
        "dispersa correlation --chains chains.parquet --weights weights.csv.gz --index SPY",
        "dispersa correlation --chains chains.parquet --weights weights.csv.gz --index QQQ "
        "--top 10 --json",
        "dispersa correlation --chains chains.parquet --weights weights.csv.gz --index SPY "
        "--prices closes.parquet --html report.html",
    )(correlation)
    command(
        app,
        "premium",
        "dispersa premium --vols vols.csv.gz --closes closes.csv.gz --index-vols VIX_History.csv "
        "--index-closes index.csv.gz --html premium.html",
    )(premium)


def correlation(
    *,
    chains: Annotated[
        Path, typer.Option(metavar="PARQUET", help="Option chains: one row per date and strike.")
    ],
    weights: Annotated[
        Path, typer.Option(metavar="FILE", help="CSV with date, symbol, weight, etf.")
    ],
    index: Annotated[str, typer.Option(metavar="SYM", help="Index or its ETF, e.g. SPY.")],
    top: Annotated[int, typer.Option(help="Number of components, the heaviest first.")] = 50,
    tenor: Annotated[int, typer.Option(metavar="DAYS", help="Tenor in calendar days.")] = 30,
    atm: Annotated[
        Literal["spot", "forward", "delta", "straddle"],
        typer.Option(help="Where at the money is; straddle: the pair that would be traded."),
    ] = "spot",
    share_classes: Annotated[
        Literal["separate", "merged"],
        typer.Option(help="Whether two lines of one company (GOOG, GOOGL) count as two names."),
    ] = "separate",
    prices: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Daily closes; adds realized correlation, forecast and edge."
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write a report with charts.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Compute the implied (and, with prices, realized) correlation of an index by date.

    Formula: (index variance - own variances) / (cross terms), the weights renormalized over the
    names used, at-the-money vols at one constant tenor. JSON and the report also have one, three
    and six months, other deltas, and every at-the-money rule beside the chosen one.
    """
    from dispersa.correlation.share_classes import ShareClasses
    from dispersa.pricing.atm import AtTheMoney
    from dispersa.reports.correlation import correlation_by_date

    report = correlation_by_date(
        chains,
        weights,
        index,
        top,
        tenor,
        AtTheMoney(atm),
        ShareClasses(share_classes),
        prices,
        in_detail=json or html is not None,
    )
    if html is not None:
        from dispersa.reports.correlation_html import to_html

        write_whole(html, to_html(report))
        say(f"report written to {html}")
    if report.weights_in_percent:
        say(f"{weights}: the weights of each date sum to 100 and were read as percent")
    if json:
        print_json(report.to_json())
    else:
        print_table(report.to_table())


def premium(
    *,
    vols: Annotated[
        Path, typer.Option(metavar="FILE", help="Daily implied vols, one column for each name.")
    ],
    closes: Annotated[
        Path, typer.Option(metavar="FILE", help="Adjusted closes of the same names.")
    ],
    index_vols: Annotated[
        Path, typer.Option(metavar="FILE", help="Daily index vol, such as Cboe's VIX history.")
    ],
    index_closes: Annotated[
        Path, typer.Option(metavar="FILE", help="Closes of the index, one column.")
    ],
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write a page with the plots.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Study years of correlation premium: implied against what came in the following month.

    Equal weights; the index vol may come from elsewhere. Says in plain words what that shows and
    what it does not.
    """
    from dispersa.reports.premium_study import StudyFiles, study_document, study_from_files

    report = study_from_files(
        StudyFiles(vols=vols, closes=closes, index_vols=index_vols, index_closes=index_closes)
    )
    if html is not None:
        from dispersa.reports.premium_html import premium_page

        write_whole(html, premium_page(report))
        say(f"page written to {html}")
    if json:
        print_json(study_document(report))
    else:
        print_table(report.to_table())
