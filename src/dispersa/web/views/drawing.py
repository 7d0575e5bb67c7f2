"""How do numbers become shapes? Geometry of bars, ladders and waterfalls, in SVG units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

Number = float | int | Decimal
SPARK_POINTS = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of a chart: where it begins and how long it is, in the chart's units."""

    label: str
    value: float
    start: float
    length: float
    kind: str


def share(value: Number, of: Number) -> float:
    """Return value over whole, held between 0 and 1; 0 where the whole is nothing."""
    return 0.0 if not of else min(max(float(value) / float(of), 0.0), 1.0)


def mirrored(rows: Sequence[tuple[str, float]], width: float) -> list[Bar]:
    """Lay signed values out on both sides of the middle, the largest filling its side."""
    largest = max((abs(value) for _, value in rows), default=0.0) or 1.0
    middle = width / 2
    bars = []
    for label, value in rows:
        length = abs(value) / largest * middle
        start = middle if value >= 0 else middle - length
        kind = "long" if value >= 0 else "short"
        bars.append(Bar(label=label, value=value, start=start, length=length, kind=kind))
    return bars


def waterfall(rows: Sequence[tuple[str, float]], width: float) -> list[Bar]:
    """Lay parts out one after the other, and their sum as a last bar from zero."""
    marks, running = [0.0], 0.0
    for _, value in rows:
        running += value
        marks.append(running)
    low, high = min(marks), max(marks)
    scale = width / ((high - low) or 1.0)
    bars = []
    for (label, value), before, after in zip(rows, marks, marks[1:], strict=False):
        start = (min(before, after) - low) * scale
        kind = "gain" if value >= 0 else "loss"
        bars.append(
            Bar(label=label, value=value, start=start, length=abs(value) * scale, kind=kind)
        )
    start = (min(0.0, running) - low) * scale
    bars.append(
        Bar(label="sum", value=running, start=start, length=abs(running) * scale, kind="sum")
    )
    return bars


def ladder(marks: Mapping[str, Number | None], width: float) -> dict[str, float] | None:
    """Place bid, mid, ask and limit on one line; None without a two-sided quote."""
    bid, ask = marks["bid"], marks["ask"]
    if bid is None or ask is None or float(ask) <= float(bid):
        return None
    room = (float(ask) - float(bid)) * 0.25
    low, high = float(bid) - room, float(ask) + room
    return {
        name: min(max((float(value) - low) / (high - low), 0.0), 1.0) * width
        for name, value in marks.items()
        if value is not None
    }


def heat_class(value: float, largest: float) -> str:
    """Name one of nine steps from a large loss to a large gain."""
    if not largest:
        return "heat-0"
    step = round(4 * max(-1.0, min(1.0, value / largest)))
    return f"heat-{'m' if step < 0 else 'p' if step > 0 else ''}{abs(step)}"


def sparkline(values: Sequence[float], width: float, height: float) -> str:
    """Draw values as the points of a line, the lowest at the bottom; empty below two of them."""
    if len(values) < 2:
        return ""
    step = max(len(values) // SPARK_POINTS, 1)
    kept = [*values[:-1:step], values[-1]]
    low, room = min(kept), (max(kept) - min(kept)) or 1.0
    across = width / (len(kept) - 1)
    return " ".join(
        f"{place * across:.1f},{height - (value - low) / room * height:.1f}"
        for place, value in enumerate(kept)
    )
