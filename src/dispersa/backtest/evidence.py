"""What else was tried, and would a choice made on the past have worked? Baselines, stress, walk.

Every other run is the same desk over the same source with one thing changed. The walk-forward
chooses, for each year, the edge threshold that did best in all years before it, and counts only
what that choice then earned: windows expand, nothing of the scored year is seen.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dispersa.backtest.market import Source
from dispersa.backtest.result import BacktestResult, DayRow
from dispersa.backtest.settings import BacktestSettings, Entry
from dispersa.backtest.statistics import sharpe

THRESHOLDS = (0.0, 0.5, 1.0)
"""Edge thresholds in vol points that are tried beside the configured one."""
RANDOM_SEEDS = (101, 102)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One other run: what was changed, its summary and its days."""

    name: str
    sentence: str
    summary: Mapping[str, float | str]
    daily: tuple[DayRow, ...]

    @property
    def trading(self) -> list[float]:
        """P&L by day without interest."""
        return [row.trading for row in self.daily]


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkYear:
    """One year of the walk: the threshold chosen before it, and what it earned in it."""

    year: str
    threshold: float
    trading: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything beside the run itself; empty where it was not asked for.

    `trials` counts the configurations whose result anybody looked at, this run included; `depths`
    say how far the daily depth is from days that were lived through.
    """

    baselines: tuple[Variant, ...] = ()
    stress: tuple[Variant, ...] = ()
    thresholds: tuple[Variant, ...] = ()
    walk: tuple[WalkYear, ...] = ()
    trials: int = 1
    depths: tuple[str, ...] = ()


Runner = Callable[[BacktestSettings, Source], BacktestResult]


def gather(
    run: Runner,
    settings: BacktestSettings,
    source: Source,
    base: BacktestResult,
    *,
    earlier_trials: int = 0,
    said: Callable[[str], None] = lambda _: None,
) -> Evidence:
    """Make the other runs, and the walk over the thresholds."""

    def made(name: str, sentence: str, changed: BacktestSettings) -> Variant:
        said(f"also running: {name}")
        found = run(changed, source)
        return Variant(name=name, sentence=sentence, summary=found.summary, daily=found.daily)

    baselines = tuple(made(*each) for each in _baselines(settings))
    stress = tuple(made(*each) for each in _stress(settings))
    own = settings.config.signal.edge_min_vol_points
    thresholds = [Variant(name=_named(own), sentence="", summary=base.summary, daily=base.daily)]
    thresholds += [made(_named(each), "", with_threshold(settings, each)) for each in THRESHOLDS]
    levels = (own, *THRESHOLDS)
    return Evidence(
        baselines=baselines,
        stress=stress,
        thresholds=tuple(thresholds),
        walk=tuple(walk_forward(dict(zip(levels, [v.daily for v in thresholds], strict=True)))),
        trials=len(thresholds) + earlier_trials,
    )


def _named(threshold: float) -> str:
    return f"edge above {threshold:.2f}"


def with_threshold(settings: BacktestSettings, threshold: float) -> BacktestSettings:
    """The same run with another edge threshold."""
    signal = settings.config.signal.model_copy(update={"edge_min_vol_points": threshold})
    return replace(settings, config=settings.config.model_copy(update={"signal": signal}))


def _baselines(settings: BacktestSettings) -> Iterator[tuple[str, str, BacktestSettings]]:
    always = replace(settings, entry=Entry.ALWAYS)
    yield "always on", "trades whenever nothing is held, whatever the signal says", always
    for seed in RANDOM_SEEDS:
        coin = replace(settings, entry=Entry.RANDOM, seed=seed)
        yield f"random entry {seed}", "trades on days that a coin chooses", coin


def _stress(settings: BacktestSettings) -> Iterator[tuple[str, str, BacktestSettings]]:
    twice = replace(
        settings,
        spread_multiple=2 * settings.spread_multiple,
        commission_multiple=2 * settings.commission_multiple,
    )
    yield "costs doubled", "spreads and commissions twice as large, the signal knows it", twice


def walk_forward(runs: Mapping[float, Sequence[DayRow]]) -> Iterator[WalkYear]:
    """Choose each year's threshold by the years before it; the first year only teaches."""
    years = sorted({f"{row.day:%Y}" for rows in runs.values() for row in rows})
    for year in years[1:]:
        past = {
            level: [row.trading for row in rows if f"{row.day:%Y}" < year]
            for level, rows in runs.items()
        }
        chosen = max(sorted(past), key=lambda level: sharpe(past[level]))
        earned = tuple(row.trading for row in runs[chosen] if f"{row.day:%Y}" == year)
        yield WalkYear(year=year, threshold=chosen, trading=earned)


def index_alone(daily: Sequence[DayRow]) -> list[float]:
    """P&L by day of the index side of the same trades: its straddle and its hedge."""
    return [row.index for row in daily]


def costs_doubled(daily: Sequence[DayRow]) -> list[float]:
    """P&L by day had the same fills cost twice as much: no decision changes."""
    return [row.trading - row.commissions - row.slippage for row in daily]
