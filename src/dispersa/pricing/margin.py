"""Margin: what does the strategy-based rule ask for a short option, straddle or strangle?

Per side: premium + max(rate x underlying - out-of-the-money amount, 10 % of the underlying [call]
or of the strike [put]); the rate is 20 % for stocks and 15 % for broad indices. A short straddle or
strangle is margined at its greater side plus the other side's premium. Source: the exchanges'
strategy-based rule as brokers publish it; a broker's own what-if takes precedence.
"""

from typing import Final

STOCK_RATE: Final = 0.20
INDEX_RATE: Final = 0.15
_FLOOR_RATE: Final = 0.10


def short_call(underlying: float, strike: float, premium: float, rate: float) -> float:
    """Requirement per share of a short call."""
    out_of_the_money = max(strike - underlying, 0.0)
    return premium + max(rate * underlying - out_of_the_money, _FLOOR_RATE * underlying)


def short_put(underlying: float, strike: float, premium: float, rate: float) -> float:
    """Requirement per share of a short put."""
    out_of_the_money = max(underlying - strike, 0.0)
    return premium + max(rate * underlying - out_of_the_money, _FLOOR_RATE * strike)


def short_pair(call: float, put: float, call_premium: float, put_premium: float) -> float:
    """Requirement per share of a short straddle or strangle from its sides' requirements.

    >>> call = short_call(45.0, 47.0, 2.10, STOCK_RATE)
    >>> put = short_put(45.0, 43.0, 1.20, STOCK_RATE)
    >>> round(100 * short_pair(call, put, 2.10, 1.20), 2)
    1030.0
    """
    return call + put_premium if call >= put else put + call_premium
