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
from dispersa.pricing import american
from dispersa.pricing.black import price
from dispersa.pricing.contracts import Carry, DividendModel
from dispersa.pricing.forwards import parity_forward
from dispersa.pricing.implied import implied_vol
from dispersa.pricing.tenor import constant_maturity_vol
from tests.gateway.world.test_world import keys_of

DAY = date(2026, 11, 20)
SEEDS = range(20)
WINDOW_DAYS = 120


def world_of(seed: int) -> World:
    world = World(synthetic_source(DAY), seed=seed, step_seconds=30.0, start=morning_of(DAY))
    world.advance(morning_of(DAY) + timedelta(hours=2))
    return world


def carry_of(world: World, symbol: str) -> Carry:
    """Return what an underlying is known to pay."""
    underlying = world.listed(symbol) or world.underlyings[world.columns[symbol]]
    if not underlying.dividends:
        return Carry(dividend_yield=underlying.dividend_yield)
    ahead = [((day - world.today).days / 365, paid) for day, paid in underlying.dividends
             if day > world.today]  # fmt: skip
    return Carry(
        ex_years=[years for years, _ in ahead],
        amounts=[paid for _, paid in ahead],
        model=DividendModel.ESCROWED,
    )


def vol_at_expiry(world: World, symbol: str, days_min: int) -> tuple[float, float]:
    """Return the at-the-forward volatility read off quotes of one expiry, and its days.

    The premium of early exercise is taken off at the volatility of the round before.
    """
    keys = keys_of(world, symbol, days_min)
    piece, spot = keys[0].piece, world.spot(symbol)
    near = np.argsort(np.abs(piece.strikes - spot))[:6]
    near, n = near[np.argsort(piece.strikes[near])], len(piece.strikes)
    strikes = piece.strikes[near]
    board = world.price(world.batch([keys[i] for i in (*near, *(near + n))]))
    (call_bid, put_bid), (call_ask, put_ask) = (
        np.split(side, 2) for side in (board.quotes.bids, board.quotes.asks)
    )
    days = (piece.settles - world.now).total_seconds() / 86_400
    discount = float(np.exp(-world.universe.rate * days / 365))
    premium, vol, is_call = np.zeros((2, 6)), 0.3, np.array([[True], [False]])
    for _ in range(2 if symbol not in ("SPX", "NDX", "XSP") else 1):
        parity = parity_forward(
            strikes, call_bid - premium[0], call_ask - premium[0], put_bid - premium[1],
            put_ask - premium[1], spot, days / 365, discount,
        )  # fmt: skip
        forward = float(parity.forward)
        mids = 0.5 * np.array([call_bid + call_ask, put_bid + put_ask]) - premium
        vols = implied_vol(mids, forward, strikes, days / 365, discount, is_call).vol
        vol = float(np.interp(forward, strikes, np.mean(vols, axis=0)))
        american_value = american.price(
            spot, strikes, vol, days / 365, world.universe.rate, is_call, carry_of(world, symbol)
        )
        premium = american_value - price(forward, strikes, vol, days / 365, discount, is_call)
    return vol, days


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
    # The world prices early exercise by an approximation, the product by a grid: some 0.001.
    assert np.max(np.abs(misses)) < 0.002


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
