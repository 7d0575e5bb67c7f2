"""Nouns that the broker tests share, worked out by hand."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from ib_async.contract import ComboLeg, Contract
from ib_async.objects import CommissionReport, Execution
from ib_async.order import Order, OrderState

from dispersa.broker.ibkr.raw import (
    CommissionLine,
    EchoedOrder,
    ErrorLine,
    ExecutionLine,
    StatusLine,
)
from dispersa.market import (
    ConId,
    OptionContract,
    Right,
    Side,
    Straddle,
    Symbol,
    Underlying,
    UnderlyingKind,
)
from dispersa.orders import (
    ApprovedOrder,
    Combo,
    Leg,
    OrderIntent,
    OrderRef,
    PackageId,
    ProgramId,
    Purpose,
    straddle_combo,
)

ACCOUNT = "DU1234567"
CLIENT_ID = 12
ORDER_ID = 41
PERM_ID = 900_000_041
CALL_ID, PUT_ID, STOCK_ID = 701, 702, 700
NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
REF = OrderRef("20261120-a41f/AAPL/1")


class FixedClock:
    """A clock that shows what a test sets."""

    def __init__(self, now: datetime = NOON) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time


def option(right: Right, con_id: int, symbol: str = "AAPL") -> OptionContract:
    return OptionContract(
        con_id=ConId(con_id),
        symbol=Symbol(symbol),
        expiry=date(2026, 12, 18),
        strike=Decimal("272.5"),
        right=right,
        trading_class=symbol,
    )


STRADDLE = Straddle(call=option(Right.CALL, CALL_ID), put=option(Right.PUT, PUT_ID))
STOCK = Underlying(
    con_id=ConId(STOCK_ID),
    symbol=Symbol("AAPL"),
    kind=UnderlyingKind.STOCK,
    primary_exchange="NASDAQ",
)


def approved(
    *,
    ref: str = REF,
    side: Side = Side.BUY,
    quantity: int = 3,
    limit: str = "12.35",
    combo: Combo | None = None,
    purpose: Purpose = Purpose.OPEN,
    revision: int = 0,
) -> ApprovedOrder:
    intent = OrderIntent(
        ref=OrderRef(ref),
        program=ProgramId("20261120-a41f"),
        package=PackageId("20261120-a41f/AAPL"),
        purpose=purpose,
        account=ACCOUNT,
        combo=combo or straddle_combo(STRADDLE),
        side=side,
        quantity=quantity,
        limit_price=Decimal(limit),
    )
    return ApprovedOrder(intent=intent, revision=revision, approved_at=NOON, passed=())


def one_leg(contract: OptionContract | Underlying) -> Combo:
    return Combo(legs=(Leg(contract=contract, side=Side.BUY),))


def with_limit(order: ApprovedOrder, limit: str) -> ApprovedOrder:
    intent = replace(order.intent, limit_price=Decimal(limit))
    return replace(order, intent=intent, revision=order.revision + 1)


def bag() -> Contract:
    """The contract as TWS echoes it: '?' for the right, legs in its own order."""
    return Contract(
        secType="BAG",
        conId=28812380,
        symbol="AAPL",
        right="?",
        exchange="SMART",
        currency="USD",
        localSymbol="AAPL",
        tradingClass="COMB",
        comboLegsDescrip="702|1,701|1",
        comboLegs=[
            ComboLeg(conId=PUT_ID, ratio=1, action="BUY", exchange="SMART"),
            ComboLeg(conId=CALL_ID, ratio=1, action="BUY", exchange="SMART"),
        ],
    )


def echo(
    *,
    status: str = "Submitted",
    limit: float = 12.35,
    perm_id: int = PERM_ID,
    order_id: int = ORDER_ID,
    client_id: int = CLIENT_ID,
    ref: str = REF,
    contract: Contract | None = None,
    **changes: object,
) -> EchoedOrder:
    order = Order(
        orderId=order_id,
        clientId=client_id,
        permId=perm_id,
        action="BUY",
        totalQuantity=3.0,
        orderType="LMT",
        lmtPrice=limit,
        tif="DAY",
        account=ACCOUNT,
        orderRef=ref,
    )
    for name, value in changes.items():
        setattr(order, name, value)
    return EchoedOrder(
        order_id=order_id,
        contract=contract or bag(),
        order=order,
        state=OrderState(status=status),
    )


def status(
    name: str,
    *,
    filled: float = 0,
    remaining: float = 3,
    perm_id: int = PERM_ID,
    why_held: str = "",
) -> StatusLine:
    return StatusLine(
        order_id=ORDER_ID,
        status=name,
        filled=filled,
        remaining=remaining,
        perm_id=perm_id,
        client_id=CLIENT_ID,
        why_held=why_held,
    )


def leg_execution(
    con_id: int,
    exec_id: str,
    *,
    shares: float = 3,
    price: float = 6.1,
    side: str = "BOT",
    ref: str = REF,
    account: str = ACCOUNT,
) -> ExecutionLine:
    return ExecutionLine(
        contract=Contract(
            secType="OPT", conId=con_id, symbol="AAPL", multiplier="100", currency="USD"
        ),
        execution=Execution(
            execId=exec_id,
            time=NOON,
            acctNumber=account,
            exchange="CBOE",
            side=side,
            shares=shares,
            price=price,
            permId=PERM_ID,
            clientId=CLIENT_ID,
            orderId=ORDER_ID,
            cumQty=shares,
            avgPrice=price,
            orderRef=ref,
        ),
    )


def combo_execution(exec_id: str, *, shares: float = 3, price: float = 12.3) -> ExecutionLine:
    line = leg_execution(28812380, exec_id, shares=shares, price=price)
    return ExecutionLine(
        contract=Contract(secType="BAG", conId=28812380, symbol="AAPL"),
        execution=line.execution,
    )


def commission(exec_id: str, amount: float = 2.1, currency: str = "USD") -> CommissionLine:
    return CommissionLine(report=CommissionReport(exec_id, amount, currency))


def error(code: int, text: str = "some text", order_id: int = ORDER_ID) -> ErrorLine:
    return ErrorLine(request_id=order_id, code=code, text=text)
