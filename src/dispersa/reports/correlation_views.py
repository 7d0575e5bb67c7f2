"""How does implied correlation change with the at-the-money rule, the delta and the tenor?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from dispersa.correlation.by_date import BasketChoice, DayCorrelation, implied_by_date
from dispersa.correlation.share_classes import ShareClasses
from dispersa.correlation.tenor import DatedChains, panel_at
from dispersa.market import Basket, Symbol
from dispersa.pricing.atm import AtTheMoney, at_the_money_vols, vols_at_delta

CARRY_RATE = 0.036
"""Assumed rate of the forward in every mode but SPOT: US overnight rate of mid 2026."""

TERMS_DAYS = (30, 91, 182)
"""Tenors of the term structure: one, three and six months."""

CALL_DELTAS = (0.10, 0.30, 0.50, 0.70, 0.90)
"""Deltas of Cboe's delta-relative family; a call of 0.90 is the strike of a put of -0.10."""

Clean = tuple[float | None, ...]
"""Implied correlation by date, None where there is none."""

MERGED = "spot, classes merged"
RULES = (*(str(mode) for mode in AtTheMoney), MERGED)
WHY = {
    "spot": "The smile at the spot; closest to Cboe's closes on the days that can be compared.",
    "forward": "Reads at a higher strike than the spot. Index vol falls faster with strike than "
    "single-name vol, so the index variance drops more than the names'.",
    "delta": "The strike of a 0.50 delta lies above the forward, most of all for names of high "
    "vol; reads lower for the same reason.",
    "straddle": "The pair that would be traded: near the forward rule, moved by the distance from "
    "the forward to the nearest listed strike.",
    MERGED: "Two lines of one company move from the cross terms, with a correlation of nearly one, "
    "into the own variances.",
}
"""Why each rule reads as it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """The same basket read by other rules, at other deltas and tenors; one entry for each date.

    `by_rule` is at the report's tenor, its keys are `RULES`; `by_delta` has a call delta and a
    tenor in days as its key.
    """

    by_rule: Mapping[str, Clean]
    by_delta: Mapping[tuple[float, int], Clean]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What every view has in common."""

    index: Symbol
    weights_on: Callable[[date], Basket | None]
    choice: BasketChoice
    tenor_days: int


def views_of(chains: DatedChains, asked: Asked) -> Views:
    """Read the chains by every rule, and at every delta and tenor."""
    by_rule = {}
    for mode in AtTheMoney:
        panel = panel_at(chains, at_the_money_vols(chains, mode, CARRY_RATE), asked.tenor_days)
        by_rule[str(mode)] = _clean(
            implied_by_date(panel, asked.weights_on, asked.index, asked.choice)
        )
        if mode is AtTheMoney.SPOT:
            merged = BasketChoice(top=asked.choice.top, share_classes=ShareClasses.MERGED)
            by_rule[MERGED] = _clean(implied_by_date(panel, asked.weights_on, asked.index, merged))
    return Views(by_rule=by_rule, by_delta=_by_delta(chains, asked))


def _by_delta(chains: DatedChains, asked: Asked) -> dict[tuple[float, int], Clean]:
    """Implied correlation at each delta and tenor."""
    made = {}
    for delta in CALL_DELTAS:
        vols = vols_at_delta(chains, delta, CARRY_RATE)
        for days in TERMS_DAYS:
            panel = panel_at(chains, vols, days)
            made[delta, days] = _clean(
                implied_by_date(panel, asked.weights_on, asked.index, asked.choice)
            )
    return made


def _clean(days: tuple[DayCorrelation, ...]) -> Clean:
    return tuple(day.implied.clean if day.implied else None for day in days)
