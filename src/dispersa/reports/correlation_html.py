"""What does the research report on an index's correlation show to a reader?"""

from collections.abc import Sequence
from html import escape
from math import isfinite
from statistics import fmean, stdev

from dispersa.correlation.by_date import DayCorrelation
from dispersa.correlation.research import ResearchDay
from dispersa.correlation.signal import Direction, Signal
from dispersa.reports.correlation import CorrelationReport
from dispersa.reports.correlation_charts import Band, Bars, Line, chart, heat_map
from dispersa.reports.correlation_marks import number, percent, points, section
from dispersa.reports.correlation_names import coverage_and_dropped, names_and_cost
from dispersa.reports.correlation_skew import rules, skew, term_structure
from dispersa.reports.correlation_style import STYLE

BAND_DAYS_MIN = 10
"""Dates that a band or a z-score needs before it is drawn; the signal itself asks for more."""

NOTES = (
    """Clean correlation takes the names' own variances out of both sides. It is not bounded: a
    basket of few names can read below zero. Compare like with like only.""",
    """Forecasts are regressions on what was complete before each date, shrunk to a prior; with a
    history this short they are nearly the prior.""",
    """An edge after cost in a table is not a trade: spreads, fills and weights are estimates. No
    claim is made that this earns money.""",
)


def to_html(report: CorrelationReport) -> str:
    """One self-contained page: no script, no address, nothing loaded from anywhere."""
    sections = [_headline(report), _implied_and_realized(report)]
    if report.research:
        sections += [_premium_and_edge(report), _standing(report)]
    sections.append(term_structure(report))
    if report.views:
        sections += [skew(report, report.views), rules(report, report.views)]
    sections += [
        _vols(report),
        names_and_cost(report),
        coverage_and_dropped(report),
        _notes(report),
    ]
    title = f"{report.index} correlation, {report.tenor_days} days, top {report.top}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f"{''.join(sections)}</main></body></html>\n"
    )


def _clean(days: Sequence[DayCorrelation]) -> list[float | None]:
    """Implied correlation of each date in points."""
    return points([day.implied.clean if day.implied else None for day in days])


def _judged(report: CorrelationReport) -> list[ResearchDay | None]:
    """Research of each date of the report, None where a date has none."""
    by_day = {one.signal.as_of.date(): one for one in report.research}
    return [by_day.get(day.date) for day in report.days]


def _headline(report: CorrelationReport) -> str:
    """Title, and the latest date's numbers as tiles."""
    first, last = report.days[0].date, report.days[-1].date
    latest = report.days[-1]
    tiles = [
        ("implied correlation", percent(latest.implied.clean if latest.implied else None), ""),
        ("index vol", percent(latest.index_vol), "%"),
        (
            "mean vol of names",
            percent(latest.implied.average_vol if latest.implied else None),
            "%",
        ),
        ("coverage", percent(latest.coverage), f"% in {len(latest.names)} names"),
    ]
    if report.research:
        signal = report.research[-1].signal
        tiles[1:1] = [
            (
                "realized, 21 days",
                percent(signal.realized[0].clean if signal.realized else None),
                "",
            ),
            ("forecast", percent(signal.forecast_correlation), ""),
            ("edge after cost, long", number(_edge_of_long(signal)), "vol points"),
        ]
    shown = "".join(
        f'<div class="tile"><span>{escape(name)}</span><b>{value}</b><i>{escape(unit)}</i></div>'
        for name, value, unit in tiles
    )
    return (
        f"<header><h1>{escape(report.index)} correlation</h1><p>{len(report.days)} dates, "
        f"{first} to {last}. {report.tenor_days}-day at-the-money vols ({report.atm}), "
        f"heaviest {report.top} names, share classes {report.share_classes}. "
        f"Correlations in points (0 to 100); the tiles show {last}.</p></header>"
        f'<div class="tiles">{shown}</div>'
    )


def _implied_and_realized(report: CorrelationReport) -> str:
    """Implied beside trailing realized, forecast and what came after."""
    dates = [day.date for day in report.days]
    lines = [Line(name="implied", values=_clean(report.days), color="implied")]
    judged = _judged(report)
    if report.research:
        signals = [one.signal if one else None for one in judged]
        lines += [
            Line(
                name=f"realized, {days} d",
                values=points([_window(signal, days) for signal in signals]),
                color=color,
            )
            for days, color in ((21, "realized"), (63, "realized63"))
        ]
        lines.append(
            Line(
                name="forecast",
                values=points(
                    [signal.forecast_correlation if signal else None for signal in signals]
                ),
                color="forecast",
            )
        )
        lines.append(
            Line(
                name="came after",
                values=points([one.afterwards.clean if one else None for one in judged]),
                color="after",
                is_dashed=True,
            )
        )
    reading = (
        "Clean correlation, the same formula, names and weights throughout. Realized windows end "
        "the day before each date. <em>Came after</em> is hindsight: the realized correlation of "
        "the following 21 trading days, shown for the reader and used by nothing."
        if report.research
        else "Clean implied correlation. Give prices to see what was realized."
    )
    return section("Implied against realized", reading, chart(dates, lines, "points"))


def _premium_and_edge(report: CorrelationReport) -> str:
    """Correlation premium with its expanding band, and the edge after cost as bars."""
    dates = [day.date for day in report.days]
    signals = [one.signal if one else None for one in _judged(report)]
    premium = points([signal.correlation_premium if signal else None for signal in signals])
    low, high = _expanding_band(premium)
    edges = [_edge_of_long(signal) if signal else None for signal in signals]
    policy = report.research[-1].signal.thresholds
    premium_chart = chart(
        dates,
        [
            Line(name="premium", values=premium, color="implied"),
            Line(
                name="threshold",
                values=[100 * policy.premium_min] * len(dates),
                color="muted",
                is_dashed=True,
            ),
        ],
        "points",
        band=Band(low=low, high=high, color="implied"),
    )
    edge_chart = chart(
        dates,
        [
            Line(
                name="threshold",
                values=[policy.edge_min_vol_points] * len(dates),
                color="muted",
                is_dashed=True,
            )
        ],
        "vol points",
        bars=Bars(name="edge after cost", values=edges, above="gain", below="loss"),
    )
    reading = (
        "Premium is implied less forecast correlation; the band is its mean of the earlier dates "
        f"plus and minus two standard deviations, from the {BAND_DAYS_MIN + 1}th date on. The bars "
        "are what LONG_DISPERSION (sell index, buy names) would keep in vol points of index vega "
        "after round trip and hedging at the assumed spreads. A trade needs both above their "
        "thresholds."
    )
    return section("Premium and edge", reading, premium_chart + edge_chart)


def _standing(report: CorrelationReport) -> str:
    """z-score of implied correlation in the dates before each."""
    dates = [day.date for day in report.days]
    scores = _expanding_z(_clean(report.days))
    ends = [
        Line(name=name, values=[at] * len(dates), color="muted", is_dashed=True)
        for name, at in (("+2", 2.0), ("-2", -2.0))
    ]
    picture = chart(dates, [Line(name="z-score", values=scores, color="implied"), *ends], "sd")
    return section(
        "z-score of implied correlation",
        "Each date against the mean and standard deviation of the dates before it in this file "
        "only: a short window, for orientation. The live signal asks for at least "
        f"{report.research[-1].signal.thresholds.history_days_min} days.",
        picture,
    )


def _vols(report: CorrelationReport) -> str:
    """Heat map of the names' vols, heaviest first, the index on top."""
    dates = [day.date for day in report.days]
    latest = [name.symbol for name in report.days[-1].names]
    rows: list[tuple[str, Sequence[float | None]]] = [
        (report.index, points([day.index_vol for day in report.days]))
    ]
    for symbol in latest:
        column = report.panel.column(symbol).tolist()
        rows.append((symbol, points([vol if isfinite(vol) else None for vol in column])))
    return section(
        "Implied vol by name",
        "Names of the last date, heaviest first. Each row is shaded between its own lowest and "
        "highest vol, which are printed at its end; a hatched cell has no vol. Earnings show as a "
        "row that is dark and then pale.",
        heat_map(dates, rows, "%"),
    )


def _notes(report: CorrelationReport) -> str:
    """What the numbers do not show."""
    notes = list(NOTES)
    if report.weights_in_percent:
        notes.append("The weights file is in percent and was read so.")
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"<section><h2>How far to trust this</h2><ul>{items}</ul></section>"


def _window(signal: Signal | None, days: int) -> float | None:
    """Realized correlation of one window."""
    if signal is None:
        return None
    return next((one.clean for one in signal.realized if one.days == days), None)


def _edge_of_long(signal: Signal) -> float | None:
    """Edge after cost of LONG_DISPERSION."""
    return signal.edge_net_of(Direction.LONG_DISPERSION)


def _expanding_band(
    values: Sequence[float | None],
) -> tuple[list[float | None], list[float | None]]:
    """Mean plus and minus two standard deviations of the values before each date."""
    low: list[float | None] = []
    high: list[float | None] = []
    for position in range(len(values)):
        before = [value for value in values[:position] if value is not None]
        enough = len(before) >= BAND_DAYS_MIN
        middle, width = (fmean(before), 2 * stdev(before)) if enough else (0.0, 0.0)
        low.append(middle - width if enough else None)
        high.append(middle + width if enough else None)
    return low, high


def _expanding_z(values: Sequence[float | None]) -> list[float | None]:
    """Each value against the values before it."""
    scores: list[float | None] = []
    for position, value in enumerate(values):
        before = [earlier for earlier in values[:position] if earlier is not None]
        spread = stdev(before) if len(before) >= BAND_DAYS_MIN else 0.0
        scores.append((value - fmean(before)) / spread if value is not None and spread else None)
    return scores
