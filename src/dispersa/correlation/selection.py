"""Which names should stand for the index: who is eligible, and who is taken?

Eligibility first, each refusal with its reason. Of the eligible names the heaviest, the most
liquid, or the subset that tracks the index best for its cost:

    minimize   100 sqrt(d' C d) + aversion * sum share_i spread_i,   at most n names

with d the shares of the subset (index weights renormalized over it) less the whole index's, and C
the annualized covariance of returns. Solved by local search (exchange, add or drop one name) from
four starts: the heaviest names, the cheapest, and the names added greedily. A good subset, not a
proven optimum; it agrees with enumeration in forty of forty random cases of eight names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from dispersa.errors import MarketDataMissing
from dispersa.market import Symbol


class EarningsPolicy(StrEnum):
    """What to do with a name that reports before the expiry."""

    EXCLUDE = "exclude"
    ALLOW = "allow"
    ALLOW_WITH_EVENT_VOL = "allow-with-event-vol"


class Ineligible(StrEnum):
    """Why a name may not stand for the index."""

    VOL_MISSING = "vol_missing"
    QUOTE_MISSING = "quote_missing"
    SPREAD_WIDE = "spread_wide"
    OPEN_INTEREST_LOW = "open_interest_low"
    DELIVERABLE_ADJUSTED = "deliverable_adjusted"
    CORPORATE_ACTION = "corporate_action"
    EARNINGS = "earnings"
    EVENT_VOL_MISSING = "event_vol_missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A name of the index with what eligibility asks about it; None is not known.

    `open_interest` is the smaller of the straddle's two options, `earnings` the next report,
    `corporate_action` a pending split, cash merger or the like, in words.
    """

    symbol: Symbol
    weight: float
    implied_vol: float | None
    spread_vol_points: float | None
    open_interest: int | None
    is_standard_deliverable: bool = True
    corporate_action: str | None = None
    earnings: date | None = None
    has_event_vol: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligibility:
    """Limits of eligibility; a name at the limit passes. An open interest of 0 is not asked for."""

    spread_vol_points_max: float = 3.0
    open_interest_min: int = 100
    earnings: EarningsPolicy = EarningsPolicy.EXCLUDE


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A name that was left out, the code and the sentence."""

    symbol: Symbol
    code: Ineligible
    sentence: str


def screen(
    candidates: Sequence[Candidate], limits: Eligibility, as_of: date, expiry: date
) -> tuple[tuple[Candidate, ...], tuple[Dropped, ...]]:
    """Part candidates into eligible ones and dropped ones with the first reason found."""
    eligible, dropped = [], []
    for one in candidates:
        reason = _why_not(one, limits, as_of, expiry)
        if reason is None:
            eligible.append(one)
        else:
            code, sentence = reason
            dropped.append(Dropped(symbol=one.symbol, code=code, sentence=sentence))
    return tuple(eligible), tuple(dropped)


def heaviest(eligible: Sequence[Candidate], count: int) -> tuple[Candidate, ...]:
    """Take the names with the largest weights."""
    return tuple(sorted(eligible, key=lambda one: (-one.weight, one.symbol))[:count])


def most_liquid(eligible: Sequence[Candidate], count: int) -> tuple[Candidate, ...]:
    """Take the names with the narrowest straddles for their vol, heaviest first among equals."""
    return tuple(
        sorted(eligible, key=lambda one: (_relative_spread(one), -one.weight, one.symbol))[:count]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Subset:
    """Names that track the index, with the two sides of the bargain."""

    names: tuple[Candidate, ...]
    tracking_vol_points: float
    cost_vol_points: float
    coverage: float


def tracking_subset(
    eligible: Sequence[Candidate],
    covariance: NDArray[np.float64],
    index_weights: NDArray[np.float64],
    positions: Sequence[int],
    bargain: tuple[int, float],
) -> Subset:
    """Choose the subset that tracks the index best for its cost.

    Parameters
    ----------
    covariance
        Annualized, over every name of the index, eligible or not.
    index_weights
        Of the same names, summing to one.
    positions
        Where each eligible name stands among them.
    bargain
        The most names allowed, and the aversion: tracking points given up for one of cost.

    Raises
    ------
    MarketDataMissing
        No eligible name, or numbers that are not finite.
    """
    count, aversion = bargain
    if not eligible or not np.isfinite(covariance).all():
        raise MarketDataMissing(
            f"{len(eligible)} names are eligible and the covariance "
            f"{'is' if np.isfinite(covariance).all() else 'is not'} complete; add names or closes"
        )
    spreads = np.array([one.spread_vol_points or 0.0 for one in eligible])
    problem = _Problem(covariance, index_weights, np.asarray(positions), spreads, aversion)
    chosen = problem.best(min(count, len(eligible)))
    tracking, cost = problem.sides(chosen)
    return Subset(
        names=heaviest([eligible[one] for one in chosen], len(chosen)),
        tracking_vol_points=tracking,
        cost_vol_points=cost,
        coverage=float(index_weights[np.asarray(positions)[chosen]].sum()),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    """Tracking against cost over the eligible names."""

    covariance: NDArray[np.float64]
    index_weights: NDArray[np.float64]
    positions: NDArray[np.int64]
    spreads: NDArray[np.float64]
    aversion: float

    def sides(self, chosen: list[int]) -> tuple[float, float]:
        """Tracking and cost of a subset, both in vol points."""
        at = self.positions[chosen]
        shares = self.index_weights[at] / self.index_weights[at].sum()
        difference = -self.index_weights
        difference[at] += shares
        variance = float(difference @ self.covariance @ difference)
        return 100 * max(variance, 0.0) ** 0.5, float(shares @ self.spreads[chosen])

    def value(self, chosen: list[int]) -> float:
        """What is minimized."""
        tracking, cost = self.sides(chosen)
        return tracking + self.aversion * cost

    def best(self, count: int) -> list[int]:
        """Improve every start until no move helps; take the best end."""
        return min((self._improved(start, count) for start in self._starts(count)), key=self.value)

    def _starts(self, count: int) -> list[list[int]]:
        """Heaviest, cheapest, and the names added one by one, at every size on the way."""
        everyone = range(self.spreads.size)
        heavy = sorted(everyone, key=lambda one: -self.index_weights[self.positions[one]])
        cheap = sorted(everyone, key=lambda one: self.spreads[one])
        added: list[int] = []
        sizes = []
        while len(added) < count:
            rest = [one for one in everyone if one not in added]
            added = [*added, min(rest, key=lambda one: self.value([*added, one]))]
            sizes.append(added)
        return [heavy[:count], cheap[:count], added, min(sizes, key=self.value)]

    def _improved(self, chosen: list[int], count: int) -> list[int]:
        """Exchange, add or drop one name while that helps."""
        best = self.value(chosen)
        while True:
            value, moved = min((self.value(one), one) for one in self._moves(chosen, count))
            if value >= best - 1e-12:
                return chosen
            best, chosen = value, moved

    def _moves(self, chosen: list[int], count: int) -> list[list[int]]:
        """Subsets one step away, and the subset itself."""
        outside = [one for one in range(self.spreads.size) if one not in chosen]
        without = [[*chosen[:at], *chosen[at + 1 :]] for at in range(len(chosen))]
        moves = [chosen, *([*rest, new] for rest in without for new in outside)]
        if len(chosen) > 1:
            moves += without
        if len(chosen) < count:
            moves += [[*chosen, new] for new in outside]
        return moves


def _relative_spread(one: Candidate) -> float:
    """Quoted width over premium, which for a straddle is width in vol points over vol."""
    if one.spread_vol_points is None or not one.implied_vol:
        return float("inf")
    return one.spread_vol_points / (100 * one.implied_vol)


def _why_not(
    one: Candidate, limits: Eligibility, as_of: date, expiry: date
) -> tuple[Ineligible, str] | None:
    """First reason against a name; None if there is none."""
    name = one.symbol
    if one.implied_vol is None:
        return Ineligible.VOL_MISSING, f"{name} has no at-the-money vol; wait for quotes"
    if one.spread_vol_points is None:
        return Ineligible.QUOTE_MISSING, f"{name} has no two-sided straddle quote; wait for one"
    if one.spread_vol_points > limits.spread_vol_points_max:
        return Ineligible.SPREAD_WIDE, (
            f"{name} is quoted {one.spread_vol_points:.1f} vol points wide; the limit is "
            f"{limits.spread_vol_points_max:.1f}"
        )
    if limits.open_interest_min and (one.open_interest or 0) < limits.open_interest_min:
        return Ineligible.OPEN_INTEREST_LOW, (
            f"{name} has open interest {one.open_interest}; expected at least "
            f"{limits.open_interest_min}"
        )
    if not one.is_standard_deliverable:
        return Ineligible.DELIVERABLE_ADJUSTED, f"{name} does not deliver 100 shares; choose others"
    if one.corporate_action is not None:
        return Ineligible.CORPORATE_ACTION, f"{name} has a pending {one.corporate_action}"
    return _earnings_reason(one, limits.earnings, as_of, expiry)


def _earnings_reason(
    one: Candidate, policy: EarningsPolicy, as_of: date, expiry: date
) -> tuple[Ineligible, str] | None:
    """Reason from a report between now and the expiry, as the policy has it."""
    if one.earnings is None or not as_of <= one.earnings <= expiry:
        return None
    match policy:
        case EarningsPolicy.ALLOW:
            return None
        case EarningsPolicy.EXCLUDE:
            return Ineligible.EARNINGS, (
                f"{one.symbol} reports on {one.earnings}, before the expiry of {expiry}"
            )
        case EarningsPolicy.ALLOW_WITH_EVENT_VOL:
            if one.has_event_vol:
                return None
            return Ineligible.EVENT_VOL_MISSING, (
                f"{one.symbol} reports on {one.earnings} and its event vol could not be read"
            )
