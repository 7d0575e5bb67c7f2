"""Is there a trade today: which way, how large is the edge after cost, and if none, why not?"""

from dataclasses import replace

import numpy as np

from dispersa.correlation.choice import Choice, choose
from dispersa.correlation.edge import VOL_POINTS, Edge, EdgeLeg, edge_after_cost
from dispersa.correlation.past import DailySeries
from dispersa.correlation.readings import Readings, take_readings
from dispersa.correlation.terms import (
    Direction,
    RealizedWindow,
    Reason,
    ReasonCode,
    Signal,
    SignalInputs,
    SignalName,
    SignalPolicy,
    SignalRow,
)
from dispersa.correlation.verdict import data_reasons, history_reasons, verdict
from dispersa.pricing import basket

__all__ = [
    "DailySeries",
    "Direction",
    "RealizedWindow",
    "Reason",
    "ReasonCode",
    "Signal",
    "SignalInputs",
    "SignalName",
    "SignalPolicy",
    "SignalRow",
    "assess",
]


def assess(inputs: SignalInputs, policy: SignalPolicy) -> Signal:
    """Judge one moment; missing or doubtful data is a NO_TRADE with its reason, never a guess.

    Pure and without look-ahead: nothing in the histories dated on or after the scored day counts.
    """
    chosen = choose(inputs, policy)
    blank = Signal(
        as_of=inputs.as_of,
        tenor_days=inputs.tenor_days,
        index=inputs.index.symbol,
        direction=Direction.NO_TRADE,
        index_vol=inputs.index.implied_vol,
        coverage=chosen.coverage,
        thresholds=policy,
        reasons=(),
        names=_rows(inputs, chosen, None),
        flags=_flags(inputs),
    )
    if inputs.index.implied_vol is None or len(chosen.used) < 2:
        return replace(blank, reasons=data_reasons(inputs, chosen, policy))
    readings = take_readings(inputs, chosen, policy)
    described = _described(blank, inputs, chosen, readings)
    refusals = data_reasons(inputs, chosen, policy) + history_reasons(readings, policy)
    costs = (inputs.index.spread_vol_points, inputs.index.share_spread)
    if None in costs or readings.index_vol_forecast is None:
        return replace(described, reasons=refusals)
    judged = _judged(described, inputs, chosen, readings)
    if refusals:
        return replace(judged, direction=Direction.NO_TRADE, reasons=refusals + judged.reasons)
    return judged


def _described(blank: Signal, inputs: SignalInputs, chosen: Choice, readings: Readings) -> Signal:
    """Fill in what does not depend on the verdict."""
    implied, forecast = readings.implied, readings.correlation_forecast
    z_score, percentile = _standing(implied.clean, readings.history, blank.thresholds)
    shares = chosen.shares
    return replace(
        blank,
        implied_correlation=implied.clean,
        dirty_correlation=implied.dirty_vol_ratio,
        realized=readings.realized,
        forecast_correlation=forecast,
        correlation_premium=None if forecast is None else implied.clean - forecast,
        index_vol_forecast=readings.index_vol_forecast,
        average_vol=implied.average_vol,
        average_vol_forecast=float(np.dot(shares, readings.vol_forecasts))
        if readings.vol_forecasts
        else None,
        z_score=z_score,
        percentile=percentile,
        history_days=len(readings.history),
        forecast_months=readings.correlation_fit.months,
        names=_rows(inputs, chosen, readings),
        flags=blank.flags + tuple(str(flag) for flag in implied.flags),
    )


def _standing(
    today: float, history: tuple[float, ...], policy: SignalPolicy
) -> tuple[float | None, float | None]:
    """z-score and percentile of today's value in the history before it."""
    if len(history) < policy.history_days_min:
        return None, None
    spread = float(np.std(history, ddof=1))
    z_score = (today - float(np.mean(history))) / spread if spread > 0 else None
    return z_score, float(np.mean(np.asarray(history) < today))


def _judged(described: Signal, inputs: SignalInputs, chosen: Choice, readings: Readings) -> Signal:
    """Weigh edge and premium against their thresholds, in the direction that the edge points."""
    edge = _edge(inputs, chosen, readings, described.thresholds)
    premium = described.correlation_premium or 0.0
    is_long = edge.gross >= 0
    net = edge.net_long if is_long else edge.net_short
    wanted = Direction.LONG_DISPERSION if is_long else Direction.SHORT_DISPERSION
    reasons, clears = verdict(wanted, net, premium if is_long else -premium, described.thresholds)
    return replace(
        described,
        direction=wanted if clears else Direction.NO_TRADE,
        considered=wanted,
        edge_gross=edge.gross if is_long else -edge.gross,
        cost_round_trip=edge.round_trip,
        cost_hedging=edge.hedging,
        edge_net=net,
        breakeven_correlation=_breakeven(readings, chosen.shares, edge),
        reasons=reasons,
    )


def _edge(inputs: SignalInputs, chosen: Choice, readings: Readings, policy: SignalPolicy) -> Edge:
    """Edge of a perfectly vega-neutral book: vega shares equal the weights."""
    forecasts = (readings.index_vol_forecast or 0.0, *readings.vol_forecasts)
    legs = [
        EdgeLeg(
            vega_share=share,
            implied_vol=name.implied_vol or 0.0,
            forecast_vol=forecast,
            spread_vol_points=name.spread_vol_points or 0.0,
            share_spread=name.share_spread or 0.0,
        )
        for name, share, forecast in zip(
            (inputs.index, *chosen.used), (1.0, *chosen.shares), forecasts, strict=True
        )
    ]
    return edge_after_cost(legs[0], legs[1:], policy.hedges_per_day)


def _breakeven(readings: Readings, shares: tuple[float, ...], edge: Edge) -> float:
    """Correlation that brings the forecast index vol up until LONG_DISPERSION earns nothing."""
    index_vol = (readings.index_vol_forecast or 0.0) + edge.net_long / VOL_POINTS
    return float(basket.implied_correlation(shares, readings.vol_forecasts, index_vol).clean)


def _rows(inputs: SignalInputs, chosen: Choice, readings: Readings | None) -> tuple[SignalRow, ...]:
    """One row for each component, used or dropped, in the order given; then those left out."""
    shares = (
        {name.symbol: share for name, share in zip(chosen.used, chosen.shares, strict=True)}
        if chosen.used
        else {}
    )
    forecasts = {
        name.symbol: vol
        for name, vol in zip(chosen.used, readings.vol_forecasts if readings else (), strict=False)
    }
    return tuple(
        _row(
            name,
            shares.get(name.symbol, 0.0),
            forecasts.get(name.symbol),
            chosen.dropped.get(name.symbol),
        )
        for name in inputs.components
    ) + tuple(_row(one.name, 0.0, None, one.reason) for one in inputs.left_out)


def _row(
    name: SignalName, share: float, forecast: float | None, dropped: Reason | None
) -> SignalRow:
    """One name's numbers, as far as they are known."""
    gap = None
    if forecast is not None and name.implied_vol is not None:
        gap = VOL_POINTS * share * (name.implied_vol - forecast)
    return SignalRow(
        symbol=name.symbol,
        weight=name.weight,
        share=share,
        implied_vol=name.implied_vol,
        forecast_vol=forecast,
        spread_vol_points=name.spread_vol_points,
        gap_vol_points=gap,
        dropped=dropped,
        flags=name.flags,
    )


def _flags(inputs: SignalInputs) -> tuple[str, ...]:
    """Flags of the index, and a count of the names that carry some."""
    flagged = sum(bool(name.flags) for name in inputs.components)
    return inputs.index.flags + ((f"{flagged}_names_flagged",) if flagged else ())
