"""Is the simulated market coherent: baskets, volatilities, correlation, quotes, history?"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from dispersa.errors import InvalidInput
from dispersa.gateway.world.board import Board, OptionKey
from dispersa.gateway.world.calendar import morning_of
from dispersa.gateway.world.jumps import draw_jumps
from dispersa.gateway.world.listings import expiry_days, third_friday
from dispersa.gateway.world.source import synthetic_source
from dispersa.gateway.world.synthetic import synthetic_universe, synthetic_weights
from dispersa.gateway.world.universe import Correlation, Underlying, Universe
from dispersa.gateway.world.world import World

DAY = date(2026, 11, 20)
START = morning_of(DAY)


def make_world(
    seed: int = 1, names: int | None = None, start: datetime = START, **motion: float
) -> World:
    source = synthetic_source(DAY, names)
    correlation = replace(source.universe.correlation, **motion)
    source = replace(source, universe=replace(source.universe, correlation=correlation))
    return World(source, seed=seed, step_seconds=0.25, start=start)


def keys_of(world: World, symbol: str, days_min: int) -> list[OptionKey]:
    """Return calls then puts of the first expiry at least that far away."""
    piece = next(p for p in world.chain(symbol).slices if (p.last_trade_day - DAY).days >= days_min)
    column = world.columns[symbol]
    return [
        OptionKey(1_000_000 + i + 5_000 * (sign < 0), column, piece, i, sign)
        for sign in (1, -1)
        for i in range(len(piece.strikes))
    ]


def board_of(world: World, symbol: str, days_min: int) -> tuple[np.ndarray, Board]:
    keys = keys_of(world, symbol, days_min)
    return keys[0].piece.strikes, world.price(world.batch(keys))


# -- paths ---------------------------------------------------------------------------------------


def test_path_does_not_depend_on_how_time_is_cut() -> None:
    fine, coarse = make_world(), make_world()
    for k in range(1, 1_201):
        fine.advance(START + timedelta(seconds=0.25 * k))
    coarse.advance(START + timedelta(seconds=300))
    assert np.array_equal(fine.market.spots, coarse.market.spots)
    assert fine.vix == coarse.vix


@pytest.mark.parametrize("step_seconds", [0.1, 0.3, 7.0])
def test_any_step_reaches_the_close_and_the_next_day(step_seconds: float) -> None:
    world = World(synthetic_source(DAY, 3), seed=1, step_seconds=step_seconds, start=START)
    for k in range(1, 400):
        world.advance(START + timedelta(seconds=0.05 * k))
    world.advance(START + timedelta(days=3))
    assert world.today == date(2026, 11, 23)


def test_seeds_give_different_paths_and_the_same_start() -> None:
    one, two = make_world(seed=1), make_world(seed=2)
    assert np.array_equal(one.market.spots, two.market.spots)
    for world in (one, two):
        world.advance(START + timedelta(seconds=60))
    assert not np.array_equal(one.market.spots, two.market.spots)


def test_baskets_are_their_members_at_every_moment() -> None:
    world = make_world()
    holdings = world.paths.scenery.holdings
    for seconds in (0, 30, 3_600, 86_400 * 4):
        world.advance(START + timedelta(seconds=seconds))
        n = world.surface.component_count
        spots = world.market.spots
        assert spots[n:] == pytest.approx(holdings @ spots[:n], rel=1e-12)


def test_market_stands_still_when_it_is_closed() -> None:
    world = make_world()
    world.advance(datetime(2026, 11, 20, 21, 0, tzinfo=UTC))
    at_close = world.market.spots.copy()
    world.advance(datetime(2026, 11, 22, 12, 0, tzinfo=UTC))
    assert np.array_equal(world.market.spots, at_close)
    assert not world.is_open
    world.advance(datetime(2026, 11, 23, 14, 30, 1, tzinfo=UTC))
    assert world.is_open
    assert not np.array_equal(world.market.spots, at_close)


def test_half_day_closes_at_one() -> None:
    world = make_world()
    world.advance(datetime(2026, 11, 27, 18, 0, 1, tzinfo=UTC))
    assert not world.is_open


def test_start_before_the_opening_stands_at_the_last_close() -> None:
    world = make_world(start=datetime(2026, 11, 20, 13, 0, tzinfo=UTC))
    assert world.first_session.day == date(2026, 11, 19)
    assert not world.is_open
    world.advance(datetime(2026, 11, 20, 14, 31, tzinfo=UTC))
    assert world.is_open


@pytest.mark.parametrize("seed", range(4))
def test_intraday_returns_have_the_true_vol_and_correlation(seed: int) -> None:
    """A session is 80 % of a day's variance; standard errors of 1,500 returns are about 2 %.

    Without jumps, of which a single one is most of a day's variance.
    """
    world = make_world(seed=seed, jumps_per_year=0.0)
    world.advance(datetime(2026, 11, 23, 14, 30, tzinfo=UTC))
    true_rho = world.paths.realized_correlation(world.state)
    squares = np.zeros_like(world.state.spots)
    levels = [world.state.spots]
    for k in range(1, 1_501):
        world.advance(datetime(2026, 11, 23, 14, 30, tzinfo=UTC) + timedelta(seconds=15 * k))
        levels.append(world.state.spots)
        squares += world.paths.realized_vols(world.state) ** 2 / 1_500
    true_vols = np.sqrt(squares)
    moves = np.diff(np.log(np.array(levels)), axis=0)
    per_year = 252 * 23_400 / 15 / 0.8
    vols = np.sqrt(per_year * np.mean(moves**2, axis=0))
    assert vols / true_vols == pytest.approx(np.ones(len(vols)), abs=0.12)
    assert float(np.mean(vols / true_vols)) == pytest.approx(1.0, abs=0.02)
    shares = world.paths.scenery.shares
    matrix, pairs = np.corrcoef(moves.T), np.triu_indices(len(vols), 1)
    truth = true_rho * np.sqrt(np.outer(shares, shares))[pairs]
    found = matrix[pairs]
    assert float(found[truth > 0].mean()) == pytest.approx(true_rho, abs=0.06)
    assert float(found[truth == 0].mean()) == pytest.approx(0.0, abs=0.02)


def test_jumps_add_their_share_and_leave_the_correlation_alone() -> None:
    """Over 200,000 days: excess variance 8 % and the same share of it in common."""
    motion = Correlation()
    drawn = draw_jumps(np.random.default_rng(1), motion, 200_000, 3, 1.0)
    moves = drawn.moves(np.array([0.4, 0.4, 0.0]))
    assert moves.var(axis=0) == pytest.approx(np.full(3, motion.jump_share), rel=0.06)
    matrix = np.corrcoef(moves.T)
    assert matrix[0, 1] == pytest.approx(0.4, abs=0.05)
    assert matrix[0, 2] == pytest.approx(0.0, abs=0.02)
    per_year = 252 * np.count_nonzero(drawn.market) / len(drawn.market)
    assert per_year == pytest.approx(motion.jumps_per_year, rel=0.05)


def test_a_day_without_a_jump_is_the_same_with_and_without_jumps() -> None:
    calm, wild = make_world(jumps_per_year=0.0), make_world(jumps_per_year=1e-9)
    for world in (calm, wild):
        world.advance(START + timedelta(hours=1))
    # Only the drift, which pays for the jumps, differs.
    assert calm.state.spots == pytest.approx(wild.state.spots, rel=1e-4)


# -- volatilities --------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [0, 3, 30])
def test_clean_implied_correlation_of_the_whole_basket_is_the_true_one(hours: int) -> None:
    world = make_world()
    world.advance(START + timedelta(hours=hours))
    vols, n = world.vols(), world.surface.component_count
    for row, index in enumerate(world.universe.indices):
        weights = world.surface.basket_weights(world.state)[row]
        average, diagonal = weights @ vols[:n], weights**2 @ vols[:n] ** 2
        rho = (vols[n + row] ** 2 - diagonal) / (average**2 - diagonal)
        assert rho == pytest.approx(world.implied_correlation(), abs=1e-9), index.symbol


def test_vix_is_below_thirty_and_above_the_money() -> None:
    for seed in range(5):
        world = make_world(seed=seed)
        atm = 100 * float(world.vols()[world.columns["SPX"]])
        assert atm < world.vix < 1.25 * atm < 30.0


def test_fewer_listed_names_leave_the_index_as_it_is() -> None:
    few, all_names = make_world(names=5), make_world()
    for world in (few, all_names):
        world.advance(START + timedelta(minutes=20))
    assert few.spot("QQQ") == all_names.spot("QQQ")
    assert few.listed("COST") is None
    assert set(few.universe.weights["QQQ"]) == set(synthetic_weights(5))


# -- quotes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "width"), [("SPY", 0.003), ("QQQ", 0.007), ("NVDA", 0.009), ("LIN", 0.06)]
)
def test_straddle_is_as_wide_as_its_name(symbol: str, width: float) -> None:
    world = make_world()
    strikes, board = board_of(world, symbol, 28)
    i = int(np.abs(strikes - world.spot(symbol)).argmin())
    both = [i, i + len(strikes)]
    bid, ask = board.quotes.bids[both].sum(), board.quotes.asks[both].sum()
    # Rounding outward to the tick adds up to four cents to a straddle.
    assert (ask - bid) / (0.5 * (ask + bid)) == pytest.approx(width, rel=0.1, abs=0.04 / ask)


def test_far_options_have_no_bid() -> None:
    world = make_world()
    strikes, board = board_of(world, "AAPL", 7)
    assert np.isnan(board.quotes.bids[len(strikes) - 1])
    assert board.quotes.bid_sizes[len(strikes) - 1] == 0
    assert board.quotes.asks[len(strikes) - 1] >= 0.01


def test_index_options_quote_in_nickels_and_dimes() -> None:
    world = make_world()
    _, board = board_of(world, "SPX", 28)
    asks = board.quotes.asks
    steps = asks / np.where(asks < 3.0, 0.05, 0.1)
    assert np.allclose(steps, np.round(steps), atol=1e-6)


def test_expiries_fall_on_trading_days_and_include_the_monthlies() -> None:
    days = expiry_days("AAPL", DAY)
    assert third_friday(2026, 12) in days
    assert date(2026, 12, 24) in days
    assert date(2026, 12, 25) not in days
    assert len(expiry_days("QQQ", DAY)) > len(days)


def test_each_day_lists_new_expiries_and_keeps_the_old_ones() -> None:
    world = World(synthetic_source(DAY, 3), seed=1, step_seconds=600.0, start=START)
    before = world.chain("NVDA")
    world.advance(START + timedelta(days=14))
    after = world.chain("NVDA")
    added = [p.last_trade_day for p in after.slices if p not in before.slices]
    assert date(2027, 1, 22) in added
    assert set(before.slices) < set(after.slices)
    assert len({(p.last_trade_day, p.trading_class) for p in after.slices}) == len(after.slices)


def test_morning_and_afternoon_classes_of_spx_settle_differently() -> None:
    pieces = [p for p in make_world().chain("SPX").slices if p.settlement_day == date(2026, 12, 18)]
    assert sorted(p.trading_class for p in pieces) == ["SPX", "SPXW"]
    morning = next(p for p in pieces if p.trading_class == "SPX")
    assert morning.last_trade_day == date(2026, 12, 17)
    assert morning.settles < next(p for p in pieces if p.trading_class == "SPXW").settles


# -- history -------------------------------------------------------------------------------------


def test_history_is_consistent_with_the_world() -> None:
    world = make_world()
    history, n = world.history, world.surface.component_count
    assert history.days[-1] == date(2026, 11, 19)
    assert len(history.days) >= 504
    assert history.closes[:, n:] == pytest.approx(
        history.closes[:, :n] @ world.paths.scenery.holdings.T, rel=1e-9
    )
    assert np.all(history.highs >= np.maximum(history.opens, history.closes) - 1e-9)
    assert np.all(history.lows <= np.minimum(history.opens, history.closes) + 1e-9)
    gap = np.log(world.market.spots / history.closes[-1])
    assert np.all(np.abs(gap) < 6 * history.vols[-1] / np.sqrt(252))


def test_history_realizes_the_chosen_correlation_premium() -> None:
    """Over many seeds, implied minus realized correlation of history is the chosen gap."""
    gaps = []
    for seed in range(20):
        world = make_world(seed=seed)
        history, n = world.history, world.surface.component_count
        row = [u.symbol for u in world.universe.indices].index("QQQ")
        weights = world.paths.scenery.weights[row]
        moves = np.diff(np.log(history.closes), axis=0)
        vols = np.sqrt(np.mean(moves[:, :n] ** 2, axis=0))
        index = np.mean((moves[:, :n] @ weights) ** 2)
        diagonal = weights**2 @ vols**2
        gaps.append((index - diagonal) / ((weights @ vols) ** 2 - diagonal))
    # Earnings jumps are idiosyncratic and lower the correlation of daily returns a little.
    assert 0.24 < float(np.mean(gaps)) < 0.33


def test_minutes_of_a_past_day_join_its_daily_bar() -> None:
    world = make_world()
    history, column = world.history, world.columns["MSFT"]
    row = len(history.days) - 5
    candles = world.tape.minutes(history.days[row], column, history)
    assert len(candles) == 390
    assert candles[0].open == pytest.approx(history.opens[row, column])
    assert candles[-1].close == pytest.approx(history.closes[row, column], rel=1e-6)
    assert max(c.high for c in candles) <= history.highs[row, column] + 1e-9


# -- universes -----------------------------------------------------------------------------------


def test_basket_with_unknown_member_or_bad_weights_is_refused() -> None:
    stock = Underlying(symbol="A", long_name="A", spot=10.0, vol=0.3)
    index = Underlying(symbol="I", long_name="I", spot=100.0)
    for weights, said in (({"B": 1.0}, "B"), ({"A": 0.9}, "0.900000")):
        with pytest.raises(InvalidInput, match=said):
            Universe(label="", components=(stock,), indices=(index,), baskets={"I": weights})


@pytest.mark.parametrize("names", [0, 1_000])
def test_number_of_names_out_of_range_is_refused(names: int) -> None:
    with pytest.raises(InvalidInput, match="components"):
        synthetic_universe(DAY, names)
