"""What do today's vols, and the past before today, say before any verdict?"""

from dataclasses import dataclass

import numpy as np

from dispersa.correlation.choice import Choice
from dispersa.correlation.forecast import Fit, fit_correlation, fit_vols
from dispersa.correlation.implied import CorrelationReading, read_correlation
from dispersa.correlation.past import Past, aligned
from dispersa.correlation.realized import WINDOWS, realized_correlation, trailing_vols
from dispersa.correlation.terms import RealizedWindow, SignalInputs, SignalPolicy
from dispersa.errors import MarketDataMissing
from dispersa.pricing import basket


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Readings:
    """What today's vols and the past before today say, before any verdict."""

    implied: CorrelationReading
    past: Past
    realized: tuple[RealizedWindow, ...]
    history: tuple[float, ...]
    correlation_fit: Fit
    correlation_forecast: float | None
    vol_forecasts: tuple[float, ...]
    index_vol_forecast: float | None


def take_readings(inputs: SignalInputs, chosen: Choice, policy: SignalPolicy) -> Readings:
    """Compute implied, realized and forecast correlation and vols."""
    legs = (inputs.index, *chosen.used)
    past = aligned(
        [name.weight for name in chosen.used],
        [name.implied_vols for name in legs],
        [name.closes for name in legs],
        inputs.trading_day,
    )
    vols = [name.implied_vol for name in chosen.used if name.implied_vol is not None]
    implied = read_correlation(chosen.shares, vols, inputs.index.implied_vol or 0.0)
    end = past.returns.shape[0]
    realized = tuple(realized_over(past, end - days, end) for days in WINDOWS)
    fit = fit_correlation(past, policy.horizon_days, policy.prior_months)
    trailing = past.realized_correlations(policy.horizon_days)
    forecast = None
    if trailing.size and np.isfinite(trailing[-1]):
        forecast = fit.predict(implied.clean, float(trailing[-1]))
    vol_forecasts = _vol_forecasts(past, vols, policy)
    return Readings(
        implied=implied,
        past=past,
        realized=realized,
        history=_finite(past.implied_correlations()),
        correlation_fit=fit,
        correlation_forecast=forecast,
        vol_forecasts=vol_forecasts,
        index_vol_forecast=_index_vol(chosen.shares, vol_forecasts, forecast),
    )


def _vol_forecasts(past: Past, vols: list[float], policy: SignalPolicy) -> tuple[float, ...]:
    """Forecast each name's realized vol; empty while a name has no trailing window."""
    trailing = trailing_vols(past.returns, policy.horizon_days)
    if not trailing.shape[0] or not np.isfinite(trailing[-1]).all():
        return ()
    fit = fit_vols(past, policy.horizon_days, policy.prior_months)
    latest = trailing[-1].tolist()
    return tuple(
        vol * fit.predict(realized / vol) for vol, realized in zip(vols, latest, strict=True)
    )


def _index_vol(
    shares: tuple[float, ...], vols: tuple[float, ...], correlation: float | None
) -> float | None:
    """Index vol that the forecasts imply together; None where they do not fit together."""
    if correlation is None or not vols or min(vols) <= 0:
        return None
    vol = float(basket.index_vol(shares, vols, correlation))
    return vol if np.isfinite(vol) and vol > 0 else None


def realized_over(past: Past, first: int, last: int) -> RealizedWindow:
    """Realized correlation of the returns `first` to `last - 1`, None where not complete.

    Return zero leads to the first close and does not exist.
    """
    days = last - first
    nothing = RealizedWindow(days=days, clean=None, average_pairwise=None)
    if first < 1 or last > past.returns.shape[0]:
        return nothing
    window = slice(first, last)
    try:
        one = realized_correlation(past.weights, past.returns[window], past.index_returns[window])
    except MarketDataMissing:
        return nothing
    return RealizedWindow(days=days, clean=one.clean, average_pairwise=one.average_pairwise)


def _finite(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, ...]:
    """Values that are numbers, in order."""
    return tuple(values[np.isfinite(values)].tolist())
