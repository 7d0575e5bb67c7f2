"""What was the implied correlation of an index on each date of a history of chains?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from dispersa.correlation.implied import (
    CorrelationFlag,
    CorrelationReading,
    read_correlation,
)
from dispersa.correlation.share_classes import ShareClasses, merged
from dispersa.correlation.tenor import VolPanel
from dispersa.market import Basket, Symbol, Weight

COVERAGE_MIN = 0.5
WEIGHTS_AGE_MAX = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketChoice:
    """How many names stand for the index, and whether share classes are separate names."""

    top: int
    share_classes: ShareClasses = ShareClasses.SEPARATE


@dataclass(frozen=True, slots=True, kw_only=True)
class NameVol:
    """One name of the basket: its weight in the file and its vol at the tenor."""

    symbol: Symbol
    weight: float
    implied_vol: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCorrelation:
    """Implied correlation of one date, or the flags that say why there is none.

    Attributes
    ----------
    implied
        None when the index has no vol, no weights are known, or fewer than two names have a vol.
    names
        The basket that was used, heaviest first, with raw weights.
    coverage
        Weight used over weight in the file.
    replaced
        Larger names that had no vol at the tenor, for which smaller ones stepped in.
    """

    date: date
    index_vol: float | None
    implied: CorrelationReading | None
    names: tuple[NameVol, ...]
    coverage: float
    replaced: tuple[Symbol, ...]
    flags: tuple[CorrelationFlag, ...]


def implied_by_date(
    panel: VolPanel,
    weights_on: Callable[[date], Basket | None],
    index: Symbol,
    choice: BasketChoice,
) -> tuple[DayCorrelation, ...]:
    """Compute the implied correlation of `index` on every date of the panel.

    `weights_on` gives the latest basket known on a date. A name without vol is replaced by the
    next largest; weights are renormalized over the names used.
    """
    index_vols = panel.column(index)
    return tuple(
        _on_date(panel, row, index_vols[row], weights_on(panel.dates[row]), choice)
        for row in range(len(panel.dates))
    )


def _on_date(
    panel: VolPanel, row: int, index_vol: float, basket: Basket | None, choice: BasketChoice
) -> DayCorrelation:
    """Choose the day's basket and compute its correlation, collecting flags on the way."""
    day = panel.dates[row]
    vols = {
        symbol: vol
        for symbol, vol in zip(panel.symbols, panel.vols[row].tolist(), strict=True)
        if np.isfinite(vol)
    }
    names, replaced = _chosen(basket, vols, choice) if basket else ((), ())
    coverage = sum(name.weight for name in names) / basket.coverage if basket else 0.0
    has_index = bool(np.isfinite(index_vol))
    implied = None
    if has_index and len(names) >= 2:
        implied = read_correlation(
            [name.weight for name in names], [name.implied_vol for name in names], float(index_vol)
        )
    conditions = (
        (basket is None, CorrelationFlag.WEIGHTS_MISSING),
        (basket is not None and day - basket.as_of > WEIGHTS_AGE_MAX, CorrelationFlag.WEIGHTS_OLD),
        (not has_index, CorrelationFlag.INDEX_VOL_MISSING),
        (basket is not None and len(names) < choice.top, CorrelationFlag.FEWER_NAMES),
        (bool(names) and coverage < COVERAGE_MIN, CorrelationFlag.LOW_COVERAGE),
    )
    return DayCorrelation(
        date=day,
        index_vol=float(index_vol) if has_index else None,
        implied=implied,
        names=names,
        coverage=coverage,
        replaced=replaced,
        flags=tuple(flag for holds, flag in conditions if holds)
        + (implied.flags if implied else ()),
    )


def _chosen(
    basket: Basket, vols: dict[Symbol, float], choice: BasketChoice
) -> tuple[tuple[NameVol, ...], tuple[Symbol, ...]]:
    """Take the heaviest names that have a vol; tell which heavier ones had none."""
    if choice.share_classes is ShareClasses.MERGED:
        basket = merged(basket, frozenset(vols))
    ranked: Sequence[Weight] = basket.heaviest(len(basket.weights)).weights
    with_vol = [row for row in ranked if row.symbol in vols][: choice.top]
    would_be_in = ranked[: choice.top]
    return (
        tuple(
            NameVol(symbol=row.symbol, weight=row.weight, implied_vol=vols[row.symbol])
            for row in with_vol
        ),
        tuple(row.symbol for row in would_be_in if row.symbol not in vols),
    )
