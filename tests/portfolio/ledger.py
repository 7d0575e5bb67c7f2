"""Executions, positions and marks to build a small book from."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from dispersa.market import (
    ConId,
    Greeks,
    GreeksSource,
    OptionContract,
    Right,
    Side,
    Symbol,
    UnderlyingKind,
)
from dispersa.orders import (
    AccountReading,
    BrokerSnapshot,
    CompletedOrderReading,
    ExecId,
    Execution,
    ExecutionBook,
    OpenOrderReading,
    OrderRef,
    PermId,
    PositionReading,
)
from dispersa.portfolio import MarkSource, OptionMark, ShareMark

AT = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
EXPIRY = date(2026, 12, 18)


def execution(
    number: int,
    *,
    con_id: int = 1,
    side: Side = Side.BUY,
    quantity: str = "1",
    price: str = "10.00",
    at: datetime = AT - timedelta(minutes=10),
    ref: str = "ours/1",
    symbol: str = "QQQ",
    multiplier: int = 100,
    revision: int = 1,
) -> Execution:
    return Execution(
        exec_id=ExecId(f"0000e1a7.{number:08x}.01.{revision:02d}"),
        order_ref=OrderRef(ref),
        perm_id=PermId(900 + number),
        account="DU1234567",
        con_id=ConId(con_id),
        symbol=Symbol(symbol),
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        multiplier=multiplier,
        at=at,
    )


def book_of(rows: Iterable[Execution]) -> ExecutionBook:
    book = ExecutionBook()
    for row in rows:
        book = book.with_execution(row)
    return book


def held(con_id: int, quantity: str, symbol: str = "QQQ") -> PositionReading:
    return PositionReading(
        con_id=ConId(con_id),
        symbol=Symbol(symbol),
        quantity=Decimal(quantity),
        average_cost=Decimal(1_000),
        option=None,
    )


def snapshot(
    *,
    positions: tuple[PositionReading, ...] = (),
    executions: tuple[Execution, ...] = (),
    open_orders: tuple[OpenOrderReading, ...] = (),
    completed_orders: tuple[CompletedOrderReading, ...] = (),
    at: datetime = AT,
) -> BrokerSnapshot:
    return BrokerSnapshot(
        account=AccountReading(
            account="DU1234567",
            is_paper=True,
            currency="USD",
            net_liquidation=Decimal(1_000_000),
            available_funds=Decimal(900_000),
            initial_margin=Decimal(0),
            maintenance_margin=Decimal(0),
            total_cash=Decimal(1_000_000),
            at=at,
        ),
        positions=positions,
        open_orders=open_orders,
        completed_orders=completed_orders,
        executions=executions,
        commissions=(),
        at=at,
    )


def option(
    con_id: int,
    right: Right,
    *,
    symbol: str = "QQQ",
    strike: str = "500",
    trading_class: str = "",
) -> OptionContract:
    return OptionContract(
        con_id=ConId(con_id),
        symbol=Symbol(symbol),
        expiry=EXPIRY,
        strike=Decimal(strike),
        right=right,
        trading_class=trading_class,
    )


def option_mark(
    contract: OptionContract,
    *,
    price: str = "10",
    spot: str = "500",
    delta: float = 0.5,
    gamma: float = 0.01,
    vega: float = 0.6,
    theta: float = -0.2,
    kind: UnderlyingKind = UnderlyingKind.ETF,
    at: datetime = AT,
) -> OptionMark:
    return OptionMark(
        contract=contract,
        price=Decimal(price),
        spot=Decimal(spot),
        greeks=Greeks(
            implied_vol=0.2,
            delta=delta,
            gamma=gamma,
            vega=vega,
            theta=theta,
            price=float(price),
            underlying_price=float(spot),
            source=GreeksSource.OWN,
            at=at,
        ),
        underlying=kind,
        source=MarkSource.OWN_VOL,
        at=at,
    )


def share_mark(con_id: int, *, price: str = "500", symbol: str = "QQQ") -> ShareMark:
    return ShareMark(
        con_id=ConId(con_id),
        symbol=Symbol(symbol),
        price=Decimal(price),
        source=MarkSource.QUOTE_MID,
        at=AT - timedelta(seconds=3),
    )
