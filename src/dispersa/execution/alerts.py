"""Which fills are not as they should be? Each becomes a recorded alert, told once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from dispersa.orders import Execution, ExecutionBook, Order

LATE_AFTER = timedelta(seconds=30)
OFF_MARKET_HALF_SPREADS = Decimal(2)


class AlertKind(StrEnum):
    """What is abnormal.

    WORSE_THAN_LIMIT: the net price is beyond every limit we asked for. WORSE_THAN_PLAN: an order
    cost more than twice the plan's expectation. OFF_MARKET: better than the mid by more than two
    half-spreads. ODD_SIZE: legs out of ratio, or more than ordered. LATE: reported after the
    order had ended, or long after it happened. NOT_NEUTRAL: the trade ended outside its tolerance.
    """

    WORSE_THAN_LIMIT = "worse_than_limit"
    WORSE_THAN_PLAN = "worse_than_plan"
    OFF_MARKET = "off_market"
    ODD_SIZE = "odd_size"
    LATE = "late"
    NOT_NEUTRAL = "not_neutral"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One abnormal fill; kind and subject together are told once."""

    kind: AlertKind
    subject: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FillSeen:
    """One execution with the order it belongs to, as they stand after it was booked.

    `half_spread` per share and `expected_usd` per straddle are the plan's.
    """

    execution: Execution
    order: Order
    book: ExecutionBook
    at: datetime
    half_spread: Decimal
    expected_usd: Decimal


def fill_alerts(seen: FillSeen) -> tuple[Alert, ...]:
    """Everything that is abnormal about one execution."""
    found = [*_of_time(seen), *_of_size(seen), *_of_price(seen)]
    subject = seen.order.approved.intent.ref
    return tuple(Alert(kind=kind, subject=subject, sentence=text) for kind, text in found)


Finding = tuple[AlertKind, str]


def _of_time(seen: FillSeen) -> list[Finding]:
    order, symbol = seen.order, seen.execution.symbol
    ended = order.ended_at
    age = seen.at - seen.execution.at
    if ended is not None and ended < seen.at:
        text = f"{symbol}: a fill came {(seen.at - ended).total_seconds():.0f} s after its order "
        return [(AlertKind.LATE, text + f"had ended as {order.state.value}; it counts")]
    if age > LATE_AFTER:
        text = f"{symbol}: a fill was reported {age.total_seconds():.0f} s after it happened"
        return [(AlertKind.LATE, text)]
    return []


def _of_size(seen: FillSeen) -> list[Finding]:
    order, intent = seen.order, seen.order.approved.intent
    if order.filled > intent.quantity:
        text = f"{intent.combo.symbol}: {order.filled} filled of {intent.quantity} ordered"
        return [(AlertKind.ODD_SIZE, text)]
    if order.state.is_terminal and seen.book.legs_unequal(intent.ref, intent.combo):
        text = f"{intent.combo.symbol}: the legs of {intent.ref} are filled out of ratio"
        return [(AlertKind.ODD_SIZE, text)]
    return []


def _of_price(seen: FillSeen) -> list[Finding]:
    order, intent = seen.order, seen.order.approved.intent
    net = seen.book.net_price(intent.ref, intent.combo)
    if net is None or seen.book.legs_unequal(intent.ref, intent.combo):
        return []
    sign, name = intent.side.sign, intent.combo.symbol
    limits = [limit for _, limit in order.limit_path]
    worst = max(limits, key=lambda limit: sign * limit)
    if sign * (abs(net) - worst) > Decimal("0.005"):
        text = f"{name}: filled at {net:.4f}, beyond the limit of {worst}"
        return [(AlertKind.WORSE_THAN_LIMIT, text)]
    if order.arrival_mid is None:
        return []
    paid = sign * (abs(net) - order.arrival_mid)
    if paid < -OFF_MARKET_HALF_SPREADS * seen.half_spread and seen.half_spread > 0:
        text = f"{name}: filled at {net:.4f} although the mid was {order.arrival_mid} at arrival"
        return [(AlertKind.OFF_MARKET, text)]
    if paid * intent.combo.multiplier > 2 * seen.expected_usd:
        text = (
            f"{name}: {paid * intent.combo.multiplier:.2f} dollars paid per straddle, the plan "
            f"expected {seen.expected_usd:.2f}"
        )
        return [(AlertKind.WORSE_THAN_PLAN, text)]
    return []
