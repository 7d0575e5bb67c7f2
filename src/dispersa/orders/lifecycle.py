"""In which state is an order, and what may follow?

The life cycle is a table. Our own state machine is the truth; the broker's client library is a
source of hints. Silence is UNKNOWN, never rejected, and fills are accepted in every state.

    INTENDED ──sent──▶ SENT ──acknowledged──▶ WORKING ──cancel requested──▶ CANCEL_PENDING
                         │                       │                               │
                         └────────doubt──────────┴──────────▶ UNKNOWN ◀──────────┘
    any but a terminal one ──▶ FILLED · CANCELLED · REJECTED · EXPIRED · NEVER_ARRIVED
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from dispersa.orders.ids import PermId
from dispersa.orders.intents import ApprovedOrder


class OrderState(StrEnum):
    """Where an order stands, by the evidence we hold."""

    INTENDED = "intended"
    SENT = "sent"
    WORKING = "working"
    CANCEL_PENDING = "cancel_pending"
    UNKNOWN = "unknown"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    NEVER_ARRIVED = "never_arrived"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more is expected; late executions are booked all the same."""
        return self in _TERMINAL

    @property
    def may_fill(self) -> bool:
        """Whether the rest of the order counts at its worst case."""
        return self not in _TERMINAL


_TERMINAL = frozenset(
    {
        OrderState.FILLED,
        OrderState.CANCELLED,
        OrderState.REJECTED,
        OrderState.EXPIRED,
        OrderState.NEVER_ARRIVED,
    }
)


class OrderChange(StrEnum):
    """What was learned about an order."""

    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    CANCEL_REQUESTED = "cancel_requested"
    CANCEL_REFUSED = "cancel_refused"
    DOUBT = "doubt"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    ABSENCE_PROVEN = "absence_proven"


_ENDS = {
    OrderChange.FILLED: OrderState.FILLED,
    OrderChange.CANCELLED: OrderState.CANCELLED,
    OrderChange.REJECTED: OrderState.REJECTED,
    OrderChange.EXPIRED: OrderState.EXPIRED,
    OrderChange.ABSENCE_PROVEN: OrderState.NEVER_ARRIVED,
}

_S, _C = OrderState, OrderChange

_OPEN_TABLE: dict[tuple[OrderState, OrderChange], OrderState] = {
    (_S.INTENDED, _C.SENT): _S.SENT,
    (_S.INTENDED, _C.ACKNOWLEDGED): _S.WORKING,
    (_S.INTENDED, _C.CANCEL_REQUESTED): _S.CANCEL_PENDING,
    (_S.INTENDED, _C.DOUBT): _S.UNKNOWN,
    (_S.SENT, _C.ACKNOWLEDGED): _S.WORKING,
    (_S.SENT, _C.CANCEL_REQUESTED): _S.CANCEL_PENDING,
    (_S.SENT, _C.DOUBT): _S.UNKNOWN,
    (_S.WORKING, _C.CANCEL_REQUESTED): _S.CANCEL_PENDING,
    (_S.WORKING, _C.DOUBT): _S.UNKNOWN,
    (_S.CANCEL_PENDING, _C.CANCEL_REFUSED): _S.UNKNOWN,
    (_S.CANCEL_PENDING, _C.DOUBT): _S.UNKNOWN,
    (_S.UNKNOWN, _C.ACKNOWLEDGED): _S.WORKING,
    (_S.UNKNOWN, _C.CANCEL_REQUESTED): _S.CANCEL_PENDING,
}


def next_state(state: OrderState, change: OrderChange) -> OrderState:
    """State after `change`; a change that teaches nothing new leaves it as it is.

    A full fill outranks every other end: an order reported cancelled that has executed in full is
    FILLED.
    """
    if state.is_terminal:
        return OrderState.FILLED if change is OrderChange.FILLED else state
    if change in _ENDS:
        return _ENDS[change]
    return _OPEN_TABLE.get((state, change), state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order of ours as far as we know it; a fold over the journal, never edited in place.

    `arrival_mid` is the combo's mid when the order was decided, `working_limit` the last limit
    that the broker is known to work, `limit_path` every limit that we asked for.
    """

    approved: ApprovedOrder
    state: OrderState
    intended_at: datetime
    arrival_mid: Decimal | None = None
    filled: int = 0
    acknowledged_at: datetime | None = None
    cancel_asked_at: datetime | None = None
    doubted_at: datetime | None = None
    ended_at: datetime | None = None
    amend_pending: bool = False
    working_limit: Decimal
    perm_ids: tuple[PermId, ...] = ()
    limit_path: tuple[tuple[datetime, Decimal], ...] = field(default=())
    message: str = ""

    @property
    def remaining(self) -> int:
        """Units that are not filled."""
        return max(self.approved.intent.quantity - self.filled, 0)

    @property
    def units_at_risk(self) -> int:
        """Units that may still fill: the rest of any order whose end is not proven."""
        return self.remaining if self.state.may_fill else 0
