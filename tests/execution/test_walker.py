"""Does the walk begin at mid, move in steps, stop at its cap and pause on bad quotes?"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispersa.execution.policy import PRESETS, PriceUnit, Trigger, WalkPolicy
from dispersa.execution.walker import (
    GiveUp,
    Pause,
    Rest,
    Sight,
    Walk,
    WalkBounds,
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


EACH_STEP = WalkPolicy(amend_steps=1)


def bounds(grid: PriceIncrements = PENNY, allowance: Decimal | None = None) -> WalkBounds:
    return WalkBounds(increments=grid, vega=0.5, allowance=allowance)


def begun(side: Side, bid: str, ask: str, policy: WalkPolicy = PRESETS["standard"]) -> Walk:
    walk = begin_walk(Sight(quote=quote(bid, ask), at=T0), side, policy, bounds())
    assert isinstance(walk, Walk)
    return walk


def rests_at(walk: Walk, bid: str, ask: str, seconds: float, policy: WalkPolicy) -> Decimal:
    now = T0 + timedelta(seconds=seconds)
    answer = next_step(walk, Sight(quote=quote(bid, ask, now), at=now), policy)
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
    sight = Sight(quote=quote("9.84", "10.16", late), at=late)
    assert isinstance(next_step(walk, sight, WalkPolicy()), GiveUp)


def test_walk_follows_the_mid_when_it_moves_in_our_favor() -> None:
    walk = begun(Side.BUY, "9.84", "10.16")
    assert rests_at(walk, "9.74", "10.06", 5, WalkPolicy()) == Decimal("9.92")


def test_walk_does_not_chase_an_adverse_market_beyond_its_cap() -> None:
    walk = begun(Side.BUY, "9.84", "10.16")
    assert rests_at(walk, "9.94", "10.30", 40, WalkPolicy()) == Decimal("10.16")


def test_walk_ends_when_the_mid_has_left_its_cap_behind() -> None:
    walk = begun(Side.SELL, "9.84", "10.16")
    later = T0 + timedelta(seconds=6)
    answer = next_step(walk, Sight(quote=quote("9.60", "9.80", later), at=later), WalkPolicy())
    assert isinstance(answer, GiveUp)
    assert answer.moved_away


def test_limits_round_to_the_passive_side_of_the_grid() -> None:
    sight = Sight(quote=quote("4.03", "4.40"), at=T0)
    walk = begin_walk(sight, Side.BUY, WalkPolicy(), bounds(NICKEL_DIME))
    assert isinstance(walk, Walk)
    assert walk.step == Decimal("0.10")
    assert next_step(walk, sight, WalkPolicy()) == Rest(limit=Decimal("4.2"), steps=0)


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
    sight = Sight(quote=bad, at=T0)
    assert next_step(walk, sight, WalkPolicy()) == Pause(reason=fault.value)
    assert begin_walk(sight, Side.BUY, WalkPolicy(), bounds()) == Pause(reason=fault.value)


def on_the_wire(path: list[tuple[float, str, str]], policy: WalkPolicy) -> list[Decimal]:
    """Limits that a purchase shows the broker while quotes (seconds, bid, ask) go by."""
    walk = begun(Side.BUY, path[0][1], path[0][2], policy)
    working: Decimal | None = None
    sent: list[Decimal] = []
    for seconds, bid, ask in path:
        now = T0 + timedelta(seconds=seconds)
        sight = Sight(quote=quote(bid, ask, now), at=now, working=working)
        answer = next_step(walk, sight, policy)
        if isinstance(answer, Rest) and answer.limit != working:
            working = answer.limit
            walk = walk.at_step(answer.steps, now)
            sent.append(working)
    return sent


def test_a_limit_moves_only_when_it_is_worth_a_message() -> None:
    still = [(n * 0.25, "9.84", "10.16") for n in range(4 * 70)]
    assert on_the_wire(still, WalkPolicy()) == [Decimal(x) for x in ("10.00", "10.08", "10.16")]
    assert len(on_the_wire(still, EACH_STEP)) == 9


def test_a_mid_that_jitters_sends_nothing() -> None:
    jitter = [(n * 0.25, f"9.{84 + n % 2}", f"10.{16 + n % 2}") for n in range(4 * 19)]
    assert on_the_wire(jitter, WalkPolicy()) == [Decimal("10.00")]


def test_a_book_that_leans_against_us_shortens_the_wait_to_a_quarter() -> None:
    walk = begun(Side.BUY, "9.84", "10.16", EACH_STEP)
    now = T0 + timedelta(seconds=1.3)
    leaning = Quote(bid=Decimal("9.84"), ask=Decimal("10.16"), bid_size=61, ask_size=10, at=now)
    answer = next_step(walk, Sight(quote=leaning, at=now), EACH_STEP)
    assert answer == Rest(limit=Decimal("10.02"), steps=1)
    level = next_step(walk, Sight(quote=quote("9.84", "10.16", now), at=now), EACH_STEP)
    assert level == Rest(limit=Decimal("10.00"), steps=0)


def test_an_urgent_program_shortens_the_wait_to_a_quarter() -> None:
    walk = begun(Side.SELL, "9.84", "10.16", EACH_STEP)
    now = T0 + timedelta(seconds=2.6)
    sight = Sight(quote=quote("9.84", "10.16", now), at=now, urgency=1.0)
    assert next_step(walk, sight, EACH_STEP) == Rest(limit=Decimal("9.96"), steps=2)


def test_a_fill_begins_the_wait_anew_and_leaves_the_steps_that_remain() -> None:
    # cap 0.16 in steps of 0.02 each 5 s; a fill after 4 s of the first wait
    walk = begun(Side.BUY, "9.84", "10.16").met(T0 + timedelta(seconds=4))
    limits = [rests_at(walk, "9.84", "10.16", s, WalkPolicy()) for s in (4, 8.9, 9, 14)]
    assert limits == [Decimal(x) for x in ("10.00", "10.00", "10.02", "10.04")]
    # 45 s of steps and 30 s at the cap, each four seconds later than without the fill
    for seconds, is_over in ((78, False), (80, True)):
        at = T0 + timedelta(seconds=seconds)
        answer = next_step(walk, Sight(quote=quote("9.84", "10.16", at), at=at), WalkPolicy())
        assert isinstance(answer, GiveUp) is is_over


def test_beyond_its_messages_a_walk_begins_half_way_and_moves_once() -> None:
    terse = WalkPolicy().terse()
    walk = begun(Side.BUY, "9.84", "10.16", terse)
    assert rests_at(walk, "9.84", "10.16", 0, terse) == Decimal("10.08")
    working, sent = None, []
    for seconds in range(60):
        at = T0 + timedelta(seconds=seconds)
        sight = Sight(quote=quote("9.84", "10.16", at), at=at, working=working)
        answer = next_step(walk, sight, terse)
        if isinstance(answer, Rest) and answer.limit != working:
            working, walk = answer.limit, walk.at_step(answer.steps, at)
            sent.append((seconds, working))
    assert sent == [(0, Decimal("10.08")), (20, Decimal("10.16"))]
    assert PRESETS["roadmap"].terse() == PRESETS["roadmap"]


def test_the_budget_bounds_the_cap() -> None:
    sight = Sight(quote=quote("9.84", "10.16"), at=T0)
    walk = begin_walk(sight, Side.BUY, WalkPolicy(), bounds(allowance=Decimal("0.05")))
    assert isinstance(walk, Walk)
    assert (walk.cap, walk.limit_worst) == (Decimal("0.05"), Decimal("10.05"))
    spent = begin_walk(sight, Side.BUY, WalkPolicy(), bounds(allowance=Decimal("-3")))
    assert isinstance(spent, Walk)
    assert spent.limit_worst == Decimal("10.00")


def test_in_vol_points_the_limit_moves_with_our_own_value() -> None:
    # 0.2 vol points at 0.50 dollars a share: cap 0.10, below the half-spread of 0.16
    policy = WalkPolicy(unit=PriceUnit.VOL, cap_vol_points=0.2, amend_steps=1)
    start = Sight(quote=quote("9.84", "10.16"), at=T0, fair=Decimal("10.02"))
    walk = begin_walk(start, Side.BUY, policy, bounds())
    assert isinstance(walk, Walk)
    assert walk.cap == Decimal("0.10")
    later = T0 + timedelta(seconds=1)
    up = Sight(quote=quote("10.14", "10.46", later), at=later, fair=Decimal("10.32"))
    assert next_step(walk, up, policy) == Rest(limit=Decimal("10.30"), steps=0)
    blind = Sight(quote=quote("10.14", "10.46", later), at=later)
    assert isinstance(next_step(walk, blind, policy), Pause)


def test_the_roadmap_preset_is_literal() -> None:
    roadmap = PRESETS["roadmap"]
    assert roadmap.triggers == ()
    walk = begun(Side.BUY, "9.50", "10.50", roadmap)
    assert rests_at(walk, "9.30", "10.30", 5, roadmap) == Decimal("10.01")  # no following
    assert Trigger.FOLLOW in PRESETS["standard"].triggers


cents = st.integers(min_value=1, max_value=100_000).map(lambda n: Decimal(n) / 100)
moments = st.lists(
    st.tuples(
        st.floats(min_value=0.05, max_value=30),
        st.tuples(cents, cents),
        st.tuples(st.integers(0, 500), st.integers(0, 500)),
        st.floats(min_value=0, max_value=1),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


@given(
    side=st.sampled_from(Side),
    arrival=st.tuples(cents, cents),
    path=moments,
    preset=st.sampled_from(sorted(PRESETS)),
    grid=st.sampled_from([PENNY, NICKEL_DIME]),
    allowance=st.none() | cents,
)
def test_no_quote_path_takes_a_limit_beyond_the_cap_or_off_the_grid(
    side: Side,
    arrival: tuple[Decimal, Decimal],
    path: list[tuple[float, tuple[Decimal, Decimal], tuple[int, int], float, bool]],
    preset: str,
    grid: PriceIncrements,
    allowance: Decimal | None,
) -> None:
    policy = PRESETS[preset]
    first = Quote(bid=min(arrival), ask=max(arrival), at=T0)
    begun_at = Sight(quote=first, at=T0)
    walk = begin_walk(begun_at, side, policy, bounds(grid, allowance))
    assert isinstance(walk, Walk)
    now, working = T0, None
    for seconds, prices, sizes, urgency, is_filled in path:
        now += timedelta(seconds=seconds)
        walk = walk.met(now) if is_filled else walk
        seen = Quote(bid=min(prices), ask=max(prices), bid_size=sizes[0], ask_size=sizes[1], at=now)
        sight = Sight(quote=seen, at=now, working=working, urgency=urgency)
        answer = next_step(walk, sight, policy)
        if not isinstance(answer, Rest):
            continue
        assert (answer.limit - walk.arrival_mid) * side.sign <= walk.cap
        assert grid.is_valid(answer.limit)
        if answer.limit != working:
            far = max(prices) if side is Side.BUY else min(prices)
            assert (answer.limit - far) * side.sign <= 0 or not grid.is_valid(far)
            walk, working = walk.at_step(answer.steps, now), answer.limit
