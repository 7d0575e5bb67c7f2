"""A calm morning in which everything is allowed; each test spoils one thing."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from dispersa.market import (
    PENNY,
    ConId,
    OptionContract,
    Quote,
    Right,
    Side,
    Straddle,
    Symbol,
    TradingSession,
    Underlying,
    UnderlyingKind,
)
from dispersa.orders import (
    AccountReading,
    ApprovedOrder,
    Combo,
    Leg,
    OrderIntent,
    OrderRef,
    PackageId,
    ProgramId,
    Purpose,
    VixReading,
    straddle_combo,
)
from dispersa.risk import (
    NO_USE,
    Denial,
    EdgeMeasured,
    ExposureAfter,
    Gate,
    GateFacts,
    HaltLevel,
    HeldLeg,
    Limits,
    MessageCounts,
    OrderContext,
    PlannedPackage,
    PlanRequest,
    Uses,
)

AT = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
ACCOUNT = "DU1234567"
NAME = Symbol("QQQ")
EXPIRY = date(2026, 12, 18)


def option(con_id: int, right: Right, symbol: str = NAME) -> OptionContract:
    return OptionContract(
        con_id=ConId(con_id),
        symbol=Symbol(symbol),
        expiry=EXPIRY,
        strike=Decimal(500),
        right=right,
    )


STRADDLE = Straddle(call=option(1, Right.CALL), put=option(2, Right.PUT))
SHARES = Underlying(con_id=ConId(3), symbol=NAME, kind=UnderlyingKind.ETF)

SESSION = TradingSession(
    opens=datetime(2026, 11, 20, 14, 30, tzinfo=UTC),
    closes=datetime(2026, 11, 20, 21, 0, tzinfo=UTC),
)
ACCOUNT_READING = AccountReading(
    account=ACCOUNT,
    is_paper=True,
    currency="USD",
    net_liquidation=Decimal(1_000_000),
    available_funds=Decimal(900_000),
    initial_margin=Decimal(100_000),
    maintenance_margin=Decimal(80_000),
    total_cash=Decimal(900_000),
    at=AT - timedelta(seconds=5),
)
VIX_QUOTE = Quote(bid=None, ask=None, at=AT - timedelta(seconds=5))
VIX = VixReading(level=18.0, quote=VIX_QUOTE)
FACTS = GateFacts(
    at=AT,
    account=ACCOUNT_READING,
    account_expected=ACCOUNT,
    is_live_allowed=False,
    vix=VIX,
    active_positions=1,
    exposure_after=ExposureAfter(
        premium_usd=Decimal(100_000), margin_usd=Decimal(200_000), hedge_stock_usd=Decimal(50_000)
    ),
    uses=Uses(day=NO_USE, book=NO_USE, by_name={}, programs_today=0),
    session=SESSION,
    reconciled_at=AT - timedelta(minutes=2),
    locked_names=(),
    unknown_names=(),
    halt=HaltLevel.NONE,
    are_links_proven=True,
    messages=MessageCounts(last_second=0, today=10, orders_executed_today=3),
    rejects_in_a_row=0,
)
PACKAGE_QUOTE = Quote(bid=Decimal("19.80"), ask=Decimal("20.20"), bid_size=50, ask_size=40, at=AT)
PACKAGE = PlannedPackage(
    symbol=NAME,
    side=Side.SELL,
    quantity=10,
    contracts_per_unit=2,
    multiplier=100,
    premium_usd=Decimal(20_000),
    vega_usd=1_300.0,
)
PLAN = PlanRequest(
    purpose=Purpose.OPEN,
    direction="LONG_DISPERSION",
    packages=(
        PACKAGE,
        replace(PACKAGE, symbol=Symbol("AAPL"), side=Side.BUY, premium_usd=Decimal(9_000)),
    ),
    edge=EdgeMeasured(vol_points=0.8),
    margin_modelled_usd=Decimal(120_000),
    margin_what_if_usd=Decimal(110_000),
)
INTENT = OrderIntent(
    ref=OrderRef("20261120-a41f/QQQ/1"),
    program=ProgramId("20261120-a41f"),
    package=PackageId("20261120-a41f/QQQ"),
    purpose=Purpose.OPEN,
    account=ACCOUNT,
    combo=straddle_combo(STRADDLE),
    side=Side.SELL,
    quantity=4,
    limit_price=Decimal("20.00"),
)
CONTEXT = OrderContext(
    fair_value=Decimal("20.05"),
    quote=PACKAGE_QUOTE,
    increments=PENNY,
    approved_side=Side.SELL,
    approved_con_ids=(ConId(1), ConId(2)),
    units_left=10,
    reserved_units=0,
    filled_units=0,
    live_refs=(),
    is_ref_new=True,
    unit_premium=Decimal(2_005),
    unit_vega=130.0,
    edge=EdgeMeasured(vol_points=0.8),
    margin_increase=Decimal(60_000),
    program_use=NO_USE,
    package_use=NO_USE,
    held=(),
    delta_shares=None,
    messages_of_order=0,
)

REDUCE_INTENT = replace(INTENT, purpose=Purpose.REDUCE, side=Side.BUY)
REDUCE_CONTEXT = replace(
    CONTEXT,
    approved_side=Side.BUY,
    held=(
        HeldLeg(con_id=ConId(1), quantity=Decimal(-10)),
        HeldLeg(con_id=ConId(2), quantity=Decimal(-10)),
    ),
)
HEDGE_INTENT = replace(
    INTENT,
    purpose=Purpose.HEDGE,
    side=Side.BUY,
    combo=Combo(legs=(Leg(contract=SHARES, side=Side.BUY),)),
    quantity=120,
    limit_price=Decimal("500.02"),
)
HEDGE_CONTEXT = replace(
    CONTEXT,
    fair_value=Decimal(500),
    quote=Quote(bid=Decimal("499.98"), ask=Decimal("500.02"), at=AT),
    approved_side=Side.BUY,
    approved_con_ids=(ConId(3),),
    units_left=120,
    delta_shares=-120.4,
)
ORDERS = {
    Purpose.OPEN: (INTENT, CONTEXT),
    Purpose.HEDGE: (HEDGE_INTENT, HEDGE_CONTEXT),
    Purpose.REDUCE: (REDUCE_INTENT, REDUCE_CONTEXT),
}

GATE = Gate(Limits())


def with_account(**changes: Any) -> GateFacts:
    return replace(FACTS, account=replace(ACCOUNT_READING, **changes))


def with_vix(level: float = 18.0, **quote: Any) -> GateFacts:
    return replace(FACTS, vix=VixReading(level=level, quote=replace(VIX_QUOTE, **quote)))


def with_exposure(**changes: Any) -> GateFacts:
    return replace(FACTS, exposure_after=replace(FACTS.exposure_after, **changes))


def with_messages(**changes: Any) -> GateFacts:
    return replace(FACTS, messages=replace(FACTS.messages, **changes))


def with_uses(**changes: Any) -> GateFacts:
    assert FACTS.uses is not None
    return replace(FACTS, uses=replace(FACTS.uses, **changes))


def answer(
    purpose: Purpose,
    *,
    limits: Limits | None = None,
    facts: GateFacts = FACTS,
    intent: dict[str, Any] | None = None,
    context: dict[str, Any] | None = None,
) -> ApprovedOrder | Denial:
    """Ask the gate for the calm order of this purpose with something changed."""
    order, around = ORDERS[purpose]
    gate = GATE if limits is None else Gate(limits)
    return gate.approve(replace(order, **intent or {}), facts, replace(around, **context or {}))


def code_of(outcome: ApprovedOrder | Denial) -> str:
    return outcome.code if isinstance(outcome, Denial) else "approved"
