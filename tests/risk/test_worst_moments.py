"""A position can always be reduced; no order leaves outside its collar, whatever is quoted."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from situations import (
    AT,
    FACTS,
    GATE,
    HEDGE_CONTEXT,
    INTENT,
    ORDERS,
    answer,
    with_account,
    with_exposure,
    with_uses,
    with_vix,
)

from dispersa.market import PENNY, DataKind, Quote, Side
from dispersa.orders import ApprovedOrder, Purpose
from dispersa.risk import Denial, EdgeMeasured, Limits, OrderContext, Use

LIMITS = Limits()

prices = st.one_of(
    st.none(),
    st.sampled_from(["NaN", "-1", "-2", "0", "1.797E+308", "Infinity", "0.01"]).map(Decimal),
    st.decimals(min_value=0, max_value=60, places=2),
)
quotes = st.builds(
    Quote,
    bid=prices,
    ask=prices,
    at=st.integers(-10, 10).map(lambda seconds: AT - timedelta(seconds=seconds)),
    kind=st.sampled_from(DataKind),
)
limit_prices = st.decimals(min_value=-5, max_value=60, places=3)


def assert_inside(approved: ApprovedOrder, context: OrderContext) -> None:
    """Work the collar out again, by its words."""
    limit, fair, quote = approved.intent.limit_price, context.fair_value, context.quote
    assert fair is not None
    assert fair.is_finite()
    assert fair > 0
    share = Decimal("0.01" if approved.intent.purpose is Purpose.HEDGE else "0.05")
    assert limit > 0
    assert abs(limit - fair) <= max(share * fair, Decimal("0.10"))
    assert quote.bid is not None
    assert quote.ask is not None
    assert 0 < quote.bid <= quote.ask < 61
    assert quote.kind is DataKind.LIVE
    assert AT - quote.at <= timedelta(seconds=5)
    assert limit <= quote.ask if approved.intent.side is Side.BUY else limit >= quote.bid
    assert limit % Decimal("0.01") == 0


@given(
    purpose=st.sampled_from(Purpose),
    side=st.sampled_from(Side),
    fair=prices,
    quote=quotes,
    limit=limit_prices,
)
def test_no_order_leaves_outside_the_collar_for_any_quote(
    purpose: Purpose, side: Side, fair: Decimal | None, quote: Quote, limit: Decimal
) -> None:
    _, context = ORDERS[purpose]
    around = replace(context, fair_value=fair, quote=quote, increments=PENNY, approved_side=side)
    intent = replace(ORDERS[purpose][0], side=side, limit_price=limit)
    outcome = GATE.approve(intent, FACTS, around)
    if isinstance(outcome, ApprovedOrder):
        assert_inside(outcome, around)


@given(steps=st.lists(st.tuples(limit_prices, quotes, prices), max_size=12))
def test_no_reprice_leaves_outside_the_collar_for_any_quote_sequence(
    steps: list[tuple[Decimal, Quote, Decimal | None]],
) -> None:
    order = answer(Purpose.OPEN)
    assert isinstance(order, ApprovedOrder)
    for limit, quote, fair in steps:
        context = replace(ORDERS[Purpose.OPEN][1], quote=quote, fair_value=fair, is_ref_new=False)
        outcome = GATE.approve_amend(order, limit, FACTS, context)
        if isinstance(outcome, ApprovedOrder):
            assert_inside(outcome, context)
            assert outcome.revision == order.revision + 1
            order = outcome


@given(
    limit=st.integers(1990, 2010).map(lambda cents: Decimal(cents) / 100),
    fair=st.integers(1980, 2020).map(lambda cents: Decimal(cents) / 100),
)
def test_sound_orders_do_pass(limit: Decimal, fair: Decimal) -> None:
    """The property above is not empty: near the mid everything is approved."""
    outcome = answer(Purpose.OPEN, intent={"limit_price": limit}, context={"fair_value": fair})
    assert isinstance(outcome, ApprovedOrder)


worst_vix = st.sampled_from([80.0, float("nan"), 0.0, -1.0])
funds = st.sampled_from([None, Decimal("NaN"), Decimal(-5_000_000), Decimal(1)])


@given(
    vix=worst_vix,
    capital=funds,
    available=funds,
    positions=st.sampled_from([None, 3, 99]),
    quantity=st.integers(1, 10),
)
def test_position_can_always_be_reduced(
    vix: float,
    capital: Decimal | None,
    available: Decimal | None,
    positions: int | None,
    quantity: int,
) -> None:
    full = Use(premium_usd=Decimal(10**12), vega_usd=1e12, contracts=10**9)
    facts = replace(
        with_account(net_liquidation=capital, available_funds=available),
        vix=with_vix(vix).vix,
        active_positions=positions,
        exposure_after=with_exposure(
            premium_usd=None, margin_usd=Decimal(10**9), hedge_stock_usd=None
        ).exposure_after,
        uses=with_uses(day=full, book=full, by_name={"QQQ": full}, programs_today=99).uses,
    )
    outcome = answer(
        Purpose.REDUCE,
        facts=facts,
        intent={"quantity": quantity},
        context={
            "edge": EdgeMeasured(vol_points=None),
            "margin_increase": None,
            "program_use": full,
            "package_use": full,
        },
    )
    assert isinstance(outcome, ApprovedOrder)


@given(
    units_left=st.integers(-2, 12),
    reserved=st.integers(-2, 12),
    filled=st.integers(-2, 12),
    quantity=st.integers(1, 12),
)
def test_child_never_exceeds_the_approved_parent(
    units_left: int, reserved: int, filled: int, quantity: int
) -> None:
    outcome = answer(
        Purpose.OPEN,
        intent={"quantity": quantity},
        context={"units_left": units_left, "reserved_units": reserved, "filled_units": filled},
    )
    may_fill = quantity - filled
    is_sound = filled >= 0 and reserved >= 0 and may_fill >= 1
    assert isinstance(outcome, ApprovedOrder) is (is_sound and may_fill + reserved <= units_left)
    if isinstance(outcome, Denial):
        assert outcome.code == "conservation"


def test_hedge_is_let_out_in_a_storm() -> None:
    facts = replace(FACTS, vix=with_vix(80.0).vix, active_positions=3)
    assert isinstance(answer(Purpose.HEDGE, facts=facts), ApprovedOrder)
    assert HEDGE_CONTEXT.delta_shares is not None
    assert isinstance(answer(Purpose.OPEN, facts=facts), Denial)
    assert INTENT.purpose is Purpose.OPEN
    assert LIMITS.vix_max == 30
