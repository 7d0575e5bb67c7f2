"""Is there a trade? Implied against realized correlation, component by component."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dispersa.correlation.terms import Signal, SignalRow
from dispersa.journal import Entry
from dispersa.web.formats import points
from dispersa.web.seam import Reading
from dispersa.web.views.drawing import heat_class, share

AXIS_WIDTH = 330.0
VERDICTS = {
    "LONG_DISPERSION": "Sell correlation: long dispersion",
    "SHORT_DISPERSION": "Buy correlation: short dispersion",
    "NO_TRADE": "No trade",
}


def signal_view(reading: Reading, past: Sequence[Entry] = ()) -> dict[str, Any]:
    """Return the signal; `signal` None where none was computed yet."""
    signal = reading.state.signal
    if signal is None:
        return {"signal": None, "stage": reading.state.stage.value}
    used = [row for row in signal.names if row.dropped is None]
    gaps = [abs(row.gap_vol_points) for row in used if row.gap_vol_points is not None]
    largest = max(gaps, default=0.0)
    return {
        "signal": signal,
        "verdict": VERDICTS[signal.direction.value],
        "trades": signal.direction.value != "NO_TRADE",
        "axis": _axis(signal),
        "names": [_name(row, largest) for row in used],
        "dropped": [row for row in signal.names if row.dropped is not None],
        "cost": None
        if signal.edge_gross is None or signal.edge_net is None
        else signal.edge_gross - signal.edge_net,
        "edge": _edge(signal),
        "series": past_series(past),
        "age_s": (reading.at - signal.as_of).total_seconds(),
    }


def _name(row: SignalRow, largest: float) -> dict[str, Any]:
    gap = row.gap_vol_points
    return {
        "row": row,
        "heat": heat_class(-gap, largest) if gap is not None else "heat-0",
        "share": share(row.share, 0.25),
    }


def _axis(signal: Signal) -> dict[str, Any]:
    """Place every correlation on one axis, in points; implied and forecast frame the premium."""
    windows = [(f"realized {row.days} d", row.clean, "realized") for row in signal.realized]
    marks = [
        *windows,
        ("forecast", signal.forecast_correlation, "forecast"),
        ("breakeven", signal.breakeven_correlation, "breakeven"),
        ("implied", signal.implied_correlation, "implied"),
    ]
    known = [(label, value, kind) for label, value, kind in marks if value is not None]
    if not known:
        return {"rows": [], "ticks": []}
    low = max(min(value for _, value, _ in known) - 0.08, -1.0)
    high = min(max(value for _, value, _ in known) + 0.08, 1.0)
    rows = [
        {
            "label": label,
            "value": value,
            "kind": kind,
            "x": (value - low) / (high - low) * AXIS_WIDTH,
        }
        for label, value, kind in known
    ]
    first, last = int(low * 10), int(high * 10) + 1
    ticks = [
        {"x": (tick / 10 - low) / (high - low) * AXIS_WIDTH, "text": points(tick / 10)[:-2]}
        for tick in range(first, last + 1)
        if low <= tick / 10 <= high
    ]
    return {"rows": rows, "ticks": ticks, "width": AXIS_WIDTH, "span": _span(rows)}


def _span(rows: Sequence[dict[str, Any]]) -> tuple[float, float] | None:
    """From forecast to implied: the premium, as a stretch of the axis."""
    at = {row["kind"]: row["x"] for row in rows}
    if "implied" not in at or "forecast" not in at:
        return None
    return (min(at["implied"], at["forecast"]), abs(at["implied"] - at["forecast"]))


def _edge(signal: Signal) -> list[dict[str, Any]]:
    """From gross edge to net edge, step by step."""
    rows = [
        ("edge before cost", signal.edge_gross, ""),
        ("round trip", None if signal.cost_round_trip is None else -signal.cost_round_trip, ""),
        ("hedging", None if signal.cost_hedging is None else -signal.cost_hedging, ""),
        ("edge after cost", signal.edge_net, "total"),
        ("needed", signal.thresholds.edge_min_vol_points, "quiet"),
    ]
    return [{"label": label, "value": value, "kind": kind} for label, value, kind in rows]


def past_series(past: Sequence[Entry]) -> dict[str, Any] | None:
    """Return implied and forecast correlation of earlier signals; None below two of them."""
    rows = [_past(entry) for entry in past]
    known = [row for row in rows if row is not None]
    if len({at for at, *_ in known}) < 2:
        return None
    times, implied, forecast, hurdle, realized, z_scores = zip(*known, strict=True)
    return {
        "kind": "correlation",
        "times": times,
        "implied": implied,
        "forecast": forecast,
        "hurdle": hurdle,
        "realized": realized,
        "z": z_scores,
    }


def _past(entry: Entry) -> tuple[float | None, ...] | None:
    signal = json.loads(entry.payload).get("signal", {})
    implied, forecast = signal.get("implied_correlation"), signal.get("forecast_correlation")
    if implied is None or forecast is None:
        return None
    cost = cost_in_correlation(signal)
    windows = signal.get("realized") or [{}]
    return (
        entry.at.timestamp(),
        _hundredfold(implied),
        _hundredfold(forecast),
        None if cost is None else _hundredfold(forecast + cost),
        _hundredfold(windows[0].get("clean")),
        signal.get("z_score"),
    )


def _hundredfold(value: float | None) -> float | None:
    return None if value is None else round(100 * value, 2)


def cost_in_correlation(signal: Mapping[str, Any]) -> float | None:
    """Return by how much correlation the index vol's cost would move the clean correlation.

        d rho / d sI = 2 sI / A^2 x (1 - rho) / (1 - dirty),    dirty = sI^2 / A^2

    with sI the index vol, A the average component vol (decimals) and the cost of round trip and
    hedging in vol points of index vega: what the premium has to clear before anything is earned.
    """
    values = [signal.get(name) for name in _COSTED]
    if None in values:
        return None
    index, average, rho, dirty, trip, hedging = (
        float(value) for value in values if value is not None
    )
    if not average or dirty == 1:
        return None
    return 2 * index / average**2 * (1 - rho) / (1 - dirty) * (trip + hedging) / 100


_COSTED = (
    "index_vol",
    "average_vol",
    "implied_correlation",
    "dirty_correlation",
    "cost_round_trip",
    "cost_hedging",
)
