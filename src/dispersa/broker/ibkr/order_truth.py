"""What do the broker's raw messages prove about each of our orders?

Every message is judged by itself: it yields reports, or nothing. An order ends only by a proof (a
cancel, a refusal out of the table of codes, its executions); everything else leaves it working or
makes it doubtful. Combo-level executions never become an `Execution`: the legs do, and the
combo-level line is only used to notice that leg lines are missing.
"""

from decimal import Decimal

from dispersa.broker.ibkr import sentinels
from dispersa.broker.ibkr.codes import CODES, Verdict, order_verdict
from dispersa.broker.ibkr.executions import commission_from, execution_from
from dispersa.broker.ibkr.order_building import echo_differences
from dispersa.broker.ibkr.raw import (
    CommissionLine,
    EchoedOrder,
    ErrorLine,
    ExecutionLine,
    OrderLine,
    StatusLine,
)
from dispersa.broker.ibkr.tracked_order import TrackedOrder
from dispersa.orders import (
    AmendRefused,
    ApprovedOrder,
    BrokerReport,
    Commission,
    CommissionReported,
    ExecId,
    ExecutionBook,
    ExecutionReported,
    OrderCancelled,
    OrderDoubtful,
    OrderRef,
    OrderRejected,
    OrderWorking,
    PermId,
    execution_key,
)

WORKING_STATUSES = frozenset({"PreSubmitted", "Submitted"})
CANCELLED_STATUSES = frozenset({"Cancelled", "ApiCancelled"})
SILENT_STATUSES = frozenset({"ApiPending", "PendingSubmit", "PendingCancel", "Filled"})
"""Not taken yet, still able to fill, or told better by the executions."""
HELD_TO_LOCATE_SHARES = "locate"
BAG = "BAG"

Reports = tuple[BrokerReport, ...]


class OrderTruth:
    """Our own order state machine over raw messages, for one client id and one account."""

    def __init__(self, *, client_id: int, account: str) -> None:
        self._client_id = client_id
        self._account = account
        self._orders: dict[OrderRef, TrackedOrder] = {}
        self._ref_by_order_id: dict[int, OrderRef] = {}
        self._ref_by_perm_id: dict[PermId, OrderRef] = {}
        self._combo_units: dict[str, tuple[OrderRef, Decimal]] = {}
        self._unbound = ExecutionBook()
        self._charges: dict[str, Commission] = {}
        self._short: set[OrderRef] = set()
        self.order_id_seen = 0

    # What we do

    def sending(self, order: ApprovedOrder, order_id: int) -> None:
        """Note a new order before its message leaves."""
        ref = order.intent.ref
        self._ref_by_order_id[order_id] = ref
        self._orders[ref] = TrackedOrder(
            ref, order_id=order_id, sent=order, limit_price=order.intent.limit_price
        )

    def withdrawn(self, ref: OrderRef) -> None:
        """Forget an order whose message never left."""
        tracked = self._orders.pop(ref, None)
        self._short.discard(ref)
        if tracked is not None and tracked.order_id is not None:
            self._ref_by_order_id.pop(tracked.order_id, None)

    def amending(self, order: ApprovedOrder) -> None:
        """Note a change of limit before its message leaves."""
        tracked = self._orders[order.intent.ref]
        tracked.sent = order
        tracked.pending_limit = order.intent.limit_price

    def cancelling(self, ref: OrderRef) -> None:
        """Note that a cancel leaves."""
        self._orders[ref].cancel_pending = True

    def get(self, ref: OrderRef) -> TrackedOrder | None:
        """What is known about one reference."""
        return self._orders.get(ref)

    def live(self) -> tuple[TrackedOrder, ...]:
        """Orders of ours that may still work and that we can cancel."""
        return tuple(
            tracked
            for tracked in self._orders.values()
            if not tracked.ended and tracked.order_id is not None and not tracked.is_filled
        )

    def live_cancels(self) -> tuple[TrackedOrder, ...]:
        """Live orders whose cancel the broker has not answered."""
        return tuple(tracked for tracked in self.live() if tracked.cancel_pending)

    def short_of_fills(self) -> tuple[TrackedOrder, ...]:
        """Orders of which the broker counts more units filled than their legs have executed."""
        return tuple(self._orders[ref] for ref in sorted(self._short))

    def book_of(self, ref: OrderRef) -> ExecutionBook:
        """Executions of one order, corrected and without duplicates."""
        tracked = self._orders.get(ref)
        return self._unbound if tracked is None else tracked.book

    def link_lost(self) -> Reports:
        """Doubt every order with an unanswered message; the rest is for the resync."""
        doubts: list[BrokerReport] = []
        for tracked in self._orders.values():
            unanswered = (
                not tracked.acknowledged
                or tracked.pending_limit is not None
                or tracked.cancel_pending
            )
            if unanswered and not tracked.ended and not tracked.is_filled:
                tracked.pending_limit = None
                tracked.cancel_pending = False
                text = "the connection was lost before the broker answered"
                doubts += self._doubt(tracked, None, text)
        return tuple(doubts)

    # What the broker says

    def take(self, line: OrderLine) -> Reports:
        """Translate one raw message."""
        match line:
            case EchoedOrder():
                return self._echoed(line)
            case StatusLine():
                return self._status(line)
            case ExecutionLine():
                return self._executed(line)
            case CommissionLine():
                return self._charged(line)
            case ErrorLine():
                return self._error(line)

    def _echoed(self, line: EchoedOrder) -> Reports:
        is_ours = line.order.clientId == self._client_id
        if is_ours:
            self.order_id_seen = max(self.order_id_seen, line.order_id)
        ref = OrderRef(line.order.orderRef)
        if not ref or line.order.account not in ("", self._account):
            return ()
        tracked = self._orders.setdefault(ref, TrackedOrder(ref))
        if is_ours:
            if tracked.order_id not in (None, line.order_id):
                tracked.other_order_ids = {*tracked.cancellable_ids} - {line.order_id}
            tracked.order_id = line.order_id
            self._ref_by_order_id[line.order_id] = ref
        tracked.echo = line.contract
        is_new = self._learn_perm_id(tracked, line.order.permId)
        if tracked.sent is not None:
            found = echo_differences(tracked.sent, line.contract, line.order)
            tracked.is_mismatched = bool(found)
            if found:
                return self._doubt(tracked, None, f"the broker holds {'; '.join(found)}")
        limit = sentinels.price(line.order.lmtPrice)
        if line.state.status in WORKING_STATUSES:
            if limit is None:
                return ()
            return self._working(tracked, PermId(line.order.permId), limit, is_new=is_new)
        return self._other_status(tracked, line.state.status, "", line.order.permId)

    def _working(
        self, tracked: TrackedOrder, perm_id: PermId, limit: Decimal, *, is_new: bool
    ) -> Reports:
        tracked.acknowledged = True
        if tracked.ended and not is_new:
            return ()
        if limit == tracked.pending_limit:
            tracked.pending_limit = None
            tracked.last_report = None
        tracked.limit_price = limit
        return self._report(
            tracked, OrderWorking(ref=tracked.ref, perm_id=perm_id, limit_price=limit)
        )

    def _status(self, line: StatusLine) -> Reports:
        tracked = self._tracked(line)
        if tracked is None:
            return ()
        is_new = self._learn_perm_id(tracked, line.perm_id)
        said = sentinels.quantity(line.filled)
        if said is not None:
            self._count(tracked, said)
        if line.status not in WORKING_STATUSES:
            return self._other_status(tracked, line.status, line.why_held, line.perm_id)
        settled = isinstance(tracked.last_report, OrderWorking | AmendRefused)
        if tracked.limit_price is None or tracked.is_mismatched or (settled and not is_new):
            return ()
        return self._working(tracked, PermId(line.perm_id), tracked.limit_price, is_new=is_new)

    def _other_status(
        self, tracked: TrackedOrder, status: str, why_held: str, perm_id: int
    ) -> Reports:
        if status in SILENT_STATUSES or tracked.ended:
            return ()
        if status in CANCELLED_STATUSES:
            tracked.ended_perm_ids.add(PermId(perm_id))
            return self._cancelled(tracked, f"order status {status}")
        if status == "Inactive" and why_held == HELD_TO_LOCATE_SHARES:
            return ()
        return self._doubt(tracked, None, f"order status {status} {why_held}".rstrip())

    def _executed(self, line: ExecutionLine) -> Reports:
        execution = line.execution
        if execution.clientId == self._client_id:
            self.order_id_seen = max(self.order_id_seen, execution.orderId)
        if execution.acctNumber != self._account:
            return ()
        ref = OrderRef(execution.orderRef)
        if not ref:
            ref = self._ref_by_perm_id.get(PermId(execution.permId), ref)
        if line.contract.secType == BAG:
            self._combo_line(ref, line)
            return ()
        found = execution_from(line, ref)
        tracked = self._orders.get(ref)
        known = self._unbound if tracked is None else tracked.book
        grown = known.with_execution(found)
        if grown is known:
            return ()
        if tracked is None:
            self._unbound = grown
        else:
            tracked.book = grown
            self._count(tracked, Decimal(0))
        return (ExecutionReported(execution=found), *self._ended_late(tracked))

    def _ended_late(self, tracked: TrackedOrder | None) -> Reports:
        """Conclude a cancel that had to wait for its executions."""
        if tracked is None or tracked.cancelled_short is None or tracked.is_short_of_fills:
            return ()
        text, tracked.cancelled_short = tracked.cancelled_short, None
        return () if tracked.is_filled else self._cancelled(tracked, text)

    def _combo_line(self, ref: OrderRef, line: ExecutionLine) -> None:
        base, _ = execution_key(ExecId(line.execution.execId))
        units = sentinels.quantity(line.execution.shares)
        tracked = self._orders.get(ref)
        if tracked is None or units is None:
            return
        self._combo_units[base] = (ref, units)
        said = sum(
            (count for other, count in self._combo_units.values() if other == ref), Decimal(0)
        )
        self._count(tracked, said)

    def _count(self, tracked: TrackedOrder, said: Decimal) -> None:
        """Compare what the broker counts as filled with what the legs have executed."""
        tracked.units_said = max(tracked.units_said, said)
        if tracked.is_short_of_fills:
            self._short.add(tracked.ref)
        else:
            self._short.discard(tracked.ref)

    def _charged(self, line: CommissionLine) -> Reports:
        commission = commission_from(line.report)
        if commission is None:
            return ()
        base, revision = execution_key(commission.exec_id)
        known = self._charges.get(base)
        if known is not None and execution_key(known.exec_id)[1] >= revision:
            return ()
        self._charges[base] = commission
        return (CommissionReported(commission=commission),)

    def _error(self, line: ErrorLine) -> Reports:
        ref = self._ref_by_order_id.get(line.request_id)
        tracked = self._orders.get(ref) if ref is not None else None
        if tracked is None:
            return ()
        text = f"error {line.code}: {line.text}"
        if line.code not in CODES:
            text += " (a code that dispersa does not know)"
        match order_verdict(line.code):
            case Verdict.INFORMATIONAL:
                return ()
            case Verdict.CANCELLED:
                return self._cancelled(tracked, text)
            case Verdict.REJECTED:
                return self._refused(tracked, line.code, text)
            case Verdict.INVALID:
                return self._invalid(tracked, line.code, text)
            case Verdict.CHANGE_REFUSED:
                return self._change_refused(tracked, line.code, text)
            case Verdict.AMBIGUOUS:
                tracked.cancel_pending = False
                return self._doubt(tracked, line.code, text)

    # Conclusions

    def _refused(self, tracked: TrackedOrder, code: int, text: str) -> Reports:
        """201 and its kind: the end of an order, except that it may be about a change only."""
        if tracked.pending_limit is not None:
            return self._doubt(tracked, code, text)
        return self._rejected(tracked, code, text)

    def _invalid(self, tracked: TrackedOrder, code: int, text: str) -> Reports:
        if tracked.pending_limit is not None:
            return self._change_refused(tracked, code, text)
        if tracked.acknowledged or tracked.book.executions:
            return self._doubt(tracked, code, text)
        return self._rejected(tracked, code, text)

    def _change_refused(self, tracked: TrackedOrder, code: int, text: str) -> Reports:
        if tracked.pending_limit is None or tracked.limit_price is None:
            return self._doubt(tracked, code, text)
        tracked.pending_limit = None
        refused = AmendRefused(
            ref=tracked.ref, code=code, message=text, limit_price=tracked.limit_price
        )
        return self._report(tracked, refused)

    def _rejected(self, tracked: TrackedOrder, code: int, text: str) -> Reports:
        if tracked.ended:
            return ()
        tracked.ended = True
        return self._report(tracked, OrderRejected(ref=tracked.ref, code=code, message=text))

    def _cancelled(self, tracked: TrackedOrder, text: str) -> Reports:
        if tracked.ended:
            return ()
        if len(tracked.perm_ids) > 1 and not tracked.perm_ids <= tracked.ended_perm_ids:
            return self._doubt(tracked, None, f"one of several orders of this reference: {text}")
        if tracked.is_short_of_fills:
            tracked.cancelled_short = text
            said = f"{tracked.units_said} units are said to be filled, the executions show fewer"
            return self._doubt(tracked, None, f"{text}; {said}")
        tracked.ended = True
        tracked.cancel_pending = False
        tracked.pending_limit = None
        expired = "expire" in text.lower()
        return self._report(tracked, OrderCancelled(ref=tracked.ref, message=text, expired=expired))

    def _doubt(self, tracked: TrackedOrder, code: int | None, text: str) -> Reports:
        if tracked.ended or tracked.is_filled:
            return ()
        return self._report(tracked, OrderDoubtful(ref=tracked.ref, code=code, message=text))

    def _report(self, tracked: TrackedOrder, report: BrokerReport) -> Reports:
        if report == tracked.last_report:
            return ()
        tracked.last_report = report
        return (report,)

    # Joins

    def _tracked(self, line: StatusLine) -> TrackedOrder | None:
        ref = self._ref_by_perm_id.get(PermId(line.perm_id))
        if ref is None and line.client_id == self._client_id:
            ref = self._ref_by_order_id.get(line.order_id)
        return None if ref is None else self._orders.get(ref)

    def _learn_perm_id(self, tracked: TrackedOrder, perm_id: int) -> bool:
        """Keep the permanent id; return whether it is another one for this reference."""
        known = PermId(perm_id)
        if not perm_id or known in tracked.perm_ids:
            return False
        tracked.perm_ids.add(known)
        self._ref_by_perm_id[known] = tracked.ref
        return len(tracked.perm_ids) > 1
