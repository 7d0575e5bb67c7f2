"""What does IBKR charge for an execution?

The published fixed-rate schedule for US products (IBKR Pro): options 0.65 USD a contract at
premiums of 0.10 and more, 0.50 from 0.05, 0.25 below, at least 1.00 USD for each leg of an order;
stocks 0.005 USD a share, at least 1.00 USD and at most 1 % of the trade's value; index futures
2.25 USD a contract with the exchange's part; currencies 0.2 basis points, at least 2.00 USD.
Exchange and regulatory fees are left out.
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
_PER_FUTURE = Decimal("2.25")
_FOREX_SHARE, _FOREX_MINIMUM = Decimal("0.00002"), Decimal("2.00")


def full_charge(instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
    """Return the commission of one order leg that traded `quantity` at `price` in all."""
    if instrument.sec_type is SecType.OPTION:
        rate = next((rate for edge, rate in _TIERS if price < edge), _PER_CONTRACT)
        return max(_MINIMUM, quantity * rate).quantize(CENT)
    if instrument.sec_type is SecType.FUTURE:
        return (quantity * _PER_FUTURE).quantize(CENT)
    if instrument.sec_type is SecType.FOREX:
        return max(_FOREX_MINIMUM, quantity * price * _FOREX_SHARE).quantize(CENT)
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
