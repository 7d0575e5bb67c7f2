"""Does the walk begin at mid, move in steps, stop at its cap and pause on bad quotes?"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispersa.execution.walker import (
    PRESETS,
    GiveUp,
    Pause,
    Rest,
    Walk,
    WalkPolicy,
    begin_walk,
    next_step,
)
from dispersa.market import PENNY, DataKind, PriceIncrements, Quote, QuoteFault, Side

T0 = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
NICKEL_DIME = PriceIncrements(
    steps=((Decimal(0), Decimal("0.05")), (Decimal(3), Decimal("0.10"))),
)


def quote(bid: str, ask: str, at: datetime = T0, kind: DataKind = DataKind.LIVE) -> Quote:
    return Quote(bid=Decimal(bid), ask=Decimal(ask), bid_size=10, ask_size=10, at=at, kind=kind)


def begun(side: Side, bid: str, ask: str, policy: WalkPolicy = PRESETS["standard"]) -> Walk:
    walk = begin_walk(quote(bid, ask), side, policy, PENNY, T0)
    assert isinstance(walk, Walk)
    return walk


def rests_at(walk: Walk, bid: str, ask: str, seconds: float, policy: WalkPolicy) -> Decimal:
    now = T0 + timedelta(seconds=seconds)
    answer = next_step(walk, quote(bid, ask, now), policy, now)
    assert isinstance(answer, Rest)
    return answer.limit


def test_standard_buy_walks_from_mid_to_half_spread_in_steps_of_an_eighth() -> None:
    # mid 10.00, half-spread 0.16, 2 % of mid 0.20: cap 0.16, step 0.02
    walk = begun(Side.BUY, "9.84", "10.16")
    assert (walk.cap, walk.step) == (Decimal("0.16"), Decimal("0.02"))
    limits = [rests_at(walk, "9.84", "10.16", s, WalkPolicy()) for s in (0, 4.9, 5, 10, 40, 60)]
    assert limits == [Decimal(x) for x in ("10.00", "10.00", "10.02", "10.04", "10.16", "10.16")]


def test_sell_walks_down_to_two_percent_of_mid_when_the_spread_is_wider() -> None:
    # mid 10.00, half-spread 0.60: cap 2 % of mid = 0.20, step 0.025 on a penny grid
    walk = begun(Side.SELL, "9.40", "10.60")
    assert walk.cap == Decimal("0.20")
    assert rests_at(walk, "9.40", "10.60", 5, WalkPolicy()) == Decimal("9.98")
    assert rests_at(walk, "9.40", "10.60", 40, WalkPolicy()) == Decimal("9.80")


def test_roadmap_moves_one_cent_every_five_seconds_up_to_its_slippage() -> None:
    policy = PRESETS["roadmap"]
    walk = begun(Side.BUY, "9.50", "10.50", policy)
    limits = [rests_at(walk, "9.50", "10.50", 5 * n, policy) for n in (0, 1, 2, 10, 11)]
    assert limits == [Decimal(x) for x in ("10.00", "10.01", "10.02", "10.10", "10.10")]


def test_walk_gives_up_after_resting_at_the_cap() -> None:
    walk = begun(Side.BUY, "9.84", "10.16")
    late = T0 + timedelta(seconds=76)
    assert isinstance(next_step(walk, quote("9.84", "10.16", late), WalkPolicy(), late), GiveUp)


def test_walk_follows_the_mid_when_it_moves_in_our_favor() -> None:
    walk = begun(Side.BUY, "9.84", "10.16")
    assert rests_at(walk, "9.74", "10.06", 5, WalkPolicy()) == Decimal("9.92")


def test_walk_does_not_chase_an_adverse_market_beyond_its_cap() -> None:
    walk = begun(Side.BUY, "9.84", "10.16")
    assert rests_at(walk, "9.94", "10.30", 40, WalkPolicy()) == Decimal("10.16")


def test_walk_ends_when_the_mid_has_left_its_cap_behind() -> None:
    walk = begun(Side.SELL, "9.84", "10.16")
    later = T0 + timedelta(seconds=6)
    answer = next_step(walk, quote("9.60", "9.80", later), WalkPolicy(), later)
    assert isinstance(answer, GiveUp)
    assert answer.moved_away


def test_limits_round_to_the_passive_side_of_the_grid() -> None:
    walk = begin_walk(quote("4.03", "4.40"), Side.BUY, WalkPolicy(), NICKEL_DIME, T0)
    assert isinstance(walk, Walk)
    assert walk.step == Decimal("0.10")
    answer = next_step(walk, quote("4.03", "4.40"), WalkPolicy(), T0)
    assert answer == Rest(limit=Decimal("4.2"))


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (Quote(bid=None, ask=Decimal(1), at=T0), QuoteFault.NO_BID),
        (Quote(bid=Decimal(1), ask=None, at=T0), QuoteFault.NO_ASK),
        (quote("2", "1"), QuoteFault.CROSSED),
        (quote("1", "2", T0 - timedelta(seconds=4)), QuoteFault.STALE),
        (quote("1", "2", kind=DataKind.DELAYED), QuoteFault.NOT_LIVE),
        (quote("1", "2", T0 + timedelta(seconds=3)), QuoteFault.FROM_THE_FUTURE),
    ],
    ids=lambda value: str(value) if isinstance(value, QuoteFault) else "",
)
def test_walk_pauses_on_a_quote_that_can_not_carry_a_decision(
    bad: Quote, fault: QuoteFault
) -> None:
    walk = begun(Side.BUY, "9.84", "10.16")
    assert next_step(walk, bad, WalkPolicy(), T0) == Pause(fault=fault)
    assert begin_walk(bad, Side.BUY, WalkPolicy(), PENNY, T0) == Pause(fault=fault)


cents = st.integers(min_value=1, max_value=100_000).map(lambda n: Decimal(n) / 100)


@given(
    side=st.sampled_from(Side),
    arrival=st.tuples(cents, cents),
    later=st.tuples(cents, cents),
    seconds=st.floats(min_value=0, max_value=200),
    preset=st.sampled_from(sorted(PRESETS)),
    grid=st.sampled_from([PENNY, NICKEL_DIME]),
)
def test_no_quote_path_takes_a_limit_beyond_the_cap_or_off_the_grid(
    side: Side,
    arrival: tuple[Decimal, Decimal],
    later: tuple[Decimal, Decimal],
    seconds: float,
    preset: str,
    grid: PriceIncrements,
) -> None:
    policy = PRESETS[preset]
    first = Quote(bid=min(arrival), ask=max(arrival), at=T0)
    walk = begin_walk(first, side, policy, grid, T0)
    assert isinstance(walk, Walk)
    now = T0 + timedelta(seconds=seconds)
    answer = next_step(walk, Quote(bid=min(later), ask=max(later), at=now), policy, now)
    if not isinstance(answer, Rest):
        return
    beyond = (answer.limit - walk.arrival_mid) * side.sign
    assert beyond <= walk.cap
    assert grid.is_valid(answer.limit)
    if side is Side.BUY:
        assert answer.limit <= max(later)
    else:
        assert answer.limit >= min(later) or beyond <= 0
