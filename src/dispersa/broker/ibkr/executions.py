"""What was executed and what did it cost, read from IBKR's lines?"""

from decimal import Decimal

from ib_async.objects import CommissionReport

from dispersa.broker.ibkr import sentinels
from dispersa.broker.ibkr.raw import ExecutionLine
from dispersa.errors import BrokenInvariant
from dispersa.market import ConId, Side, Symbol
from dispersa.orders import Commission, ExecId, Execution, OrderRef, PermId

SIDES = {"BOT": Side.BUY, "SLD": Side.SELL}


def execution_from(line: ExecutionLine, ref: OrderRef) -> Execution:
    """Read one leg execution.

    Raises
    ------
    BrokenInvariant
        Side, quantity or price can not be read: such a line must stop trading, not be skipped.
    """
    found, contract = line.execution, line.contract
    side = SIDES.get(found.side)
    shares, price = sentinels.quantity(found.shares), sentinels.price(found.price)
    if side is None or shares is None or shares <= 0 or price is None or found.time.tzinfo is None:
        raise BrokenInvariant(
            f"execution {found.execId} reads side {found.side!r}, quantity {found.shares}, price "
            f"{found.price}, time {found.time}; expected BOT or SLD, a quantity, a price and a "
            "time with its zone. Stop trading and reconcile"
        )
    return Execution(
        exec_id=ExecId(found.execId),
        order_ref=ref,
        perm_id=PermId(found.permId),
        account=found.acctNumber,
        con_id=ConId(contract.conId),
        symbol=Symbol(contract.symbol),
        side=side,
        quantity=shares,
        price=price,
        multiplier=int(float(contract.multiplier or 1)),
        at=found.time,
    )


def commission_from(report: CommissionReport) -> Commission | None:
    """Read a commission; None while the broker does not know it (unset is not zero)."""
    amount = sentinels.price(report.commission)
    if amount is None or not report.currency:
        return None
    return Commission(
        exec_id=ExecId(report.execId), amount=Decimal(amount), currency=report.currency
    )
