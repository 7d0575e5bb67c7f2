"""What does the page on years of correlation premium show?"""

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from dispersa.reports.correlation_charts import Band, Bars, Line, chart
from dispersa.reports.correlation_marks import section
from dispersa.reports.correlation_style import STYLE
from dispersa.reports.premium_study import StudyReport

DAYS_A_POINT = 5
"""One point a week keeps twelve years readable and the page small."""


def premium_page(report: StudyReport) -> str:
    """One self-contained page: no script, nothing loaded from anywhere."""
    study = report.study
    tiles = (
        ("mean premium", f"{100 * study.mean_premium:.1f}", "points"),
        ("implied above", f"{study.share_above_zero:.0%}", f"of {study.independent.size} windows"),
        ("worst window", f"{100 * study.premium[report.worst]:.0f}", "points"),
        ("t of the mean", f"{study.t_statistic:.1f}", "separate windows"),
    )
    shown = "".join(
        f'<div class="tile"><span>{name}</span><b>{value}</b><i>{unit}</i></div>'
        for name, value, unit in tiles
    )
    words = "".join(f"<li>{escape(sentence)}</li>" for sentence in report.reading())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Correlation premium</title><style>{STYLE}</style></head><body><main>"
        f"<header><h1>Correlation premium</h1><p>{len(report.names)} names, equal weights, "
        f"{study.dates[0]} to {study.dates[-1]}. Implied correlation against the correlation of "
        f"the {study.horizon_days} trading days that followed, by the same formula.</p></header>"
        f'<div class="tiles">{shown}</div>{_levels(report)}{_premium(report)}'
        f"<section><h2>What this shows, and what not</h2><ul>{words}</ul></section>"
        "</main></body></html>\n"
    )


def _levels(report: StudyReport) -> str:
    study = report.study
    lines = [
        Line(name="implied", values=_points(study.implied[::DAYS_A_POINT]), color="implied"),
        Line(name="came after", values=_points(study.afterwards[::DAYS_A_POINT]), color="realized"),
    ]
    return section(
        "Implied, and what came",
        "One point a week, in points. What came is hindsight: the windows overlap.",
        chart(study.dates[::DAYS_A_POINT], lines, "points"),
    )


def _premium(report: StudyReport) -> str:
    study = report.study
    every = study.horizon_days
    premium = _points(study.premium[::every])
    low, high = _band(premium)
    picture = chart(
        study.dates[::every],
        [],
        "points",
        band=Band(low=low, high=high, color="implied"),
        bars=Bars(name="premium", values=premium, above="gain", below="loss"),
    )
    return section(
        "Premium, window by window",
        f"Implied less what came, one bar for each separate window of {every} trading days; the "
        "band is the mean of the earlier windows plus and minus two standard deviations.",
        picture,
    )


def _band(values: Sequence[float | None]) -> tuple[list[float | None], list[float | None]]:
    """Mean plus and minus two standard deviations of the windows before each, from the 13th on."""
    low: list[float | None] = []
    high: list[float | None] = []
    for at in range(len(values)):
        before = [value for value in values[:at] if value is not None]
        enough = len(before) >= 12
        middle, width = (np.mean(before), 2 * np.std(before, ddof=1)) if enough else (0.0, 0.0)
        low.append(float(middle - width) if enough else None)
        high.append(float(middle + width) if enough else None)
    return low, high


def _points(values: NDArray[np.float64]) -> list[float | None]:
    return [100 * value if np.isfinite(value) else None for value in values.tolist()]
