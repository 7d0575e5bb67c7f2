"""What may a difference between our positions and the broker's be, in which shapes is it told?"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from dispersa.market import ConId, OptionContract, Symbol
from dispersa.orders import PositionReading
from dispersa.portfolio.bookings import BookingKind
from dispersa.portfolio.positions import Position


class Cause(StrEnum):
    """What has most likely happened."""

    EXPIRED = "expired"
    DELIVERED = "delivered"
    CASH_SETTLED = "cash_settled"
    SPLIT = "split"
    SYMBOL_CHANGED = "symbol_changed"
    ADJUSTED = "adjusted"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change that would make the books equal; `price` per share.

    `ratio` is new shares per old one, 1 for all but a split. An option that was listed anew then
    comes as two changes, out of the old contract and into the new one, which has its terms in
    `option` and the old one in `replaces`.
    """

    kind: BookingKind
    con_id: ConId
    multiplier: int
    quantity: Decimal
    price: Decimal
    ratio: Decimal = Decimal(1)
    replaces: ConId | None = None
    option: OptionContract | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a name differs. `changes` would make our books equal; certain ones book themselves."""

    symbol: Symbol
    cause: Cause
    is_certain: bool
    sentence: str
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What we know about the contracts: positions by our book, external ones, terms, stocks."""

    positions: Mapping[ConId, Position]
    baseline: tuple[PositionReading, ...]
    options: Mapping[ConId, OptionContract]


@dataclass(frozen=True, slots=True)
class Difference:
    """One contract: what we expect, what the broker holds, and the option's terms, if it is one."""

    con_id: ConId
    expected: Decimal
    ours: Decimal
    found: Decimal
    option: OptionContract | None

    @property
    def change(self) -> Decimal:
        """What the broker holds more than we expect."""
        return self.found - self.expected
