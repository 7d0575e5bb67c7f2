"""Which of the names that were read today form the basket, and why do the others not?

Eligibility first (`selection.screen`), then the heaviest, the most liquid, or the subset that
tracks best for its cost among the names read. Pure: histories count only up to the day before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from dispersa.correlation.realized import TRADING_DAYS_PER_YEAR
from dispersa.correlation.selection import (
    Candidate,
    Eligibility,
    heaviest,
    most_liquid,
    screen,
    tracking_subset,
)
from dispersa.correlation.terms import LeftOut, Reason, ReasonCode, SignalInputs, SignalName
from dispersa.market import Symbol

COVARIANCE_DAYS = 126
"""Returns behind the tracking covariance: half a year."""
SPARE_NAMES = 3
"""Names read beyond those that are wanted: who takes the place of one that can not be traded."""


class BasketRule(StrEnum):
    """Which eligible names stand for the index."""

    HEAVIEST = "heaviest"
    MOST_LIQUID = "most_liquid"
    TRACKING = "tracking"


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketPolicy:
    """How the basket is chosen from the names that are read.

    Attributes
    ----------
    candidates
        Heaviest names that are read before choosing; None: as many as are wanted and three, twice
        as many as are wanted for a rule that looks at more than weight.
    cost_aversion
        Tracking points that one vol point of cost is worth, for TRACKING.
    earnings
        Known report days by name; a name without any is taken not to report.
    """

    rule: BasketRule = BasketRule.HEAVIEST
    candidates: int | None = None
    eligibility: Eligibility = field(default_factory=Eligibility)
    cost_aversion: float = 1.0
    earnings: Mapping[Symbol, tuple[date, ...]] = field(default_factory=dict)

    def to_read(self, names: int) -> int:
        """How many of the heaviest names to read for a basket of `names`."""
        wanted = names + SPARE_NAMES if self.rule is BasketRule.HEAVIEST else 2 * names
        return max(names, self.candidates or wanted)

    def next_report(self, symbol: Symbol, as_of: date) -> date | None:
        """First report of a name on or after a day, as far as it is known."""
        return min((day for day in self.earnings.get(symbol, ()) if day >= as_of), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How many names are wanted, and the expiry that would be traded."""

    names: int
    expiry: date
    event_vols: frozenset[Symbol] = frozenset()


def narrowed(inputs: SignalInputs, policy: BasketPolicy, asked: Asked) -> SignalInputs:
    """Keep the chosen names as components; the others move to `left_out` with their reasons."""
    candidates = [_candidate(name, policy, inputs, asked) for name in inputs.components]
    eligible, dropped = screen(candidates, policy.eligibility, inputs.trading_day, asked.expiry)
    reasons = {
        one.symbol: Reason(code=ReasonCode.NAME_INELIGIBLE, sentence=one.sentence)
        for one in dropped
    }
    taken = {one.symbol for one in _taken(eligible, inputs, policy, asked.names)}
    for one in eligible:
        if one.symbol not in taken:
            sentence = f"{one.symbol} was not chosen: {len(taken)} names by the rule {policy.rule}"
            reasons[one.symbol] = Reason(code=ReasonCode.NAME_NOT_CHOSEN, sentence=sentence)
    return replace(
        inputs,
        components=tuple(name for name in inputs.components if name.symbol in taken),
        left_out=tuple(
            LeftOut(name=name, reason=reasons[name.symbol])
            for name in inputs.components
            if name.symbol in reasons
        ),
    )


def _candidate(
    name: SignalName, policy: BasketPolicy, inputs: SignalInputs, asked: Asked
) -> Candidate:
    return Candidate(
        symbol=name.symbol,
        weight=name.weight,
        implied_vol=name.implied_vol,
        spread_vol_points=name.spread_vol_points,
        open_interest=name.open_interest,
        earnings=policy.next_report(name.symbol, inputs.trading_day),
        has_event_vol=name.symbol in asked.event_vols,
    )


def _taken(
    eligible: Sequence[Candidate], inputs: SignalInputs, policy: BasketPolicy, names: int
) -> Sequence[Candidate]:
    """Choose by the policy's rule; without a half year of closes tracking takes no name."""
    match policy.rule:
        case BasketRule.HEAVIEST:
            return heaviest(eligible, names)
        case BasketRule.MOST_LIQUID:
            return most_liquid(eligible, names)
        case BasketRule.TRACKING:
            return _tracking(eligible, inputs, policy.cost_aversion, names)


def _tracking(
    eligible: Sequence[Candidate], inputs: SignalInputs, aversion: float, names: int
) -> Sequence[Candidate]:
    """The subset of names with a full half year of closes that tracks all of those best."""
    known, covariance, weights = _covariance(inputs)
    usable = [one for one in eligible if one.symbol in known]
    if not usable:
        return ()
    positions = [known.index(one.symbol) for one in usable]
    return tracking_subset(usable, covariance, weights, positions, (names, aversion)).names


def _covariance(
    inputs: SignalInputs,
) -> tuple[list[Symbol], NDArray[np.float64], NDArray[np.float64]]:
    """Annualized covariance of the names that have every close of the last half year."""
    before = inputs.trading_day
    calendar = [day for day in inputs.index.closes.dates if day < before][-COVARIANCE_DAYS - 1 :]
    closes = {
        name: dict(zip(name.closes.dates, name.closes.values, strict=True))
        for name in inputs.components
    }
    whole = [name for name in inputs.components if all(day in closes[name] for day in calendar)]
    if len(calendar) <= COVARIANCE_DAYS or not whole:
        return [], np.zeros((0, 0)), np.zeros(0)
    prices = np.array([[closes[name][day] for name in whole] for day in calendar])
    returns = prices[1:] / prices[:-1] - 1
    weights = np.array([name.weight for name in whole])
    covariance = TRADING_DAYS_PER_YEAR * returns.T @ returns / COVARIANCE_DAYS
    return [name.symbol for name in whole], covariance, weights / weights.sum()
