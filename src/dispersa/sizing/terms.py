"""What does one straddle offer the sizer, in dollars?"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from dispersa.errors import MarketDataMissing
from dispersa.market import ExerciseStyle, Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class StraddleTerms:
    """One straddle (one call and one put), contract multiplier included in every dollar amount.

    All Greeks are those of holding one straddle long.

    Attributes
    ----------
    weight : share of the name in the index, any positive scale; None for the index itself.
    vega_usd_per_point : dollars per volatility point (0.01) of both legs together, above zero.
    theta_usd_per_day : dollars per calendar day, below zero for an ordinary long straddle.
    cash_gamma_usd : ``S^2 * gamma * multiplier``: change of dollar delta per 100 % move.
    delta_usd : ``S * delta * multiplier``.
    premium_usd : mid of call plus put, times the multiplier.
    half_spread_usd : half of the straddle's bid to ask, times the multiplier.
    implied_vol, years, strike, forward, discount : what a full revaluation needs: annualized
        decimal vol, time to expiry in years ACT/365, strike and forward per share, discount
        factor to expiry.
    count_max : most straddles that today's liquidity lets us trade; None where not measured.
    count_min : straddles already filled, that a solution may not undo.
    short_margin_usd : modeled requirement of one straddle sold short (`dispersa.sizing.margin`);
        None where not modeled.
    style : when the options may be exercised; ETF and stock options are American.

    Raises
    ------
    MarketDataMissing
        If a number is NaN, infinite or out of its domain.
    """

    symbol: Symbol
    weight: float | None
    spot: float
    strike: float
    forward: float
    discount: float
    years: float
    implied_vol: float
    vega_usd_per_point: float
    theta_usd_per_day: float
    cash_gamma_usd: float
    delta_usd: float
    premium_usd: float
    half_spread_usd: float
    count_max: int | None = None
    count_min: int = 0
    short_margin_usd: float | None = None
    multiplier: int = 100
    style: ExerciseStyle = ExerciseStyle.AMERICAN

    def __post_init__(self) -> None:
        fault = next(self._faults(), None)
        if fault is not None:
            raise MarketDataMissing(
                f"straddle terms of {self.symbol}: {fault}; wait for usable quotes, or leave the "
                "name out with its reason"
            )

    def _faults(self) -> Iterator[str]:
        for name in _ABOVE_ZERO:
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                yield f"{name} is {value}, expected a finite number above zero"
        for name in _FINITE:
            if not math.isfinite(getattr(self, name)):
                yield f"{name} is {getattr(self, name)}, expected a finite number"
        if not (math.isfinite(self.half_spread_usd) and self.half_spread_usd >= 0):
            yield f"half_spread_usd is {self.half_spread_usd}, expected zero or more"
        if self.count_min < 0 or (self.count_max is not None and self.count_max < 0):
            yield f"counts run from {self.count_min} to {self.count_max}, expected zero or more"


_ABOVE_ZERO = (
    "weight",
    "spot",
    "strike",
    "forward",
    "discount",
    "years",
    "implied_vol",
    "vega_usd_per_point",
    "premium_usd",
    "short_margin_usd",
)
_FINITE = ("theta_usd_per_day", "cash_gamma_usd", "delta_usd")


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsMissing:
    """Why a source has no usable straddle of a symbol."""

    symbol: Symbol
    reason: str


class TermsSource(Protocol):
    """Whoever knows today's chains: returns the at-the-money straddle nearest to a tenor."""

    def straddle_terms(self, symbol: Symbol, dte_target: int) -> StraddleTerms | TermsMissing:
        """Terms of the straddle whose expiry is closest to `dte_target` calendar days."""
        ...
