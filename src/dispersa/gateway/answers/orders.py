"""What does a client get to do with, and to hear about, orders and executions?"""

from dataclasses import replace
from typing import assert_never

from dispersa.gateway import events
from dispersa.gateway.answers.desk import Line
from dispersa.gateway.model import OrderState, Refusal, Status
from dispersa.gateway.wire import order_replies, replies
from dispersa.gateway.wire import requests as r

_EXECUTIONS_END = 55
_INEFFICIENT = (
    "Order rejected - reason:Your order efficiency ratio is excessive: too many submissions, "
    "revisions and cancels for the orders that were executed"
)
_READ_ONLY = (
    "Error validating request.-'bW' : cause - The API interface is currently in Read-Only mode."
)


class OrderDesk:
    """Takes one client's orders and tells it what becomes of them."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._venue = line.floor.venue

    # -- requests --------------------------------------------------------------------------------

    def answer(self, request: r.OrderRequest) -> None:
        """Answer one request."""
        match request:
            case r.PlaceOrder():
                self.place(request)
            case r.CancelOrder():
                self.cancel(request)
            case r.ExerciseOptions():
                self.exercise(request)
            case r.AutoOpenOrders():
                self.auto_open_orders()
            case r.CompletedOrders():
                self.completed_orders()
            case r.Executions():
                self.executions(request)
            case _:
                assert_never(request)

    def place(self, request: r.PlaceOrder) -> None:
        """Hand an order or an amendment to the venue, or answer a what-if."""
        if self._is_read_only(request.order_id):
            return
        request = self._with_account(request)
        self._line.floor.use_order_id(self._line.client_id, request.order_id)
        if request.order.what_if:
            self._what_if(request)
            return
        if self._line.floor.order_message():
            self._line.error(request.order_id, 201, _INEFFICIENT)
            return
        self._line.floor.traffic.orders += 1
        self._venue.place(self._line.client_id, request.order_id, request.contract, request.order)

    def cancel(self, request: r.CancelOrder) -> None:
        """Hand a cancel of the client's own order to the venue."""
        if not self._is_read_only(request.order_id):
            self._line.floor.order_message()
            self._venue.cancel(self._line.client_id, request.order_id)

    def cancel_all(self) -> None:
        """Cancel every live order of the account."""
        if not self._is_read_only(-1):
            self._venue.cancel_all()

    def exercise(self, request: r.ExerciseOptions) -> None:
        """Hand an exercise instruction to the venue."""
        if self._is_read_only(request.request_id):
            return
        refusal = self._venue.exercise(
            self._line.client_id,
            request.request_id,
            request.contract,
            request.lapse,
            request.quantity,
            request.override,
            request.account or self._account(),
        )
        if refusal is not None:
            self._line.refuse(request.request_id, refusal)

    def open_orders(self, *, of_all_clients: bool) -> None:
        """Send the client's own live orders, or those of every client, and the end marker."""
        if self._is_read_only(-1):
            return
        for opened, status in self._venue.open_orders():
            if of_all_clients or opened.client_id == self._line.client_id:
                self._line.send(order_replies.open_order(opened, self._line.version))
                self._line.send(order_replies.order_status(status))
        self._line.send(replies.OPEN_ORDER_END)

    def auto_open_orders(self) -> None:
        """Bind manual orders; only client 0 may, and this gateway has no hands that make any."""
        if self._line.client_id != 0:
            self._line.error(-1, 327, "Only the default client (i.e 0) can auto bind orders.")

    def completed_orders(self) -> None:
        """Send the account's orders that are done, and the end marker."""
        for completed in self._venue.completed_orders():
            self._line.send(order_replies.completed_order(completed, self._line.version))
        self._line.send(replies.COMPLETED_ORDERS_END)

    def executions(self, request: r.Executions) -> None:
        """Send the day's executions with their commissions, and the end marker."""
        for execution, commission in self._venue.executions(request.filter):
            frame = order_replies.execution(execution, request.request_id, self._line.version)
            self._line.send(frame)
            if commission is not None:
                self._line.send(order_replies.commission_report(commission))
        self._line.send(replies.end(_EXECUTIONS_END, request.request_id))

    # -- events ----------------------------------------------------------------------------------

    def order_event(self, event: events.OpenOrder | events.OrderStatus | events.OrderError) -> None:
        """Tell the client about one of its orders."""
        match event:
            case events.OpenOrder():
                self._line.send(order_replies.open_order(event, self._line.version))
            case events.OrderStatus():
                self._line.send(order_replies.order_status(event))
            case events.OrderError():
                self._line.error(event.order_id, event.code, event.text, event.advanced_reject)

    def fill_event(self, event: events.Execution | events.CommissionReport) -> None:
        """Tell the client about a fill."""
        match event:
            case events.Execution():
                self._line.send(order_replies.execution(event, -1, self._line.version))
            case events.CommissionReport():
                self._line.send(order_replies.commission_report(event))

    # -- inside ----------------------------------------------------------------------------------

    def _is_read_only(self, request_id: int) -> bool:
        floor = self._line.floor
        if floor.rules.read_only_api or floor.conditions.is_read_only:
            self._line.error(request_id, 321, _READ_ONLY)
            return True
        return False

    def _account(self) -> str:
        return self._venue.accounts()[0]

    def _with_account(self, request: r.PlaceOrder) -> r.PlaceOrder:
        if request.order.account:
            return request
        return replace(request, order=replace(request.order, account=self._account()))

    def _what_if(self, request: r.PlaceOrder) -> None:
        """Answer as IBKR does: an early message with unset margins, then the real one."""
        answer = self._venue.what_if(
            self._line.client_id, request.order_id, request.contract, request.order
        )
        if isinstance(answer, Refusal):
            self._line.refuse(request.order_id, answer)
            return
        for state in (OrderState(status=Status.PRE_SUBMITTED), answer):
            opened = events.OpenOrder(
                client_id=self._line.client_id,
                order_id=request.order_id,
                perm_id=0,
                contract=request.contract,
                order=request.order,
                state=state,
            )
            self._line.send(order_replies.open_order(opened, self._line.version))
