"""`dispersa sweep`: the same backtest at many points of the configuration, here or on a cluster."""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dispersa.cli.history_commands import progress_line
from dispersa.cli.options import ConfigOption, JsonOption
from dispersa.cli.output import print_json, print_table, say
from dispersa.cli.registration import command
from dispersa.errors import InvalidConfig, InvalidInput

if TYPE_CHECKING:
    from rich.table import Table

    from dispersa.backtest import BacktestSettings
    from dispersa.backtest.sources import Origin
    from dispersa.backtest.sweep import Axis, Goal, Outcome, Search
    from dispersa.backtest.sweep.ledger import Row
    from dispersa.backtest.sweep.task import Task, Workers
    from dispersa.runtime.config.settings import Settings

SHOWN_ROWS = 10
SHOWN_COLUMNS = ("trades", "pnl_usd", "sharpe", "max_drawdown_usd", "margin_max_usd")

SearchKind = Literal["grid", "random", "refine"]
FileOption = Path | None


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(
        app,
        "sweep",
        "dispersa sweep runs --invented 7 --vary risk.vix_max=20..30:5 "
        "--vary backtest.fills=base,hard",
        "dispersa sweep runs --chains chains.parquet --weights weights.csv.gz "
        "--vary risk.vix_max=20,25,30",
        "dispersa sweep runs --invented 7 --search random --points 200 "
        "--vary universe.dte_target=21..45",
        "dispersa sweep runs --invented 7 --search refine --goal sharpe --vary universe.names=4..8",
        "dispersa sweep runs --invented 7 --vary risk.vix_max=20,25,30 --on ray://10.0.0.5:10001",
    )(sweep)


def sweep(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where the rows go; a sweep has its own.")
    ],
    *,
    vary: Annotated[
        list[str],
        typer.Option(
            "--vary",
            metavar="KEY=VALUES",
            help="a,b,c or LOW..HIGH:STEP; for random and refine also LOW..HIGH or LOW..HIGH:log. "
            "KEY is any of the configuration, or backtest. and one of the run's own.",
        ),
    ],
    search: Annotated[SearchKind, typer.Option(help="Which points are tried.")] = "grid",
    points: Annotated[int, typer.Option(min=1, help="How many, for random and refine.")] = 64,
    seed: Annotated[int, typer.Option(help="Of random and refine: same seed, same points.")] = 1,
    goal: Annotated[str, typer.Option(metavar="COLUMN", help="What counts as good.")] = "sharpe",
    minimize: Annotated[
        bool, typer.Option("--minimize", help="Small values of the goal are good.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; default: one a core.")
    ] = None,
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="WHERE", help="ray://HOST:PORT, or `ray` for one made here."),
    ] = None,
    chains: Annotated[
        FileOption, typer.Option(metavar="PARQUET", help="Option chains by date and strike.")
    ] = None,
    weights: Annotated[
        FileOption, typer.Option(metavar="FILE", help="CSV with date, symbol, weight, etf.")
    ] = None,
    vols: Annotated[
        FileOption, typer.Option(metavar="FILE", help="IV-only: daily vols. Model-marked.")
    ] = None,
    closes: Annotated[
        FileOption, typer.Option(metavar="FILE", help="IV-only: closes of the same names.")
    ] = None,
    index_closes: Annotated[
        FileOption, typer.Option(metavar="FILE", help="IV-only: closes of the index.")
    ] = None,
    index_vols: Annotated[
        FileOption,
        typer.Option(metavar="FILE", help="VIX by day: the gate's, and IV-only the index vol."),
    ] = None,
    invented: Annotated[
        int | None, typer.Option(metavar="SEED", help="An invented market in place of data.")
    ] = None,
    days: Annotated[int, typer.Option(help="Invented: trading days.")] = 400,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Run the backtest at many points of the configuration and keep a row for each.

    Rows are kept as they come, in FOLDER/results.parquet; the same command again goes on where it
    was broken off. Data are named as for `dispersa backtest`. The best of many points looks better
    than it is: judge it by a run of its own, and tell that run how many trials were made.
    """
    from dispersa.backtest.sources import Files, origin_of
    from dispersa.backtest.sweep import Goal, parse_axis

    axes = tuple(map(parse_axis, vary))
    aim = Goal(column=goal, is_maximum=not minimize)
    chosen = _search(search, axes, points, seed, aim)
    settled = _settled(config, axes)
    universe = settled.base.config.universe
    files = Files(
        chains=chains,
        weights=weights,
        vols=vols,
        closes=closes,
        index_closes=index_closes,
        index_vols=index_vols,
        invented=None if invented is None else (invented, 0.0, days),
    )
    origin = origin_of(files, universe.index, universe.names)
    outcome = _run(folder, chosen, settled, origin, (workers, on))
    _show(outcome, aim, folder, is_json=json)


def _search(
    kind: SearchKind, axes: "tuple[Axis, ...]", points: int, seed: int, goal: "Goal"
) -> "Search":
    from dispersa.backtest.sweep import Grid, RandomDraw, Refine

    match kind:
        case "grid":
            return Grid(axes)
        case "random":
            return RandomDraw(axes, points, seed)
        case "refine":
            return Refine(axes, points, seed, goal)


class _Loader:
    """Loads the configuration with some keys given, complaining as `config check` does."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def __call__(self, given: Mapping[str, str]) -> "Settings":
        from dispersa.backtest.sweep.points import GIVEN
        from dispersa.runtime.config import load_config
        from dispersa.runtime.config.loading import KEY_PREFIX

        variables = {KEY_PREFIX + k.upper().replace(".", "__"): v for k, v in given.items()}
        try:
            return load_config(self._file, {**os.environ, **variables}).settings
        except InvalidConfig as refusal:
            text = str(refusal)
            for variable in variables:
                text = text.replace(f" (from {variable})", GIVEN)
            raise InvalidConfig(text) from None


def _settled(config: Path | None, axes: "tuple[Axis, ...]") -> Any:
    """Return what makes settings of points, after every axis was found to be allowed."""
    from dispersa.backtest import BacktestSettings
    from dispersa.backtest.sweep.points import Settle

    load = _Loader(config)
    settle = Settle(BacktestSettings(config=load({})), load)
    for axis in axes:
        settle.require_allowed(axis)
    return settle


def _run(
    folder: Path,
    search: "Search",
    settle: Any,
    origin: "Origin",
    where: tuple[int | None, str | None],
) -> "Outcome":
    from dispersa.backtest.sources import open_source
    from dispersa.backtest.sweep import Ledger, run_sweep
    from dispersa.backtest.sweep.points import Backtests

    with Ledger.open(folder, _description(search, settle.base, origin)) as ledger:
        if ledger.rows:
            say(f"{len(ledger.rows)} of {search.count} points are finished and kept in {folder}")
        task = Backtests(open_source(origin))
        with (
            _workers(task, folder, *where) as workers,
            progress_line("sweeping") as show,
        ):
            return run_sweep(search, settle, workers, ledger, show)


def _workers(
    task: "Task", folder: Path, count: int | None, on: str | None
) -> "AbstractContextManager[Workers]":
    from dispersa.backtest.sweep import LocalWorkers

    if on is None:
        return LocalWorkers.open(task, folder, count or len(os.sched_getaffinity(0)))
    if count is not None:
        raise InvalidInput("--workers counts processes of this machine, and --on names a cluster")
    if on != "ray" and not on.startswith("ray://"):
        raise InvalidInput(f"--on is {on!r}; expected ray://HOST:PORT, or ray")
    from dispersa.backtest.sweep.cluster import ClusterWorkers

    return ClusterWorkers.open(task, None if on == "ray" else on)


def _description(search: "Search", base: "BacktestSettings", origin: "Origin") -> dict[str, str]:
    """What tells this sweep from any other: its points, its configuration, its files, the build."""
    import hashlib

    from dispersa.backtest.sources import files_of
    from dispersa.runtime.build import build_id

    def digest(content: bytes) -> str:
        return hashlib.sha256(content).hexdigest()[:16]

    files = {
        f"file {what}": f"{path} {digest(path.read_bytes())}"
        for what, path in files_of(origin).items()
    }
    return {
        "search": repr(search),
        "configuration": digest(repr(base).encode()),
        "source": repr(origin),
        **files,
        "build": build_id(),
    }


def _show(outcome: "Outcome", goal: "Goal", folder: Path, *, is_json: bool) -> None:
    best = sorted(outcome.rows, key=goal.order)[:SHOWN_ROWS]
    table = folder / "results.parquet"
    if is_json:
        print_json(
            {
                "results": str(table),
                "points": len(outcome.rows),
                "held_before": outcome.held_before,
                "failed": outcome.failed,
                "workers_lost": outcome.workers_lost,
                "goal": goal.column,
                "best": [_document(row) for row in best if row.error is None],
            }
        )
        return
    print_table(_best(best, goal))
    failed = next((row.error for row in outcome.rows if row.error is not None), None)
    if failed is not None:
        say(f"{outcome.failed} of {len(outcome.rows)} points have no answer; the first: {failed}")
    say(
        f"{len(outcome.rows)} points in {table}. The best of so many looks better than it is, also "
        "where there is nothing to find: judge it on days that the sweep has not seen."
    )


def _document(row: "Row") -> dict[str, Any]:
    return {"point": {k: _plain(v) for k, v in row.point.items()}, "answer": dict(row.answer)}


def _plain(value: object) -> object:
    return value if isinstance(value, bool | int | float | str) else str(value)


def _best(rows: "list[Row]", goal: "Goal") -> "Table":
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    answered = [row for row in rows if row.error is None]
    keys = list(answered[0].point) if answered else []
    found = set(answered[0].answer) if answered else set()
    columns = [c for c in dict.fromkeys((goal.column, *SHOWN_COLUMNS)) if c in found]
    for key in keys:
        table.add_column(key)
    for column in columns:
        table.add_column(column, justify="right")
    for row in answered:
        table.add_row(
            *(str(_plain(row.point[key])) for key in keys),
            *(_number(row.answer.get(column)) for column in columns),
        )
    return table


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3f}"
    return str(value)
