"""How much margin does a set of holdings need under strategy-based (Reg T) rules?

Per underlying: short options against long stock (covered), then against long options of the same
right that do not expire earlier (spread: the strike difference at risk), then what is left as
naked options, calls and puts paired as straddles and strangles:

    short call   price + max(20 % S - out of the money, 10 % S)     (15 % for a broad index)
    short put    price + max(20 % S - out of the money, 10 % K)
    straddle     the greater side + the price of the other side

all times the multiplier. Long options need nothing: they are paid in full and carry no loan
value. Stock: 50 % initially (Regulation T), 25 % to maintain, short stock 30 %; index futures 6 %
and 5 % of their value, currencies 2.5 %. Sources: quant.md
2.8, its published strangle, and block K of vectors.json.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from dispersa.gateway.model import SecType

_STOCK_SHARES = (0.50, 0.25, 0.30)
"""Initial, maintenance, maintenance of a short position, as shares of the value."""
_LEVEL_SHARES: dict[str, tuple[float, float, float]] = {
    SecType.FUTURE: (0.06, 0.05, 0.05),
    SecType.FOREX: (0.025, 0.025, 0.025),
}
_SPOT_SHARE, _INDEX_SHARE, _FLOOR_SHARE = 0.20, 0.15, 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """One holding as margin sees it; `quantity` in contracts or shares, `price` per share.

    `sign` is +1 for a call, -1 for a put, 0 for stock.
    """

    symbol: str
    under_type: str
    quantity: int
    price: float
    spot: float
    sign: int = 0
    strike: float = 0.0
    expiry: date = date.max
    multiplier: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """Initial and maintenance requirements in account currency."""

    initial: float
    maintenance: float

    def times(self, factor: float) -> "Margin":
        """Return the requirements scaled."""
        return Margin(initial=factor * self.initial, maintenance=factor * self.maintenance)


@dataclass(slots=True, kw_only=True)
class _Open:
    """A holding with the contracts not yet used in a strategy."""

    exposure: Exposure
    left: int


def margin(exposures: Iterable[Exposure]) -> Margin:
    """Return the requirements of all holdings, summed over underlyings."""
    groups: dict[str, list[Exposure]] = defaultdict(list)
    for exposure in exposures:
        groups[exposure.symbol].append(exposure)
    initial = maintenance = 0.0
    for group in groups.values():
        options = _options_requirement(group)
        initial += options
        maintenance += options
        for held in (e for e in group if e.sign == 0):
            value = held.quantity * held.price * held.multiplier
            start, keep, keep_short = _LEVEL_SHARES.get(held.under_type, _STOCK_SHARES)
            initial += start * abs(value)
            maintenance += (keep if value >= 0 else keep_short) * abs(value)
    return Margin(initial=initial, maintenance=maintenance)


def naked_requirement(short: Exposure) -> float:
    """Return the requirement per share of one short option, its price included."""
    share = _INDEX_SHARE if short.under_type == SecType.INDEX else _SPOT_SHARE
    out_of_money = max(short.sign * (short.strike - short.spot), 0.0)
    floor = _FLOOR_SHARE * (short.spot if short.sign > 0 else short.strike)
    return short.price + max(share * short.spot - out_of_money, floor)


def _options_requirement(group: Sequence[Exposure]) -> float:
    shorts = [_Open(exposure=e, left=-e.quantity) for e in group if e.sign and e.quantity < 0]
    longs = [_Open(exposure=e, left=e.quantity) for e in group if e.sign and e.quantity > 0]
    shares = sum(e.quantity for e in group if e.sign == 0 and e.under_type == SecType.STOCK)
    shorts.sort(key=lambda short: -naked_requirement(short.exposure))
    _cover(shorts, shares)
    total = sum(_spread(short, longs) for short in shorts)
    return total + _naked(shorts)


def _cover(shorts: list[_Open], shares: int) -> None:
    """Use long stock against short calls and short stock against short puts."""
    for short in shorts:
        if short.exposure.sign * shares > 0:
            used = min(short.left, abs(shares) // short.exposure.multiplier)
            short.left -= used
            shares -= short.exposure.sign * used * short.exposure.multiplier


def _spread(short: _Open, longs: list[_Open]) -> float:
    """Pair a short option with the longs that limit its loss most; return the loss at risk."""
    sign, total = short.exposure.sign, 0.0
    fitting = [
        long
        for long in longs
        if long.exposure.sign == sign and long.exposure.expiry >= short.exposure.expiry
    ]
    fitting.sort(key=lambda long: sign * long.exposure.strike)
    for long in fitting:
        risk = max(sign * (long.exposure.strike - short.exposure.strike), 0.0)
        if risk >= naked_requirement(short.exposure):
            break
        used = min(short.left, long.left)
        short.left -= used
        long.left -= used
        total += used * risk * short.exposure.multiplier
    return total


def _naked(shorts: list[_Open]) -> float:
    """Return the requirement of what is left, calls against puts as straddles."""
    calls = [_unit(short) for short in shorts if short.exposure.sign > 0 and short.left]
    puts = [_unit(short) for short in shorts if short.exposure.sign < 0 and short.left]
    total = 0.0
    while calls and puts:
        call, put = calls[0], puts[0]
        pairs = min(call.left, put.left)
        sides = naked_requirement(call.exposure), naked_requirement(put.exposure)
        other = put.exposure.price if sides[0] >= sides[1] else call.exposure.price
        total += pairs * (max(sides) + other) * call.exposure.multiplier
        call.left -= pairs
        put.left -= pairs
        calls, puts = [c for c in calls if c.left], [p for p in puts if p.left]
    return total + sum(
        short.left * naked_requirement(short.exposure) * short.exposure.multiplier
        for short in (*calls, *puts)
    )


def _unit(short: _Open) -> _Open:
    return _Open(exposure=short.exposure, left=short.left)
