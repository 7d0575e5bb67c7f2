"""Which keys say how the basket is chosen from the names of the index?"""

from typing import Literal

from dispersa.correlation.narrowing import BasketPolicy, BasketRule
from dispersa.correlation.selection import EarningsPolicy, Eligibility
from dispersa.runtime.config.keys import (
    Count,
    File,
    Number,
    Section,
    choice,
    count,
    file,
    number,
    number_above,
)
from dispersa.runtime.planning import PlanningPolicy

_POLICY = BasketPolicy()


class BasketSection(Section):
    """How the basket is chosen from the names of the index."""

    rule: Literal["heaviest", "most_liquid", "tracking"] = choice(
        _POLICY.rule.value,
        Literal["heaviest", "most_liquid", "tracking"],
        "Heaviest; narrowest straddles for their vol; or what tracks best for its cost.",
    )
    candidates: Count | None = count(
        None,
        2,
        120,
        "names",
        "Heaviest names that are read before choosing. If left out: universe.names and three, "
        "twice universe.names for a rule that looks at more than weight.",
        example=60,
    )
    cost_aversion: Number = number(
        _POLICY.cost_aversion,
        0,
        100,
        "tracking points per vol point",
        "With rule tracking: what one vol point of cost is worth.",
    )
    spread_vol_points_max: Number = number_above(
        PlanningPolicy().spread_max_vol_points,
        0,
        100,
        "vol points",
        "Widest straddle of a name of the basket.",
    )
    earnings: Literal["exclude", "allow", "allow-with-event-vol"] = choice(
        _POLICY.eligibility.earnings.value,
        Literal["exclude", "allow", "allow-with-event-vol"],
        "What to do with a name that reports before the expiry; the last one takes the report's "
        "variance out of its vol, and excludes it where that can not be read.",
    )
    open_interest_min: Count = count(
        0,
        0,
        1_000_000,
        "contracts",
        "Smallest open interest of either option; a name without a known one counts as 0.",
    )
    earnings_calendar: File | None = file(
        None,
        "File with symbol and date of reports; without one no report is known.",
        example="~/dispersa/earnings.csv",
    )

    def policy(self) -> BasketPolicy:
        """Return the policy of room `correlation`, with the calendar read."""
        earnings = {}
        if self.earnings_calendar is not None:
            from dispersa.history.earnings import read_earnings

            earnings = dict(read_earnings(self.earnings_calendar))
        return BasketPolicy(
            rule=BasketRule(self.rule),
            candidates=self.candidates,
            eligibility=Eligibility(
                spread_vol_points_max=self.spread_vol_points_max,
                open_interest_min=self.open_interest_min,
                earnings=EarningsPolicy(self.earnings),
            ),
            cost_aversion=self.cost_aversion,
            earnings=earnings,
        )
