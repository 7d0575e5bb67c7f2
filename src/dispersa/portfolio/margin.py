"""What would the strategy-based rules ask us to deposit for the whole book?

Short options are margined by `dispersa.pricing.margin`, straddles as the greater side plus the
price of the other. Long options are paid in full and relieve nothing, so they count at their price:
index and single names are different groups and a dispersion trade gets little or no offset. The
broker's own what-if binds where it is larger.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from dispersa.market import (
    ConId,
    OptionContract,
    Right,
    Symbol,
    UnderlyingKind,
    to_decimal,
    to_float,
)
from dispersa.portfolio.marks import Mark, OptionMark
from dispersa.portfolio.positions import Position
from dispersa.pricing import margin

Strike = tuple[Symbol, str, date, Decimal]


@dataclass(frozen=True, slots=True)
class _Short:
    """A short leg: shares sold and what one share requires when it stands alone."""

    shares: Decimal
    price: float
    naked: float


def modelled_margin(
    positions: Mapping[ConId, Position], marks: Mapping[ConId, Mark]
) -> dict[Symbol, Decimal]:
    """Strategy-based requirement of every marked option position, in USD by underlying.

    Short calls pair with short puts of the same underlying, expiry and strike as straddles; what
    is left over counts naked; long options count at their price. Hedge stock is not margined here:
    the gate's gross exposure adds it in full.
    """
    shorts: dict[Strike, dict[Right, _Short]] = defaultdict(dict)
    required: dict[Symbol, Decimal] = defaultdict(Decimal)
    for con_id, position in positions.items():
        mark = marks.get(con_id)
        if not isinstance(mark, OptionMark) or position.is_flat:
            continue
        shares = abs(position.quantity) * position.multiplier
        if position.quantity > 0:
            required[position.symbol] += shares * mark.price
        else:
            short = _Short(shares, to_float(mark.price), _naked(mark))
            shorts[_strike(mark.contract)][mark.contract.right] = short
    for (symbol, *_), sides in shorts.items():
        required[symbol] += _short_margin(sides)
    return dict(required)


def _strike(option: OptionContract) -> Strike:
    return (option.symbol, option.trading_class, option.expiry, option.strike)


def _short_margin(sides: Mapping[Right, _Short]) -> Decimal:
    """Requirement of the shorts at one strike: as many pairs as there are, the rest naked."""
    call, put = sides.get(Right.CALL), sides.get(Right.PUT)
    paired, total = Decimal(0), Decimal(0)
    if call is not None and put is not None:
        paired = min(call.shares, put.shares)
        pair = margin.short_pair(call.naked, put.naked, call.price, put.price)
        total = paired * to_decimal(pair)
    for side in sides.values():
        total += (side.shares - paired) * to_decimal(side.naked)
    return total


def _naked(mark: OptionMark) -> float:
    side = margin.short_call if mark.contract.right is Right.CALL else margin.short_put
    strike, spot = to_float(mark.contract.strike), to_float(mark.spot)
    return side(spot, strike, to_float(mark.price), _rate(mark.underlying))


def _rate(kind: UnderlyingKind) -> float:
    match kind:
        case UnderlyingKind.INDEX:
            return margin.INDEX_RATE
        case UnderlyingKind.STOCK | UnderlyingKind.ETF:
            return margin.STOCK_RATE
