"""At which price does a package rest next? Walking the book, as a pure function.

The walk starts at the package's mid, computed from its legs, and every `wait` comes one step
nearer to the far side until it fills or meets its cap. For no path of quotes does it pay beyond
its cap, or beyond the far side itself; it pauses on a quote that can not carry a decision.

    cap    = min(cap_share_of_mid x mid, half-spread, allowance)   or the literal `slippage_max`
             (in vol units: cap_vol_points x vega per share in place of the share of the mid)
    step   = max(0.01, combo tick, cap / cap_steps)                or the literal `step_fixed`
    n      = steps on the wire + whole waits since, or since the last fill
    anchor = mid at arrival (in vol units: moved by the change of our own value since)
    limit  = min(anchor + min(n x step, cap) or today's mid, anchor + cap)     for a purchase

The mid's move in our favor lowers the anchor, its move against us is caught up with inside the
cap. A new limit goes on the wire only when it is worth the message.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from dispersa.execution.policy import (
    PRESETS,
    PriceUnit,
    RepriceStyle,
    Trigger,
    WalkPolicy,
)
from dispersa.market import PriceIncrements, Quote, Side, to_decimal

HASTE = 0.75
"""At full urgency a wait is shorter by this share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a walk sees at one moment.

    `fair` is our own value of one unit per share (needed in vol units), `working` the limit on
    the wire (None before the order is sent), `urgency` from 0 to 1.
    """

    quote: Quote
    at: datetime
    fair: Decimal | None = None
    working: Decimal | None = None
    urgency: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkBounds:
    """What bounds a walk besides its policy: the price grid, vega, and what the budget allows.

    `vega` in dollars per share and vol point; `allowance` in dollars per share, None for no bound.
    """

    increments: PriceIncrements
    vega: float
    allowance: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """One walk, fixed at its arrival: where it began and how far it may go.

    `steps` is how far the limit on the wire has come, `stepped_at` since when.
    """

    side: Side
    arrival_at: datetime
    arrival_mid: Decimal
    arrival_half_spread: Decimal
    arrival_fair: Decimal | None
    cap: Decimal
    step: Decimal
    increments: PriceIncrements
    steps: int
    stepped_at: datetime

    @property
    def limit_worst(self) -> Decimal:
        """The worst price this walk may ever rest at, on the grid, as long as its anchor stays."""
        return self.worst_from(self.arrival_mid)

    def worst_from(self, anchor: Decimal) -> Decimal:
        """The worst price around `anchor`, on the grid."""
        return self.increments.round_passive(anchor + self.side.sign * self.cap, self.side)

    @property
    def steps_to_cap(self) -> int:
        """Number of steps after which the limit is at the cap."""
        return -int(-self.cap // self.step)

    def at_step(self, steps: int, at: datetime) -> "Walk":
        """Return the walk with a limit of so many steps on the wire since `at`."""
        return replace(self, steps=steps, stepped_at=at)

    def met(self, at: datetime) -> "Walk":
        """Return the walk with its wait begun anew: a fill shows that somebody trades here.

        Its life is longer by what it has waited, so that the steps that are left remain.
        """
        return replace(self, arrival_at=self.arrival_at + (at - self.stepped_at), stepped_at=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Rest at this limit, which is so many steps from the anchor."""

    limit: Decimal
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Leave everything as it is: the quote can not carry a decision."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """The walk is over: its worst price has rested long enough, or the market has left it.

    `moved_away` says the latter: even the mid is beyond the cap, and a new walk may begin there.
    """

    reason: str
    moved_away: bool


WalkStep = Rest | Pause | GiveUp


def begin_walk(sight: Sight, side: Side, policy: WalkPolicy, bounds: WalkBounds) -> Walk | Pause:
    """Fix the arrival mid, cap and step of a new walk, or pause on an unusable quote."""
    mid = _usable_mid(sight, policy)
    if isinstance(mid, Pause):
        return mid
    if policy.unit is PriceUnit.VOL and sight.fair is None:
        return Pause(reason="no value of our own to anchor the vol at")
    half_spread = (sight.quote.width or Decimal(0)) / 2
    cap = _cap(mid, half_spread, policy, bounds)
    tick = bounds.increments.increment_at(mid)
    return Walk(
        side=side,
        arrival_at=sight.at,
        arrival_mid=mid,
        arrival_half_spread=half_spread,
        arrival_fair=sight.fair if policy.unit is PriceUnit.VOL else None,
        cap=cap,
        step=max(policy.step_fixed or cap / policy.cap_steps, policy.step_floor, tick),
        increments=bounds.increments,
        steps=policy.steps_first,
        stepped_at=sight.at,
    )


def _usable_mid(sight: Sight, policy: WalkPolicy) -> Decimal | Pause:
    fault = sight.quote.fault(now=sight.at, age_max=policy.quote_age_max)
    mid = sight.quote.mid
    if fault is not None or mid is None:
        return Pause(reason="not quoted on both sides" if fault is None else fault.value)
    return mid


def _cap(mid: Decimal, half_spread: Decimal, policy: WalkPolicy, bounds: WalkBounds) -> Decimal:
    if policy.slippage_max is not None:
        cap = policy.slippage_max
    elif policy.unit is PriceUnit.VOL:
        cap = min(to_decimal(policy.cap_vol_points * bounds.vega), half_spread)
    else:
        cap = min(policy.cap_share_of_mid * mid, half_spread)
    return cap if bounds.allowance is None else min(cap, max(bounds.allowance, Decimal(0)))


def next_step(walk: Walk, sight: Sight, policy: WalkPolicy) -> WalkStep:
    """Where the package should rest now; the limit on the wire where a move is not worth it.

    Parameters
    ----------
    walk
        The walk as it stands on the wire.
    sight
        Quote from the legs, our own value, the time, the limit on the wire, the urgency.
    policy
        Patience and generosity.
    """
    mid = _usable_mid(sight, policy)
    if isinstance(mid, Pause):
        return mid
    anchor = _anchor(walk, sight)
    if anchor is None:
        return Pause(reason="no value of our own to move the anchor by")
    wait = _wait(walk, sight, policy)
    ended = _ended(walk, sight, policy, anchor) or _left_behind(walk, mid, anchor)
    if ended is not None and sight.at - walk.arrival_at >= wait:
        return ended
    steps = walk.steps + (sight.at - walk.stepped_at) // wait
    wanted = Rest(limit=_limit_after(walk, sight, policy, anchor, steps), steps=steps)
    if sight.working is None or _is_worth_a_message(walk, sight, policy, wanted, wait):
        return wanted
    return Rest(limit=sight.working, steps=walk.steps)


def _anchor(walk: Walk, sight: Sight) -> Decimal | None:
    if walk.arrival_fair is None:
        return walk.arrival_mid
    return None if sight.fair is None else walk.arrival_mid + sight.fair - walk.arrival_fair


def _wait(walk: Walk, sight: Sight, policy: WalkPolicy) -> timedelta:
    """Patience of one step; a book that leans against us and an urgent program shorten it."""
    haste = min(max(sight.urgency, 0.0), 1.0) if Trigger.URGENCY in policy.triggers else 0.0
    quote = sight.quote
    near, far = quote.bid_size, quote.ask_size
    if walk.side is Side.SELL:
        near, far = far, near
    if Trigger.SIZE in policy.triggers and near > policy.size_ratio * max(far, 1):
        haste = 1.0
    return policy.wait * (1 - HASTE * haste)


def _ended(walk: Walk, sight: Sight, policy: WalkPolicy, anchor: Decimal) -> GiveUp | None:
    life = policy.wait * (walk.steps_to_cap + 1) + policy.rest_at_cap
    if sight.at - walk.arrival_at <= life:
        return None
    return GiveUp(
        reason=f"rested {policy.rest_at_cap.total_seconds():.0f} s at its worst price "
        f"{walk.worst_from(anchor)}",
        moved_away=False,
    )


def _left_behind(walk: Walk, mid: Decimal, anchor: Decimal) -> GiveUp | None:
    if (mid - anchor) * walk.side.sign <= max(walk.cap, walk.step):
        return None
    return GiveUp(
        reason=f"the mid {mid} has left the worst price {walk.worst_from(anchor)} behind",
        moved_away=True,
    )


def _limit_after(
    walk: Walk, sight: Sight, policy: WalkPolicy, anchor: Decimal, steps: int
) -> Decimal:
    favorable, adverse = (min, max) if walk.side is Side.BUY else (max, min)
    mid = sight.quote.mid or anchor
    base = favorable(anchor, mid) if Trigger.FOLLOW in policy.triggers else anchor
    wanted = base + walk.side.sign * min(steps * walk.step, walk.cap)
    if Trigger.ADVERSE in policy.triggers:
        wanted = adverse(wanted, mid)
    far_side = sight.quote.ask if walk.side is Side.BUY else sight.quote.bid
    bounded = wanted if far_side is None else favorable(wanted, far_side)
    on_grid = walk.increments.round_passive(bounded, walk.side)
    return favorable(on_grid, walk.worst_from(anchor))


def _is_worth_a_message(
    walk: Walk, sight: Sight, policy: WalkPolicy, wanted: Rest, wait: timedelta
) -> bool:
    """Whether the limit has come far enough, and rested long enough, to be moved."""
    if sight.working is None or wanted.limit == sight.working:
        return False
    if sight.at - walk.stepped_at < wait:
        return False
    has_met_cap = wanted.steps >= walk.steps_to_cap > walk.steps
    has_come = wanted.steps - walk.steps >= policy.amend_steps
    has_followed = abs(wanted.limit - sight.working) >= policy.amend_steps * walk.step
    return has_met_cap or has_come or has_followed


__all__ = [
    "PRESETS",
    "GiveUp",
    "Pause",
    "PriceUnit",
    "RepriceStyle",
    "Rest",
    "Sight",
    "Trigger",
    "Walk",
    "WalkBounds",
    "WalkPolicy",
    "WalkStep",
    "begin_walk",
    "next_step",
]
