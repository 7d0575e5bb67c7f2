"""The send gate: every denial reached, at its boundary, for exactly the purposes it binds."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from situations import (
    AT,
    CONTEXT,
    FACTS,
    GATE,
    HEDGE_CONTEXT,
    HEDGE_INTENT,
    INTENT,
    NAME,
    PACKAGE_QUOTE,
    REDUCE_CONTEXT,
    SESSION,
    STRADDLE,
    answer,
    code_of,
    with_account,
    with_exposure,
    with_messages,
    with_uses,
    with_vix,
)

from dispersa.errors import InvalidInput
from dispersa.market import PENNY, ConId, DataKind, PriceIncrements, Quote, Side
from dispersa.orders import ApprovedOrder, OrderRef, Purpose, straddle_combo
from dispersa.risk import (
    CONTROLS,
    Cap,
    Denial,
    DenialCode,
    EdgeMeasured,
    EdgeWaived,
    GateFacts,
    HaltLevel,
    HeldLeg,
    Limits,
    QuietWindow,
    Use,
)

C = DenialCode
LIMITS = Limits()
NAN = Decimal("NaN")
SECOND = timedelta(seconds=1)


def use(premium: int = 0, vega: float = 0.0, contracts: int = 0) -> Use:
    return Use(premium_usd=Decimal(premium), vega_usd=vega, contracts=contracts)


NICKEL = PriceIncrements(steps=((Decimal(0), Decimal("0.05")),))

# One spoiled fact per row, that spoils it for every purpose that the control binds.
SPOILED: dict[DenialCode, dict[str, Any]] = {
    C.NET_LIQUIDATION: {"facts": with_account(net_liquidation=Decimal(50_000))},
    C.VIX: {"facts": with_vix(30.0)},
    C.ACTIVE_POSITIONS: {"facts": replace(FACTS, active_positions=3)},
    C.GROSS_EXPOSURE: {"facts": with_exposure(margin_usd=Decimal(450_000))},
    C.EDGE: {"context": {"edge": EdgeMeasured(vol_points=0.0)}},
    C.MARGIN: {"facts": with_account(available_funds=Decimal(259_999))},
    C.ACCOUNT: {"facts": with_account(account="DU7654321")},
    C.ACCOUNT_AGE: {"facts": with_account(at=AT - timedelta(seconds=301))},
    C.PAPER_OR_LIVE: {"facts": with_account(is_paper=False)},
    C.HALTED: {"facts": replace(FACTS, halt=HaltLevel.CANCEL)},
    C.LINK: {"facts": replace(FACTS, are_links_proven=False)},
    C.SESSION: {"facts": replace(FACTS, session=None)},
    C.QUIET_WINDOW: {"limits": Limits(quiet_windows=(QuietWindow(start=time(10), end=time(11)),))},
    C.RECONCILED: {"facts": replace(FACTS, reconciled_at=None)},
    C.NAME_LOCKED: {"facts": replace(FACTS, locked_names=(NAME,))},
    C.NAME_UNKNOWN: {"facts": replace(FACTS, unknown_names=(NAME,))},
    C.RESTRICTED: {"limits": Limits(restricted=(NAME,))},
    C.NOT_IN_PLAN: {"context": {"approved_con_ids": (ConId(1), ConId(9))}},
    C.CONSERVATION: {"context": {"units_left": 3}},
    C.DUPLICATE: {"context": {"live_refs": (OrderRef("other"),)}},
    C.QUOTE: {"context": {"quote": Quote(bid=None, ask=Decimal("20.20"), at=AT)}},
    C.FAIR_VALUE: {"context": {"fair_value": None}},
    C.COLLAR: {"context": {"fair_value": Decimal(900)}},
    C.PRICE_GRID: {"intent": {"limit_price": Decimal("20.001")}},
    C.MESSAGE_RATE: {"facts": with_messages(last_second=40)},
    C.MESSAGES_OF_ORDER: {"context": {"messages_of_order": 59}},
    C.MESSAGES_OF_DAY: {"facts": with_messages(today=10_000)},
    C.MESSAGE_EFFICIENCY: {"facts": with_messages(today=300, orders_executed_today=10)},
    C.ORDER_PREMIUM: {
        "limits": Limits(
            order=Cap(premium_usd_max=Decimal(8_019), vega_usd_max=2_500.0, contracts_max=100)
        )
    },
    C.ORDER_VEGA: {
        "limits": Limits(
            order=Cap(premium_usd_max=Decimal(100_000), vega_usd_max=519.0, contracts_max=100)
        )
    },
    C.ORDER_CONTRACTS: {
        "limits": Limits(
            order=Cap(premium_usd_max=Decimal(100_000), vega_usd_max=2_500.0, contracts_max=7)
        )
    },
    C.PACKAGE_PREMIUM: {"context": {"package_use": use(premium=249_999)}},
    C.PACKAGE_VEGA: {"context": {"package_use": use(vega=7_499.0)}},
    C.PACKAGE_CONTRACTS: {"context": {"package_use": use(contracts=499)}},
    C.PROGRAM_PREMIUM: {"context": {"program_use": use(premium=499_999)}},
    C.PROGRAM_VEGA: {"context": {"program_use": use(vega=14_999.0)}},
    C.PROGRAM_CONTRACTS: {"context": {"program_use": use(contracts=1_999)}},
    C.DAY_PREMIUM: {"facts": with_uses(day=use(premium=499_999))},
    C.DAY_VEGA: {"facts": with_uses(day=use(vega=14_999.0))},
    C.DAY_CONTRACTS: {"facts": with_uses(day=use(contracts=1_999))},
    C.UNDERLYING_PREMIUM: {"facts": with_uses(by_name={NAME: use(premium=399_999)})},
    C.UNDERLYING_VEGA: {"facts": with_uses(by_name={NAME: use(vega=11_999.0)})},
    C.UNDERLYING_CONTRACTS: {"facts": with_uses(by_name={NAME: use(contracts=799)})},
    C.BOOK_PREMIUM: {"facts": with_uses(book=use(premium=999_999))},
    C.BOOK_VEGA: {"facts": with_uses(book=use(vega=29_999.0))},
    C.BOOK_CONTRACTS: {"facts": with_uses(book=use(contracts=3_999))},
    C.DAY_PROGRAMS: {"facts": with_uses(programs_today=3)},
    C.NOT_REDUCING: {"context": {"held": ()}},
    C.NOT_A_HEDGE: {"context": {"delta_shares": 0.0}},
    C.REJECTS_IN_A_ROW: {"facts": replace(FACTS, rejects_in_a_row=3)},
    C.HEDGE_VALUE: {"limits": Limits(hedge_order_usd_max=Decimal(60_002))},
}
# Rows whose spoiling needs the order's own numbers.
BY_PURPOSE: dict[tuple[DenialCode, Purpose], dict[str, Any]] = {
    (C.FAR_SIDE, Purpose.OPEN): {"intent": {"limit_price": Decimal("19.79")}},
    (C.FAR_SIDE, Purpose.REDUCE): {"intent": {"limit_price": Decimal("20.21")}},
    (C.FAR_SIDE, Purpose.HEDGE): {"intent": {"limit_price": Decimal("500.03")}},
    (C.PRICE_GRID, Purpose.HEDGE): {"intent": {"limit_price": Decimal("500.001")}},
    (C.COLLAR, Purpose.HEDGE): {"context": {"fair_value": Decimal(490)}},
}
PLAN_ONLY = {C.PLAN_SHAPE}


def spoil(code: DenialCode, purpose: Purpose) -> dict[str, Any]:
    return BY_PURPOSE.get((code, purpose)) or SPOILED[code]


@pytest.mark.parametrize("purpose", list(Purpose))
def test_calm_order_is_approved_at_revision_zero(purpose: Purpose) -> None:
    outcome = answer(purpose)
    assert isinstance(outcome, ApprovedOrder)
    assert (outcome.revision, outcome.approved_at) == (0, AT)
    assert outcome.passed


@pytest.mark.parametrize("purpose", list(Purpose))
@pytest.mark.parametrize("code", [code for code in DenialCode if code not in PLAN_ONLY])
def test_spoiled_fact_denies_exactly_the_purposes_it_binds(
    code: DenialCode, purpose: Purpose
) -> None:
    outcome = answer(purpose, **spoil(code, purpose))
    expected = code if purpose in CONTROLS[code].binds else "approved"
    assert code_of(outcome) == expected


def test_denial_says_what_was_found_what_was_expected_and_the_mend() -> None:
    outcome = answer(Purpose.OPEN, facts=with_vix(31.5))
    assert isinstance(outcome, Denial)
    assert "VIX is 31.5 points; expected below 30, live and fresh; wait" in outcome.sentence
    assert outcome.mend == CONTROLS[C.VIX].mend
    assert outcome.ref == INTENT.ref


def vix_at(age_seconds: float, level: float = 18.0) -> dict[str, Any]:
    return {"facts": with_vix(level, at=AT - timedelta(seconds=age_seconds))}


BOUNDARIES: list[tuple[dict[str, Any], str]] = [
    ({"facts": with_account(net_liquidation=Decimal("1000000.01"))}, "approved"),
    ({"facts": with_account(net_liquidation=Decimal("50000.00"))}, C.NET_LIQUIDATION),
    (vix_at(5, 29.99), "approved"),
    (vix_at(5, 30.0), C.VIX),
    (vix_at(5, 30.01), C.VIX),
    (vix_at(60), "approved"),
    (vix_at(60.001), C.VIX),
    (vix_at(-2), "approved"),
    (vix_at(-2.001), C.VIX),
    ({"facts": replace(FACTS, active_positions=0)}, "approved"),
    ({"facts": replace(FACTS, active_positions=2)}, "approved"),
    ({"facts": replace(FACTS, active_positions=3)}, C.ACTIVE_POSITIONS),
    ({"facts": replace(FACTS, active_positions=4)}, C.ACTIVE_POSITIONS),
    ({"facts": with_exposure(margin_usd=Decimal("449999.99"))}, "approved"),
    ({"facts": with_exposure(margin_usd=Decimal(450_000))}, C.GROSS_EXPOSURE),
    ({"facts": with_exposure(premium_usd=Decimal(450_000))}, C.GROSS_EXPOSURE),
    ({"facts": with_exposure(hedge_stock_usd=Decimal(-300_000))}, C.GROSS_EXPOSURE),
    ({"facts": with_account(available_funds=Decimal(260_000))}, "approved"),
    ({"facts": with_account(available_funds=Decimal("259999.99"))}, C.MARGIN),
    ({"facts": with_account(at=AT - timedelta(seconds=300))}, "approved"),
    ({"facts": with_account(at=AT + timedelta(seconds=3))}, C.ACCOUNT_AGE),
    ({"context": {"units_left": 4}}, "approved"),
    ({"context": {"units_left": 4, "reserved_units": 1}}, C.CONSERVATION),
    ({"context": {"reserved_units": -1}}, C.CONSERVATION),
    ({"context": {"filled_units": 4}}, C.CONSERVATION),
    ({"context": {"is_ref_new": False}}, C.DUPLICATE),
    ({"facts": with_messages(last_second=39)}, "approved"),
    ({"facts": with_messages(last_second=40)}, C.MESSAGE_RATE),
    ({"facts": with_messages(last_second=-1)}, C.MESSAGE_RATE),
    ({"context": {"messages_of_order": 58}}, "approved"),
    ({"facts": with_messages(today=7_999, orders_executed_today=9_999)}, "approved"),
    ({"facts": with_messages(today=8_000, orders_executed_today=9_999)}, C.MESSAGES_OF_DAY),
    ({"facts": with_messages(today=299, orders_executed_today=0)}, "approved"),
    ({"facts": with_messages(today=314, orders_executed_today=20)}, "approved"),
    ({"facts": with_messages(today=315, orders_executed_today=20)}, C.MESSAGE_EFFICIENCY),
    ({"facts": replace(FACTS, at=SESSION.opens + 59 * SECOND)}, C.SESSION),
    ({"facts": replace(FACTS, reconciled_at=AT - timedelta(seconds=3600))}, "approved"),
    ({"facts": replace(FACTS, reconciled_at=AT - timedelta(seconds=3601))}, C.RECONCILED),
    ({"facts": replace(FACTS, reconciled_at=AT + timedelta(seconds=3))}, C.RECONCILED),
    ({"facts": with_uses(programs_today=2)}, "approved"),
    ({"context": {"edge": EdgeMeasured(vol_points=0.01)}}, "approved"),
    ({"context": {"edge": EdgeWaived(label="demo")}}, "approved"),
    ({"context": {"edge": EdgeWaived(label=" ")}}, C.EDGE),
    ({"intent": {"limit_price": Decimal("19.80")}}, "approved"),
    ({"context": {"increments": NICKEL}, "intent": {"limit_price": Decimal("20.05")}}, "approved"),
    (
        {"context": {"increments": NICKEL}, "intent": {"limit_price": Decimal("20.01")}},
        C.PRICE_GRID,
    ),
    ({"context": {"fair_value": Decimal("19.0477")}}, "approved"),
    ({"context": {"fair_value": Decimal("19.0476")}}, C.COLLAR),
    (
        {
            "context": {"fair_value": Decimal("19.0477")},
            "intent": {"limit_price": Decimal("20.01")},
        },
        C.COLLAR,
    ),
    (
        {"context": {"fair_value": Decimal(20)}, "intent": {"limit_price": Decimal("21.00")}},
        "approved",
    ),
    (
        {"context": {"fair_value": Decimal(20)}, "intent": {"limit_price": Decimal("21.01")}},
        C.COLLAR,
    ),
    ({"context": {"package_use": use(premium=241_980)}}, "approved"),
    ({"context": {"package_use": use(premium=241_981)}}, C.PACKAGE_PREMIUM),
    ({"context": {"program_use": use(vega=14_480.0)}}, "approved"),
    ({"context": {"program_use": use(vega=14_480.1)}}, C.PROGRAM_VEGA),
    ({"facts": with_uses(day=use(contracts=1_992))}, "approved"),
    ({"facts": with_uses(day=use(contracts=1_993))}, C.DAY_CONTRACTS),
]


@pytest.mark.parametrize(("change", "expected"), BOUNDARIES)
def test_opening_order_at_the_boundary(change: dict[str, Any], expected: str) -> None:
    assert code_of(answer(Purpose.OPEN, **change)) == expected


NOT_KNOWN: list[tuple[dict[str, Any], str]] = [
    ({"facts": replace(FACTS, account=None)}, C.ACCOUNT),
    ({"facts": replace(FACTS, account_expected="")}, C.ACCOUNT),
    ({"facts": with_account(currency="EUR")}, C.ACCOUNT),
    ({"facts": with_account(net_liquidation=None)}, C.NET_LIQUIDATION),
    ({"facts": with_account(net_liquidation=NAN)}, C.NET_LIQUIDATION),
    ({"facts": with_account(net_liquidation=Decimal("sNaN"))}, C.NET_LIQUIDATION),
    ({"facts": with_account(net_liquidation=Decimal("Infinity"))}, C.NET_LIQUIDATION),
    ({"facts": with_account(available_funds=None)}, C.MARGIN),
    ({"facts": with_account(available_funds=NAN)}, C.MARGIN),
    ({"facts": with_account(at=AT.replace(tzinfo=None))}, C.ACCOUNT_AGE),
    ({"facts": replace(FACTS, vix=None)}, C.VIX),
    ({"facts": with_vix(float("nan"))}, C.VIX),
    ({"facts": with_vix(float("inf"))}, C.VIX),
    ({"facts": with_vix(0.0)}, C.VIX),
    ({"facts": with_vix(-1.0)}, C.VIX),
    ({"facts": with_vix(kind=DataKind.DELAYED)}, C.VIX),
    ({"facts": with_vix(kind=DataKind.FROZEN)}, C.VIX),
    ({"facts": with_vix(at=AT.replace(tzinfo=None))}, C.VIX),
    ({"facts": replace(FACTS, active_positions=None)}, C.ACTIVE_POSITIONS),
    ({"facts": replace(FACTS, active_positions=-1)}, C.ACTIVE_POSITIONS),
    ({"facts": with_exposure(premium_usd=None)}, C.GROSS_EXPOSURE),
    ({"facts": with_exposure(margin_usd=None)}, C.GROSS_EXPOSURE),
    ({"facts": with_exposure(hedge_stock_usd=None)}, C.GROSS_EXPOSURE),
    ({"facts": with_exposure(margin_usd=NAN)}, C.GROSS_EXPOSURE),
    ({"context": {"margin_increase": None}}, C.MARGIN),
    ({"context": {"margin_increase": NAN}}, C.MARGIN),
    ({"context": {"edge": EdgeMeasured(vol_points=None)}}, C.EDGE),
    ({"context": {"edge": EdgeMeasured(vol_points=float("nan"))}}, C.EDGE),
    ({"context": {"edge": EdgeMeasured(vol_points=float("inf"))}}, C.EDGE),
    ({"context": {"fair_value": NAN}}, C.FAIR_VALUE),
    ({"context": {"fair_value": Decimal(0)}}, C.FAIR_VALUE),
    ({"context": {"fair_value": Decimal(-1)}}, C.FAIR_VALUE),
    ({"context": {"unit_premium": None}}, C.ORDER_PREMIUM),
    ({"context": {"unit_premium": NAN}}, C.ORDER_PREMIUM),
    ({"context": {"unit_premium": Decimal(0)}}, C.ORDER_PREMIUM),
    ({"context": {"unit_vega": float("inf")}}, C.ORDER_PREMIUM),
    ({"context": {"unit_vega": None}}, C.ORDER_PREMIUM),
    ({"context": {"unit_vega": float("nan")}}, C.ORDER_PREMIUM),
    ({"context": {"unit_vega": 0.0}}, C.ORDER_PREMIUM),
    ({"context": {"program_use": use(vega=float("nan"))}}, C.PROGRAM_VEGA),
    ({"facts": with_uses(book=replace(use(), premium_usd=NAN))}, C.BOOK_PREMIUM),
    ({"facts": with_uses(day=use(contracts=-9))}, C.DAY_CONTRACTS),
    ({"facts": replace(FACTS, reconciled_at=AT.replace(tzinfo=None))}, C.RECONCILED),
    ({"facts": replace(FACTS, uses=None)}, C.BOOK_PREMIUM),
]


@pytest.mark.parametrize(("change", "expected"), NOT_KNOWN)
def test_fact_that_is_missing_or_not_a_number_denies(change: dict[str, Any], expected: str) -> None:
    assert code_of(answer(Purpose.OPEN, **change)) == expected


def test_reduction_of_a_size_that_is_not_known_is_denied() -> None:
    assert code_of(answer(Purpose.REDUCE, context={"unit_vega": None})) == C.ORDER_PREMIUM


def at_time(at: datetime) -> GateFacts:
    """The calm facts, read at another time."""
    fresh = with_account(at=at)
    return replace(fresh, at=at, reconciled_at=at, vix=with_vix(at=at).vix)


@pytest.mark.parametrize(("seconds", "expected"), [(60, "approved"), (59, C.SESSION)])
def test_order_leaves_from_a_minute_after_the_opening(seconds: int, expected: str) -> None:
    at = SESSION.opens + seconds * SECOND
    context = {"quote": replace(PACKAGE_QUOTE, at=at)}
    assert code_of(answer(Purpose.OPEN, facts=at_time(at), context=context)) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(300, "approved"), (299, C.SESSION)])
def test_order_leaves_until_five_minutes_before_the_close(seconds: int, expected: str) -> None:
    at = SESSION.closes - seconds * SECOND
    context = {"quote": replace(PACKAGE_QUOTE, at=at)}
    assert code_of(answer(Purpose.OPEN, facts=at_time(at), context=context)) == expected


def test_no_order_leaves_at_the_close_even_without_a_margin() -> None:
    limits = Limits(session_end_margin_seconds=0.0)
    context = {"quote": replace(PACKAGE_QUOTE, at=SESSION.closes)}
    facts = at_time(SESSION.closes)
    outcome = answer(Purpose.OPEN, limits=limits, facts=facts, context=context)
    assert code_of(outcome) == C.SESSION


@pytest.mark.parametrize(
    ("halt", "allowed"),
    [
        (HaltLevel.NONE, {Purpose.OPEN, Purpose.HEDGE, Purpose.REDUCE}),
        (HaltLevel.HOLD, {Purpose.REDUCE}),
        (HaltLevel.CANCEL, set()),
        (HaltLevel.FLATTEN, {Purpose.REDUCE}),
    ],
)
def test_halt_level_lets_out_only_what_it_names(halt: HaltLevel, allowed: set[Purpose]) -> None:
    facts = replace(FACTS, halt=halt)
    passed = {purpose for purpose in Purpose if code_of(answer(purpose, facts=facts)) == "approved"}
    assert passed == allowed


def test_facts_without_a_zone_are_refused() -> None:
    with pytest.raises(InvalidInput, match="expected an aware time"):
        replace(FACTS, at=AT.replace(tzinfo=None))


def test_live_account_needs_the_opt_in() -> None:
    live = with_account(is_paper=False)
    assert code_of(answer(Purpose.OPEN, facts=live)) == C.PAPER_OR_LIVE
    assert code_of(answer(Purpose.OPEN, facts=replace(live, is_live_allowed=True))) == "approved"


def test_order_of_another_account_is_denied() -> None:
    assert code_of(answer(Purpose.OPEN, intent={"account": "U9"})) == C.ACCOUNT


def test_wrong_side_is_not_in_the_plan() -> None:
    assert code_of(answer(Purpose.OPEN, intent={"side": Side.BUY})) == C.NOT_IN_PLAN


HELD = [
    ((-10, -10), 4, 0, "approved"),
    ((-10, -10), 10, 0, "approved"),
    ((-10, -10), 8, 2, "approved"),
    ((-10, -10), 8, 3, C.NOT_REDUCING),
    ((-10, -9), 10, 0, C.NOT_REDUCING),
    ((10, -10), 4, 0, C.NOT_REDUCING),
    ((0, -10), 4, 0, C.NOT_REDUCING),
]


@pytest.mark.parametrize(("held", "quantity", "reserved", "expected"), HELD)
def test_reduce_shrinks_each_leg_and_never_reverses(
    held: tuple[int, int], quantity: int, reserved: int, expected: str
) -> None:
    legs = tuple(
        HeldLeg(con_id=ConId(number), quantity=Decimal(size))
        for number, size in zip((1, 2), held, strict=True)
    )
    outcome = answer(
        Purpose.REDUCE,
        intent={"quantity": quantity},
        context={"held": legs, "units_left": 20, "reserved_units": reserved},
    )
    assert code_of(outcome) == expected


def test_reduce_after_a_partial_fill_counts_only_what_may_still_fill() -> None:
    approved = answer(Purpose.REDUCE, intent={"quantity": 10})
    assert isinstance(approved, ApprovedOrder)
    legs = tuple(HeldLeg(con_id=ConId(number), quantity=Decimal(-4)) for number in (1, 2))
    context = replace(REDUCE_CONTEXT, held=legs, filled_units=6, units_left=4, is_ref_new=False)
    outcome = GATE.approve_amend(approved, Decimal("20.05"), FACTS, context)
    assert isinstance(outcome, ApprovedOrder)
    assert outcome.revision == 1
    overfull = replace(context, filled_units=5)
    assert code_of(GATE.approve_amend(approved, Decimal("20.05"), FACTS, overfull)) != "approved"


@pytest.mark.parametrize(
    ("delta", "side", "expected"),
    [
        (-120.4, Side.BUY, "approved"),
        (-119.5, Side.BUY, "approved"),
        (-119.4, Side.BUY, C.NOT_A_HEDGE),
        (120.4, Side.BUY, C.NOT_A_HEDGE),
        (float("nan"), Side.BUY, C.NOT_A_HEDGE),
        (None, Side.BUY, C.NOT_A_HEDGE),
    ],
)
def test_hedge_goes_towards_zero_and_not_beyond(
    delta: float | None, side: Side, expected: str
) -> None:
    outcome = answer(Purpose.HEDGE, intent={"side": side}, context={"delta_shares": delta})
    assert code_of(outcome) == expected


def test_hedges_that_already_work_count_towards_zero_delta() -> None:
    context = {"units_left": 200, "reserved_units": 1}
    beyond = answer(Purpose.HEDGE, context={**context, "delta_shares": -120.4})
    short_of = answer(Purpose.HEDGE, context={**context, "delta_shares": -120.5})
    assert (code_of(beyond), code_of(short_of)) == (C.NOT_A_HEDGE, "approved")


def test_worthless_package_is_never_bought_for_nothing() -> None:
    quote = Quote(bid=Decimal("0.01"), ask=Decimal("0.10"), at=AT)
    outcome = answer(
        Purpose.REDUCE,
        intent={"limit_price": Decimal(0)},
        context={"fair_value": Decimal("0.05"), "quote": quote},
    )
    assert code_of(outcome) == C.COLLAR


def test_hedge_with_options_is_no_hedge() -> None:
    outcome = answer(
        Purpose.HEDGE,
        intent={"combo": straddle_combo(STRADDLE), "quantity": 4, "limit_price": Decimal("20.00")},
        context={
            "approved_con_ids": (ConId(1), ConId(2)),
            "quote": PACKAGE_QUOTE,
            "fair_value": Decimal(20),
        },
    )
    assert code_of(outcome) == C.NOT_A_HEDGE


def amended(limit: str, **context: Any) -> ApprovedOrder | Denial:
    approved = answer(Purpose.OPEN)
    assert isinstance(approved, ApprovedOrder)
    around = replace(CONTEXT, is_ref_new=False, **context)
    return GATE.approve_amend(approved, Decimal(limit), FACTS, around)


def test_amend_raises_the_revision_and_changes_the_limit_alone() -> None:
    outcome = amended("19.95")
    assert isinstance(outcome, ApprovedOrder)
    assert outcome.revision == 1
    assert outcome.intent == replace(INTENT, limit_price=Decimal("19.95"))


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("19.79", C.FAR_SIDE),
        ("21.06", C.COLLAR),
        ("NaN", C.COLLAR),
        ("Infinity", C.COLLAR),
        ("-20", C.COLLAR),
        ("0", C.COLLAR),
    ],
)
def test_amend_outside_the_collar_is_denied(limit: str, expected: str) -> None:
    assert code_of(amended(limit)) == expected


def test_amend_beside_another_live_order_of_the_package_is_denied() -> None:
    assert code_of(amended("19.95", live_refs=(OrderRef("other"),))) == C.DUPLICATE


def test_hedge_collar_is_narrower_than_the_collar_of_options() -> None:
    fair = Decimal("505.06")  # 500.02 lies 0.998 % below: inside; a cent higher is outside
    inside = answer(Purpose.HEDGE, context={"fair_value": fair})
    outside = answer(Purpose.HEDGE, context={"fair_value": fair + Decimal("0.02")})
    assert (code_of(inside), code_of(outside)) == ("approved", C.COLLAR)
    assert LIMITS.hedge_collar_share < LIMITS.collar_share
    assert HEDGE_INTENT.limit_price == Decimal("500.02")
    assert HEDGE_CONTEXT.increments == PENNY
