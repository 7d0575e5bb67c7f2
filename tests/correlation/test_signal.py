"""Does the signal decide by its numbers, refuse with reasons, and never look ahead?"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from pydantic import TypeAdapter

from dispersa.correlation.forecast import CORRELATION_PRIOR, VOL_PRIOR
from dispersa.correlation.signal import (
    DailySeries,
    Direction,
    ReasonCode,
    Signal,
    SignalInputs,
    SignalName,
    SignalPolicy,
    assess,
)
from dispersa.errors import MarketDataMissing
from dispersa.market import Symbol

HISTORY, FUTURE, NAMES = 300, 40, 10
POLICY = SignalPolicy()


def weekdays(count: int) -> list[date]:
    days, day = [], date(2025, 9, 1)
    while len(days) < count:
        if day.weekday() < 5:
            days.append(day)
        day += timedelta(days=1)
    return days


DAYS = weekdays(HISTORY + FUTURE)
SCORED = datetime.combine(DAYS[HISTORY], datetime.min.time(), UTC) + timedelta(hours=15)


def market(
    *,
    implied: float = 0.5,
    realized: float = 0.2,
    days: int = HISTORY,
    spread: float = 0.3,
    seed: int = 1,
) -> SignalInputs:
    """Ten names whose pairs realize one correlation while the index implies another."""
    rng = np.random.default_rng(seed)
    total = len(DAYS)
    weights = np.linspace(2, 1, NAMES)
    shares = weights / weights.sum()
    vols = np.linspace(0.2, 0.5, NAMES)
    covariance = realized * np.outer(vols, vols)
    np.fill_diagonal(covariance, vols**2)
    returns = rng.multivariate_normal(np.zeros(NAMES), covariance / 252, size=total)
    closes = 100 * np.cumprod(1 + returns, axis=0)
    index_closes = 100 * np.cumprod(1 + returns @ shares)
    ivs = 1.05 * vols * np.exp(rng.normal(0, 0.02, (total, NAMES)))
    average, own = (ivs * shares).sum(axis=1), ((ivs * shares) ** 2).sum(axis=1)
    index_ivs = np.sqrt(own + implied * (average**2 - own)) * np.exp(rng.normal(0, 0.01, total))

    def series(values: np.ndarray) -> DailySeries:
        return DailySeries(dates=tuple(DAYS[:days]), values=tuple(values[:days].tolist()))

    def name(symbol: str, weight: float, iv: np.ndarray, close: np.ndarray) -> SignalName:
        return SignalName(
            symbol=Symbol(symbol),
            weight=weight,
            implied_vol=float(iv[HISTORY]),
            spread_vol_points=spread,
            share_spread=1e-4,
            implied_vols=series(iv),
            closes=series(close),
        )

    return SignalInputs(
        as_of=SCORED,
        tenor_days=30,
        index=name("QQQ", 1.0, index_ivs, index_closes),
        components=tuple(
            name(f"N{i}", 0.6 * float(shares[i]), ivs[:, i], closes[:, i]) for i in range(NAMES)
        ),
    )


def codes(signal: Signal) -> set[ReasonCode]:
    return {reason.code for reason in signal.reasons}


def with_component(inputs: SignalInputs, position: int, **changes: object) -> SignalInputs:
    components = list(inputs.components)
    components[position] = replace(components[position], **changes)  # type: ignore[arg-type]
    return replace(inputs, components=tuple(components))


def test_rich_correlation_after_cost_is_long_dispersion() -> None:
    signal = assess(market(), POLICY)
    assert signal.direction is Direction.LONG_DISPERSION
    assert codes(signal) == {ReasonCode.EDGE_CLEARS, ReasonCode.PREMIUM_CLEARS}
    assert signal.implied_correlation == pytest.approx(0.5, abs=0.05)
    assert signal.realized[2].clean == pytest.approx(0.2, abs=0.05)
    assert signal.coverage == pytest.approx(0.6)
    assert signal.history_days == HISTORY


def test_numbers_of_the_verdict_add_up() -> None:
    signal = assess(market(), POLICY)
    assert signal.edge_gross is not None
    assert signal.cost_round_trip is not None
    assert signal.cost_hedging is not None
    assert signal.index_vol is not None
    assert signal.index_vol_forecast is not None
    assert signal.edge_net == pytest.approx(
        signal.edge_gross - signal.cost_round_trip - signal.cost_hedging
    )
    gaps = sum(row.gap_vol_points or 0 for row in signal.names)
    rich_index = 100 * (signal.index_vol - signal.index_vol_forecast)
    assert signal.edge_gross == pytest.approx(rich_index - gaps)
    assert signal.correlation_premium == pytest.approx(
        (signal.implied_correlation or 0) - (signal.forecast_correlation or 0)
    )
    assert sum(row.share for row in signal.names) == pytest.approx(1)


def test_edge_of_the_other_direction_pays_the_same_cost() -> None:
    signal = assess(market(), POLICY)
    cost = (signal.cost_round_trip or 0) + (signal.cost_hedging or 0)
    long, short = (
        signal.edge_net_of(one) for one in (Direction.LONG_DISPERSION, Direction.SHORT_DISPERSION)
    )
    assert long == signal.edge_net
    assert (long or 0) + (short or 0) == pytest.approx(-2 * cost)
    assert signal.edge_net_of(Direction.NO_TRADE) == 0


def test_at_the_breakeven_correlation_long_dispersion_earns_nothing() -> None:
    signal = assess(market(), POLICY)
    assert signal.breakeven_correlation is not None
    assert signal.index_vol is not None
    s = np.array([row.forecast_vol for row in signal.names], dtype=float)
    w = np.array([row.share for row in signal.names])
    own = float(((w * s) ** 2).sum())
    cross = float((w * s).sum() ** 2 - own)
    index_vol = np.sqrt(own + signal.breakeven_correlation * cross)
    gaps = sum(row.gap_vol_points or 0 for row in signal.names)
    cost = (signal.cost_round_trip or 0) + (signal.cost_hedging or 0)
    assert 100 * (signal.index_vol - index_vol) - gaps - cost == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("implied_times", "percentile", "sign"), [(0.8, 0.0, -1), (1.3, 1.0, 1)])
def test_extreme_day_stands_at_the_end_of_its_history(
    implied_times: float, percentile: float, sign: int
) -> None:
    inputs = market()
    vol = (inputs.index.implied_vol or 0) * implied_times
    signal = assess(replace(inputs, index=replace(inputs.index, implied_vol=vol)), POLICY)
    assert signal.percentile == percentile
    assert signal.z_score is not None
    assert sign * signal.z_score > 2


def test_cost_above_the_edge_is_no_trade() -> None:
    signal = assess(market(spread=3.0), POLICY)
    assert signal.direction is Direction.NO_TRADE
    assert codes(signal) == {ReasonCode.EDGE_TOO_SMALL, ReasonCode.PREMIUM_CLEARS}


def test_edge_without_correlation_premium_is_no_trade() -> None:
    strict = replace(POLICY, premium_min=0.9)
    signal = assess(market(), strict)
    assert signal.direction is Direction.NO_TRADE
    assert ReasonCode.PREMIUM_TOO_SMALL in codes(signal)


def test_cheap_correlation_is_short_dispersion_only_where_allowed() -> None:
    cheap = market(implied=0.05, realized=0.8, spread=0.05)
    policy = replace(POLICY, prior_months=0.5)
    denied = assess(cheap, policy)
    assert denied.direction is Direction.NO_TRADE
    assert ReasonCode.SHORT_NOT_ALLOWED in codes(denied)
    allowed = assess(cheap, replace(policy, allow_short_dispersion=True))
    assert allowed.direction is Direction.SHORT_DISPERSION
    assert (allowed.edge_gross or 0) > 0
    assert (allowed.correlation_premium or 0) < 0


def test_days_from_the_scored_one_on_change_nothing() -> None:
    known, with_future = market(days=HISTORY), market(days=HISTORY + FUTURE)
    assert assess(known, POLICY) == assess(with_future, POLICY)


def test_forecast_does_not_move_when_the_scored_day_moves() -> None:
    base = market(days=HISTORY + 1)
    wild = [*base.components[0].closes.values]
    wild[HISTORY] *= 3
    moved = with_component(
        base, 0, closes=DailySeries(dates=base.components[0].closes.dates, values=tuple(wild))
    )
    assert assess(base, POLICY) == assess(moved, POLICY)


def test_scored_day_is_new_yorks_and_not_londons() -> None:
    evening = replace(market(days=HISTORY + 1), as_of=SCORED.replace(hour=23) + timedelta(hours=3))
    assert evening.as_of.date() != DAYS[HISTORY]
    assert evening.trading_day == DAYS[HISTORY]


def test_short_history_falls_back_on_the_prior_and_is_refused() -> None:
    inputs = market()
    last = 30

    def recent(series: DailySeries) -> DailySeries:
        return DailySeries(dates=series.dates[-last:], values=series.values[-last:])

    short = replace(
        inputs,
        index=replace(
            inputs.index,
            implied_vols=recent(inputs.index.implied_vols),
            closes=recent(inputs.index.closes),
        ),
    )
    signal = assess(short, POLICY)
    assert signal.direction is Direction.NO_TRADE
    assert ReasonCode.HISTORY_TOO_SHORT in codes(signal)
    assert signal.edge_net is not None
    assert signal.z_score is None
    assert signal.forecast_months == 0
    trailing = signal.realized[0].clean
    assert trailing is not None
    assert signal.forecast_correlation == pytest.approx(
        CORRELATION_PRIOR[0]
        + CORRELATION_PRIOR[1] * (signal.implied_correlation or 0)
        + CORRELATION_PRIOR[2] * trailing
    )
    first = signal.names[0]
    assert first.forecast_vol is not None
    assert first.implied_vol is not None
    assert VOL_PRIOR[0] * first.implied_vol < first.forecast_vol


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"implied_vol": None}, ReasonCode.NAME_VOL_MISSING),
        ({"spread_vol_points": None}, ReasonCode.NAME_SPREAD_MISSING),
        ({"share_spread": None}, ReasonCode.NAME_SHARE_QUOTE_MISSING),
        ({"closes": DailySeries()}, ReasonCode.NAME_HISTORY_SHORT),
    ],
)
def test_name_that_can_not_take_part_is_dropped_with_its_reason(
    changes: dict[str, object], code: ReasonCode
) -> None:
    signal = assess(with_component(market(), 3, **changes), POLICY)
    row = signal.names[3]
    assert row.dropped is not None
    assert row.dropped.code is code
    assert row.share == 0
    assert sum(other.share for other in signal.names) == pytest.approx(1)
    assert signal.direction is Direction.LONG_DISPERSION


def test_index_without_vol_or_spread_is_refused() -> None:
    inputs = market()
    blind = replace(inputs, index=replace(inputs.index, implied_vol=None, spread_vol_points=None))
    signal = assess(blind, POLICY)
    assert signal.direction is Direction.NO_TRADE
    assert codes(signal) == {ReasonCode.INDEX_VOL_MISSING, ReasonCode.INDEX_SPREAD_MISSING}
    assert signal.implied_correlation is None


def test_index_without_a_share_quote_is_refused_and_its_hedge_is_not_free() -> None:
    inputs = market()
    signal = assess(replace(inputs, index=replace(inputs.index, share_spread=None)), POLICY)
    assert signal.direction is Direction.NO_TRADE
    assert codes(signal) == {ReasonCode.INDEX_SHARE_QUOTE_MISSING}
    assert signal.edge_net is None


@pytest.mark.parametrize(
    "changes",
    [
        {"implied_vol": float("nan")},
        {"implied_vol": 0.0},
        {"weight": 0.0},
        {"spread_vol_points": -0.1},
        {"share_spread": float("inf")},
    ],
)
def test_doubtful_number_is_refused_at_the_door(changes: dict[str, object]) -> None:
    with pytest.raises(MarketDataMissing, match="None for what is not known"):
        replace(market().index, **changes)  # type: ignore[arg-type]


def test_too_few_names_and_too_little_coverage_are_refused() -> None:
    inputs = market()
    signal = assess(replace(inputs, components=inputs.components[:3]), POLICY)
    assert codes(signal) >= {ReasonCode.TOO_FEW_NAMES, ReasonCode.COVERAGE_TOO_LOW}
    assert signal.direction is Direction.NO_TRADE
    nothing = assess(replace(inputs, components=()), POLICY)
    assert codes(nothing) >= {ReasonCode.TOO_FEW_NAMES}


def test_signal_and_inputs_survive_the_journal() -> None:
    inputs = market()
    for signal in (assess(inputs, POLICY), assess(replace(inputs, components=()), POLICY)):
        adapter = TypeAdapter(Signal)
        assert adapter.validate_json(adapter.dump_json(signal)) == signal
    keeper = TypeAdapter(SignalInputs)
    assert keeper.validate_json(keeper.dump_json(inputs)) == inputs


@pytest.mark.parametrize(
    ("dates", "values"),
    [
        ((date(2026, 1, 2),), ()),
        ((date(2026, 1, 2), date(2026, 1, 2)), (1.0, 1.0)),
        ((date(2026, 1, 2),), (float("nan"),)),
        ((date(2026, 1, 2),), (0.0,)),
    ],
)
def test_doubtful_history_is_refused_at_the_door(
    dates: tuple[date, ...], values: tuple[float, ...]
) -> None:
    with pytest.raises(MarketDataMissing):
        DailySeries(dates=dates, values=values)


def test_every_direction_of_more_spread_lowers_the_edge() -> None:
    edges = [assess(market(spread=spread), POLICY).edge_net or 0 for spread in (0.1, 0.2, 0.4)]
    assert edges == sorted(edges, reverse=True)
