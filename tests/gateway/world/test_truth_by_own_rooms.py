"""Do the product's own rooms find the world's true correlations in its quotes and closes?

The client's mathematics (parity forwards, Black inversion, constant maturity, clean correlation)
share no code with the world's. Over 20 seeds their estimates must agree with the truth: implied
correlation within what rounding to ticks allows, realized correlation within sampling error.
"""

from datetime import date, timedelta

import numpy as np
import pytest

from dispersa.correlation.implied import read_correlation
from dispersa.correlation.realized import realized_correlation, simple_returns
from dispersa.gateway.world.calendar import morning_of
from dispersa.gateway.world.source import synthetic_source
from dispersa.gateway.world.world import World
from dispersa.pricing.forwards import parity_forward
from dispersa.pricing.implied import implied_vol
from dispersa.pricing.tenor import constant_maturity_vol
from tests.gateway.world.test_world import keys_of

DAY = date(2026, 11, 20)
SEEDS = range(20)
WINDOW_DAYS = 120


def world_of(seed: int) -> World:
    world = World(synthetic_source(DAY), seed=seed, step_seconds=0.25, start=morning_of(DAY))
    world.advance(morning_of(DAY) + timedelta(hours=2))
    return world


def vol_at_expiry(world: World, symbol: str, days_min: int) -> tuple[float, float]:
    """Return the at-the-forward volatility read off quotes of one expiry, and its days."""
    keys = keys_of(world, symbol, days_min)
    piece, strikes = keys[0].piece, keys[0].piece.strikes
    board = world.price(world.batch(keys))
    bids, asks = board.quotes.bids, board.quotes.asks
    n = len(strikes)
    days = (piece.settles - world.now).total_seconds() / 86_400
    discount = float(np.exp(-world.universe.rate * days / 365))
    near = np.argsort(np.abs(strikes - world.spot(symbol)))[:6]
    call_bid, put_bid, call_ask, put_ask = bids[:n], bids[n:], asks[:n], asks[n:]
    parity = parity_forward(
        strikes[near], call_bid[near], call_ask[near], put_bid[near], put_ask[near],
        world.spot(symbol), days / 365, discount,
    )  # fmt: skip
    forward = float(parity.forward)
    mids = 0.5 * (bids + asks)
    vols = [
        implied_vol(mids[side][near], forward, strikes[near], days / 365, discount, is_call).vol
        for side, is_call in ((slice(0, n), True), (slice(n, None), False))
    ]
    order = np.argsort(strikes[near])
    return float(np.interp(forward, strikes[near][order], np.mean(vols, axis=0)[order])), days


def thirty_day_vol(world: World, symbol: str) -> float:
    (near, first), (far, second) = (vol_at_expiry(world, symbol, days) for days in (27, 31))
    return float(constant_maturity_vol([near, far], [first, second], 30.0).vol)


@pytest.fixture(scope="module")
def worlds() -> list[World]:
    return [world_of(seed) for seed in SEEDS]


def test_implied_correlation_read_off_quotes_is_the_true_one(worlds: list[World]) -> None:
    misses = []
    for world in worlds:
        row = [u.symbol for u in world.universe.indices].index("QQQ")
        weights = world.surface.basket_weights(world.state)[row]
        held = [(u.symbol, w) for u, w in zip(world.universe.components, weights, strict=True) if w]
        vols = [thirty_day_vol(world, symbol) for symbol, _ in held]
        reading = read_correlation([w for _, w in held], vols, thirty_day_vol(world, "QQQ"))
        misses.append(reading.clean - world.implied_correlation())
    assert np.max(np.abs(misses)) < 0.001


def expected_correlation(world: World, weights: np.ndarray, holdings: np.ndarray) -> float:
    """Return the clean correlation of the covariances that the window was drawn with."""
    history, n = world.history, world.surface.component_count
    index, own = 0.0, np.zeros(n)
    for row in range(-WINDOW_DAYS, 0):
        variances, rho = history.true_variances[row], history.true_correlations[row]
        worth = holdings * history.closes[row - 1, :n]
        w = worth / worth.sum()
        diagonal = float(w**2 @ variances)
        together = float(w @ np.sqrt(variances)) ** 2
        index += (
            diagonal + rho * (together - diagonal) + float(w**2 @ history.report_variances[row])
        )
        own += variances + history.report_variances[row]
    s = np.sqrt(own / WINDOW_DAYS)
    return float(
        (index / WINDOW_DAYS - weights**2 @ s**2) / ((weights @ s) ** 2 - weights**2 @ s**2)
    )


def test_realized_correlation_of_the_history_is_the_true_one(worlds: list[World]) -> None:
    scores = []
    for world in worlds:
        n = world.surface.component_count
        row = [u.symbol for u in world.universe.indices].index("QQQ")
        closes = world.history.closes[-WINDOW_DAYS - 1 :]
        returns = simple_returns(closes)[1:]
        weights = world.paths.scenery.weights[row]
        used = weights > 0
        index = returns[:, n + row]

        held = returns[:, :n][:, used]

        def estimate(days: np.ndarray) -> float:
            return realized_correlation(weights[used], held[days], index[days]).clean  # noqa: B023

        rng = np.random.default_rng(3)
        drawn = [estimate(rng.integers(0, WINDOW_DAYS, WINDOW_DAYS)) for _ in range(100)]
        truth = expected_correlation(world, weights, world.paths.scenery.holdings[row])
        scores.append((estimate(np.arange(WINDOW_DAYS)) - truth) / np.std(drawn))
    assert np.max(np.abs(scores)) < 4.0
    assert abs(np.mean(scores)) < 3.0 / np.sqrt(len(scores))
    assert 0.5 < np.std(scores) < 1.7
