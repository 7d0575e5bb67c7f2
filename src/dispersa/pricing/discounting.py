"""Discounting: what is a dollar at expiry worth now, and what does the underlying's carry leave?

Zero rates come from configuration, or from European options themselves: a box ``(C1 - P1) - (C2 -
P2) = D (K2 - K1)``, or the parity line ``C - P = D F - D K`` fitted over strikes. What the parity
forward leaves after rate, yield and cash dividends is the borrow rate.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dispersa.errors import InvalidInput
from dispersa.pricing.quality import Floats, Status


@dataclass(frozen=True, slots=True)
class DiscountCurve:
    """Continuous zero rates by years to maturity; linear between, flat beyond the ends.

    >>> float(DiscountCurve((0.1, 1.0), (0.04, 0.05)).rate(0.55).round(6))
    0.045
    """

    years: tuple[float, ...]
    rates: tuple[float, ...]

    def __post_init__(self) -> None:
        sorted_years = all(a < b for a, b in zip(self.years, self.years[1:], strict=False))
        if len(self.years) != len(self.rates) or not self.years or not sorted_years:
            raise InvalidInput(
                f"discount curve with years {self.years} and rates {self.rates}; expected as many "
                "rates as years, years rising; mend the configured curve"
            )
        if not all(map(math.isfinite, (*self.years, *self.rates))):
            raise InvalidInput("discount curve holds a rate or a time that is no number; mend it")

    def rate(self, years: ArrayLike) -> Floats:
        """Continuous zero rate."""
        return np.asarray(np.interp(np.asarray(years, float), self.years, self.rates))

    def discount(self, years: ArrayLike) -> Floats:
        """D = exp(-r T)."""
        return np.exp(-self.rate(years) * np.asarray(years, dtype=np.float64))


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityLine:
    """Discount factor and forward that fit C - P over the strikes; NaN where not OK."""

    discount: float
    forward: float
    status: Status


def parity_line(
    strikes: ArrayLike, call_mid: ArrayLike, put_mid: ArrayLike, half_width: ArrayLike
) -> ParityLine:
    """Fit ``C - P = D F - D K`` to European quotes, weighted by 1/width^2.

    The strikes should span well more than the quote widths: the slope is the discount factor.
    ARBITRAGE if that does not come out between 0.5 and 1.1.
    """
    inputs = (np.asarray(x, dtype=np.float64) for x in (strikes, call_mid, put_mid, half_width))
    k, c, p, h = np.broadcast_arrays(*inputs)
    keep = np.isfinite(k + c + p + h) & (c > 0) & (p > 0) & (h > 0)
    if np.count_nonzero(keep) < 3:
        return ParityLine(discount=math.nan, forward=math.nan, status=Status.TOO_FEW_QUOTES)
    slope, level = np.polyfit(k[keep], (c - p)[keep], 1, w=1.0 / h[keep])
    if not 0.5 < -slope < 1.1:
        return ParityLine(discount=math.nan, forward=math.nan, status=Status.ARBITRAGE)
    return ParityLine(discount=-float(slope), forward=float(-level / slope), status=Status.OK)


def box_discount(
    strikes: tuple[float, float], calls: tuple[float, float], puts: tuple[float, float]
) -> float:
    """Discount factor of a box of two strikes (the lower first) from European mids.

    >>> round(box_discount((90.0, 110.0), (13.9, 2.6), (3.0, 11.5)), 4)
    0.99
    """
    (k1, k2), (c1, c2), (p1, p2) = strikes, calls, puts
    return ((c1 - p1) - (c2 - p2)) / (k2 - k1)


def borrow_rate(
    forward: float, spot: float, years: float, rate: float, dividends_present_value: float = 0.0
) -> float:
    """Rate lost by holding the stock, beyond cash dividends: ``r - ln(F / (S - PV)) / T``.

    It holds the stock-loan fee, any yield not named, and the errors of rate and dividends.
    """
    return rate - math.log(forward / (spot - dividends_present_value)) / years
