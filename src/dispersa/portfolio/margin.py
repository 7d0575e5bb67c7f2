"""What would the strategy-based rules ask us to deposit?

Short call per share: price + max(rate x S - out-of-the-money amount, 10 % of S).
Short put per share: price + max(rate x S - out-of-the-money amount, 10 % of K).
Short straddle or strangle: the greater side plus the price of the other.
The rate is 15 % on a broad index and 20 % on everything else. Long options are paid in full and
relieve nothing, so they count at their price: index and single names are different groups and a
dispersion trade gets little or no offset. Source: Regulation T and CBOE rule 10.3 as published by
brokers; the broker's own what-if binds where it is larger.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from dispersa.errors import InvalidInput
from dispersa.market import ConId, OptionContract, Right, Symbol, UnderlyingKind
from dispersa.portfolio.marks import Mark, OptionMark
from dispersa.portfolio.positions import Position

INDEX_RATE = Decimal("0.15")
EQUITY_RATE = Decimal("0.20")
FLOOR_RATE = Decimal("0.10")

Strike = tuple[Symbol, str, date, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortStraddleMargin:
    """What a short straddle or strangle requires per share: both sides and the total."""

    call_side: Decimal
    put_side: Decimal
    total: Decimal


def margin_rate(kind: UnderlyingKind) -> Decimal:
    """Share of the underlying's price that a naked short requires, before relief."""
    match kind:
        case UnderlyingKind.INDEX:
            return INDEX_RATE
        case UnderlyingKind.STOCK | UnderlyingKind.ETF:
            return EQUITY_RATE


def short_call_margin(*, spot: Decimal, strike: Decimal, price: Decimal, rate: Decimal) -> Decimal:
    """Requirement of a naked short call, per share: price + max(rate S - OTM, 0.10 S)."""
    _require_prices(spot=spot, strike=strike, price=price)
    out_of_the_money = max(strike - spot, Decimal(0))
    return price + max(rate * spot - out_of_the_money, FLOOR_RATE * spot)


def short_put_margin(*, spot: Decimal, strike: Decimal, price: Decimal, rate: Decimal) -> Decimal:
    """Requirement of a naked short put, per share: price + max(rate S - OTM, 0.10 K)."""
    _require_prices(spot=spot, strike=strike, price=price)
    out_of_the_money = max(spot - strike, Decimal(0))
    return price + max(rate * spot - out_of_the_money, FLOOR_RATE * strike)


def short_strangle_margin(
    *,
    spot: Decimal,
    call: tuple[Decimal, Decimal],
    put: tuple[Decimal, Decimal],
    rate: Decimal,
) -> ShortStraddleMargin:
    """Requirement per share of a short call with a short put, each given as (strike, price).

    total = greater side + price of the other side.

    >>> short_strangle_margin(
    ...     spot=Decimal(45),
    ...     call=(Decimal(47), Decimal("2.10")),
    ...     put=(Decimal(43), Decimal("1.20")),
    ...     rate=EQUITY_RATE,
    ... ).total
    Decimal('10.30')
    """
    call_side = short_call_margin(spot=spot, strike=call[0], price=call[1], rate=rate)
    put_side = short_put_margin(spot=spot, strike=put[0], price=put[1], rate=rate)
    other = put[1] if call_side >= put_side else call[1]
    return ShortStraddleMargin(
        call_side=call_side, put_side=put_side, total=max(call_side, put_side) + other
    )


def short_straddle_margin(
    *, spot: Decimal, strike: Decimal, call_price: Decimal, put_price: Decimal, rate: Decimal
) -> ShortStraddleMargin:
    """Requirement per share of a short straddle: a strangle with one strike."""
    return short_strangle_margin(
        spot=spot, call=(strike, call_price), put=(strike, put_price), rate=rate
    )


def modelled_margin(
    positions: Mapping[ConId, Position], marks: Mapping[ConId, Mark]
) -> dict[Symbol, Decimal]:
    """Strategy-based requirement of every marked option position, in USD by underlying.

    Short calls pair with short puts of the same underlying, expiry and strike as straddles; what
    is left over counts naked; long options count at their price. Hedge stock is not margined here:
    the gate's gross exposure adds it in full.
    """
    shorts: dict[Strike, dict[Right, tuple[Decimal, OptionMark]]] = defaultdict(dict)
    required: dict[Symbol, Decimal] = defaultdict(Decimal)
    for con_id, position in positions.items():
        mark = marks.get(con_id)
        if not isinstance(mark, OptionMark) or position.is_flat:
            continue
        shares = abs(position.quantity) * position.multiplier
        if position.quantity > 0:
            required[position.symbol] += shares * mark.price
        else:
            shorts[_strike(mark.contract)][mark.contract.right] = (shares, mark)
    for (symbol, *_), sides in shorts.items():
        required[symbol] += _short_margin(sides)
    return dict(required)


def _strike(option: OptionContract) -> Strike:
    return (option.symbol, option.trading_class, option.expiry, option.strike)


def _short_margin(sides: Mapping[Right, tuple[Decimal, OptionMark]]) -> Decimal:
    """Requirement of the shorts at one strike: as many pairs as there are, the rest naked."""
    paired, total = Decimal(0), Decimal(0)
    if len(sides) == 2:
        paired = min(shares for shares, _ in sides.values())
        call, put = sides[Right.CALL][1], sides[Right.PUT][1]
        pair = short_straddle_margin(
            spot=call.spot,
            strike=call.contract.strike,
            call_price=call.price,
            put_price=put.price,
            rate=margin_rate(call.underlying),
        )
        total += paired * pair.total
    for shares, mark in sides.values():
        total += (shares - paired) * _naked(mark)
    return total


def _naked(mark: OptionMark) -> Decimal:
    side = short_call_margin if mark.contract.right is Right.CALL else short_put_margin
    return side(
        spot=mark.spot,
        strike=mark.contract.strike,
        price=mark.price,
        rate=margin_rate(mark.underlying),
    )


def _require_prices(*, spot: Decimal, strike: Decimal, price: Decimal) -> None:
    finite = spot.is_finite() and strike.is_finite() and price.is_finite()
    if not finite or spot <= 0 or strike <= 0 or price < 0:
        raise InvalidInput(
            f"margin of an option at {price} with strike {strike} and underlying {spot}; expected "
            "an underlying and strike above zero and a price from zero"
        )
