"""How does a number cross between exact money and volatility mathematics?

Order prices, cash and quantities are `Decimal` or integers; volatility mathematics is `float`.
These two functions are the only crossing.
"""

import math
from decimal import Decimal

from dispersa.errors import MarketDataMissing


def to_float(amount: Decimal) -> float:
    """Take an exact amount into volatility mathematics."""
    return float(amount)


def to_decimal(value: float, *, places: int = 10) -> Decimal:
    """Bring a computed number back to exact money, rounded to `places` decimals.

    Raises
    ------
    MarketDataMissing
        If `value` is NaN or infinite: such a number never becomes a price.
    """
    if not math.isfinite(value):
        raise MarketDataMissing(f"a price came out as {value}; expected a finite number")
    return Decimal(repr(round(value, places)))
