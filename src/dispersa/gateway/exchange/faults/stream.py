"""How do armed faults change the stream of events?"""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from dispersa.gateway import events
from dispersa.gateway.exchange.faults.catalogue import Armed
from dispersa.gateway.exchange.orders import WorkingOrder
from dispersa.gateway.model import BAG_CON_ID, Action, Contract, Status

Rule = Callable[[Armed, events.Event, WorkingOrder], list[events.Event]]


class Actor(Protocol):
    """What the stream asks of the fault desk."""

    armed: list[Armed]

    def order_of(self, perm_id: int) -> WorkingOrder | None:
        """Return the order with that permanent id."""
        ...

    def deliver_later(self, seconds: float, event: events.Event) -> None:
        """Send an event after a while."""
        ...

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something after a while."""
        ...

    def correct(self, line: events.Execution) -> None:
        """Correct an execution."""
        ...

    def bust(self, line: events.Execution) -> None:
        """Undo an execution."""
        ...

    def rebook(self, line: events.Execution) -> None:
        """Book an execution that was held back."""
        ...

    def overfill(self, order: WorkingOrder) -> None:
        """Fill one unit too many."""
        ...

    def reject_rest(self, order: WorkingOrder) -> None:
        """Reject what is left."""
        ...


class Stream:
    """Drops, doubles, delays and reorders the events of the orders that faults have taken."""

    def __init__(self, desk: Actor) -> None:
        self._desk = desk
        self._held: dict[int, list[events.Event]] = {}
        self._perm_of_execution: dict[str, int] = {}
        self._done: set[tuple[int, int]] = set()
        self._rules: dict[str, Rule] = {
            "B6": self._twice,
            "B7": self._corrected,
            "B8": self._busted,
            "B9": self._execution_first,
            "B10": self._without_status,
            "B11": self._going_back,
            "B12": self._late_commission,
            "B15": self._rejected_rest,
            "B16": self._inactive,
            "B21": self._legged,
            "B22": self._late_legs,
            "B24": self._flipped_leg,
            "B26": self._overfilled,
        }

    def passed(self, event: events.Event) -> list[events.Event]:
        """Return what listeners get of an event."""
        if isinstance(event, events.Execution):
            self._perm_of_execution[event.exec_id] = event.perm_id
        order = self._order_of(event)
        out = [event]
        for fault in [] if order is None else list(self._desk.armed):
            rule = self._rules.get(fault.code)
            if rule is not None and order is not None and self._is_taken(fault, order):
                out = [new for one in out for new in rule(fault, one, order)]
        return out

    def _order_of(self, event: events.Event) -> WorkingOrder | None:
        match event:
            case events.OpenOrder() | events.OrderStatus() | events.Execution():
                return self._desk.order_of(event.perm_id)
            case events.CommissionReport():
                return self._desk.order_of(self._perm_of_execution.get(event.exec_id, 0))
            case _:
                return None

    @staticmethod
    def _is_taken(fault: Armed, order: WorkingOrder) -> bool:
        return fault.takes(order.perm_id, order.order.order_ref, order.contract.symbol)

    def _is_first(self, fault: Armed, order: WorkingOrder) -> bool:
        """Whether this happens for the first time to an order."""
        mark = (id(fault), order.perm_id)
        if mark in self._done:
            return False
        self._done.add(mark)
        return True

    # -- rules: a fault, an event, its order; what listeners get -----------------------------------

    def _twice(self, _: Armed, event: events.Event, __: WorkingOrder) -> list[events.Event]:
        return [event, event] if isinstance(event, events.Execution) else [event]

    def _corrected(
        self, fault: Armed, event: events.Event, order: WorkingOrder
    ) -> list[events.Event]:
        if isinstance(event, events.Execution) and event.contract.con_id != BAG_CON_ID:
            line = event
            if self._is_first(fault, order):
                self._desk.later(fault.seconds, lambda: self._desk.correct(line))
        return [event]

    def _busted(self, fault: Armed, event: events.Event, _: WorkingOrder) -> list[events.Event]:
        if isinstance(event, events.Execution) and event.contract.con_id != BAG_CON_ID:
            line = event
            self._desk.later(fault.seconds, lambda: self._desk.bust(line))
        return [event]

    def _execution_first(
        self, _: Armed, event: events.Event, order: WorkingOrder
    ) -> list[events.Event]:
        held = self._held.setdefault(order.perm_id, [])
        if isinstance(event, events.Execution):
            out, self._held[order.perm_id] = [event, *held], []
            self._done.add((-1, order.perm_id))
            return out
        if (-1, order.perm_id) in self._done:
            return [event]
        held.append(event)
        return []

    def _without_status(
        self, _: Armed, event: events.Event, __: WorkingOrder
    ) -> list[events.Event]:
        return [] if isinstance(event, events.OrderStatus) else [event]

    def _going_back(self, _: Armed, event: events.Event, order: WorkingOrder) -> list[events.Event]:
        if isinstance(event, events.OrderStatus) and event.status == Status.FILLED:
            earlier = replace(
                event, status=Status.SUBMITTED, filled=0 * event.filled,
                remaining=order.order.quantity,
            )  # fmt: skip
            return [event, earlier]
        return [event]

    def _late_commission(
        self, fault: Armed, event: events.Event, _: WorkingOrder
    ) -> list[events.Event]:
        if isinstance(event, events.CommissionReport):
            self._desk.deliver_later(fault.seconds, event)
            return []
        return [event]

    def _rejected_rest(
        self, fault: Armed, event: events.Event, order: WorkingOrder
    ) -> list[events.Event]:
        is_partial = (
            isinstance(event, events.OrderStatus) and 0 < event.filled < order.order.quantity
        )
        if is_partial and self._is_first(fault, order):
            self._desk.later(0.0, lambda: self._desk.reject_rest(order))
        return [event]

    def _inactive(
        self, fault: Armed, event: events.Event, order: WorkingOrder
    ) -> list[events.Event]:
        if isinstance(event, events.OrderStatus) and event.status == Status.SUBMITTED:
            if self._is_first(fault, order):
                self._desk.deliver_later(fault.seconds, event)
            return [replace(event, status=Status.INACTIVE, why_held="locate")]
        return [event]

    def _late_legs(self, fault: Armed, event: events.Event, _: WorkingOrder) -> list[events.Event]:
        if isinstance(event, events.Execution) and event.contract.con_id != BAG_CON_ID:
            self._desk.deliver_later(fault.seconds, event)
            return []
        return [event]

    def _legged(self, fault: Armed, event: events.Event, order: WorkingOrder) -> list[events.Event]:
        """Hold back the first leg that is reported of a fill: undone now, booked later."""
        if not isinstance(event, events.Execution) or event.contract.con_id == BAG_CON_ID:
            return [event]
        if not self._is_first(fault, order):
            return [event]
        line = event
        self._desk.later(0.0, lambda: self._desk.bust(line))
        self._desk.later(max(fault.seconds, 0.001), lambda: self._desk.rebook(line))
        return []

    def _flipped_leg(self, _: Armed, event: events.Event, __: WorkingOrder) -> list[events.Event]:
        if isinstance(event, events.OpenOrder) and event.contract.combo_legs:
            return [replace(event, contract=_with_flipped_leg(event.contract))]
        return [event]

    def _overfilled(
        self, fault: Armed, event: events.Event, order: WorkingOrder
    ) -> list[events.Event]:
        is_filled = isinstance(event, events.OrderStatus) and event.status == Status.FILLED
        if is_filled and self._is_first(fault, order):
            self._desk.later(0.0, lambda: self._desk.overfill(order))
        return [event]


def _with_flipped_leg(contract: Contract) -> Contract:
    first, *rest = contract.combo_legs
    other = Action.SELL if first.action == Action.BUY else Action.BUY
    return replace(contract, combo_legs=(replace(first, action=other), *rest))
