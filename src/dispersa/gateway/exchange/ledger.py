"""What does the account hold and what has it earned?"""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from dispersa.gateway.exchange.directory import Instrument
from dispersa.gateway.model import SecType

_CENT = Decimal("0.0001")


@dataclass(slots=True, kw_only=True)
class Holding:
    """A position in one instrument; `average_cost` per contract, multiplier and fees included."""

    instrument: Instrument
    quantity: Decimal = Decimal(0)
    average_cost: Decimal = Decimal(0)
    realized: Decimal = Decimal(0)
    touched: date | None = None


@dataclass(slots=True, kw_only=True)
class Ledger:
    """Cash and holdings of one account."""

    account: str
    cash: Decimal
    holdings: dict[int, Holding] = field(default_factory=dict)
    realized: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)

    def quantity(self, con_id: int) -> Decimal:
        """Return the signed position in a contract."""
        found = self.holdings.get(con_id)
        return Decimal(0) if found is None else found.quantity

    def book(
        self,
        instrument: Instrument,
        signed_quantity: Decimal,
        price: Decimal,
        fee: Decimal,
        day: date | None = None,
    ) -> Decimal | None:
        """Book one execution of `day`; return the profit it realized, None if it only opened.

        Opening fees go into the average cost, closing fees into the realized profit. A future
        costs its fee alone; its profit becomes cash when it is closed.
        """
        per_contract = price * instrument.multiplier
        is_margined = instrument.sec_type is SecType.FUTURE
        self.cash -= fee if is_margined else signed_quantity * per_contract + fee
        self.fees += fee
        found = self.holdings.setdefault(instrument.con_id, Holding(instrument=instrument))
        found.touched = day
        closing = _closing(found.quantity, signed_quantity)
        opening = signed_quantity - closing
        profit = None
        if closing:
            share = fee * abs(closing) / abs(signed_quantity)
            gross = -closing * (per_contract - found.average_cost)
            profit = (gross - share).quantize(_CENT)
            self.cash += gross if is_margined else 0
            found.realized += profit
            self.realized += profit
            found.quantity += closing
        if opening:
            share = Decimal(0) if is_margined else fee * abs(opening) / abs(signed_quantity)
            cost = found.quantity * found.average_cost + opening * per_contract + share
            found.quantity += opening
            found.average_cost = cost / found.quantity
        if not found.quantity:
            found.average_cost = Decimal(0)
        return profit

    def open_holdings(self) -> list[Holding]:
        """Return the holdings that are not flat."""
        return [held for held in self.holdings.values() if held.quantity]


def _closing(held: Decimal, traded: Decimal) -> Decimal:
    """Return the part of a trade that reduces what is held, signed as the trade."""
    if held * traded >= 0:
        return Decimal(0)
    return traded if abs(traded) <= abs(held) else -held
