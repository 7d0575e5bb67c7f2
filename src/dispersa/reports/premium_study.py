"""What did years of vols and closes show of the correlation premium, and what did they not?"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dispersa.correlation.study import PremiumStudy, premium_study
from dispersa.errors import InvalidInput
from dispersa.history.closes import read_closes, symbols_of_wide
from dispersa.history.importing import read_level_rows

PERCENT_MEDIAN_MIN = 3.0
"""A median vol from here on is percent, not a decimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFiles:
    """Daily vols and closes of the names (a column each), and of the index."""

    vols: Path
    closes: Path
    index_vols: Path
    index_closes: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyReport:
    """A premium study with the names that it was made from."""

    study: PremiumStudy
    names: tuple[str, ...]
    files: StudyFiles

    @property
    def worst(self) -> int:
        """Row of the window that missed by most."""
        return int(np.nanargmin(self.study.premium))

    def reading(self) -> tuple[str, ...]:
        """What it shows and what not, one sentence a line."""
        study, worst = self.study, self.worst
        return (
            (
                f"Implied correlation stood above the correlation of the following "
                f"{study.horizon_days} trading days in {study.share_above_zero:.0%} of "
                f"{study.independent.size} separate windows, by "
                f"{100 * study.mean_premium:.1f} points on average (t = {study.t_statistic:.1f})."
            ),
            (
                f"The worst window began on {study.dates[worst]}: {100 * study.implied[worst]:.0f} "
                f"points implied, {100 * study.afterwards[worst]:.0f} came, a miss of "
                f"{-100 * study.premium[worst]:.0f} points."
            ),
            (
                "It shows that insurance against correlation was dear in most windows and that the "
                "bill came at once. It does not show that selling it earned money: nothing is "
                "subtracted for cost, and a vega-neutral book earns a vol spread, not this premium."
            ),
            (
                f"The {len(self.names)} names have equal weights and are not the index; they are "
                "names that a file of today remembers."
            ),
            (
                "Where names and index have other tenors or other vols (three-month at-the-money "
                "names against a thirty-day, model-free VIX), the level is shifted: a model-free "
                "vol holds the price of skew and reads higher, and so does the implied correlation."
            ),
        )

    def to_json(self) -> dict[str, Any]:
        """The numbers; correlations are fractions, null where a window is not complete."""
        study = self.study
        columns = (study.dates, study.implied, study.afterwards)
        return {
            "names": list(self.names),
            "horizon_days": study.horizon_days,
            "windows": int(study.independent.size),
            "mean_premium": study.mean_premium,
            "share_above_zero": study.share_above_zero,
            "t_statistic": study.t_statistic,
            "reading": list(self.reading()),
            "rows": [
                {"date": day.isoformat(), "implied": _known(a), "afterwards": _known(b)}
                for day, a, b in zip(*columns, strict=True)
            ],
        }

    def to_table(self) -> RenderableType:
        """Means by calendar year, and the reading."""
        table = Table(title=f"Correlation premium of {len(self.names)} names, points")
        for heading in ("year", "implied", "came after", "premium", "worst"):
            table.add_column(heading, justify="right")
        years = np.array([day.year for day in self.study.dates])
        known = np.isfinite(self.study.premium)
        for year in np.unique(years[known]).tolist():
            rows = known & (years == year)
            premium = 100 * self.study.premium[rows]
            implied, after = (100 * x[rows] for x in (self.study.implied, self.study.afterwards))
            numbers = (implied.mean(), after.mean(), premium.mean(), premium.min())
            table.add_row(str(year), *(f"{number:.1f}" for number in numbers))
        return Group(table, *(Text(sentence) for sentence in self.reading()))


def study_from_files(files: StudyFiles) -> StudyReport:
    """Study the days that all four files have.

    Raises
    ------
    InvalidInput
        A file is missing or malformed, or the files share too few names or days.
    """
    names = sorted(set(symbols_of_wide(files.vols)) & set(symbols_of_wide(files.closes)))
    if len(names) < 2:
        raise InvalidInput(
            f"{files.vols} and {files.closes} share {len(names)} names; expected two or more "
            "columns of the same name"
        )
    vols, closes = read_closes(files.vols, names), read_closes(files.closes, names)
    (index,) = symbols_of_wide(files.index_closes)[:1] or ("",)
    prices = read_closes(files.index_closes, [index])
    levels = dict(read_level_rows(files.index_vols, "index").select("date", "close").iter_rows())
    days = sorted({*vols.dates} & {*closes.dates} & {*prices.dates} & {*levels})
    if len(days) < 64:
        raise InvalidInput(
            f"the four files share {len(days)} days; expected at least 64, three months"
        )

    def rows(dates: tuple[Any, ...], values: NDArray[np.float64]) -> NDArray[np.float64]:
        at = {day: row for row, day in enumerate(dates)}
        picked: NDArray[np.float64] = values[[at[day] for day in days]]
        return picked

    _decimal(np.array([levels[day] for day in days]))
    study = premium_study(
        tuple(days),
        _decimal(rows(vols.dates, vols.closes)),
        rows(closes.dates, closes.closes),
        (
            _decimal(np.array([levels[day] for day in days])),
            rows(prices.dates, prices.closes)[:, 0],
        ),
    )
    return StudyReport(study=study, names=tuple(names), files=files)


def _decimal(vols: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vols as decimals, whichever way the file wrote them."""
    return vols / 100 if np.nanmedian(vols) >= PERCENT_MEDIAN_MIN else vols


def _known(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None


def study_document(report: StudyReport) -> str:
    """The JSON document."""
    return json.dumps(report.to_json(), allow_nan=False)
