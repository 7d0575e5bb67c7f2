"""How do the pictures of a report look? PNG by matplotlib, legible on a light and a dark page.

Backgrounds are transparent and the ink is a middle gray, because a mail client's page may be
either. Matplotlib is imported when the first picture is drawn.
"""

from collections.abc import Sequence
from datetime import date
from io import BytesIO
from typing import Any

INK, RULE = "#7d8898", "#7d889844"
BLUE, ORANGE, GREEN, RED = "#4088d6", "#d9772f", "#2a9d78", "#d3604c"
WIDTH_INCHES, DPI = 5.4, 180


def pnl_picture(days: Sequence[date], totals: Sequence[float | None]) -> bytes:
    """P&L since inception as a line, each day's change as a bar; None leaves a gap."""
    figure, axes = figure_of(2.7)
    known = [(place, value) for place, value in enumerate(totals) if value is not None]
    changes = [
        (place, value - (before if before is not None else 0.0))
        for place, (before, value) in enumerate(zip([0.0, *totals[:-1]], totals, strict=True))
        if value is not None and (before is not None or place == 0)
    ]
    axes.bar(
        [place for place, _ in changes],
        [value for _, value in changes],
        color=[GREEN if value >= 0 else RED for _, value in changes],
        width=0.6,
        alpha=0.75,
    )
    axes.plot(*zip(*known, strict=True), color=BLUE, linewidth=2, marker="o", markersize=3.5)
    axes.axhline(0, color=INK, linewidth=0.8)
    dollars(axes.yaxis)
    _days(axes, days)
    return png(figure)


def parts_picture(names: Sequence[str], values: Sequence[float]) -> bytes:
    """Causes of the day's P&L, one bar each with its figure."""
    figure, axes = figure_of(0.55 + 0.27 * len(names))
    places = range(len(names))
    colors = [GREEN if value >= 0 else RED for value in values]
    bars = axes.barh(places, values, color=colors, height=0.62)
    axes.bar_label(bars, labels=[f"{value:+,.0f}" for value in values], padding=4, color=INK)
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.margins(x=0.18)
    axes.grid(visible=False, axis="y")
    dollars(axes.xaxis)
    return png(figure)


def correlation_picture(
    days: Sequence[date], implied: Sequence[float | None], realized: Sequence[float | None]
) -> bytes:
    """Implied and trailing realized correlation by day, in points."""
    figure, axes = figure_of(2.5)
    for name, values, color in (
        ("implied", implied, BLUE),
        ("realized, 21 days", realized, ORANGE),
    ):
        rows = [(place, 100 * one) for place, one in enumerate(values) if one is not None]
        if rows:
            axes.plot(*zip(*rows, strict=True), color=color, linewidth=2, marker="o", label=name)
    legend(axes)
    axes.set_ylabel("points", color=INK)
    _days(axes, days)
    return png(figure)


def cost_picture(names: Sequence[str], paid: Sequence[float], expected: Sequence[float]) -> bytes:
    """Cost paid against cost expected, by package."""
    figure, axes = figure_of(0.7 + 0.34 * len(names))
    places = list(range(len(names)))
    axes.barh([p - 0.18 for p in places], paid, height=0.34, color=BLUE, label="paid")
    axes.barh([p + 0.18 for p in places], expected, height=0.34, color=RULE, label="expected")
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.grid(visible=False, axis="y")
    legend(axes)
    dollars(axes.xaxis)
    return png(figure)


def figure_of(height: float) -> tuple[Any, Any]:
    """A figure of the house's width and its axes, without frame, on a light grid."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9, length=0)
    axes.grid(visible=True, color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def legend(axes: Any) -> None:
    """Names of the series above the picture, at the right."""
    axes.legend(
        frameon=False,
        labelcolor=INK,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=2,
        borderaxespad=0,
    )


def dollars(axis: Any) -> None:
    """Whole dollars with separators."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _days(axes: Any, days: Sequence[date]) -> None:
    step = max(1, len(days) // 7)
    places = range(0, len(days), step)
    axes.set_xticks(list(places), [f"{days[place]:%d %b}" for place in places])
    axes.set_xlim(-0.6, len(days) - 0.4)


def png(figure: Any) -> bytes:
    """The picture, the same bytes each time."""
    out = BytesIO()
    figure.savefig(out, format="png", transparent=True, metadata={"Software": None})
    return out.getvalue()
