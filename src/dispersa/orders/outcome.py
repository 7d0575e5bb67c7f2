"""What became of an order, in one of five words?"""

from enum import StrEnum

from dispersa.orders.lifecycle import Order, OrderState


class OrderOutcome(StrEnum):
    """How an order stands for somebody who waited for it.

    PARTIAL: some filled, and the rest does not work or the time is over. TIMEOUT: none filled,
    still working or unknown; it never means cancelled.
    """

    FILLED = "FILLED"
    PARTIAL = "PARTIAL"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    TIMEOUT = "TIMEOUT"


def outcome_of_order(order: Order, *, waited: bool) -> OrderOutcome | None:
    """Return the outcome, or None while it is open and the time (`waited`) is not over."""
    if order.remaining == 0:
        return OrderOutcome.FILLED
    if not order.state.is_terminal and not waited:
        return None
    if order.filled:
        return OrderOutcome.PARTIAL
    match order.state:
        case OrderState.CANCELLED | OrderState.EXPIRED:
            return OrderOutcome.CANCELLED
        case OrderState.REJECTED | OrderState.NEVER_ARRIVED:
            return OrderOutcome.REJECTED
        case _:
            return OrderOutcome.TIMEOUT
