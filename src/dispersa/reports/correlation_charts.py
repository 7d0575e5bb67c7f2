"""How do series over dates, and a table of vols, look as pictures that need no script?

Static SVG, drawn in a fixed view box and scaled by the browser. Colors are CSS variables of the
page, so that one picture serves light and dark. Every mark has a title for pointing at it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 960, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 132, 30, 30
YEAR_LABELS_DAYS = 300
"""Longer spans are labeled by month and year, not by day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One series over the chart's dates; None leaves a gap."""

    name: str
    values: Sequence[float | None]
    color: str
    is_dashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A shaded range over the chart's dates."""

    low: Sequence[float | None]
    high: Sequence[float | None]
    color: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """One bar from zero for each date, colored by its sign."""

    name: str
    values: Sequence[float | None]
    above: str
    below: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """From dates and values to the view box."""

    count: int
    low: float
    high: float

    def x(self, position: float) -> float:
        """Middle of a date's slot."""
        return LEFT + (position + 0.5) * (WIDTH - LEFT - RIGHT) / max(self.count, 1)

    def y(self, value: float) -> float:
        """Height of a value, growing downwards."""
        share = (value - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def chart(
    dates: Sequence[date],
    lines: Sequence[Line],
    unit: str,
    *,
    band: Band | None = None,
    bars: Bars | None = None,
) -> str:
    """Draw lines, and behind them a band and bars, over the dates; values are as printed."""
    drawn = [line.values for line in lines]
    drawn += [band.low, band.high] if band else []
    drawn += [bars.values, [0.0]] if bars else []
    known = [value for values in drawn for value in values if value is not None]
    if not known:
        return '<p class="empty">Nothing to draw: no date has these numbers.</p>'
    ticks = _ticks(min(known), max(known))
    scale = _Scale(count=len(dates), low=ticks[0], high=ticks[-1])
    parts = [_axes(dates, ticks, scale, unit)]
    if band:
        parts.append(_band(band, scale))
    if bars:
        parts.append(_bars(bars, dates, scale, unit))
    parts += [_line(line, dates, scale, unit) for line in lines]
    parts.append(_labels(lines, scale))
    return (
        f'<div class="picture"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(", ".join(line.name for line in lines) or unit)}">'
        f"{''.join(parts)}</svg></div>"
    )


def _ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers that enclose a range."""
    span = (high - low) or abs(high) or 1.0
    raw = span / wanted
    power = 10.0 ** floor(log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw)
    first, last = floor(low / step), max(ceil(high / step), floor(low / step) + 1)
    return [round(step * position, 10) for position in range(first, last + 1)]


def _axes(dates: Sequence[date], ticks: list[float], scale: _Scale, unit: str) -> str:
    """Grid lines with their values, and dates below."""
    parts = []
    for tick in ticks:
        y = scale.y(tick)
        kind = "zero" if tick == 0 else "grid"
        parts.append(
            f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>'
        )
    parts.append(f'<text class="tick" x="0" y="11">{unit}</text>')
    parts.append(_date_labels(dates, HEIGHT - 8, scale.x))
    return "".join(parts)


def _date_labels(dates: Sequence[date], y: float, x: Callable[[float], float]) -> str:
    """About nine dates along a line of slots."""
    every = max(1, ceil(len(dates) / 9))
    is_long = bool(dates) and (dates[-1] - dates[0]).days > YEAR_LABELS_DAYS
    return "".join(
        f'<text class="tick" x="{x(position):.1f}" y="{y:.0f}" '
        f'text-anchor="middle">{dates[position]:{"%b %Y" if is_long else "%b %d"}}</text>'
        for position in range(0, len(dates), every)
    )


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """Unbroken stretches of a series."""
    runs: list[list[tuple[int, float]]] = [[]]
    for position, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((position, value))
    return [run for run in runs if run]


def _line(line: Line, dates: Sequence[date], scale: _Scale, unit: str) -> str:
    """A polyline for each stretch, and a point with its numbers for each date."""
    dash = ' stroke-dasharray="5 4"' if line.is_dashed else ""
    parts = []
    for run in _runs(line.values):
        points = " ".join(f"{scale.x(at):.1f},{scale.y(value):.1f}" for at, value in run)
        parts.append(
            f'<polyline class="line" stroke="var(--{line.color})"{dash} points="{points}"/>'
        )
        for at, value in run:
            parts.append(
                f'<circle class="point" cx="{scale.x(at):.1f}" cy="{scale.y(value):.1f}" r="5" '
                f'fill="var(--{line.color})"><title>{dates[at]} {escape(line.name)}: '
                f"{value:.2f} {unit}</title></circle>"
            )
    return "".join(parts)


def _labels(lines: Sequence[Line], scale: _Scale) -> str:
    """Name each line at its end, moved apart where they would touch."""
    ends = []
    for line in lines:
        if runs := _runs(line.values):
            _, latest = runs[-1][-1]
            ends.append((scale.y(latest), line))
    parts = []
    lowest = float("-inf")
    for y, line in sorted(ends, key=lambda end: end[0]):
        lowest = max(y, lowest + 15)
        parts.append(
            f'<text class="label" x="{WIDTH - RIGHT + 8}" y="{lowest + 4:.1f}" '
            f'fill="var(--{line.color})">{escape(line.name)}</text>'
        )
    return "".join(parts)


def _band(band: Band, scale: _Scale) -> str:
    """Polygon between the low and the high edge of each stretch."""
    parts = []
    for run in _runs(band.low):
        tops = [(at, band.high[at]) for at, _ in run]
        edge = [(at, high) for at, high in tops if high is not None]
        corners = [*run, *reversed(edge)]
        points = " ".join(f"{scale.x(at):.1f},{scale.y(value):.1f}" for at, value in corners)
        parts.append(f'<polygon class="band" fill="var(--{band.color})" points="{points}"/>')
    return "".join(parts)


def _bars(bars: Bars, dates: Sequence[date], scale: _Scale, unit: str) -> str:
    """A bar from zero for each date."""
    slot = (WIDTH - LEFT - RIGHT) / max(scale.count, 1)
    parts = []
    for at, value in enumerate(bars.values):
        if value is None:
            continue
        top, bottom = scale.y(max(value, 0)), scale.y(min(value, 0))
        color = bars.above if value >= 0 else bars.below
        parts.append(
            f'<rect x="{scale.x(at) - 0.34 * slot:.1f}" y="{top:.1f}" width="{0.68 * slot:.1f}" '
            f'height="{max(bottom - top, 0.5):.1f}" rx="2" fill="var(--{color})"><title>'
            f"{dates[at]} {escape(bars.name)}: {value:+.2f} {unit}</title></rect>"
        )
    return "".join(parts)


def heat_map(
    dates: Sequence[date], rows: Sequence[tuple[str, Sequence[float | None]]], unit: str
) -> str:
    """Draw one row of cells for each name, shaded between its own lowest and highest value."""
    cell, left, top = 15, 64, 22
    across = (WIDTH - left - 112) / max(len(dates), 1)
    parts = [_date_labels(dates, 14, lambda position: left + (position + 0.5) * across)]
    for row, (name, values) in enumerate(rows):
        y = top + row * cell
        known = [value for value in values if value is not None]
        low, high = (min(known), max(known)) if known else (0.0, 0.0)
        parts.append(
            f'<text class="cellname" x="{left - 8}" y="{y + 11}" text-anchor="end">'
            f"{escape(name)}</text>"
            f'<text class="tick" x="{WIDTH - 104}" y="{y + 11}">{low:.0f} to {high:.0f}</text>'
        )
        for at, value in enumerate(values):
            shade = 0.0 if value is None or high == low else (value - low) / (high - low)
            told = "no vol" if value is None else f"{value:.1f} {unit}"
            look = 'class="hole"'
            if value is not None:
                look = f'class="cell" fill-opacity="{0.08 + 0.92 * shade:.2f}"'
            parts.append(
                f'<rect {look} x="{left + at * across:.1f}" y="{y}" '
                f'width="{across - 1:.1f}" height="{cell - 1}"><title>{dates[at]} '
                f"{escape(name)}: {told}</title></rect>"
            )
    height = top + len(rows) * cell + 6
    return (
        f'<div class="picture"><svg viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="implied vols by name and date">'
        f"{''.join(parts)}</svg></div>"
    )
