"""How does a run look? Pictures in the house's style, for the tear sheet."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from math import isfinite
from typing import Any

import numpy as np

from dispersa.backtest.result import BacktestResult, DayRow, TradeRow
from dispersa.backtest.statistics import drawdowns, years
from dispersa.reports.charts import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    RED,
    RULE,
    dollars,
    figure_of,
    legend,
    png,
)

CAUSES: Mapping[str, tuple[str, ...]] = {
    "delta": ("delta",),
    "gamma": ("gamma",),
    "theta": ("theta",),
    "component vols": ("vega_components",),
    "correlation": ("vega_correlation",),
    "strike's own vol": ("vega_strike",),
    "vanna, volga": ("vanna", "volga"),
    "hedges": ("hedges",),
    "fills": ("trades",),
    "dividends": ("dividends",),
    "commissions": ("commissions",),
    "borrow": ("borrow",),
    "unexplained": ("residual",),
}
"""Causes of the P&L in the order of the waterfall, and the parts that each is made of."""
YEARS_SHOWN_MIN = 6
"""A single year is not drawn as wide as the page."""


def by_cause(daily: Sequence[DayRow]) -> dict[str, float]:
    """P&L of all days by cause; causes that never were are left out."""
    sums = {
        cause: sum(row.attribution.get(part, 0.0) for row in daily for part in parts)
        for cause, parts in CAUSES.items()
    }
    return {cause: value for cause, value in sums.items() if abs(value) >= 0.5}


def equity_picture(result: BacktestResult, others: Mapping[str, Sequence[float]]) -> bytes:
    """Running P&L without interest, and that of other runs in gray."""
    figure, axes = figure_of(2.8)
    days = [row.day for row in result.daily]
    grays = ("#9aa4b2", "#b9915f", "#7f9fb8", "#a78fb5")
    for (name, pnl), color in zip(others.items(), grays, strict=False):
        axes.plot(days[: len(pnl)], np.cumsum(pnl), color=color, linewidth=1, label=name)
    own = np.cumsum([row.trading for row in result.daily])
    axes.plot(days, own, color=BLUE, linewidth=1.8, label="this run")
    axes.fill_between(days, own, 0, color=BLUE, alpha=0.10, linewidth=0)
    axes.axhline(0, color=INK, linewidth=0.8)
    if others:
        legend(axes)
    return _finished(figure, axes, dollars)


def drawdown_picture(result: BacktestResult) -> bytes:
    """Fall from the peak, day by day."""
    figure, axes = figure_of(1.7)
    days = [row.day for row in result.daily]
    fall = drawdowns([row.trading for row in result.daily])
    axes.fill_between(days, fall, 0, color=RED, alpha=0.35, linewidth=0)
    axes.plot(days, fall, color=RED, linewidth=1)
    return _finished(figure, axes, dollars)


def premium_picture(result: BacktestResult) -> bytes:
    """Correlation premium in points above, edge after cost in vol points below; entries marked."""
    figure, axes = figure_of(3.4)
    figure.delaxes(axes)
    top, bottom = figure.subplots(2, 1, sharex=True)
    days = [row.day for row in result.daily]
    _line(top, days, [100 * row.premium for row in result.daily], BLUE, "premium, points")
    _line(
        bottom, days, [row.edge_net for row in result.daily], GREEN, "edge after cost, vol points"
    )
    threshold = result.settings.config.signal.edge_min_vol_points
    bottom.axhline(threshold, color=ORANGE, linewidth=0.9, linestyle=(0, (4, 3)))
    for axes in (top, bottom):
        _plain(axes)
        axes.axhline(0, color=INK, linewidth=0.8)
        for trade in result.trades:
            axes.axvspan(
                trade.opened, trade.closed or days[-1], color=BLUE, alpha=0.07, linewidth=0
            )
        legend(axes)
    return _finished(figure, bottom, None)


def correlation_picture(result: BacktestResult) -> bytes:
    """Implied and forecast correlation, with every entry and exit on the line."""
    figure, axes = figure_of(2.9)
    days = [row.day for row in result.daily]
    _line(axes, days, [100 * row.implied_correlation for row in result.daily], BLUE, "implied")
    _line(axes, days, [100 * row.forecast_correlation for row in result.daily], ORANGE, "forecast")
    _points(axes, result.trades, lambda row: (row.opened, row.correlation_in), "^", GREEN, "entry")
    _points(axes, result.trades, lambda row: (row.closed, row.correlation_out), "v", RED, "exit")
    axes.legend(
        frameon=False,
        labelcolor=INK,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=4,
        borderaxespad=0,
        fontsize=9,
    )
    axes.set_ylabel("points", color=INK)
    return _finished(figure, axes, None)


def waterfall_picture(daily: Sequence[DayRow]) -> bytes:
    """From nothing to the P&L, cause by cause."""
    causes = by_cause(daily)
    total = sum(row.trading for row in daily)
    names = [*causes, "P&L"]
    figure, axes = figure_of(0.6 + 0.27 * len(names))
    start = 0.0
    for place, value in enumerate(causes.values()):
        axes.barh(place, value, left=start, color=GREEN if value >= 0 else RED, height=0.62)
        _label(axes, place, start, value)
        start += value
    axes.barh(len(causes), total, color=BLUE, height=0.62)
    _label(axes, len(causes), 0.0, total)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.margins(x=0.16)
    axes.grid(visible=False, axis="y")
    dollars(axes.xaxis)
    return png(figure)


def cost_picture(daily: Sequence[DayRow]) -> bytes:
    """What has been paid so far: half-spreads, commissions, borrowing."""
    figure, axes = figure_of(2.2)
    days = [row.day for row in daily]
    rows = {
        "slippage": ([row.slippage for row in daily], BLUE),
        "commissions": ([row.commissions for row in daily], ORANGE),
        "borrow": ([row.borrow for row in daily], INK),
    }
    shown = {name: each for name, each in rows.items() if any(each[0])}
    if shown:
        axes.stackplot(
            days,
            *(np.cumsum(values) for values, _ in shown.values()),
            labels=list(shown),
            colors=[color for _, color in shown.values()],
            alpha=0.75,
            linewidth=0,
        )
        axes.legend(
            frameon=False,
            labelcolor=INK,
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=3,
            borderaxespad=0,
            fontsize=9,
        )
    return _finished(figure, axes, dollars)


def years_picture(daily: Sequence[DayRow]) -> bytes:
    """P&L by year, with its figure."""
    rows = years(daily)
    figure, axes = figure_of(2.0)
    values = [value for _, value in rows]
    colors = [GREEN if value >= 0 else RED for value in values]
    bars = axes.bar(range(len(rows)), values, color=colors, width=0.62)
    labels = [f"{value / 1000:+,.0f}k" for value in values]
    axes.bar_label(bars, labels=labels, padding=3, color=INK, fontsize=8.5)
    axes.set_xticks(range(len(rows)), [name for name, _ in rows])
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.margins(y=0.2)
    axes.set_xlim(-0.6, max(len(rows), YEARS_SHOWN_MIN) - 0.4)
    axes.grid(visible=False, axis="x")
    dollars(axes.yaxis)
    return png(figure)


def margin_picture(result: BacktestResult) -> bytes:
    """Margin and gross exposure as a share of equity."""
    figure, axes = figure_of(1.9)
    days = [row.day for row in result.daily]
    for name, pick, color in (("gross exposure", _gross, BLUE), ("margin", _margin, ORANGE)):
        _line(axes, days, [pick(row) for row in result.daily], color, name)
    legend(axes)
    axes.set_ylabel("% of equity", color=INK)
    return _finished(figure, axes, None)


def _gross(row: DayRow) -> float:
    return 100 * row.gross_exposure / row.equity


def _margin(row: DayRow) -> float:
    return 100 * row.margin / row.equity


def _line(axes: Any, days: Sequence[date], values: Sequence[float], color: str, name: str) -> None:
    axes.plot(days, values, color=color, linewidth=1.4, label=name)


def _points(
    axes: Any,
    trades: Sequence[TradeRow],
    pick: Callable[[TradeRow], tuple[date | None, float]],
    marker: str,
    color: str,
    name: str,
) -> None:
    found = [pick(row) for row in trades]
    shown = [(day, 100 * value) for day, value in found if day is not None and isfinite(value)]
    if shown:
        axes.scatter(
            *zip(*shown, strict=True), marker=marker, s=26, color=color, zorder=3, label=name
        )


def _label(axes: Any, place: int, start: float, value: float) -> None:
    end = start + value
    axes.annotate(
        f"{value:+,.0f}",
        (max(start, end), place),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        color=INK,
        fontsize=8.5,
    )


def _plain(axes: Any) -> None:
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9, length=0)
    axes.grid(visible=True, color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)


def _finished(figure: Any, axes: Any, scale: Callable[[Any], None] | None) -> bytes:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    if scale is not None:
        scale(axes.yaxis)
    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]  # its dates carry no types
    axes.xaxis.set_major_locator(locator)
    labels = ConciseDateFormatter(locator, show_offset=False)  # type: ignore[no-untyped-call]  # no types there
    axes.xaxis.set_major_formatter(labels)
    axes.margins(x=0.01)
    return png(figure)
