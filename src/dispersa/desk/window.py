"""May the program start without a person? Walk's window of 60 seconds, as a state machine.

    ANNOUNCED ──handed over──▶ OPEN ──61 s, nothing received──▶ ELAPSED ──▶ the program starts
        │                        │                                 │
        └──────── a cancel: CANCELLED, at any time before ─────────┘
    and LAPSED from every state as soon as anything is doubtful: alert not handed over in time,
    process restarted or suspended, clock stepped, page lost.

The window is measured on two clocks. If wall and monotonic time disagree, one of them was moved or
the machine slept; if two looks are far apart, the process was suspended. In both cases nobody can
say that the operator had 60 seconds, so nothing is started.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never


class WindowState(StrEnum):
    """How far a window has come."""

    ANNOUNCED = "announced"
    OPEN = "open"
    ELAPSED = "elapsed"
    CANCELLED = "cancelled"
    LAPSED = "lapsed"


ENDED = frozenset({WindowState.ELAPSED, WindowState.CANCELLED, WindowState.LAPSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPolicy:
    """How long each part takes.

    `window` runs from the hand-over of the alert; cancels are drained for `drain` more before the
    program may start. The alert must be handed over within `handover_within`. The two clocks may
    differ by `clocks_apart_max`; two looks may be `looks_apart_max` apart.
    """

    window: timedelta = timedelta(seconds=60)
    drain: timedelta = timedelta(seconds=1)
    handover_within: timedelta = timedelta(seconds=120)
    clocks_apart_max: timedelta = timedelta(seconds=1)
    looks_apart_max: timedelta = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """One moment on both clocks: `wall` aware, `monotonic_ns` of this process."""

    wall: datetime
    monotonic_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One window: `since` is when its state began to be measured, `seen` the last look."""

    plan_hash: str
    state: WindowState
    since: Instant
    seen: Instant
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertHandedOver:
    """A mail server or provider took the alert over `channel`."""

    at: Instant
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLost:
    """No channel can hand the alert over."""

    at: Instant
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelReceived:
    """Somebody cancels; `by` says who and over what."""

    at: Instant
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLost:
    """The page over which a person could cancel does not answer."""

    at: Instant
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRestarted:
    """The process began anew; its monotonic clock says nothing about before."""

    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """Nothing happened; every cancel received before this moment was taken in."""

    at: Instant


Observation = AlertHandedOver | AlertLost | CancelReceived | PageLost | EngineRestarted | Looked


def announced(plan_hash: str, at: Instant) -> Window:
    """Return the window of a plan whose alert is on its way."""
    return Window(plan_hash=plan_hash, state=WindowState.ANNOUNCED, since=at, seen=at)


def advance(window: Window, seen: Observation, policy: WindowPolicy) -> Window:
    """Return the window after one observation; an ended one stays as it is.

    A cancel wins over everything seen with it: whoever cancelled is believed even if the clock
    was stepped meanwhile.
    """
    if window.state in ENDED:
        return window
    at = seen.at
    match seen:
        case CancelReceived(by=by):
            return _ended(window, WindowState.CANCELLED, at, f"cancelled by {by}")
        case EngineRestarted():
            return _lapsed(window, at, "the engine was restarted within the window")
        case AlertLost(reason=reason):
            return _lapsed(window, at, f"the alert could not be handed over: {reason}")
        case PageLost(reason=reason):
            return _lapsed(window, at, f"the page to cancel on was lost: {reason}")
        case AlertHandedOver() | Looked():
            pass
        case _:
            assert_never(seen)
    doubt = _doubt(window, at, policy)
    if doubt:
        return _lapsed(window, at, doubt)
    if isinstance(seen, AlertHandedOver):
        return _handed_over(window, seen)
    return _looked(window, at, policy)


def remaining(window: Window, at: Instant, policy: WindowPolicy) -> timedelta | None:
    """Return how long a cancel is still in time; None while the alert is on its way or after."""
    if window.state is not WindowState.OPEN:
        return None
    return max(policy.window - _elapsed(window.since, at), timedelta(0))


def _handed_over(window: Window, seen: AlertHandedOver) -> Window:
    """The first hand-over opens the window; a later one, over another channel, changes nothing."""
    if window.state is not WindowState.ANNOUNCED:
        return replace(window, seen=seen.at)
    return replace(
        window,
        state=WindowState.OPEN,
        since=seen.at,
        seen=seen.at,
        reason=f"handed over by {seen.channel}",
    )


def _looked(window: Window, at: Instant, policy: WindowPolicy) -> Window:
    elapsed = _elapsed(window.since, at)
    if window.state is WindowState.ANNOUNCED:
        if elapsed > policy.handover_within:
            seconds = policy.handover_within.total_seconds()
            return _lapsed(window, at, f"no channel took the alert over within {seconds:.0f} s")
        return replace(window, seen=at)
    if elapsed < policy.window + policy.drain:
        return replace(window, seen=at)
    return _ended(window, WindowState.ELAPSED, at, "nobody cancelled")


def _doubt(window: Window, at: Instant, policy: WindowPolicy) -> str:
    """Return why the time can not be believed, empty if it can."""
    quiet = _elapsed(window.seen, at)
    if quiet < timedelta(0):
        return "the monotonic clock went backwards"
    if quiet > policy.looks_apart_max:
        return f"the process stood still for {quiet.total_seconds():.1f} s"
    apart = (at.wall - window.since.wall) - _elapsed(window.since, at)
    if abs(apart) > policy.clocks_apart_max:
        return (
            f"the clock was moved by {apart.total_seconds():+.1f} s, or the machine slept, within "
            "the window"
        )
    return ""


def _elapsed(since: Instant, at: Instant) -> timedelta:
    return timedelta(microseconds=(at.monotonic_ns - since.monotonic_ns) / 1000)


def _lapsed(window: Window, at: Instant, reason: str) -> Window:
    return _ended(window, WindowState.LAPSED, at, reason)


def _ended(window: Window, state: WindowState, at: Instant, reason: str) -> Window:
    return replace(window, state=state, seen=at, reason=reason)
