"""What does IBKR charge for an execution?

The published fixed-rate schedule for US products (IBKR Pro): options 0.65 USD a contract at
premiums of 0.10 and more, 0.50 from 0.05, 0.25 below, at least 1.00 USD for each leg of an order;
stocks 0.005 USD a share, at least 1.00 USD and at most 1 % of the trade's value. Exchange and
regulatory fees are left out.
"""

from dataclasses import dataclass
from decimal import Decimal

from dispersa.gateway.exchange.directory import Instrument
from dispersa.gateway.model import SecType

CENT = Decimal("0.01")
_MINIMUM = Decimal("1.00")
_PER_SHARE = Decimal("0.005")
_STOCK_SHARE_MAX = Decimal("0.01")
_TIERS = ((Decimal("0.05"), Decimal("0.25")), (Decimal("0.10"), Decimal("0.50")))
_PER_CONTRACT = Decimal("0.65")


def full_charge(instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
    """Return the commission of one order leg that traded `quantity` at `price` in all."""
    if instrument.sec_type is SecType.OPTION:
        rate = next((rate for edge, rate in _TIERS if price < edge), _PER_CONTRACT)
        return max(_MINIMUM, quantity * rate).quantize(CENT)
    charge = max(_MINIMUM, quantity * _PER_SHARE)
    cap = quantity * price * _STOCK_SHARE_MAX
    return min(charge, max(cap, CENT)).quantize(CENT)


@dataclass(slots=True, kw_only=True)
class LegCharge:
    """What one leg of one order has traded and paid so far; the minimum is charged once."""

    quantity: Decimal = Decimal(0)
    value: Decimal = Decimal(0)
    charged: Decimal = Decimal(0)

    def charge(self, instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
        """Return the commission of one more execution."""
        self.quantity += quantity
        self.value += quantity * price
        due = full_charge(instrument, self.quantity, self.value / self.quantity)
        more = max(due - self.charged, Decimal(0))
        self.charged += more
        return more
