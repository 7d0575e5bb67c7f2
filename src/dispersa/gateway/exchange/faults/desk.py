"""What does the venue do differently while faults are armed?

Requests pass through `place` and `cancel`, events through `passed`, time through `due`. Without
armed faults each is a plain call. What a fault makes happen at the exchange is booked like
anything else: `venue.truth` tells what really is so.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import inf

from dispersa.gateway import events
from dispersa.gateway.exchange.account import Account
from dispersa.gateway.exchange.directory import Directory
from dispersa.gateway.exchange.faults.books import Books
from dispersa.gateway.exchange.faults.catalogue import Armed
from dispersa.gateway.exchange.faults.effects import EFFECTS, DataEffects
from dispersa.gateway.exchange.faults.stream import Stream
from dispersa.gateway.exchange.floor import Floor
from dispersa.gateway.exchange.orders import WorkingOrder
from dispersa.gateway.exchange.settlement import Settlement
from dispersa.gateway.model import Contract, Order, SecType, Status
from dispersa.gateway.world.world import World

_AT_ONCE = frozenset({"B35", "C8", "C9", "C10", "E5", *EFFECTS})
_COMBO_REFUSED = "The combo is refused: guaranteed and non-guaranteed terms do not go together."


class FaultDesk:
    """Arms faults and makes them happen."""

    def __init__(
        self,
        floor: Floor,
        account: Account,
        settlement: Settlement,
        world: World,
        directory: Directory,
        deliver: Callable[[events.Event], None],
    ) -> None:
        self._floor = floor
        self._account = account
        self.books = Books(floor, account, settlement, world, directory, deliver)
        self._world = world
        self._directory = directory
        self._deliver = deliver
        self.armed: list[Armed] = []
        self.effects = DataEffects()
        self._later: list[tuple[datetime, Callable[[], None]]] = []
        self._stream = Stream(self)

    def arm(
        self,
        code: str,
        *,
        order_ref: str = "",
        symbol: str = "",
        seconds: float = 2.0,
        count: int = 1,
        value: str = "",
    ) -> Armed:
        """Arm a fault by its number; some strike at once, others when their order comes.

        Raises `InvalidInput` for a number that the venue does not know.
        """
        fault = Armed(
            code=code, order_ref=order_ref, symbol=symbol, seconds=seconds, count=count, value=value
        )
        if code in self.books.strikes:
            self.books.strikes[code](fault)
        elif code in _AT_ONCE:
            self._strike(fault)
        else:
            self.armed.append(fault)
        return fault

    def disarm(self) -> None:
        """Lift every fault that has not struck, and every disturbance."""
        self.armed.clear()
        self.effects.active.clear()
        self._world.halted.clear()
        self._world.closed_until = None
        self.books.lift()

    # -- requests --------------------------------------------------------------------------------

    def place(self, client_id: int, order_id: int, contract: Contract, order: Order) -> None:
        """Take an order, unless a fault meets it on its way."""
        known = self._floor.orders.get((client_id, order_id))
        if known is None:
            refusal = self._refusal(contract, order)
            if refusal is not None:
                self._refuse(client_id, order_id, *refusal)
            elif not self._is_changed(client_id, order_id, contract, order):
                self._floor.place(client_id, order_id, contract, order)
        elif known.is_done or not self._is_amendment_met(client_id, order_id, contract, order):
            self._floor.place(client_id, order_id, contract, order)

    def _refusal(self, contract: Contract, order: Order) -> tuple[int, str] | None:
        """Return code and text with which a new order is refused, None where it is not."""
        ref, symbol = order.order_ref, contract.symbol
        if (reason := self.books.refusal(contract, order)) is not None:
            return 201, f"Order rejected - reason:{reason}"
        if self._spend("B17", ref, symbol):
            return 103, "Duplicate order id"
        if self._spend("B14", ref, symbol):
            return 201, "Order rejected - reason:by fault B14"
        if contract.sec_type == SecType.BAG and (fault := self._spend("B23", ref, symbol)):
            return int(fault.value or 10058), _COMBO_REFUSED
        return None

    def _is_changed(self, client_id: int, order_id: int, contract: Contract, order: Order) -> bool:
        """Whether a fault lost a new order or placed another in its stead."""
        ref, symbol = order.order_ref, contract.symbol
        if self._spend("B13", ref, symbol):
            return True
        if self._spend("B33", ref, symbol):
            self._floor.place(client_id, order_id, contract, order)
            self.books.hold_to_next_day(client_id, order_id)
            return True
        if order.limit_price is not None and self._spend("B25", ref, symbol):
            changed = replace(order, limit_price=round(order.limit_price - 0.05, 2))
            self._floor.place(client_id, order_id, contract, changed)
            text = "Order TIF was set to DAY based on order preset."
            self._refuse(client_id, order_id, 10349, text)
            return True
        return False

    def _is_amendment_met(
        self, client_id: int, order_id: int, contract: Contract, order: Order
    ) -> bool:
        """Whether a fault took an amendment."""
        ref, symbol = order.order_ref, contract.symbol
        if self._spend("B18", ref, symbol):
            text = "Order modification is rejected: the order is still being processed."
            self._refuse(client_id, order_id, 2102, text)
        elif fault := self._spend("B20", ref, symbol):
            self.later(
                fault.seconds, lambda: self._floor.place(client_id, order_id, contract, order)
            )
        elif self._spend("B19", ref, symbol):
            self._floor.take_twin(client_id, order_id, contract, order)
        else:
            return False
        return True

    def cancel(self, client_id: int, order_id: int) -> None:
        """Cancel an order, unless a fault meets the request."""
        known = self._floor.orders.get((client_id, order_id))
        if known is not None and not known.is_done:
            ref, symbol = known.order.order_ref, known.contract.symbol
            if self._spend("B5", ref, symbol):
                return
            if self._spend("B4", ref, symbol):
                text = f"OrderId {order_id} that needs to be cancelled is not found."
                self._refuse(client_id, order_id, 10147, text)
                return
            if self._spend("B3", ref, symbol):
                self._floor.fill(known, int(known.remaining))
            elif self._spend("B1", ref, symbol):
                self._floor.fill(known, 1)
            elif fault := self._spend("B2", ref, symbol):
                self.later(fault.seconds, lambda: self._fill_after_all(known))
        self._floor.cancel(client_id, order_id)

    def completed(self, orders: list[WorkingOrder]) -> list[WorkingOrder]:
        """Return the done orders that a query shows."""
        return orders[::2] if self._spend("B36", "", "") else orders

    def positions(self, rows: list[events.Position]) -> list[events.Position]:
        """Return the positions that a query shows."""
        shown = self.books.positions(rows)
        return shown[1:] if shown and self._spend("D8", "", "") else shown

    # -- events and time -------------------------------------------------------------------------

    def passed(self, event: events.Event) -> list[events.Event]:
        """Return what listeners get of an event."""
        return self._stream.passed(event) if self.armed else [event]

    def due(self) -> None:
        """Do what has become due, and lift disturbances that are over."""
        now = self._world.now
        if self._later:
            ready = [action for at, action in self._later if at <= now]
            self._later = [(at, action) for at, action in self._later if at > now]
            for action in ready:
                action()
        if self.effects.active:
            self.effects.expire(now)

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something after a while; never, where the while is infinite."""
        if seconds != inf:
            self._later.append((self._world.now + timedelta(seconds=seconds), action))

    def deliver_later(self, seconds: float, event: events.Event) -> None:
        """Send an event after a while, past all faults."""
        self.later(seconds, lambda: self._deliver(event))

    # -- what faults do at the exchange ----------------------------------------------------------

    def order_of(self, perm_id: int) -> WorkingOrder | None:
        """Return the order with that permanent id."""
        return next((o for o in self._floor.orders.values() if o.perm_id == perm_id), None)

    def overfill(self, order: WorkingOrder) -> None:
        """Fill one unit more than was ordered."""
        self._floor.fill(order, 1)

    def reject_rest(self, order: WorkingOrder) -> None:
        """Reject what is left of a partly filled order."""
        self._floor.reject(order, "Order rejected - reason:by fault B15")

    def correct(self, line: events.Execution) -> None:
        """Report a corrected price and move the cash by the difference."""
        base, _, revision = line.exec_id.rpartition(".")
        change = Decimal("0.01")
        corrected = replace(
            line,
            exec_id=f"{base}.{int(revision) + 1:02d}",
            price=round(line.price + float(change), 4),
        )
        found = self._directory.by_id(line.contract.con_id)
        if found is not None:
            sign = -1 if line.side == "BOT" else 1
            self._account.ledger.cash += sign * change * line.shares * found.multiplier
        self._floor.reporter.executions.append(corrected)
        self._deliver(corrected)

    def bust(self, line: events.Execution) -> None:
        """Undo an execution: position and cash as before it, nothing reported but positions."""
        found = self._directory.by_id(line.contract.con_id)
        if found is None:
            return
        back = -line.shares if line.side == "BOT" else line.shares
        self._account.ledger.book(
            found, back, Decimal(str(line.price)), Decimal(0), self._world.today
        )
        self._floor.reporter.executions.remove(line)
        self._deliver(self._account.position(self._account.ledger.holdings[found.con_id]))

    def rebook(self, line: events.Execution) -> None:
        """Book and report a leg whose trade was held back."""
        found = self._directory.by_id(line.contract.con_id)
        if found is None:
            return
        quantity = line.shares if line.side == "BOT" else -line.shares
        price = Decimal(str(line.price))
        self._account.ledger.book(found, quantity, price, Decimal(0), self._world.today)
        self._floor.reporter.executions.append(line)
        self._deliver(line)
        self._deliver(self._account.position(self._account.ledger.holdings[found.con_id]))

    # -- inside ----------------------------------------------------------------------------------

    def _spend(self, code: str, order_ref: str, symbol: str) -> Armed | None:
        """Return the armed fault that strikes now, used up by one."""
        for fault in self.armed:
            if fault.code == code and fault.count > 0 and fault.fits(order_ref, symbol):
                fault.count -= 1
                return fault
        return None

    def _refuse(self, client_id: int, order_id: int, code: int, text: str) -> None:
        self._deliver(
            events.OrderError(client_id=client_id, order_id=order_id, code=code, text=text)
        )

    def _fill_after_all(self, order: WorkingOrder) -> None:
        status = order.status
        self._floor.fill(order, 1)
        if order.status is not Status.FILLED:
            order.status = status

    def _strike(self, fault: Armed) -> None:
        """Make a fault happen that waits for nothing."""
        until = None if fault.is_forever else self._world.now + timedelta(seconds=fault.seconds)
        match fault.code:
            case "B35":
                for order in self._floor.live():
                    if fault.fits(order.order.order_ref, order.contract.symbol):
                        self._floor.cancel(*order.key)
            case "C8":
                self._halt({fault.symbol}, fault.seconds)
            case "C9":
                self._halt(set(self._directory.symbols), fault.seconds)
            case "C10":
                self._world.closed_until = until or datetime.max.replace(tzinfo=UTC)
            case "E5":
                self._account.frozen = self._account.values()
                self.later(fault.seconds, self._thaw)
            case _:
                self.effects.begin(fault.code, fault.symbol, until, fault.value)

    def _thaw(self) -> None:
        self._account.frozen = None

    def _halt(self, symbols: set[str], seconds: float) -> None:
        self._world.halted |= symbols
        self.later(seconds, lambda: self._world.halted.difference_update(symbols))
