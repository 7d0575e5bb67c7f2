"""What does each name cost, and what was left out of the basket and why, as HTML tables?"""

from collections.abc import Sequence
from html import escape

from dispersa.correlation.signal import Signal
from dispersa.reports.correlation import CorrelationReport
from dispersa.reports.correlation_charts import Line, chart
from dispersa.reports.correlation_marks import number, percent, points, section


def names_and_cost(report: CorrelationReport) -> str:
    """What each name adds on the last date: weight, vol, gap to forecast, cost."""
    latest = report.days[-1]
    signal = report.research[-1].signal if report.research else None
    by_name = {row.symbol: row for row in signal.names} if signal else {}
    total = sum(name.weight for name in latest.names) or 1.0
    rows = []
    for name in latest.names:
        row = by_name.get(name.symbol)
        spread = row.spread_vol_points if row else None
        share = name.weight / total
        rows.append(
            f"<tr><th>{escape(name.symbol)}</th><td>{100 * name.weight:.2f}</td>"
            f"<td>{100 * name.implied_vol:.1f}</td>"
            f"<td>{percent(row.forecast_vol if row else None, 1)}</td>"
            f"<td>{number(row.gap_vol_points if row else None)}</td><td>{number(spread)}</td>"
            f"<td>{number(None if spread is None else share * spread)}</td></tr>"
        )
    table = (
        "<table><thead><tr><th>name</th><td>weight %</td><td>implied vol %</td>"
        "<td>forecast vol %</td><td>gap, vol points of index vega</td>"
        "<td>spread, vol points</td><td>cost, vol points of index vega</td></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )
    return section(
        f"Names and cost on {latest.date}",
        "The gap is what buying the name costs: its share times implied less forecast vol. "
        + _cost_sentence(signal),
        f'<div class="scroll">{table}</div>',
    )


def _cost_sentence(signal: Signal | None) -> str:
    """Say what the whole basket costs, and that spreads are assumed."""
    if signal is None or signal.cost_round_trip is None or signal.cost_hedging is None:
        return "Without prices there is no forecast and no cost."
    return (
        f"The whole trade costs {signal.cost_round_trip:.2f} vol points of index vega for the "
        f"round trip and {signal.cost_hedging:.2f} for hedging. <b>Spreads are assumed</b> (a "
        "fraction of each straddle's premium), because a chain file of last trades holds no quotes."
    )


def coverage_and_dropped(report: CorrelationReport) -> str:
    """Coverage by date, and what was left out and why."""
    dates = [day.date for day in report.days]
    picture = chart(
        dates,
        [
            Line(
                name="coverage",
                values=points([day.coverage for day in report.days]),
                color="implied",
            )
        ],
        "%",
    )
    rows = [
        (
            str(day.date),
            "no implied vol at this tenor; the next largest stepped in",
            " ".join(day.replaced),
        )
        for day in report.days
        if day.replaced
    ]
    rows += [(str(day.date), flag.sentence, "") for day in report.days for flag in day.flags]
    rows += [
        (
            str(split.day),
            f"split {split.new} for {split.old} taken out of the returns",
            split.symbol,
        )
        for split in report.splits
    ]
    if report.priced_from_chains:
        rows.append(
            (
                "all dates",
                "not in the price file; closes are the chain snapshots",
                " ".join(report.priced_from_chains),
            )
        )
    body = "".join(
        f"<tr><th>{escape(day)}</th><td>{escape(names)}</td><td>{escape(why)}</td></tr>"
        for day, why, names in _compressed(rows)
    )
    table = (
        "<table class='words'><thead><tr><th>dates</th><td>names</td><td>what and why</td></tr>"
        f"</thead><tbody>{body or '<tr><td>nothing was dropped</td></tr>'}</tbody></table>"
    )
    return section(
        "Coverage, and what was dropped",
        "Index weight of the names used, of the weight in the weights file. A file of estimated "
        "weights need not hold the whole index.",
        picture + table,
    )


def _compressed(rows: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Join consecutive dates that say the same."""
    joined: list[tuple[str, str, str]] = []
    for day, why, names in sorted(rows, key=lambda row: (row[1], row[2], row[0])):
        if joined and joined[-1][1:] == (why, names):
            joined[-1] = (f"{joined[-1][0].split(' to ')[0]} to {day}", why, names)
        else:
            joined.append((day, why, names))
    return joined
