"""What changed a position without a trade? Expiry, assignment, exercise, splits, dividends.

A booking is no execution and never pretends to be one: it names its kind, its reason and who
accepted it, and the fold of positions counts it beside the executions.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from dispersa.errors import InvalidInput
from dispersa.market import ConId, OptionContract, Symbol
from dispersa.orders import ProgramId


class BookingKind(StrEnum):
    """What happened to the position."""

    EXPIRY = "expiry"
    ASSIGNMENT = "assignment"
    EXERCISE = "exercise"
    DELIVERY = "delivery"
    SPLIT = "split"
    SYMBOL_CHANGE = "symbol_change"
    DIVIDEND = "dividend"
    ADOPTION = "adoption"


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """One change of one contract's position that no order of ours made.

    `quantity` is the signed change, booked at `price` per share; `income` is cash on top, such as a
    dividend (negative when paid). `booking` is unique, so that the same fact counts once.
    `program` is the trade it belongs to, empty for none. A delivery is the stock leg of an exercise
    or assignment, at the strike. A split's new shares come at a price of zero, which leaves the
    cost of the whole position as it was. An option that was listed anew comes as two bookings, out
    of the old contract and into the new one, which has its terms in `option` and the old one in
    `replaces`; `ratio` is new shares per old one, 1 for all but a split.
    """

    booking: str
    kind: BookingKind
    con_id: ConId
    symbol: Symbol
    multiplier: int
    quantity: Decimal
    price: Decimal
    at: datetime
    reason: str
    accepted_by: str
    program: ProgramId
    income: Decimal = Decimal(0)
    ratio: Decimal = Decimal(1)
    replaces: ConId | None = None
    option: OptionContract | None = None

    def __post_init__(self) -> None:
        if not self.booking or not self.reason.strip() or not self.accepted_by.strip():
            raise InvalidInput("a booking needs an identity, a reason and who accepted it")
        if not (self.quantity.is_finite() and self.price.is_finite() and self.price >= 0):
            raise InvalidInput(
                f"booking {self.booking} changes {self.quantity} at {self.price}; expected a "
                "number of contracts and a price from zero"
            )
