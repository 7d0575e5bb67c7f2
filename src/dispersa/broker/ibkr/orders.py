"""How do orders and cancels get to IBKR, and how does the broker's side of the story come back?"""

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from functools import partial

from ib_async.contract import Contract

from dispersa.broker.ibkr import reads
from dispersa.broker.ibkr.link import FIRST_REQUEST_ID, Link, log
from dispersa.broker.ibkr.order_building import (
    Terms,
    contract_for,
    contract_to_amend,
    order_for,
)
from dispersa.broker.ibkr.order_truth import OrderTruth
from dispersa.broker.ibkr.pacer import Pacer, Urgency
from dispersa.broker.ibkr.raw import ExecutionLine, OrderLine
from dispersa.broker.ibkr.send_queue import SendQueue
from dispersa.broker.ibkr.settings import IbkrSettings
from dispersa.broker.ibkr.tracked_order import TrackedOrder
from dispersa.broker.ibkr.what_if import ask_what_if
from dispersa.broker.protocol import Clock, WhatIf
from dispersa.errors import (
    BrokenInvariant,
    BrokerRefused,
    Disconnected,
    DispersaError,
    Unresolved,
    require,
)
from dispersa.market import Side
from dispersa.orders import (
    ApprovedOrder,
    BrokerReport,
    BrokerSnapshot,
    Combo,
    LinkLost,
    OrderCancelled,
    OrderDoubtful,
    OrderRef,
)

SNAPSHOT_ATTEMPTS = 3
UNRECORDED_IDS = 100
"""Room left above the highest id in the journal."""


class IbkrOrders:
    """The order side: approved orders and cancels out, reports and full reads back."""

    def __init__(
        self,
        *,
        settings: IbkrSettings,
        clock: Clock,
        pacer: Pacer,
        account: str,
        unproven: Callable[[], str | None],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._unproven = unproven
        self.account = account
        self._link: Link | None = None
        self._truth = OrderTruth(client_id=settings.order_client_id, account=account)
        self._last_order_id = settings.order_id_floor
        self._reports: asyncio.Queue[BrokerReport | None] = asyncio.Queue()
        self._queue = SendQueue(pacer)
        self._owed_cancels: dict[OrderRef, None] = {}
        self._paying: asyncio.Task[None] | None = None
        self._executions_taken = 0
        self._one_snapshot = asyncio.Lock()
        self._gap_check: asyncio.Task[None] | None = None

    # The link comes and goes

    def attach(self, link: Link) -> None:
        """Use a fresh link; order ids go on above everything seen so far."""
        server_next = link.receiver.next_valid_id
        if server_next is None or not 0 <= server_next < FIRST_REQUEST_ID:
            raise BrokerRefused(
                f"the gateway's next order id is {server_next}; expected 0 to {FIRST_REQUEST_ID}. "
                "Reset the API order id sequence in the gateway's settings"
            )
        self._last_order_id = max(self._last_order_id, server_next - 1, self._truth.order_id_seen)
        link.receiver.on_order_line = self._take
        self._link = link

    def detach(self) -> None:
        """Forget a lost link; orders with an unanswered message become doubtful."""
        self._link = None
        self._withdraw_queued()
        self._owed_cancels |= dict.fromkeys(row.ref for row in self._truth.live_cancels())
        for report in self._truth.link_lost():
            self.emit(report)

    def pay_owed_cancels(self) -> None:
        """Send the cancels that a lost link swallowed: a decision to cancel is kept."""
        if self._owed_cancels and self._paying is None:
            self._paying = asyncio.ensure_future(self._pay_owed_cancels())

    def emit(self, report: BrokerReport) -> None:
        """Put a report at the end of the queue."""
        self._reports.put_nowait(report)

    async def close(self) -> None:
        """End the reports and everything that waits."""
        self._withdraw_queued()
        for task in filter(None, (self._gap_check, self._paying)):
            task.cancel()
            await asyncio.wait({task})
        self._reports.put_nowait(None)

    @property
    def order_id_high_water(self) -> int:
        """Highest order id used or seen; the journal keeps it for the next start."""
        return max(self._last_order_id, self._truth.order_id_seen)

    def use_order_ids_above(self, highest: int) -> None:
        """Give no order an id up to `highest`, the last one that the journal knows.

        Ids of previews and of an order written at the moment of a crash are not in the journal;
        `UNRECORDED_IDS` leaves room for them.
        """
        if highest:
            self._last_order_id = max(self._last_order_id, highest + UNRECORDED_IDS)

    # Broker

    async def place(self, order: ApprovedOrder) -> int | None:
        """Put a new order on the wire and return its id; what becomes of it arrives as reports.

        Raises
        ------
        Disconnected
            A link is not proven good: nothing was sent.
        BrokerRefused
            The connection is read-only: nothing was sent.
        """
        intent = order.intent
        require(
            intent.account == self.account,
            f"order {intent.ref} is for another account than the one connected",
        )
        require(
            self._truth.get(intent.ref) is None and intent.ref not in self._queue,
            f"order {intent.ref} was sent before; a reference is used once",
        )
        contract = contract_for(intent.combo)
        self._proven_link(intent.ref)
        if not await self._queue.turn(intent.ref):
            text = "withdrawn before it was sent"
            self.emit(OrderCancelled(ref=intent.ref, message=text))
            return None
        link = self._proven_link(intent.ref)
        order_id = self._next_order_id()
        wire_order = order_for(order, order_id=order_id, client_id=link.client_id)
        self._truth.sending(order, order_id)
        link.client.placeOrder(order_id, contract, wire_order)
        return order_id

    async def amend(self, order: ApprovedOrder) -> None:
        """Change the limit in place, with the contract that the broker echoed.

        Raises
        ------
        Disconnected
            A link is not proven good: amendments are frozen.
        Unresolved
            The order is not acknowledged, has ended, or an earlier change is unanswered.
        """
        ref = order.intent.ref
        self._proven_link(ref)
        self._amendable(ref)
        if not await self._queue.turn(ref):
            return
        link = self._proven_link(ref)
        order_id, echo = self._amendable(ref)
        wire_order = order_for(order, order_id=order_id, client_id=link.client_id)
        self._truth.amending(order)
        link.client.placeOrder(order_id, contract_to_amend(echo), wire_order)

    async def cancel(self, ref: OrderRef) -> None:
        """Ask for the cancel of one order of ours; it overtakes everything that waits.

        Raises
        ------
        Disconnected
            The order link is down. The cancel is owed: it leaves as soon as the link is back.
        Unresolved
            No order of ours with this reference works at the broker.
        """
        if self._withdraw(ref):
            return
        try:
            await self._cancel_now(ref)
        except Disconnected:
            self._owed_cancels[ref] = None
            raise

    async def _cancel_now(self, ref: OrderRef) -> None:
        tracked = self._truth.get(ref)
        if tracked is None or tracked.order_id is None:
            link = self._up_link()
            await reads.ask_open_orders(link, seconds=self._settings.deadlines.request_seconds)
            tracked = self._truth.get(ref)
        if tracked is None or tracked.order_id is None:
            raise Unresolved(
                f"no order {ref} of client {self._settings.order_client_id} is open at the broker; "
                "nothing to cancel. Read a snapshot to learn what became of it"
            )
        await self._send_cancels(tracked)

    async def cancel_all_ours(self) -> int:
        """Ask for the cancel of every live order of our client id; return how many.

        Known ones are cancelled at once; then all open orders are read and the rest follows.

        Raises
        ------
        RequestTimedOut
            The cancels of the known orders left, but the broker's open orders could not be read.
        """
        withdrawn = self._withdraw_queued()
        asked = {tracked.ref for tracked in self._truth.live()}
        await self._cancel_each(asked)
        link = self._up_link()
        read = await reads.ask_open_orders(link, seconds=self._settings.deadlines.request_seconds)
        own = {
            OrderRef(echo.order.orderRef)
            for echo in read.echoes
            if echo.order.clientId == link.client_id and echo.order.orderRef
        }
        await self._cancel_each(own - asked)
        return withdrawn + len(own | asked)

    async def reports(self) -> AsyncIterator[BrokerReport]:
        """Everything the broker says about orders and links, in order of arrival."""
        while (report := await self._reports.get()) is not None:
            yield report

    async def snapshot(self) -> BrokerSnapshot:
        """One full read with every end marker.

        It is read again when an execution arrives in the middle of it.

        Raises
        ------
        RequestTimedOut
            A part did not end in time: an incomplete read proves nothing.
        """
        async with self._one_snapshot:
            found, is_quiet = await self._read_all()
            for _ in range(SNAPSHOT_ATTEMPTS - 1):
                if is_quiet:
                    break
                found, is_quiet = await self._read_all()
            self._last_order_id = max(self._last_order_id, self._truth.order_id_seen)
            return found

    async def what_if(
        self, *, combo: Combo, order_ref: OrderRef, limit_price: Decimal, quantity: int
    ) -> WhatIf:
        """Preview the margin of buying (quantity > 0) or selling (< 0) the combo.

        Raises
        ------
        BrokerRefused
            The broker refuses the order, or is in Read-Only mode.
        RequestTimedOut
            No answer with margins came in time (the first, early answer has none).
        """
        return await ask_what_if(
            self._up_link(),
            order_id=self._next_order_id(),
            combo=combo,
            terms=Terms(
                side=Side.BUY if quantity > 0 else Side.SELL,
                quantity=abs(quantity),
                limit_price=limit_price,
                account=self.account,
                ref=order_ref,
            ),
            seconds=self._settings.deadlines.what_if_seconds,
        )

    # Leaves

    def _proven_link(self, ref: OrderRef) -> Link:
        if self._settings.read_only:
            raise BrokerRefused(
                f"order {ref} was not sent: this connection is read-only. Connect with a trading "
                "profile to send orders"
            )
        reason = self._unproven()
        if reason is not None or self._link is None or not self._link.is_up:
            raise Disconnected(
                f"order {ref} was not sent: {reason or 'the order link is down'}. Wait until both "
                "links are good and the book is reconciled"
            )
        return self._link

    def _up_link(self) -> Link:
        if self._link is None or not self._link.is_up:
            raise Disconnected("the order link is down; wait until it is connected again")
        return self._link

    def _next_order_id(self) -> int:
        self._last_order_id = self.order_id_high_water + 1
        return self._last_order_id

    def _amendable(self, ref: OrderRef) -> tuple[int, Contract]:
        tracked = self._truth.get(ref)
        if tracked is None or tracked.order_id is None or tracked.echo is None:
            raise Unresolved(f"order {ref} is not acknowledged by the broker; wait, then amend")
        if tracked.ended:
            raise Unresolved(f"order {ref} has ended; it can not be amended")
        if tracked.pending_limit is not None:
            raise Unresolved(f"order {ref} has a change that the broker has not answered; wait")
        return tracked.order_id, tracked.echo

    def _withdraw(self, ref: OrderRef) -> bool:
        """Take back an order whose message still waits; an amendment's order stays."""
        return self._queue.take_back(ref) and self._truth.get(ref) is None

    def _withdraw_queued(self) -> int:
        return sum(self._withdraw(ref) for ref in self._queue.refs)

    async def _pay_owed_cancels(self) -> None:
        """Cancel what is owed and still open at the broker; the rest has ended meanwhile."""
        try:
            seconds = self._settings.deadlines.request_seconds
            read = await reads.ask_open_orders(self._up_link(), seconds=seconds)
            still_open = {OrderRef(echo.order.orderRef) for echo in read.echoes}
            owed, self._owed_cancels = self._owed_cancels, {}
            await self._cancel_each(still_open & owed.keys())
        except DispersaError as error:
            log.warning("cancels that were owed could not be sent: %s", error)
        finally:
            self._paying = None

    async def _cancel_each(self, refs: set[OrderRef]) -> None:
        for ref in sorted(refs):
            tracked = self._truth.get(ref)
            if tracked is not None:
                await self._send_cancels(tracked)

    async def _send_cancels(self, tracked: TrackedOrder) -> None:
        link = self._up_link()
        self._truth.cancelling(tracked.ref)
        for order_id in tracked.cancellable_ids:
            cancel = partial(link.client.cancelOrder, order_id)
            await link.send(Urgency.CANCEL, f"cancel of {tracked.ref}", cancel)

    async def _read_all(self) -> tuple[BrokerSnapshot, bool]:
        """Read once; return also whether no other execution arrived meanwhile."""
        before = self._executions_taken
        snapshot, replayed = await reads.ask_snapshot(
            self._up_link(),
            account=self.account,
            clock=self._clock,
            seconds=self._settings.deadlines.snapshot_seconds,
        )
        return snapshot, self._executions_taken == before + replayed

    def _take(self, line: OrderLine) -> None:
        if isinstance(line, ExecutionLine):
            self._executions_taken += 1
        try:
            reports = self._truth.take(line)
        except BrokenInvariant as error:
            self.emit(LinkLost(message=str(error)))
            if self._link is not None:
                self._link.drop()
            return
        for report in reports:
            self.emit(report)
        if self._gap_check is None and self._truth.short_of_fills():
            self._gap_check = asyncio.ensure_future(self._close_fill_gap())

    async def _close_fill_gap(self) -> None:
        """Ask for executions when the broker counts more filled than the legs have told."""
        deadlines = self._settings.deadlines
        try:
            await asyncio.sleep(deadlines.fill_gap_seconds)
            if not self._truth.short_of_fills() or self._link is None:
                return
            await reads.ask_executions(self._link, seconds=deadlines.request_seconds)
        except DispersaError as error:
            log.warning("missing executions could not be read: %s", error)
        finally:
            self._gap_check = None
        for tracked in self._truth.short_of_fills():
            text = f"the broker counts {tracked.units_said} units filled, its executions fewer"
            self.emit(OrderDoubtful(ref=tracked.ref, code=None, message=text))
