"""What trades, when, and at which ticks?"""

from dispersa.market.baskets import Basket, Weight
from dispersa.market.contracts import (
    ExerciseStyle,
    OptionContract,
    Right,
    Settlement,
    Straddle,
    Underlying,
    UnderlyingKind,
)
from dispersa.market.greeks import Greeks, GreeksSource
from dispersa.market.ids import ConId, Symbol
from dispersa.market.prices import to_decimal, to_float
from dispersa.market.quotes import DataKind, Quote, QuoteFault, straddle_quote
from dispersa.market.sessions import TradingSession
from dispersa.market.sides import Side
from dispersa.market.ticks import PENNY, PriceIncrements

__all__ = [
    "PENNY",
    "Basket",
    "ConId",
    "DataKind",
    "ExerciseStyle",
    "Greeks",
    "GreeksSource",
    "OptionContract",
    "PriceIncrements",
    "Quote",
    "QuoteFault",
    "Right",
    "Settlement",
    "Side",
    "Straddle",
    "Symbol",
    "TradingSession",
    "Underlying",
    "UnderlyingKind",
    "Weight",
    "straddle_quote",
    "to_decimal",
    "to_float",
]
