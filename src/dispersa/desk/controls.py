"""By which faults does trading stop by itself, at which level, and what is watched for that?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from dispersa.risk import HaltLevel


class HaltRule(StrEnum):
    """A fault that stops trading without a person."""

    RECONCILIATION = "reconciliation"
    LOSS = "loss"
    CLOCK = "clock"
    LINK = "link"
    BLIND = "blind"
    REJECTS = "rejects"


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltPolicy:
    """When the desk halts itself. How many rejects in a row do it says `[risk]`.

    Attributes
    ----------
    reconciliation_seconds : how long the books may differ before a second read must agree.
    loss_share_max : largest fall of net liquidation since the day's first reading.
    clock_step_seconds_max : largest step of the wall clock against the monotonic one.
    link_seconds_max : longest silence of the broker while a program is worked.
    blind_seconds_max : longest time in which a control of a program lacks what it computes from.
    levels : how much each rule stops; HOLD where it is not named.
    """

    reconciliation_seconds: float = 60.0
    loss_share_max: Decimal = Decimal("0.05")
    clock_step_seconds_max: float = 2.0
    link_seconds_max: float = 120.0
    blind_seconds_max: float = 60.0
    levels: Mapping[HaltRule, HaltLevel] = field(
        default_factory=lambda: {HaltRule.LOSS: HaltLevel.CANCEL}
    )

    def level(self, rule: HaltRule) -> HaltLevel:
        """Return how much a rule stops."""
        return self.levels.get(rule, HaltLevel.HOLD)


class Control(StrEnum):
    """What a running program is watched by, and needs readings for."""

    ACCOUNT = "account"
    VIX = "vix"
    INDEX_MOVE = "index_move"


@dataclass(frozen=True, slots=True, kw_only=True)
class DayStart:
    """Net liquidation when the day began, or when a person let trading go on after a loss."""

    day: date
    net_liquidation: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Blindness:
    """Since when a control can not compute, and why."""

    since: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """What the rules of automatic halts remember from step to step."""

    day: DayStart | None = None
    differs_since: datetime | None = None
    unlinked_since: datetime | None = None
    blind: Mapping[Control, Blindness] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStepped:
    """The wall clock moved by this much against the monotonic one; negative is back."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltTrading:
    """A rule stops trading; only a person's resume, with a reason, lifts it."""

    rule: HaltRule
    level: HaltLevel
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginDay:
    """The first reading of a day: losses are counted from here."""

    start: DayStart


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteBlind:
    """A control can not compute, or can again (an empty reason)."""

    control: Control
    reason: str


ControlCommand = HaltTrading | BeginDay | NoteBlind
