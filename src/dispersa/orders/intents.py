"""What do we want to trade, and has risk approved it?"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from dispersa.errors import InvalidInput
from dispersa.market import OptionContract, Side, Straddle, Symbol, Underlying
from dispersa.orders.ids import OrderRef, PackageId, ProgramId

LEGS_MAX = 4


class Purpose(StrEnum):
    """Why an order is sent: it decides which limits bind it (a cancel needs no order)."""

    OPEN = "open"
    HEDGE = "hedge"
    REDUCE = "reduce"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One contract of a combo, bought or sold `ratio` times when one unit is bought."""

    contract: OptionContract | Underlying
    side: Side
    ratio: int = 1

    def __post_init__(self) -> None:
        if self.ratio < 1:
            raise InvalidInput(f"leg ratio is {self.ratio}; expected a whole number from 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Combo:
    """One to four legs on one underlying, traded together at one net price.

    A single leg is a plain order. IBKR guarantees SMART combos of US options and stock only on
    one underlying, so a combo across underlyings is refused here.
    """

    legs: tuple[Leg, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.legs) <= LEGS_MAX:
            raise InvalidInput(f"a combo of {len(self.legs)} legs; expected 1 to {LEGS_MAX}")
        if len({leg.contract.symbol for leg in self.legs}) != 1:
            raise InvalidInput("combo legs name several underlyings; expected one")
        if len({leg.contract.con_id for leg in self.legs}) != len(self.legs):
            raise InvalidInput("a combo names one contract twice; expected distinct legs")

    @property
    def symbol(self) -> Symbol:
        """Underlying of every leg."""
        return self.legs[0].contract.symbol

    @property
    def multiplier(self) -> int:
        """Shares per unit: that of the option legs, 1 for stock alone."""
        options = [leg.contract for leg in self.legs if isinstance(leg.contract, OptionContract)]
        return options[0].multiplier if options else 1


def straddle_combo(straddle: Straddle) -> Combo:
    """Return the two-leg combo whose purchase buys one straddle."""
    return Combo(legs=tuple(Leg(contract=leg, side=Side.BUY) for leg in straddle.legs))


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIntent:
    """One DAY limit order that we want to have at the broker.

    `quantity` counts combo units, `limit_price` is the net price per share of one unit (buying a
    debit is positive), `ref` is unique for ever.
    """

    ref: OrderRef
    program: ProgramId
    package: PackageId
    purpose: Purpose
    account: str
    combo: Combo
    side: Side
    quantity: int
    limit_price: Decimal

    def __post_init__(self) -> None:
        if self.quantity < 1:
            raise InvalidInput(
                f"order {self.ref} asks for {self.quantity} units; expected 1 or more"
            )
        if not self.limit_price.is_finite():
            raise InvalidInput(
                f"order {self.ref} has the limit {self.limit_price}; expected a price"
            )
        if not self.ref or not self.account:
            raise InvalidInput("an order needs a reference and an account")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedOrder:
    """An intent that the gate has passed; the only thing a broker will send.

    Only room `risk` makes one (a test holds that). `revision` counts the approved changes of the
    limit: 0 is the first send.
    """

    intent: OrderIntent
    revision: int
    approved_at: datetime
    passed: tuple[str, ...]
