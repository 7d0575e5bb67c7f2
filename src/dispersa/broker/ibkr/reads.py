"""What does the broker hold? Full reads of orders, executions, positions and account.

Each part ends with its marker or with an error: an incomplete read proves nothing and never
becomes a reading.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import cast

from ib_async.contract import Contract, ContractDetails
from ib_async.objects import AccountValue, ExecutionFilter
from ib_async.objects import Position as PositionRow

from dispersa.broker.ibkr import sentinels
from dispersa.broker.ibkr.accounts import SUMMARY_TAGS, read_account
from dispersa.broker.ibkr.codes import NO_DEFINITION
from dispersa.broker.ibkr.contracts import INDEX_EXCHANGES, SMART, option_from, settles_later
from dispersa.broker.ibkr.executions import commission_from, execution_from
from dispersa.broker.ibkr.link import Link
from dispersa.broker.ibkr.pacer import Urgency
from dispersa.broker.ibkr.raw import CompletedLine, EchoedOrder, ExecutionLine, StatusLine
from dispersa.broker.protocol import Clock
from dispersa.errors import BrokenInvariant, BrokerRefused
from dispersa.market import ConId, Side, Symbol
from dispersa.orders import (
    AccountReading,
    BrokerSnapshot,
    Commission,
    CompletedOrderReading,
    ExecId,
    Execution,
    OpenOrderReading,
    OrderRef,
    PermId,
    PositionReading,
    execution_key,
)

BAG = "BAG"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrdersRead:
    """All open orders of all clients: last echo of each permanent id, and last status."""

    echoes: tuple[EchoedOrder, ...]
    statuses: dict[int, StatusLine] = field(default_factory=dict)


async def ask_open_orders(link: Link, *, seconds: float) -> OpenOrdersRead:
    """Read the open orders of all clients (own orders entered by hand in TWS included)."""
    rows = await link.ask_shared("open orders", link.client.reqAllOpenOrders, seconds=seconds)
    echoes = {row.order.permId: row for row in rows if isinstance(row, EchoedOrder)}
    statuses = {row.perm_id: row for row in rows if isinstance(row, StatusLine)}
    return OpenOrdersRead(echoes=tuple(echoes.values()), statuses=statuses)


async def ask_completed_orders(link: Link, *, seconds: float) -> tuple[CompletedLine, ...]:
    """Read the orders that ended today, of all clients."""
    rows = await link.ask_shared(
        "completed orders", lambda: link.client.reqCompletedOrders(False), seconds=seconds
    )
    return tuple(cast("list[CompletedLine]", rows))


async def ask_executions(link: Link, *, seconds: float) -> tuple[ExecutionLine, ...]:
    """Read today's executions; their commissions follow on their own."""
    every = ExecutionFilter()
    rows = await link.ask(
        "executions", lambda number: link.client.reqExecutions(number, every), seconds=seconds
    )
    return tuple(cast("list[ExecutionLine]", rows))


async def ask_positions(link: Link, *, account: str, seconds: float) -> tuple[PositionReading, ...]:
    """Read the positions of one account."""
    try:
        rows = await link.ask_shared("positions", link.client.reqPositions, seconds=seconds)
    finally:
        if link.is_up:
            await link.send(Urgency.DATA, "end of positions", link.client.cancelPositions)
    found = [row for row in cast("list[PositionRow]", rows) if row.account == account]
    await _learn_expiries(link, found, seconds=seconds)
    return read_positions(found, account=account, expiries=link.expiries)


async def _learn_expiries(link: Link, rows: Iterable[PositionRow], *, seconds: float) -> None:
    """Ask once when options settle whose positions name only the last trading day before it.

    One that is not listed any more keeps its last trading day.
    """
    for row in rows:
        contract = row.contract
        if not row.position or contract.conId in link.expiries or not settles_later(contract):
            continue
        query = Contract(conId=contract.conId, exchange=SMART)
        try:
            answer = await link.ask(
                f"contract details of {contract.localSymbol or contract.conId}",
                partial(_ask_details, link, query),
                seconds=seconds,
            )
        except BrokerRefused as error:
            if error.code != NO_DEFINITION:
                raise
            answer = []
        told = [details.realExpirationDate for details in cast("list[ContractDetails]", answer)]
        link.expiries[contract.conId] = told[0] if told else ""


def _ask_details(link: Link, query: Contract, number: int) -> None:
    link.client.reqContractDetails(number, query)


async def ask_account(link: Link, *, account: str, at: datetime, seconds: float) -> AccountReading:
    """Read the account values with one summary request."""
    number = link.new_request_id()
    tags = ",".join(SUMMARY_TAGS)
    try:
        rows = await link.ask_as(
            number,
            "account summary",
            lambda _: link.client.reqAccountSummary(number, "All", tags),
            seconds=seconds,
        )
    finally:
        if link.is_up:
            await link.send(
                Urgency.DATA,
                "end of account summary",
                lambda: link.client.cancelAccountSummary(number),
            )
    return read_account(cast("list[AccountValue]", rows), account=account, at=at)


async def ask_snapshot(
    link: Link, *, account: str, clock: Clock, seconds: float
) -> tuple[BrokerSnapshot, int]:
    """Read everything once; return also how many executions the broker replayed.

    Executions come last: an order that fills in the middle shows at least its executions.
    """
    opened = await ask_open_orders(link, seconds=seconds)
    completed = await ask_completed_orders(link, seconds=seconds)
    values = await ask_account(link, account=account, at=clock.now(), seconds=seconds)
    positions = await ask_positions(link, account=account, seconds=seconds)
    lines = await ask_executions(link, seconds=seconds)
    executions = read_executions(lines, account=account)
    snapshot = BrokerSnapshot(
        account=values,
        positions=positions,
        open_orders=read_open_orders(opened, lines),
        completed_orders=read_completed_orders(completed, lines),
        executions=executions,
        commissions=read_commissions(link, executions),
        at=clock.now(),
    )
    return snapshot, len(lines)


def read_positions(
    rows: Iterable[PositionRow], *, account: str, expiries: Mapping[int, str]
) -> tuple[PositionReading, ...]:
    """Translate positions, the last row of a contract counts; flat ones are left out.

    `expiries` is the real expiry, by contract, of options that stop trading the day before it.
    """
    latest = {row.contract.conId: row for row in rows if row.account == account}
    return tuple(
        _position(row, expiries.get(con_id, "")) for con_id, row in latest.items() if row.position
    )


def _position(row: PositionRow, real_expiry: str) -> PositionReading:
    contract = row.contract
    quantity, cost = sentinels.quantity(row.position), sentinels.price(row.avgCost)
    if quantity is None or cost is None:
        raise BrokenInvariant(
            f"position {contract.localSymbol or contract.conId} reads quantity {row.position} and "
            f"cost {row.avgCost}; expected numbers. Reconcile by hand"
        )
    is_option = contract.secType == "OPT"
    is_index = contract.symbol in INDEX_EXCHANGES
    return PositionReading(
        con_id=ConId(contract.conId),
        symbol=Symbol(contract.symbol),
        quantity=quantity,
        average_cost=cost,
        option=option_from(contract, is_index=is_index, real_expiry=real_expiry)
        if is_option
        else None,
    )


def read_open_orders(
    read: OpenOrdersRead, executions: Sequence[ExecutionLine]
) -> tuple[OpenOrderReading, ...]:
    """Translate open orders; one without a status line is counted by its executions."""
    executed = _units_by_perm_id(executions)
    return tuple(
        _open_order(echo, read.statuses.get(echo.order.permId), executed) for echo in read.echoes
    )


def _open_order(
    echo: EchoedOrder, status: StatusLine | None, executed: dict[int, Decimal]
) -> OpenOrderReading:
    order = echo.order
    said = None if status is None else sentinels.quantity(status.filled)
    limit, quantity = sentinels.price(order.lmtPrice), sentinels.quantity(order.totalQuantity)
    if quantity is None:
        raise BrokenInvariant(f"open order {order.permId} has no quantity; reconcile by hand")
    return OpenOrderReading(
        ref=OrderRef(order.orderRef),
        perm_id=PermId(order.permId),
        client_id=order.clientId,
        symbol=Symbol(echo.contract.symbol),
        side=Side.BUY if order.action == Side.BUY.value else Side.SELL,
        quantity=quantity,
        filled=max(said or Decimal(0), executed.get(order.permId, Decimal(0))),
        limit_price=limit,
        status=status.status if status is not None else echo.state.status,
    )


def read_completed_orders(
    rows: Iterable[CompletedLine], executions: Sequence[ExecutionLine]
) -> tuple[CompletedOrderReading, ...]:
    """Translate completed orders; an unset filled quantity is counted by the executions."""
    executed = _units_by_perm_id(executions)
    return tuple(
        CompletedOrderReading(
            ref=OrderRef(row.order.orderRef),
            perm_id=PermId(row.order.permId),
            filled=_filled_quantity(row, executed),
            status=row.state.status or row.state.completedStatus,
        )
        for row in rows
    )


def _filled_quantity(row: CompletedLine, executed: dict[int, Decimal]) -> Decimal:
    said = sentinels.quantity(row.order.filledQuantity)
    return said if said is not None else executed.get(row.order.permId, Decimal(0))


def _units_by_perm_id(executions: Sequence[ExecutionLine]) -> dict[int, Decimal]:
    """Units executed per order: by combo lines where there are any, else by the slowest leg."""
    latest = {execution_key(ExecId(line.execution.execId))[0]: line for line in executions}
    combo: dict[int, Decimal] = defaultdict(Decimal)
    by_leg: dict[int, dict[int, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for line in latest.values():
        units = sentinels.quantity(line.execution.shares) or Decimal(0)
        if line.contract.secType == BAG:
            combo[line.execution.permId] += units
        else:
            by_leg[line.execution.permId][line.contract.conId] += units
    slowest = {perm_id: min(legs.values()) for perm_id, legs in by_leg.items()}
    return {**slowest, **combo}


def read_executions(lines: Iterable[ExecutionLine], *, account: str) -> tuple[Execution, ...]:
    """Translate leg executions of one account; combo lines are left out."""
    return tuple(
        execution_from(line, OrderRef(line.execution.orderRef))
        for line in lines
        if line.contract.secType != BAG and line.execution.acctNumber == account
    )


def read_commissions(link: Link, executions: Iterable[Execution]) -> tuple[Commission, ...]:
    """Commissions known so far for these executions; missing ones arrive as reports."""
    known = link.receiver.commissions
    found = (known.get(row.exec_id) for row in executions)
    charges = (commission_from(report) for report in found if report is not None)
    return tuple(charge for charge in charges if charge is not None)
