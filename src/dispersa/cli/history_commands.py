"""`dispersa history`: bring past prices, vols and chains into the local store, and look at it."""

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

import typer

from dispersa.cli.options import ConfigOption, JsonOption
from dispersa.cli.output import print_json, print_table, say
from dispersa.cli.registration import command, group
from dispersa.errors import BrokerError, InvalidInput

if TYPE_CHECKING:
    from dispersa.history.coverage import Coverage
    from dispersa.history.fetching import Fetched, ReadBars
    from dispersa.history.keeping import Imported, Progress
    from dispersa.history.layouts import ChainLayout
    from dispersa.history.store import Dataset, HistoryStore
    from dispersa.market import Symbol
    from dispersa.runtime.config.settings import Settings
    from dispersa.runtime.live import Market

NEW_YORK = ZoneInfo("America/New_York")
CLOSE_HOUR = 16
"""From this hour of New York the connector counts the bar of today as a finished day."""
SILENT_SECONDS = 2.0
REDRAW_SECONDS = 0.1
REMARK_SECONDS = 10.0
BAR_WIDTH = 30

Layout = Literal["us_chains", "yahoo", "yahoo_snapshot", "dolthub", "optionmetrics", "levels"]
StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="DIR",
        help="Folder of the store; default: XDG_DATA_HOME or ~/.local/share, dispersa/history.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    history = group("history", "Build and inspect the local store of past prices and chains.")
    command(
        history,
        "fetch",
        "dispersa history fetch QQQ AAPL MSFT",
        "dispersa history fetch SPY --days 500 --store history --json",
    )(fetch)
    command(
        history,
        "import",
        "dispersa history import chains.parquet",
        "dispersa history import quotes.csv.gz --layout yahoo",
        "dispersa history import quotes.csv --mapping columns.toml --store history",
        "dispersa history import VIX_History.csv --layout levels --symbol VIX",
    )(import_file)
    command(
        history, "info", "dispersa history info", "dispersa history info --store history --json"
    )(info)
    app.add_typer(history)


def fetch(
    symbols: Annotated[
        list[str], typer.Argument(metavar="SYMBOL...", help="Stocks, ETFs, indices.")
    ],
    *,
    days: Annotated[int, typer.Option(min=1, help="Trading days to ask for.")] = 252,
    store: StoreOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Fetch daily bars of prices and of 30-day implied vol from the broker into the store.

    A name that is held through the last finished trading day and for as many days is not asked for
    again, so a fetch that was broken off goes on where it stopped when the same command runs
    again. Bars of a simulated market (profile sim) go to a store of their own.
    """
    from dispersa.market import Symbol
    from dispersa.runtime.config import load_config
    from dispersa.runtime.loop import run

    settings = load_config(config).settings
    kept = _store(store, is_simulated=settings.profile == "sim")
    names = tuple(Symbol(name) for name in dict.fromkeys(symbols))
    fetched = run(lambda: _fetch(settings, kept, names, days))
    if json:
        print_json({"store": str(kept.root), "datasets": _fetched_rows(fetched)})
    else:
        for row in _fetched_rows(fetched):
            print(
                f"{row['dataset']}: {len(row['added'])} added, {len(row['complete'])} held "
                f"already, {len(row['failed'])} failed"
            )
    _remark_on(kept, fetched, days)
    if any(outcome.failed for outcome in fetched.values()):
        raise typer.Exit(BrokerError.exit_code)


async def _fetch(
    settings: "Settings", store: "HistoryStore", symbols: "tuple[Symbol, ...]", days: int
) -> "dict[Dataset, Fetched]":
    """Bring both datasets; symbols that the broker does not know are refused before any is."""
    from dispersa.history.fetching import Fetch, fetch_bars
    from dispersa.runtime.live import open_market

    source = "simulated" if settings.profile == "sim" else "ibkr"
    _require_one_source(store, symbols, source)
    async with open_market(settings) as market:
        now = market.clock.now()
        through = last_finished_day(now)
        readers = await _readers(market, symbols, days)
        fetched = {}
        with progress_line("fetching") as show:
            for n, (dataset, read) in enumerate(readers.items()):
                wanted = Fetch(
                    dataset=dataset,
                    symbols=symbols,
                    days=days,
                    through=through,
                    known_at=now,
                    source=source,
                )
                shown = _part(show, n, len(readers))
                fetched[dataset] = await fetch_bars(store, wanted, read, shown)
        return fetched


async def _readers(
    market: "Market", symbols: "tuple[Symbol, ...]", days: int
) -> "dict[Dataset, ReadBars]":
    """Return what reads each dataset of bars from the broker, which paces the requests."""
    from dispersa.broker.protocol import BarContent, DailyBar
    from dispersa.history.store import Dataset

    feed = market.connection.feed
    known = {symbol: await feed.underlying(symbol) for symbol in symbols}

    def reader(content: BarContent) -> "ReadBars":
        async def read(symbol: "Symbol") -> tuple[DailyBar, ...]:
            return await feed.daily_bars(known[symbol], content, days=days)

        return read

    return {
        Dataset.TRADE_BARS: reader(BarContent.TRADES),
        Dataset.IV_BARS: reader(BarContent.OPTION_IMPLIED_VOLATILITY),
    }


def _part(show: "Progress", n: int, parts: int) -> "Progress":
    """Show the progress of the n-th of several equal parts as progress of the whole."""
    return lambda done, total: show(n * total + done, parts * total)


def _require_one_source(store: "HistoryStore", symbols: "tuple[Symbol, ...]", source: str) -> None:
    """Keep bars of a simulated market and of the real one out of one store."""
    from dispersa.history.store import Dataset

    for dataset in (Dataset.TRADE_BARS, Dataset.IV_BARS):
        for symbol in symbols:
            others = set(store.sources(dataset, symbol)) - {source}
            if others:
                raise InvalidInput(
                    f"store {store.root} holds {dataset} of {symbol} from "
                    f"{', '.join(sorted(others))}, and this profile's are {source}; expected one "
                    "source in a store: give another folder with --store"
                )


def last_finished_day(now: datetime) -> date:
    """Return the last trading day of New York whose daily bar is complete at `now`."""
    from exchange_calendars import get_calendar

    local = now.astimezone(NEW_YORK)
    day = local.date() if local.hour >= CLOSE_HOUR else local.date() - timedelta(days=1)
    with warnings.catch_warnings():
        # The library's own use of pandas, which the caller can not mend.
        warnings.simplefilter("ignore", DeprecationWarning)
        calendar = get_calendar("XNYS")
    session: datetime = calendar.date_to_session(day.isoformat(), direction="previous")
    return session.date()


def _fetched_rows(fetched: "dict[Dataset, Fetched]") -> list[dict[str, Any]]:
    return [
        {
            "dataset": dataset.value,
            "added": list(outcome.added),
            "complete": list(outcome.complete),
            "failed": dict(outcome.failed),
        }
        for dataset, outcome in fetched.items()
    ]


def _remark_on(store: "HistoryStore", fetched: "dict[Dataset, Fetched]", days: int) -> None:
    """Say why names failed, and for which the broker has fewer days than were asked for."""
    for dataset, outcome in fetched.items():
        for symbol, reason in outcome.failed.items():
            say(f"{dataset} of {symbol} not fetched: {reason}")
        for symbol in (*outcome.added, *outcome.complete):
            held = store.days(dataset, symbol)
            if len(held) < days:
                say(
                    f"{dataset} of {symbol} are held for {len(held)} days from {held[0]}; the "
                    f"broker has no more of the {days} asked for"
                )


def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Parquet, CSV or gzipped CSV.")],
    *,
    layout: Annotated[
        Layout | None,
        typer.Option(help="What the columns mean; default: recognized by their names."),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(metavar="TOML", help="Columns of any other chain table.")
    ] = None,
    symbol: Annotated[
        str | None, typer.Option(metavar="SYM", help="Index of a file of levels, e.g. VIX.")
    ] = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Import a file of option chains, or of an index's daily closes (--layout levels).

    What is held already is not added twice: an import that was broken off simply runs again.
    """
    if layout is not None and mapping is not None:
        raise InvalidInput("--layout and --mapping both say what the columns mean; give one")
    if (layout == "levels") != (symbol is not None):
        raise InvalidInput(
            "--symbol names the index of a file of levels: give --layout levels and --symbol SYM "
            "together, or neither"
        )
    kept = _store(store)
    if symbol is not None:
        from dispersa.history.keeping import import_levels

        made = import_levels(kept, file, symbol, datetime.now(UTC))
    else:
        made = _import_chains(kept, file, _layout(layout, mapping))
    if json:
        print_json(
            {
                "store": str(kept.root),
                "rows": made.rows,
                "added": made.added,
                "present": made.present,
            }
        )
    else:
        print(
            f"{made.rows} rows read; {made.added} pieces (one symbol and date each) added to "
            f"{kept.root}, {made.present} held already"
            if symbol is None
            else f"{made.rows} closes of {symbol} "
            + (f"added to {kept.root}" if made.added else f"held already by {kept.root}")
        )


def _import_chains(store: "HistoryStore", file: Path, layout: "ChainLayout | None") -> "Imported":
    from dispersa.history.keeping import import_chains

    with progress_line("importing") as show:
        return import_chains(store, file, datetime.now(UTC), layout, show)


def _layout(name: str | None, mapping: Path | None) -> "ChainLayout | None":
    """Return the layout that was asked for, None to recognize it by the columns."""
    from dispersa.history.layouts import LAYOUTS, read_mapping

    if mapping is not None:
        return read_mapping(mapping)
    return next((one for one in LAYOUTS if one.name == name), None)


def info(*, store: StoreOption = None, json: JsonOption = False) -> None:
    """Show which days of which symbols the store holds, and where they came from.

    Without --store the default store is shown, and below it the one of the simulated market if
    there is one.
    """
    kept = _store(store)
    if store is not None and not store.exists():
        raise InvalidInput(
            f"store {store} does not exist; give the folder of a store, or import into this one"
        )
    if json:
        rows = [_coverage_row(row) for row in _held(kept)]
        print_json({"store": str(kept.root), "rows": rows})
        return
    _show(kept)
    if store is None and (simulated := _store(None, is_simulated=True)).root.is_dir():
        _show(simulated)


def _show(store: "HistoryStore") -> None:
    from dispersa.reports.correlation_history import coverage_table

    rows = _held(store)
    if not rows:
        print("History: nothing yet. `dispersa history fetch SYMBOL` or `import FILE` begins it.")
    else:
        print_table(coverage_table(rows))
    say(f"store: {store.root}")


def _held(store: "HistoryStore") -> "tuple[Coverage, ...]":
    """Coverage of what is held; an import that was killed can leave a folder without a file."""
    from dispersa.history.coverage import coverage

    return tuple(row for row in coverage(store) if row.days)


def _coverage_row(row: "Coverage") -> dict[str, Any]:
    return {
        "dataset": row.dataset.value,
        "symbol": row.symbol,
        "days": len(row.days),
        "first": row.days[0].isoformat(),
        "last": row.days[-1].isoformat(),
        "additions": row.additions,
        "sources": list(row.sources),
    }


def _store(folder: Path | None, *, is_simulated: bool = False) -> "HistoryStore":
    """Open the store in this folder, or in the user's data folder."""
    from dispersa.history.place import default_store
    from dispersa.history.store import HistoryStore

    if folder is None:
        folder = default_store(is_simulated=is_simulated)
    if folder.exists() and not folder.is_dir():
        raise InvalidInput(f"store {folder} is a file; expected a folder: give another --store")
    return HistoryStore(root=folder)


@contextmanager
def progress_line(what: str, seconds: Callable[[], float] = time.monotonic) -> "Iterator[Progress]":
    """Show on stderr how far a long job is and how long it will take; short jobs show nothing.

    A terminal gets one line that is redrawn, anything else a line every ten seconds.
    """
    started = seconds()
    terminal = sys.stderr.isatty()
    pause = REDRAW_SECONDS if terminal else REMARK_SECONDS
    shown_at: list[float] = []

    def show(done: int, total: int) -> None:
        now = seconds()
        if now - started < SILENT_SECONDS or (shown_at and now - shown_at[-1] < pause):
            return
        shown_at[:] = [now]
        left = timedelta(seconds=round((now - started) / done * (total - done)))
        text = f"{what} {_bar(done, total)} {done} of {total}, about {left} left"
        if terminal:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
        else:
            say(text)

    try:
        yield show
    finally:
        if terminal and shown_at:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _bar(done: int, total: int) -> str:
    filled = BAR_WIDTH * done // total
    return "[" + "#" * filled + "." * (BAR_WIDTH - filled) + "]"
