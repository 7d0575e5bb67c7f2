"""At which price does a package rest next? Walking the book, as a pure function.

The walk starts at the package's mid, computed from its legs, and every `wait` moves one step
toward the far side until it fills or meets its cap. It never pays beyond the cap measured from
the mid at arrival, never beyond the far side itself, and pauses on any quote that can not carry a
decision.

    cap   = min(cap_share_of_mid x mid, half-spread)         or the literal `slippage_max`
    step  = max(0.01, combo tick, cap / cap_steps)           or the literal `step_fixed`
    n     = number of waits that have passed
    limit = follow(mid) + sign x min(n x step, cap)

`follow(mid)` is the mid at arrival, or today's mid where that is better for us.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from dispersa.errors import InvalidInput
from dispersa.market import PriceIncrements, Quote, QuoteFault, Side


class RepriceStyle(StrEnum):
    """How a limit is moved: in place, or by cancel, confirm, resubmit."""

    AMEND = "amend"
    CANCEL_REPLACE = "cancel_replace"


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkPolicy:
    """How patient and how generous a walk is; prices per share.

    Defaults are the `standard` preset: five seconds a step, eight steps, at most 2 % of the mid
    and never more than half the spread. `rest_at_cap` is how long the last price may rest before
    the walk gives up.
    """

    wait: timedelta = timedelta(seconds=5)
    cap_share_of_mid: Decimal = Decimal("0.02")
    cap_steps: int = 8
    step_floor: Decimal = Decimal("0.01")
    step_fixed: Decimal | None = None
    slippage_max: Decimal | None = None
    rest_at_cap: timedelta = timedelta(seconds=30)
    quote_age_max: timedelta = timedelta(seconds=3)
    style: RepriceStyle = RepriceStyle.AMEND

    def __post_init__(self) -> None:
        if self.wait <= timedelta(0) or self.cap_steps < 1 or self.step_floor <= 0:
            raise InvalidInput(
                f"walk policy wait={self.wait}, cap_steps={self.cap_steps}, "
                f"step_floor={self.step_floor}; expected each above zero"
            )
        if not 0 < self.cap_share_of_mid <= Decimal("0.25"):
            raise InvalidInput(
                f"cap_share_of_mid is {self.cap_share_of_mid}; expected above 0 and at most 0.25"
            )


PRESETS: dict[str, WalkPolicy] = {
    "passive": WalkPolicy(
        wait=timedelta(seconds=10),
        cap_share_of_mid=Decimal("0.01"),
        rest_at_cap=timedelta(minutes=2),
    ),
    "standard": WalkPolicy(),
    "urgent": WalkPolicy(
        wait=timedelta(seconds=2),
        cap_share_of_mid=Decimal("0.03"),
        cap_steps=4,
        rest_at_cap=timedelta(seconds=10),
    ),
    "roadmap": WalkPolicy(
        step_fixed=Decimal("0.01"),
        slippage_max=Decimal("0.10"),
        style=RepriceStyle.CANCEL_REPLACE,
    ),
}
"""Named policies; `roadmap` is the literal form: one cent every five seconds, resubmitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """One walk, fixed at its arrival: where it began and how far it may go."""

    side: Side
    arrival_at: datetime
    arrival_mid: Decimal
    arrival_half_spread: Decimal
    cap: Decimal
    step: Decimal
    increments: PriceIncrements

    @property
    def limit_worst(self) -> Decimal:
        """The worst price this walk may ever rest at, on the grid."""
        worst = self.arrival_mid + self.side.sign * self.cap
        return self.increments.round_passive(worst, self.side)

    @property
    def steps_to_cap(self) -> int:
        """Number of waits after which the limit is at the cap."""
        return -int(-self.cap // self.step)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Rest at this limit."""

    limit: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Leave everything as it is: the quote can not carry a decision."""

    fault: QuoteFault


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """The walk is over: its worst price has rested long enough, or the market has left it.

    `moved_away` says the latter: even the mid is beyond the cap, and a new walk may begin there.
    """

    reason: str
    moved_away: bool


WalkStep = Rest | Pause | GiveUp


def begin_walk(
    quote: Quote, side: Side, policy: WalkPolicy, increments: PriceIncrements, now: datetime
) -> Walk | Pause:
    """Fix the arrival mid, cap and step of a new walk, or pause on an unusable quote."""
    fault = quote.fault(now=now, age_max=policy.quote_age_max)
    if fault is not None:
        return Pause(fault=fault)
    mid, width = quote.mid, quote.width
    if mid is None or width is None:
        return Pause(fault=QuoteFault.NO_BID)
    half_spread = width / 2
    cap = _cap(mid, half_spread, policy)
    tick = increments.increment_at(mid)
    step = max(policy.step_fixed or cap / policy.cap_steps, policy.step_floor, tick)
    return Walk(
        side=side,
        arrival_at=now,
        arrival_mid=mid,
        arrival_half_spread=half_spread,
        cap=cap,
        step=step,
        increments=increments,
    )


def _cap(mid: Decimal, half_spread: Decimal, policy: WalkPolicy) -> Decimal:
    if policy.slippage_max is not None:
        return policy.slippage_max
    return min(policy.cap_share_of_mid * mid, half_spread)


def next_step(walk: Walk, quote: Quote, policy: WalkPolicy, now: datetime) -> WalkStep:
    """Where the package should rest now.

    Parameters
    ----------
    walk
        The walk as it began.
    quote
        The package's quote from its legs.
    policy
        Patience and generosity.
    now
        Time on the desk's clock.
    """
    fault = quote.fault(now=now, age_max=policy.quote_age_max)
    if fault is not None:
        return Pause(fault=fault)
    mid = quote.mid
    if mid is None:
        return Pause(fault=QuoteFault.NO_BID)
    elapsed = now - walk.arrival_at
    if elapsed > policy.wait * walk.steps_to_cap + policy.rest_at_cap + policy.wait:
        return GiveUp(
            reason=f"rested {policy.rest_at_cap.total_seconds():.0f} s at its worst price "
            f"{walk.limit_worst}",
            moved_away=False,
        )
    if elapsed >= policy.wait and (mid - walk.arrival_mid) * walk.side.sign > walk.cap:
        return GiveUp(
            reason=f"the mid {mid} has left the cap {walk.limit_worst} behind", moved_away=True
        )
    return Rest(limit=_limit_after(walk, quote, mid, elapsed // policy.wait))


def _limit_after(walk: Walk, quote: Quote, mid: Decimal, waits: int) -> Decimal:
    favorable = min if walk.side is Side.BUY else max
    wanted = favorable(walk.arrival_mid, mid) + walk.side.sign * min(waits * walk.step, walk.cap)
    far_side = quote.ask if walk.side is Side.BUY else quote.bid
    bounded = wanted if far_side is None else favorable(wanted, far_side)
    on_grid = walk.increments.round_passive(bounded, walk.side)
    return favorable(on_grid, walk.limit_worst)
