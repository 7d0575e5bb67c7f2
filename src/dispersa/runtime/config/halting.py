"""Which keys say when the desk halts itself, and how far?"""

from decimal import Decimal
from typing import Any, Literal

from dispersa.desk.controls import HaltPolicy, HaltRule
from dispersa.risk import HaltLevel
from dispersa.runtime.config.keys import Amount, Number, Section, choice, number, number_above

LevelName = Literal["hold", "cancel"]
_DEFAULT = HaltPolicy()


def _level(rule: HaltRule, meaning: str) -> Any:
    return choice(_DEFAULT.level(rule).value, LevelName, f"What {meaning} stops: hold or cancel.")


class HaltsSection(Section):
    """When the desk halts itself; how many rejects in a row: risk.rejects_in_a_row_max."""

    reconciliation_seconds: Number = number(
        60.0, 5, 3600, "s", "How long our books and the broker's may differ before a second read."
    )
    loss_share_max: Amount = number_above(
        Decimal("0.05"), 0, 1, "fraction", "Largest fall of net liquidation within a day."
    )
    clock_step_seconds_max: Number = number(
        2.0, 0.5, 60, "s", "Largest step of this machine's clock."
    )
    link_seconds_max: Number = number(
        120.0, 5, 3600, "s", "Longest silence of the broker while a program is worked."
    )
    blind_seconds_max: Number = number(
        60.0, 5, 3600, "s", "Longest time in which account, VIX or the index can not be read."
    )
    reconciliation_level: LevelName = _level(HaltRule.RECONCILIATION, "a lasting difference")
    loss_level: LevelName = _level(HaltRule.LOSS, "the day's loss")
    clock_level: LevelName = _level(HaltRule.CLOCK, "a step of the clock")
    link_level: LevelName = _level(HaltRule.LINK, "a silent broker")
    blind_level: LevelName = _level(HaltRule.BLIND, "a control that can not compute")
    rejects_level: LevelName = _level(HaltRule.REJECTS, "a row of rejected orders")

    def policy(self) -> HaltPolicy:
        """Return the desk's own policy."""
        return HaltPolicy(
            reconciliation_seconds=self.reconciliation_seconds,
            loss_share_max=self.loss_share_max,
            clock_step_seconds_max=self.clock_step_seconds_max,
            link_seconds_max=self.link_seconds_max,
            blind_seconds_max=self.blind_seconds_max,
            levels={rule: HaltLevel(getattr(self, f"{rule}_level")) for rule in HaltRule},
        )
