"""How is one date of the correlation report written, for programs and for a terminal?"""

from typing import Any

from dispersa.correlation.by_date import DayCorrelation
from dispersa.correlation.dispersion import expected_dispersion
from dispersa.correlation.research import ResearchDay
from dispersa.correlation.signal import RealizedWindow, Signal
from dispersa.reports.correlation_views import TERMS_DAYS, Views

ABSENT = "-"


def json_row(day: DayCorrelation, research: ResearchDay | None) -> dict[str, Any]:
    """One row with the keys that the command line promises, and more where there are prices."""
    row: dict[str, Any] = {
        "date": day.date.isoformat(),
        "index_iv": day.index_vol,
        "average_iv": day.implied.average_vol if day.implied else None,
        "implied_correlation": day.implied.clean if day.implied else None,
        "n_names": len(day.names),
        "coverage": day.coverage,
        "expected_dispersion": _dispersion(day),
        "flags": [str(flag) for flag in day.flags],
        "replaced": list(day.replaced),
    }
    return row if research is None else row | _signal_keys(research)


def _dispersion(day: DayCorrelation) -> float | None:
    """Cross-sectional vol that the vols of the date imply, a fraction."""
    if day.implied is None:
        return None
    vols = [name.implied_vol for name in day.names]
    return expected_dispersion([name.weight for name in day.names], vols, day.implied.index_vol)


def term_keys(terms: tuple[tuple[DayCorrelation, ...], ...], at: int) -> dict[str, Any]:
    """Implied correlation of one date at each tenor in days."""
    days = [by_date[at] for by_date in terms]
    return {
        "by_term": {
            str(tenor): day.implied.clean if day.implied else None
            for tenor, day in zip(TERMS_DAYS, days, strict=True)
        }
    }


def view_keys(views: Views | None, at: int) -> dict[str, Any]:
    """Implied correlation of one date by rule, and by call delta and tenor in days."""
    if views is None:
        return {}
    by_delta: dict[str, dict[str, float | None]] = {}
    for (delta, days), values in views.by_delta.items():
        by_delta.setdefault(f"{delta:.2f}", {})[str(days)] = values[at]
    by_rule = {rule: values[at] for rule, values in views.by_rule.items()}
    return {"by_rule": by_rule, "by_delta": by_delta}


def _signal_keys(research: ResearchDay) -> dict[str, Any]:
    """What the signal of the date would have said, and what was realized after it."""
    signal = research.signal
    return {
        "realized_correlation": {str(one.days): one.clean for one in signal.realized},
        "average_pairwise": {str(one.days): one.average_pairwise for one in signal.realized},
        "forecast_correlation": signal.forecast_correlation,
        "correlation_premium": signal.correlation_premium,
        "considered": None if signal.considered is None else str(signal.considered),
        "edge_gross": signal.edge_gross,
        "cost_round_trip": signal.cost_round_trip,
        "cost_hedging": signal.cost_hedging,
        "edge_net": signal.edge_net,
        "breakeven_correlation": signal.breakeven_correlation,
        "z_score": signal.z_score,
        "percentile": signal.percentile,
        "direction": str(signal.direction),
        "reasons": [str(reason.code) for reason in signal.reasons],
        "realized_afterwards": research.afterwards.clean,
    }


def cells(day: DayCorrelation) -> list[str]:
    """Date, vols and implied correlation in percent, names and coverage."""
    return [
        day.date.isoformat(),
        percent(day.index_vol),
        percent(day.implied.average_vol if day.implied else None),
        percent(day.implied.clean if day.implied else None),
        str(len(day.names)),
        percent(day.coverage, 1),
    ]


def signal_cells(signal: Signal | None) -> list[str]:
    """Realized, forecast and premium in points, edge in vol points."""
    if signal is None:
        return [ABSENT] * 5
    return [
        percent(shortest(signal.realized)),
        percent(signal.forecast_correlation),
        percent(signal.correlation_premium),
        ABSENT if signal.considered is None else signal.considered.split("_")[0].lower(),
        ABSENT if signal.edge_net is None else f"{signal.edge_net:+.2f}",
    ]


def shortest(windows: tuple[RealizedWindow, ...]) -> float | None:
    """Realized correlation of the shortest window."""
    return windows[0].clean if windows else None


def percent(value: float | None, digits: int = 2) -> str:
    """A fraction in percent; a dash where there is none."""
    return ABSENT if value is None else f"{100 * value:.{digits}f}"
