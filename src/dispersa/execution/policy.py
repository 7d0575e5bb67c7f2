"""How patient, how generous and how persistent may execution be? Policies and their presets."""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from dispersa.errors import InvalidInput

NEVER_STEPS = 1000
"""More steps than any walk has: only the cap is worth a message."""


class RepriceStyle(StrEnum):
    """How a limit is moved: in place, or by cancel, confirm, resubmit."""

    AMEND = "amend"
    CANCEL_REPLACE = "cancel_replace"


class PriceUnit(StrEnum):
    """What a walk counts its cap and steps in.

    PRICE anchors the walk at the mid at arrival. VOL anchors it at the vol at arrival: the anchor
    moves with our own value of the straddle as the underlying moves, and the cap is in vol points.
    """

    PRICE = "price"
    VOL = "vol"


class Trigger(StrEnum):
    """What moves a limit besides time.

    FOLLOW: the mid has moved in our favor. ADVERSE: it has moved against us; catch up with it.
    SIZE: the near side shows `size_ratio` times the size of the far side; hurry. URGENCY: the
    program asks for haste. FILL: somebody trades at our limit; it rests there for another wait.
    """

    FOLLOW = "follow"
    ADVERSE = "adverse"
    SIZE = "size"
    URGENCY = "urgency"
    FILL = "fill"


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkPolicy:
    """How patient and how generous a walk is; prices per share.

    Defaults are the `standard` preset: five seconds a step, eight steps, at most 2 % of the mid
    and never more than half the spread. The first limit is `steps_first` steps from the mid. A
    message is worth sending when the limit has come `amend_steps` steps or has met its cap.
    `rest_at_cap` is how long the last price may rest before the walk gives up.
    """

    wait: timedelta = timedelta(seconds=5)
    cap_share_of_mid: Decimal = Decimal("0.02")
    cap_vol_points: float = 0.5
    cap_steps: int = 8
    step_floor: Decimal = Decimal("0.01")
    step_fixed: Decimal | None = None
    slippage_max: Decimal | None = None
    amend_steps: int = 4
    steps_first: int = 0
    rest_at_cap: timedelta = timedelta(seconds=30)
    quote_age_max: timedelta = timedelta(seconds=3)
    size_ratio: float = 5.0
    unit: PriceUnit = PriceUnit.PRICE
    triggers: tuple[Trigger, ...] = tuple(Trigger)
    style: RepriceStyle = RepriceStyle.AMEND

    def __post_init__(self) -> None:
        if self.wait <= timedelta(0) or self.cap_steps < 1 or self.step_floor <= 0:
            raise InvalidInput(
                f"walk policy wait={self.wait}, cap_steps={self.cap_steps}, "
                f"step_floor={self.step_floor}; expected each above zero"
            )
        if not 0 < self.cap_share_of_mid <= Decimal("0.25") or self.cap_vol_points <= 0:
            raise InvalidInput(
                f"cap_share_of_mid is {self.cap_share_of_mid} and cap_vol_points "
                f"{self.cap_vol_points}; expected above 0, the share at most 0.25"
            )
        if self.amend_steps < 1 or self.steps_first < 0 or self.size_ratio <= 1:
            raise InvalidInput(
                f"amend_steps is {self.amend_steps}, steps_first {self.steps_first} and size_ratio "
                f"{self.size_ratio}; expected 1 or more, 0 or more, and above 1"
            )

    def hurried(self) -> "WalkPolicy":
        """The same policy for what must be traded back: quick, and up to the far side."""
        return replace(
            self,
            wait=min(self.wait, timedelta(seconds=2)),
            cap_share_of_mid=Decimal("0.25"),
            cap_vol_points=4 * self.cap_vol_points,
            slippage_max=None,
        )

    def terse(self) -> "WalkPolicy":
        """The same policy for a package that has used its messages: half way, then to the cap.

        A literal walk (`step_fixed`) stays what it is.
        """
        if self.step_fixed is not None:
            return self
        return replace(self, amend_steps=NEVER_STEPS, steps_first=self.cap_steps // 2)


PRESETS: dict[str, WalkPolicy] = {
    "passive": WalkPolicy(
        wait=timedelta(seconds=10),
        cap_share_of_mid=Decimal("0.01"),
        cap_vol_points=0.25,
        rest_at_cap=timedelta(minutes=2),
    ),
    "standard": WalkPolicy(),
    "urgent": WalkPolicy(
        wait=timedelta(seconds=2),
        cap_share_of_mid=Decimal("0.03"),
        cap_vol_points=0.75,
        cap_steps=4,
        amend_steps=1,
        rest_at_cap=timedelta(seconds=10),
    ),
    "roadmap": WalkPolicy(
        step_fixed=Decimal("0.01"),
        slippage_max=Decimal("0.10"),
        amend_steps=1,
        rest_at_cap=timedelta(seconds=5),
        triggers=(),
        style=RepriceStyle.CANCEL_REPLACE,
    ),
}
"""Named policies; `roadmap` is the literal form: the mid, then one cent toward the far side each
five seconds by cancel and resubmit, up to the largest slippage, and nothing cleverer."""


class Remedy(StrEnum):
    """What is done when a package can not be filled, in this order.

    RESOLVE sizes the rest anew around what is filled; REPLACE does so with the plan's reserve
    names; SCALE shrinks the larger side until both match; UNWIND trades everything back.
    """

    RESOLVE = "resolve"
    REPLACE = "replace"
    SCALE = "scale"
    UNWIND = "unwind"


REMEDY_LIMITS: tuple[tuple[Remedy, int], ...] = (
    (Remedy.RESOLVE, 2),
    (Remedy.REPLACE, 2),
    (Remedy.SCALE, 3),
    (Remedy.UNWIND, 1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramPolicy:
    """How a program is worked.

    `corridor_share` of V bounds unbalanced vega; at most `slices_at_once` orders of one side work
    at a time. A slice is at least `slice_share` of the corridor unless the package needs less or
    nothing else is under way. `launch_interval` paces new orders; `quiet` is how long a package
    rests after an order has ended; `attempts_max` walks may fail in a row before a
    package is given up, and then the `remedies` follow in order, each as often as it says. A trade
    scaled below `scale_share_min` of its size is unwound. `growth_max` is how far a re-solved
    package may exceed its planned quantity.

    `budget_multiple` of the plan's expected cost is the shared budget. A package that is
    ahead of its `messages_per_package` moves its limit only to the cap; `orders_max` bounds the
    orders of one program. Stop rules: the index moves by `index_move_max`, orders are
    rejected `rejections_max` times. A package without a usable quote pauses; its order is cancelled
    after `pause_cancel`, and it is given up after `pause_max`.
    """

    corridor_share: float = 0.10
    slices_at_once: int = 8
    slice_share: float = 1.0
    launch_interval: timedelta = timedelta(milliseconds=250)
    quiet: timedelta = timedelta(seconds=2)
    attempts_max: int = 5
    deadline: timedelta = timedelta(minutes=45)
    unwind_within: timedelta = timedelta(minutes=15)
    balance_tolerance: float = 0.02
    acknowledge_within: timedelta = timedelta(seconds=10)
    absence_gap: timedelta = timedelta(seconds=30)
    check_interval: timedelta = timedelta(seconds=15)
    remedies: tuple[tuple[Remedy, int], ...] = REMEDY_LIMITS
    scale_share_min: float = 0.5
    growth_max: float = 0.25
    budget_multiple: float = 1.5
    messages_per_package: int = 10
    orders_max: int = 390
    index_move_max: float = 0.015
    rejections_max: int = 3
    pause_cancel: timedelta = timedelta(seconds=60)
    pause_max: timedelta = timedelta(minutes=10)
    resume_after: timedelta = timedelta(seconds=2)

    def __post_init__(self) -> None:
        shares = (self.corridor_share, self.slice_share, self.scale_share_min, self.index_move_max)
        if not all(0 < share <= 1 for share in shares):
            raise InvalidInput(
                f"corridor_share, slice_share, scale_share_min and index_move_max are {shares}; "
                "expected each above 0 and at most 1"
            )
        if self.budget_multiple <= 0 or self.growth_max < 0:
            raise InvalidInput(
                f"budget_multiple is {self.budget_multiple} and growth_max {self.growth_max}; "
                "expected above 0, and 0 or more"
            )
        if self.attempts_max < 1 or self.slices_at_once < 1:
            raise InvalidInput(
                f"attempts_max is {self.attempts_max} and slices_at_once {self.slices_at_once}; "
                "expected 1 or more of each"
            )

    def limit_of(self, remedy: Remedy) -> int:
        """How often `remedy` may be used in one program."""
        return dict(self.remedies).get(remedy, 0)
