"""What arrives on one link, and who waits for it?

`Receiver` stands where ib_async's own wrapper would: the decoder calls its methods, whose names
are therefore IB's. It draws no conclusions about orders (ib_async's order status is not
consulted, because that library turns unknown error codes into cancels): order messages go on as
raw lines, answers complete the request that waits for them, ticks go to the book of lines.
"""

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from types import SimpleNamespace
from typing import Protocol

from ib_async.contract import Contract, ContractDetails
from ib_async.objects import (
    AccountValue,
    BarData,
    CommissionReport,
    Execution,
    OptionChain,
    PriceIncrement,
)
from ib_async.objects import Position as PositionRow
from ib_async.order import Order, OrderState

from dispersa.broker.ibkr.codes import REQUEST_INVALID, ends_request, told
from dispersa.broker.ibkr.questions import Questions
from dispersa.broker.ibkr.raw import (
    CommissionLine,
    CompletedLine,
    EchoedOrder,
    ErrorLine,
    ExecutionLine,
    OrderLine,
    StatusLine,
)
from dispersa.broker.ibkr.sentinels import amount
from dispersa.errors import BrokerRefused, Disconnected


class TickSink(Protocol):
    """Where market data of a line go."""

    def on_packet(self) -> None:
        """Take note that a packet arrived; what it holds follows."""
        ...

    def on_price(self, line: int, kind: int, price: float, size: float) -> None:
        """Take a price (and the size that came with it)."""
        ...

    def on_size(self, line: int, kind: int, size: float) -> None:
        """Take a size."""
        ...

    def on_greeks(self, line: int, kind: int, values: tuple[float, ...]) -> None:
        """Take implied vol, delta, price, dividend, gamma, vega, theta, underlying price."""
        ...

    def on_other(self, line: int) -> None:
        """Take note that the line said something."""
        ...

    def on_data_kind(self, line: int, kind: int) -> None:
        """Take the market data type of the line."""
        ...

    def on_line_error(self, line: int, code: int, text: str) -> bool:
        """Take an error; return whether the line is ours."""
        ...


class Receiver:
    """The callbacks of one link."""

    defaultTimezone: tzinfo = UTC

    def __init__(self, *, tws_time_zone: str) -> None:
        self.ib = SimpleNamespace(TimezoneTWS=tws_time_zone)
        self.accounts: tuple[str, ...] = ()
        self.next_valid_id: int | None = None
        self.commissions: dict[str, CommissionReport] = {}
        self.on_order_line: Callable[[OrderLine], None] = _ignore
        self.on_notice: Callable[[ErrorLine], None] = _ignore
        self.on_closed: Callable[[], None] = _ignore
        self.ticks: TickSink | None = None
        self.questions = Questions()

    # What the decoder calls about the connection

    def tcpDataArrived(self) -> None:
        """A packet arrived; its messages follow."""
        if self.ticks is not None:
            self.ticks.on_packet()

    def setEventsDone(self) -> None:
        """The socket is gone."""
        error = Disconnected("the connection to the gateway was lost while waiting for an answer")
        self.questions.fail_all(error)
        self.on_closed()

    def connectionClosed(self) -> None:
        """The socket of a ready link is gone (told by `setEventsDone` already)."""

    def connectAck(self) -> None:
        """The server has answered the handshake."""

    def nextValidId(self, orderId: int) -> None:
        """The lowest order id that the server accepts."""
        self.next_valid_id = orderId

    def managedAccounts(self, accountsList: str) -> None:
        """The accounts of this login."""
        self.accounts = tuple(name for name in accountsList.split(",") if name)

    def currentTime(self, epoch: int) -> None:
        """The server's clock."""
        self.questions.shared_row("current time", datetime.fromtimestamp(epoch, UTC))
        self.questions.end_shared("current time")

    def error(self, reqId: int, code: int, text: str, advanced: str) -> None:
        """Every message with a code: about a line, a request, an order, or the link itself."""
        line = ErrorLine(request_id=reqId, code=code, text=text)
        if reqId < 0:
            if code == REQUEST_INVALID:
                self.questions.refuse_shared(code, text)
            self.on_notice(line)
            return
        if self.ticks is not None and self.ticks.on_line_error(reqId, code, text):
            return
        waiting = self.questions.get(reqId)
        if waiting is None:
            self.on_order_line(line)
        elif ends_request(code):
            self.questions.fail(reqId, BrokerRefused(told(waiting.what, code, text), code=code))

    # ... about orders

    def openOrder(self, orderId: int, contract: Contract, order: Order, state: OrderState) -> None:
        """An order as the broker holds it, or the answer to a what-if."""
        if order.whatIf:
            self.questions.row(orderId, state)
            if _says_margin(state):
                self.questions.end(orderId)
            return
        line = EchoedOrder(order_id=orderId, contract=contract, order=order, state=state)
        self.questions.shared_row("open orders", line)
        self.on_order_line(line)

    def openOrderEnd(self) -> None:
        """All open orders were sent."""
        self.questions.end_shared("open orders")

    def orderStatus(
        self,
        orderId: int,
        status: str,
        filled: float,
        remaining: float,
        avgFillPrice: float,
        permId: int,
        parentId: int,
        lastFillPrice: float,
        clientId: int,
        whyHeld: str,
        mktCapPrice: float = 0.0,
    ) -> None:
        """Progress of an order."""
        line = StatusLine(
            order_id=orderId,
            status=status,
            filled=filled,
            remaining=remaining,
            perm_id=permId,
            client_id=clientId,
            why_held=whyHeld,
        )
        self.questions.shared_row("open orders", line)
        self.on_order_line(line)

    def execDetails(self, reqId: int, contract: Contract, execution: Execution) -> None:
        """An execution, live (-1) or asked for."""
        line = ExecutionLine(contract=contract, execution=execution)
        self.questions.row(reqId, line)
        self.on_order_line(line)

    def execDetailsEnd(self, reqId: int) -> None:
        """All executions were sent."""
        self.questions.end(reqId)

    def commissionReport(self, report: CommissionReport) -> None:
        """The charge for an execution."""
        self.commissions[report.execId] = report
        self.on_order_line(CommissionLine(report=report))

    def completedOrder(self, contract: Contract, order: Order, state: OrderState) -> None:
        """An order that has ended."""
        row = CompletedLine(contract=contract, order=order, state=state)
        self.questions.shared_row("completed orders", row)

    def completedOrdersEnd(self) -> None:
        """All completed orders were sent."""
        self.questions.end_shared("completed orders")

    # ... about the account

    def position(self, account: str, contract: Contract, size: float, cost: float) -> None:
        """One position."""
        self.questions.shared_row("positions", PositionRow(account, contract, size, cost))

    def positionEnd(self) -> None:
        """All positions were sent."""
        self.questions.end_shared("positions")

    def accountSummary(self, reqId: int, account: str, tag: str, value: str, currency: str) -> None:
        """One account value."""
        self.questions.row(reqId, AccountValue(account, tag, value, currency, ""))

    def accountSummaryEnd(self, reqId: int) -> None:
        """All account values were sent."""
        self.questions.end(reqId)

    # ... about reference data and history

    def contractDetails(self, reqId: int, details: ContractDetails) -> None:
        """One matching contract."""
        self.questions.row(reqId, details)

    def contractDetailsEnd(self, reqId: int) -> None:
        """All matching contracts were sent."""
        self.questions.end(reqId)

    def securityDefinitionOptionParameter(
        self,
        reqId: int,
        exchange: str,
        underlyingConId: int,
        tradingClass: str,
        multiplier: str,
        expirations: list[str],
        strikes: list[float],
    ) -> None:
        """Expiries and strikes of one trading class on one exchange."""
        chain = OptionChain(
            exchange, underlyingConId, tradingClass, multiplier, expirations, strikes
        )
        self.questions.row(reqId, chain)

    def securityDefinitionOptionParameterEnd(self, reqId: int) -> None:
        """All trading classes were sent."""
        self.questions.end(reqId)

    def marketRule(self, ruleId: int, increments: list[PriceIncrement]) -> None:
        """One market rule."""
        for increment in increments:
            self.questions.shared_row(f"market rule {ruleId}", increment)
        self.questions.end_shared(f"market rule {ruleId}")

    def historicalData(self, reqId: int, bar: BarData) -> None:
        """One bar."""
        self.questions.row(reqId, bar)

    def historicalDataEnd(self, reqId: int, start: str, end: str) -> None:
        """All bars were sent."""
        self.questions.end(reqId)

    # ... about market data

    def priceSizeTick(self, reqId: int, kind: int, price: float, size: float) -> None:
        """A price and its size."""
        if self.ticks is not None:
            self.ticks.on_price(reqId, kind, price, size)

    def tickSize(self, reqId: int, kind: int, size: float) -> None:
        """A size."""
        if self.ticks is not None:
            self.ticks.on_size(reqId, kind, size)

    def tickGeneric(self, reqId: int, kind: int, value: float) -> None:
        """A generic tick."""
        if self.ticks is not None:
            self.ticks.on_other(reqId)

    def tickString(self, reqId: int, kind: int, value: str) -> None:
        """A text tick, for example the time of the last trade."""
        if self.ticks is not None:
            self.ticks.on_other(reqId)

    def tickOptionComputation(
        self,
        reqId: int,
        kind: int,
        attribute: int,
        *values: float,
    ) -> None:
        """Greeks of an option."""
        if self.ticks is not None:
            self.ticks.on_greeks(reqId, kind, values)

    def marketDataType(self, reqId: int, kind: int) -> None:
        """Live, frozen, delayed or delayed and frozen."""
        if self.ticks is not None:
            self.ticks.on_data_kind(reqId, kind)


def _ignore(*_: object) -> None:
    """Take no notice: nobody is attached yet."""


def _says_margin(state: OrderState) -> bool:
    """Whether a what-if answer is the real one: the first, early one leaves margins unset."""
    return amount(str(state.initMarginChange)) is not None
