"""Which prices may an order have?

Market rules as IB numbers them where that is documented (26: one cent throughout), ours where it
is not: 109 for penny-pilot options at single exchanges, 32 for nickel options, 557 for index
options, 27 for indices, 56 for combos of index options, 67 for index futures, 239 for currencies,
240 for those quoted in yen.
"""

from dispersa.gateway.exchange.directory import Instrument, exchanges_of
from dispersa.gateway.model import MarketRule, PriceIncrement, SecType


def _rule(rule_id: int, *steps: tuple[float, float]) -> MarketRule:
    increments = tuple(PriceIncrement(low_edge=low, increment=step) for low, step in steps)
    return MarketRule(rule_id=rule_id, increments=increments)


MARKET_RULES = {
    26: _rule(26, (0.0, 0.01)),
    27: _rule(27, (0.0, 0.01)),
    32: _rule(32, (0.0, 0.05), (3.0, 0.10)),
    109: _rule(109, (0.0, 0.01), (3.0, 0.05)),
    557: _rule(557, (0.0, 0.05), (3.0, 0.10)),
    56: _rule(56, (0.0, 0.05)),
    67: _rule(67, (0.0, 0.25)),
    239: _rule(239, (0.0, 0.00005)),
    240: _rule(240, (0.0, 0.005)),
}
_LEVEL_RULES = {SecType.STOCK: 26, SecType.INDEX: 27, SecType.FUTURE: 67, SecType.FOREX: 239}
_TOLERANCE = 1e-6


def rule_ids(instrument: Instrument) -> tuple[int, ...]:
    """Return the market rule of each valid exchange, one to one."""
    venues = exchanges_of(instrument)
    if instrument.contract.currency == "JPY":
        return (240,) * len(venues)
    if instrument.sec_type is not SecType.OPTION:
        return (_LEVEL_RULES[instrument.sec_type],) * len(venues)
    if instrument.underlying.sec_type == SecType.INDEX:
        return (557,) * len(venues)
    return tuple(26 if venue == "SMART" else 109 for venue in venues)


def rule_at(instrument: Instrument, exchange: str) -> MarketRule:
    """Return the rule for an order of `instrument` sent to `exchange`."""
    venues = exchanges_of(instrument)
    place = venues.index(exchange) if exchange in venues else 0
    return MARKET_RULES[rule_ids(instrument)[place]]


def combo_rule(legs: list[Instrument]) -> MarketRule:
    """Return the rule for the net price of a combo: 0.05 where an index option is in it."""
    is_index = any(leg.underlying.sec_type == SecType.INDEX for leg in legs)
    return MARKET_RULES[56 if is_index else 26]


def increment_at(rule: MarketRule, price: float) -> float:
    """Return the price step that applies at `price` (by its size)."""
    size = abs(price)
    steps = [step.increment for step in rule.increments if size >= step.low_edge - _TOLERANCE]
    return steps[-1]


def conforms(rule: MarketRule, price: float) -> bool:
    """Whether `price` is a whole number of steps."""
    steps = price / increment_at(rule, price)
    return abs(steps - round(steps)) < 1e-3


def min_tick(instrument: Instrument) -> float:
    """Return the smallest step over all exchanges."""
    rules = (MARKET_RULES[rule_id] for rule_id in rule_ids(instrument))
    return min(step.increment for rule in rules for step in rule.increments)
