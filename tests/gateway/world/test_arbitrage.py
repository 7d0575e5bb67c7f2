"""Can anybody make money from the quotes alone?  Every option of many chains, at four moments."""

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from dispersa.gateway.market import market_source
from dispersa.gateway.settings import GatewaySettings
from dispersa.gateway.venue import market_start
from dispersa.gateway.world.board import Board, OptionKey
from dispersa.gateway.world.calendar import morning_of
from dispersa.gateway.world.listings import ExpirySlice
from dispersa.gateway.world.source import synthetic_source
from dispersa.gateway.world.world import World

DAY = date(2026, 11, 20)
OPENS = morning_of(DAY)
CENT = 1e-6


def boards(world: World, symbol: str) -> list[tuple[ExpirySlice, Board]]:
    """Return calls then puts of every live expiry."""
    column = world.columns[symbol]
    found = []
    for piece in world.chain(symbol).live(world.now):
        keys = [
            OptionKey(1_000_000 + i + 50_000 * (sign < 0), column, piece, i, sign)
            for sign in (1, -1)
            for i in range(len(piece.strikes))
        ]
        found.append((piece, world.price(world.batch(keys))))
    return found


def check(world: World, symbol: str, piece: ExpirySlice, board: Board) -> None:
    n, strikes = len(piece.strikes), piece.strikes
    bids = np.nan_to_num(board.quotes.bids, nan=0.0)
    asks = np.nan_to_num(board.quotes.asks, nan=np.inf)
    assert np.all(bids < asks)
    discount = float(np.exp(-world.universe.rate * board.terms.years[0]))
    forward = float(board.terms.forward[0])
    is_european = world.underlyings[world.columns[symbol]].sec_type == "IND"
    for side, sign in ((slice(0, n), 1.0), (slice(n, None), -1.0)):
        bid, ask = bids[side], asks[side]
        gap, reach = np.diff(strikes), discount if is_european else 1.0
        near, far = (slice(0, -1), slice(1, None)) if sign > 0 else (slice(1, None), slice(0, -1))
        assert np.all(ask[near] - bid[far] >= -CENT), "a vertical costs less than nothing"
        assert np.all(bid[near] - ask[far] <= reach * gap + CENT), (
            "a vertical pays more than it can"
        )
        left, right = gap[:-1], gap[1:]
        body = bid[1:-1] * (left + right)
        assert np.all(right * ask[:-2] + left * ask[2:] >= body - CENT), "a butterfly is free"
        if not is_european:
            value = np.maximum(sign * (board.terms.spot[0] - strikes), 0.0)
            assert np.all(ask >= value - CENT), "an option costs less than its exercise brings"
    carry = discount * (forward - strikes)
    call_bid, call_ask, put_bid, put_ask = bids[:n], asks[:n], bids[n:], asks[n:]
    # A short American option may be exercised at any moment: bounds instead of equality.
    stock = np.broadcast_to(board.terms.spot[0], strikes.shape)
    paid = stock - board.terms.dividends[0] - strikes
    least = carry if is_european else np.minimum(carry, paid)
    most = carry if is_european else stock - discount * strikes
    assert np.all(call_ask - put_bid >= least - CENT), "a forward is too cheap"
    assert np.all(call_bid - put_ask <= most + CENT), "a forward is too dear"


@pytest.mark.parametrize(
    ("seed", "moment"),
    [
        (1, OPENS),
        (2, OPENS + timedelta(hours=5, minutes=55)),
        (3, OPENS + timedelta(days=5)),
        (4, OPENS + timedelta(days=20, hours=3)),
    ],
    ids=["morning", "five minutes before expiry", "after days", "after weeks"],
)
def test_no_quote_of_the_synthetic_market_is_free_money(seed: int, moment: datetime) -> None:
    world = World(synthetic_source(DAY, 12), seed=seed, step_seconds=60.0, start=OPENS)
    world.advance(moment)
    count = 0
    for underlying in world.universe.listed:
        if underlying.has_options:
            for piece, board in boards(world, underlying.symbol):
                check(world, underlying.symbol, piece, board)
                count += len(board.vols)
    assert count > 8_000


def shares_free(board: Board, n: int, strikes: np.ndarray) -> tuple[int, int]:
    """Return how many verticals and butterflies of an expiry are free money, and of how many."""
    free = count = 0
    for side, sign in ((slice(0, n), 1.0), (slice(n, None), -1.0)):
        here = board.is_quoted[side]
        bid = np.nan_to_num(board.quotes.bids[side], nan=0.0)[here]
        ask, at = board.quotes.asks[side][here], strikes[here]
        near, far = (slice(0, -1), slice(1, None)) if sign > 0 else (slice(1, None), slice(0, -1))
        left, right = np.diff(at)[:-1], np.diff(at)[1:]
        free += int(np.sum(ask[near] - bid[far] < -CENT))
        wings = right * ask[:-2] + left * ask[2:]
        free += int(np.sum(wings < bid[1:-1] * (left + right) - CENT))
        count += max(len(at) - 1, 0) + max(len(at) - 2, 0)
    return free, count


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("file", "free_max"),
    [("us_chains_2026/chains.parquet", 0.05), ("quotes_2026_feb/chains.parquet", 0.025)],
    ids=["chains", "quotes"],
)
def test_a_files_quotes_are_hardly_ever_free_money(
    test_data: Path, file: str, free_max: float
) -> None:
    """A file's volatilities are what they are: noise of single strikes is kept, not smoothed."""
    path = test_data / file
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    settings = GatewaySettings(market=path)
    start = market_start(settings)
    world = World(market_source(settings, start.date()), seed=1, step_seconds=60.0, start=start)
    free = count = 0
    for symbol in ("SPY", "QQQ", "NVDA", "AAPL", "AMZN"):
        for piece, board in boards(world, symbol):
            bids, asks = np.nan_to_num(board.quotes.bids), board.quotes.asks
            assert not np.any(bids >= asks)
            spot = board.terms.spot
            exercised = board.terms.sign * (spot - board.terms.strike)
            assert not np.any(asks < exercised - CENT)
            found = shares_free(board, len(piece.strikes), piece.strikes)
            free, count = free + found[0], count + found[1]
    assert count > 3_000
    assert free / count < free_max, (free, count)
