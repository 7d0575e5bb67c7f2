"""Revaluation: what does a book gain or lose when spots, vols, correlation and time move?

Every scenario is a full revaluation. The index vol follows the shifted component vols,

    sI^2 = B + rho (A^2 - B)

with the correlation kept or set, unless the scenario shifts the index vol itself. Each leg keeps
its distance to its underlying's at-the-money vol.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

import numpy as np

from dispersa.errors import InvalidInput
from dispersa.pricing import american, basket, black
from dispersa.pricing.contracts import Carry
from dispersa.pricing.quality import Flags, Floats, Integers, Status, Statuses, usable
from dispersa.pricing.surrogate import Surrogate
from dispersa.pricing.units import DAYS_PER_YEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Underlyings:
    """One entry per underlying; `weights` are zero for the index and for names outside its basket.

    `ex_years` and `amounts` (underlyings x dividends) as in `contracts.Carry`.
    """

    spot: Floats
    atm_vol: Floats
    rate: Floats
    dividend_yield: Floats
    weights: Floats
    ex_years: Floats
    amounts: Floats
    index: int
    """Position of the index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Legs:
    """One entry per option; `units` is signed contracts times multiplier."""

    underlying: Integers
    strike: Floats
    years: Floats
    vol: Floats
    is_call: Flags
    is_american: Flags
    units: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Options and shares (hedges), on underlyings of which one is the index."""

    underlyings: Underlyings
    legs: Legs
    shares: Floats
    """Signed shares per underlying."""


@dataclass(frozen=True, slots=True)
class KeptCorrelation:
    """The index vol follows the component vols at the correlation now implied."""


@dataclass(frozen=True, slots=True)
class CorrelationAt:
    """The index vol follows the component vols at this correlation (0.80 = 80 points)."""

    level: float


@dataclass(frozen=True, slots=True)
class IndexVolShift:
    """The index vol moves by this much (0.01 = one point), whatever the components do."""

    shift: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One state of the world; everything not named stays as it is."""

    name: str
    spot_move: float = 0.0
    """Relative, in every underlying: -0.10 is a fall of 10 %."""
    component_vol_shift: float = 0.0
    """Absolute: 0.05 is five points."""
    index: KeptCorrelation | CorrelationAt | IndexVolShift = KeptCorrelation()
    days: float = 0.0
    """Calendar days that pass."""


class AmericanMethod(StrEnum):
    """How American legs are revalued."""

    FULL = "full"
    SURROGATE = "surrogate"
    """Built once per leg and horizon; for hundreds of scenarios and more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revaluation:
    """P&L against the book as it stands, in currency; NaN where the status is not OK."""

    pnl_by_underlying: Floats
    """Scenarios x underlyings, shares included."""
    index_vol: Floats
    """Index vol in each scenario."""
    status: Statuses

    @property
    def pnl(self) -> Floats:
        """Total per scenario."""
        return np.asarray(self.pnl_by_underlying.sum(axis=1))


def revalue(
    book: Book,
    scenarios: Sequence[Scenario],
    method: AmericanMethod = AmericanMethod.FULL,
) -> Revaluation:
    """Revalue the book in every scenario.

    A scenario in which a leg can not be valued (a vol shifted to zero or below, a correlation that
    gives no index variance) is INVALID_INPUT as a whole: a partial P&L would mislead.
    """
    u, legs = book.underlyings, book.legs
    index_vol, shifts = _vol_shifts(u, scenarios)
    before = _values(book, [Scenario(name="now")], legs.vol[None, :], AmericanMethod.FULL)
    vols = legs.vol + shifts[:, legs.underlying]
    after = _values(book, scenarios, np.where(vols > 0, vols, np.nan), method)
    gains = (after - before) * legs.units
    moves = np.array([s.spot_move for s in scenarios])
    pnl = moves[:, None] * (u.spot * book.shares)
    pnl = pnl + gains @ np.eye(u.spot.size)[legs.underlying]
    ok = usable(*pnl.T)
    return Revaluation(
        pnl_by_underlying=np.where(ok[:, None], pnl, np.nan),
        index_vol=index_vol,
        status=np.where(ok, Status.OK, Status.INVALID_INPUT).astype(np.uint8),
    )


def _vol_shifts(u: Underlyings, scenarios: Sequence[Scenario]) -> tuple[Floats, Floats]:
    """Index vol per scenario, and the vol shift of every underlying (scenarios x underlyings)."""
    shifts = np.repeat([[s.component_vol_shift] for s in scenarios], u.spot.size, axis=1)
    now = float(u.atm_vol[u.index])
    index_vol = np.array([_index_vol(u, s, now) for s in scenarios])
    shifts[:, u.index] = index_vol - now
    return index_vol, shifts


def _index_vol(u: Underlyings, scenario: Scenario, now: float) -> float:
    match scenario.index:
        case IndexVolShift(shift):
            return now + shift
        case CorrelationAt(level):
            correlation = level
        case KeptCorrelation():
            if scenario.component_vol_shift == 0.0:
                return now
            correlation = float(basket.implied_correlation(u.weights, u.atm_vol, now).clean)
        case _:
            assert_never(scenario.index)
    vols = u.atm_vol + scenario.component_vol_shift
    return float(basket.index_vol(u.weights, vols, correlation))


def _values(
    book: Book, scenarios: Sequence[Scenario], vols: Floats, method: AmericanMethod
) -> Floats:
    """Price per share of every leg in every scenario (scenarios x legs)."""
    is_american = book.legs.is_american
    values = np.empty(vols.shape)
    others = ~is_american
    values[:, others] = _european(book, scenarios, vols[:, others], others)
    if is_american.any():
        full, chosen = method is AmericanMethod.FULL, vols[:, is_american]
        price = _american if full else _by_surrogate
        values[:, is_american] = price(book, scenarios, chosen, is_american)
    return values


def _state(
    book: Book, scenarios: Sequence[Scenario], rows: Flags
) -> tuple[Floats, Floats, Floats, Floats]:
    """Spot and years (scenarios x legs), ex-dates and amounts (scenarios x legs x dividends)."""
    u, legs = book.underlyings, book.legs
    on = legs.underlying[rows]
    move = np.array([s.spot_move for s in scenarios])[:, None]
    passed = np.array([s.days for s in scenarios])[:, None] / DAYS_PER_YEAR
    spot = u.spot[on] * (1.0 + move)
    years = legs.years[rows] - passed
    ex = u.ex_years[on] - passed[:, :, None]
    amounts = np.broadcast_to(u.amounts[on], ex.shape)
    return spot, years, ex, amounts


def _european(book: Book, scenarios: Sequence[Scenario], vols: Floats, rows: Flags) -> Floats:
    u, legs = book.underlyings, book.legs
    spot, years, ex, amounts = _state(book, scenarios, rows)
    on = legs.underlying[rows]
    rate = u.rate[on]
    counts = (ex > 0) & (ex <= years[:, :, None])
    worth = np.where(counts, amounts * np.exp(-rate[:, None] * ex), 0.0).sum(axis=2)
    years = np.maximum(years, 0.0)
    forward = (spot - worth) * np.exp((rate - u.dividend_yield[on]) * years)
    discount = np.exp(-rate * years)
    return black.price(forward, legs.strike[rows], vols, years, discount, legs.is_call[rows])


def _american(book: Book, scenarios: Sequence[Scenario], vols: Floats, rows: Flags) -> Floats:
    u, legs = book.underlyings, book.legs
    spot, years, ex, amounts = _state(book, scenarios, rows)
    on = legs.underlying[rows]
    carry = Carry(dividend_yield=u.dividend_yield[on], ex_years=ex, amounts=amounts)
    strike, is_call = legs.strike[rows], legs.is_call[rows]
    value = american.price(spot, strike, vols, years, u.rate[on], is_call, carry)
    sign = np.where(is_call, 1.0, -1.0)
    expired = np.maximum(sign * (spot - strike), 0.0)
    return np.where(years > 0, value, np.where(np.isfinite(vols), expired, np.nan))


def _by_surrogate(book: Book, scenarios: Sequence[Scenario], vols: Floats, rows: Flags) -> Floats:
    """One surrogate per horizon; scenarios outside its range are revalued in full."""
    u, legs = book.underlyings, book.legs
    on = legs.underlying[rows]
    values = np.full(vols.shape, np.nan)
    for days in sorted({s.days for s in scenarios}):
        chosen = np.array([s.days == days for s in scenarios])
        today = Scenario(name="horizon", days=days)
        spot, years, ex, amounts = (a[0] for a in _state(book, [today], rows))
        if np.any(years <= 0):
            raise InvalidInput(f"a leg expires within {days} days; revalue such scenarios in full")
        carry = Carry(dividend_yield=u.dividend_yield[on], ex_years=ex, amounts=amounts)
        terms = (spot, legs.strike[rows], legs.vol[rows], years, u.rate[on], legs.is_call[rows])
        moves = np.array([s.spot_move for s in scenarios])[chosen]
        values[chosen] = Surrogate.build(*terms, carry).price(moves, vols[chosen].T).T
    missing = np.isnan(values).any(axis=1) & np.isfinite(vols).all(axis=1)
    if missing.any():
        left = [s for s, is_missing in zip(scenarios, missing, strict=True) if is_missing]
        values[missing] = _american(book, left, vols[missing], rows)
    return values
