"""Which numbers of the wire are no numbers? Nothing unset, infinite or NaN passes this module."""

import math
from decimal import Decimal, InvalidOperation

from dispersa.market import to_decimal

UNSET_FLOAT = 1.7976931348623157e308
UNSET_INTEGERS = frozenset({2**31 - 1, 2**63 - 1})


def is_set(value: float | Decimal | None) -> bool:
    """Whether a number of the wire carries a value at all."""
    if value is None:
        return False
    number = float(value)
    return math.isfinite(number) and abs(number) < UNSET_FLOAT


def price(value: float | Decimal | None) -> Decimal | None:
    """Return a signed price exactly, None where it is unset."""
    if value is None or not is_set(value):
        return None
    return to_decimal(float(value))


def quoted_price(value: float) -> Decimal | None:
    """Return a bid, offer or last price, None for -1, 0, NaN and unset."""
    exact = price(value)
    return exact if exact is not None and exact > 0 else None


def strike(value: float) -> Decimal | None:
    """Return a strike exactly and without exponent noise, None where it is unset or not above 0."""
    exact = quantity(value)
    return exact if exact is not None and exact > 0 else None


def quantity(value: float | Decimal | None) -> Decimal | None:
    """Return a quantity exactly and without exponent noise, None where it is unset."""
    exact = price(value)
    if exact is None:
        return None
    return exact.quantize(Decimal(1)) if exact == exact.to_integral_value() else exact


def amount(text: str) -> Decimal | None:
    """Return an amount that the wire sends as text, None where it is empty, unset or no number."""
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        return None
    if not value.is_finite() or abs(value) >= Decimal("1e300"):
        return None
    return value


def finite(value: float | None, *, unset: float) -> float | None:
    """Return a computed number, None for its own sentinel, NaN, infinity and unset."""
    if value is None or not is_set(value) or value == unset:
        return None
    return value
