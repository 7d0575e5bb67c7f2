"""Which symbols are two lines of one company?

A company that lists two classes of common stock is one risk with two symbols. For comparison with
Cboe both stay separate names; for trading their weights add up and trade once, in the line whose
options are more liquid.
"""

from enum import StrEnum

from dispersa.market import Basket, Symbol, Weight

TRADED_LINE: dict[str, str] = {
    "GOOG": "GOOGL",
    "FOX": "FOXA",
    "NWS": "NWSA",
    "BRK.A": "BRK.B",
    "BRK A": "BRK B",
    "UA": "UAA",
    "LBTYK": "LBTYA",
    "LILAK": "LILA",
    "LEN.B": "LEN",
    "LEN B": "LEN",
    "HEI.A": "HEI",
    "HEI A": "HEI",
}
"""Second line of a company, and the line whose options trade more."""


class ShareClasses(StrEnum):
    """Whether two lines of one company count as one name."""

    SEPARATE = "separate"
    MERGED = "merged"


def merged(basket: Basket, has_vol: frozenset[Symbol]) -> Basket:
    """Add the weights of a company's lines and keep the traded line, if `has_vol` knows it.

    Where only the other line has an implied vol, that line carries the weight of both.
    """
    weights: dict[Symbol, float] = {}
    members = {row.symbol for row in basket.weights}
    for row in basket.weights:
        line = _line_for(row.symbol, members, has_vol)
        weights[line] = weights.get(line, 0.0) + row.weight
    ranked = sorted(weights.items(), key=lambda item: (-item[1], item[0]))
    return Basket(
        index=basket.index,
        as_of=basket.as_of,
        weights=tuple(Weight(symbol=symbol, weight=weight) for symbol, weight in ranked),
    )


def _line_for(symbol: Symbol, members: set[Symbol], has_vol: frozenset[Symbol]) -> Symbol:
    """Line in which this symbol's weight is counted."""
    traded = Symbol(TRADED_LINE.get(symbol, symbol))
    lines = [traded] + [Symbol(second) for second, first in TRADED_LINE.items() if first == traded]
    present = [line for line in lines if line in members]
    quoted = [line for line in present if line in has_vol]
    return (quoted or present)[0]
