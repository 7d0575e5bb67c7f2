"""What trades, when, and at which ticks?"""

from dispersa.market.baskets import Basket, Weight
from dispersa.market.chains import AtmStraddle, ChainRow, OptionChain
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
from dispersa.market.quotes import DataKind, Quote, QuoteFault, package_quote, straddle_quote
from dispersa.market.sessions import TradingSession
from dispersa.market.sides import Side
from dispersa.market.ticks import PENNY, PriceIncrements

__all__ = [
    "PENNY",
    "AtmStraddle",
    "Basket",
    "ChainRow",
    "ConId",
    "DataKind",
    "ExerciseStyle",
    "Greeks",
    "GreeksSource",
    "OptionChain",
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
    "package_quote",
    "straddle_quote",
    "to_decimal",
    "to_float",
]
