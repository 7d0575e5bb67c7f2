"""What do the page's sections on rules, deltas and tenors show?"""

from collections.abc import Sequence
from html import escape
from statistics import fmean

from dispersa.correlation.by_date import DayCorrelation
from dispersa.pricing.atm import AtTheMoney
from dispersa.reports.correlation import CorrelationReport
from dispersa.reports.correlation_charts import Line, chart
from dispersa.reports.correlation_marks import number, percent, points, section
from dispersa.reports.correlation_views import CALL_DELTAS, RULES, TERMS_DAYS, WHY, Views

SHOWN_DELTAS = ((0.90, "put 0.10", "loss"), (0.50, "0.50", "implied"), (0.10, "call 0.10", "gain"))


def term_structure(report: CorrelationReport) -> str:
    """Implied correlation of the same basket at one, three and six months."""
    colors = ("implied", "realized", "forecast")
    lines = [
        Line(name=f"{tenor} days", values=_clean(days), color=color)
        for tenor, days, color in zip(TERMS_DAYS, report.terms, colors, strict=True)
    ]
    return section(
        "Term structure",
        "The same basket at one, three and six months. An inverted curve (short above long) is "
        "stress being priced into the coming weeks.",
        chart([day.date for day in report.days], lines, "points"),
    )


def skew(report: CorrelationReport, views: Views) -> str:
    """Implied correlation by delta at three months over time, and by delta and tenor today."""
    dates = [day.date for day in report.days]
    lines = [
        Line(name=name, values=points(views.by_delta[delta, 91]), color=color)
        for delta, name, color in SHOWN_DELTAS
    ]
    head = "".join(f"<td>{days} days</td>" for days in TERMS_DAYS)
    body = "".join(
        f"<tr><th>{_delta_name(delta)}</th>"
        + "".join(f"<td>{percent(views.by_delta[delta, days][-1])}</td>" for days in TERMS_DAYS)
        + "</tr>"
        for delta in CALL_DELTAS
    )
    return section(
        "Correlation by delta",
        "Every vol read at the same delta of its own smile, three months out. Low strikes read "
        "high: index puts carry the price of everything falling together. The table has the last "
        "date; a dash means that too few smiles reach that delta.",
        chart(dates, lines, "points")
        + f'<div class="wide"><table><thead><tr><th>delta</th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>",
    )


def rules(report: CorrelationReport, views: Views) -> str:
    """The other at-the-money rules beside the default, with why they differ."""
    own = views.by_rule[str(AtTheMoney.SPOT)]
    rows = []
    for rule in RULES:
        values = views.by_rule[rule]
        gaps = [a - b for a, b in zip(values, own, strict=True) if a is not None and b is not None]
        mean = number(100 * fmean(gaps)) if gaps and rule != str(AtTheMoney.SPOT) else "&ndash;"
        rows.append(
            f"<tr><th>{escape(rule)}</th><td class='num'>{percent(values[-1])}</td>"
            f"<td class='num'>{mean}</td><td>{escape(WHY[rule])}</td></tr>"
        )
    return section(
        "What the at-the-money rule does",
        f"The same chains, {report.tenor_days} days, read by each rule: the last date, and the "
        "mean difference from the spot rule over all dates, in points.",
        '<div class="wide"><table class="words"><thead><tr><th>rule</th><td class="num">last</td>'
        '<td class="num">mean difference</td><td>why</td></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>",
    )


def _delta_name(call_delta: float) -> str:
    """A strike by the out-of-the-money option's delta."""
    if call_delta > 0.5:
        return f"put {1 - call_delta:.2f}"
    return "0.50" if call_delta == 0.5 else f"call {call_delta:.2f}"


def _clean(days: Sequence[DayCorrelation]) -> list[float | None]:
    return points([day.implied.clean if day.implied else None for day in days])
