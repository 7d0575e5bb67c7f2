"""Which files make a source? Tables of vols and closes, or option chains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dispersa.backtest.chains import ChainSource
from dispersa.backtest.grids import Grid, GridSource
from dispersa.backtest.market import Source
from dispersa.backtest.worlds import WorldSettings, synthetic
from dispersa.correlation.research import AssumedSpreads
from dispersa.errors import InvalidInput
from dispersa.market import Symbol

INDEX_TENOR = 30
NAME_TENOR = 91
INDEX_SHARE_OF_LEVEL = 0.1
"""The index is traded as a fund at a tenth of its level, as SPY is of the S&P 500."""
WARMUP_DAYS = 252


@dataclass(frozen=True, slots=True, kw_only=True)
class VolFiles:
    """Daily vols and closes of names, and vols and closes of their index, in files."""

    vols: Path
    closes: Path
    index_vols: Path
    index_closes: Path
    name_tenor_days: int = NAME_TENOR
    spreads: AssumedSpreads = field(default_factory=AssumedSpreads)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFiles:
    """Option chains, dated weights, and VIX by day."""

    chains: Path
    weights: Path
    index: str
    vix: Path | None = None
    names: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Invented:
    """An invented market."""

    world: WorldSettings


Origin = VolFiles | ChainFiles | Invented


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What somebody named as data; `invented` is seed, planted premium and days."""

    chains: Path | None = None
    weights: Path | None = None
    vols: Path | None = None
    closes: Path | None = None
    index_closes: Path | None = None
    index_vols: Path | None = None
    invented: tuple[int, float, int] | None = None


def origin_of(files: Files, index: str, names: int) -> Origin:
    """Return the one origin that was named.

    Raises
    ------
    InvalidInput
        None was named whole, or more than one.
    """
    found: list[Origin] = []
    if files.invented is not None:
        seed, premium, days = files.invented
        found.append(Invented(world=WorldSettings(seed=seed, premium=premium, days=days)))
    if files.chains and files.weights:
        found.append(
            ChainFiles(
                chains=files.chains,
                weights=files.weights,
                index=index,
                vix=files.index_vols,
                names=names,
            )
        )
    if files.vols and files.closes and files.index_closes and files.index_vols:
        found.append(
            VolFiles(
                vols=files.vols,
                closes=files.closes,
                index_vols=files.index_vols,
                index_closes=files.index_closes,
            )
        )
    if len(found) != 1:
        raise InvalidInput(
            f"{len(found)} sources of data were named; expected one: --chains with --weights, or "
            "--vols with --closes, --index-vols and --index-closes, or --invented SEED"
        )
    return found[0]


def open_source(origin: Origin) -> Source:
    """Read a source.

    Raises
    ------
    InvalidInput
        A file is not what it should be, or the files have no day in common.
    """
    match origin:
        case VolFiles():
            return vol_source(origin)
        case ChainFiles():
            return ChainSource.read(
                origin.chains,
                origin.weights,
                Symbol(origin.index),
                vix=None if origin.vix is None else levels(origin.vix),
                names=origin.names,
            )
        case Invented(world=world):
            return synthetic(world)


def files_of(origin: Origin) -> Mapping[str, Path]:
    """The files that a source is read from, by what they hold."""
    match origin:
        case VolFiles():
            return {
                "vols": origin.vols,
                "closes": origin.closes,
                "index_vols": origin.index_vols,
                "index_closes": origin.index_closes,
            }
        case ChainFiles():
            found = {"chains": origin.chains, "weights": origin.weights}
            return found if origin.vix is None else {**found, "vix": origin.vix}
        case Invented():
            return {}


def vol_source(files: VolFiles) -> GridSource:
    """Names with their own vols against an index whose vol comes from elsewhere."""
    from dispersa.history.closes import read_closes, symbols_of_wide

    names = symbols_of_wide(files.vols)
    index = symbols_of_wide(files.index_closes)[0]
    prices = read_closes(files.index_closes, [index])
    vols, closes = read_closes(files.vols, names), read_closes(files.closes, names)
    index_vols = levels(files.index_vols)
    days = prices.dates
    vix = np.array([index_vols.get(day, np.nan) for day in days])
    spots = np.column_stack(
        [
            INDEX_SHARE_OF_LEVEL * prices.of(index),
            *(_on(days, closes.dates, closes.of(name)) for name in names),
        ]
    )
    table = np.column_stack([vix / 100, *(_on(days, vols.dates, vols.of(name)) for name in names)])
    if not np.isfinite(table).all(axis=1).any():
        raise InvalidInput(
            f"{files.vols}, {files.index_vols} and {files.index_closes} have no day in common on "
            "which every vol is known"
        )
    return GridSource(
        label=f"{len(names)} names of {files.vols.name}, index vol {files.index_vols.name}",
        grid=Grid(
            days=days,
            symbols=(index, *names),
            spots=spots,
            vols=table,
            vol_days=(INDEX_TENOR, *([files.name_tenor_days] * len(names))),
            vix=vix,
        ),
        statements=_statements(files, index, names),
        warmup=WARMUP_DAYS,
        spreads=files.spreads,
    )


MODEL_MARKED = """
Model-marked: no option was ever quoted in this data. Straddles are priced by Black at each name's
{days}-day at-the-money vol, without smile, skew or term structure; a real fill would have met all
three.
"""
INDEX_VOL = """
The set has no implied vol of the index. Its place is taken by {file}, a 30-day model-free index
that lies above at-the-money vol by the price of the skew: that alone makes the index look dear, in
this run's favor.
"""
BASKET = """
{index} is traded as a fund at a tenth of its level; its basket is these {count} names in equal
weights, which is not the index: part of any premium is the difference.
"""
SURVIVORSHIP = """
Survivorship: the names are those that somebody knew to be there at the end. Names that failed or
were taken over are not in the set, so components look calmer than they were.
"""
ADJUSTED = """
Closes are adjusted: dividends and splits are inside the returns and can not be tested here, short
calls are never assigned early, and a low adjusted price meets the cent grid sooner than the real
one did.
"""
SPREADS = """
Spreads are assumed and never change: {index:.1%} of premium for the index, {name:.1%} for names.
In March 2020 they were many times that.
"""


def _statements(files: VolFiles, index: Symbol, names: Sequence[Symbol]) -> tuple[str, ...]:
    spreads = files.spreads
    texts = (
        MODEL_MARKED.format(days=files.name_tenor_days),
        INDEX_VOL.format(file=files.index_vols.name),
        BASKET.format(index=index, count=len(names)),
        SURVIVORSHIP,
        ADJUSTED,
        SPREADS.format(index=spreads.index_straddle, name=spreads.name_straddle),
    )
    return tuple(" ".join(text.split()) for text in texts)


def levels(path: Path) -> dict[date, float]:
    """Closes of a published index by day."""
    from dispersa.history.importing import read_level_rows

    return dict(read_level_rows(path, "index").select("date", "close").iter_rows())


def _on(
    days: tuple[date, ...], own: tuple[date, ...], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Values on another calendar; NaN on days that they lack."""
    known = dict(zip(own, values.tolist(), strict=True))
    return np.array([known.get(day, np.nan) for day in days])
