"""How do two sets of limits differ, who changed them and why, and does it loosen anything?"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal

from dispersa.errors import InvalidInput
from dispersa.risk.limits import CAP_SCOPES, RANGES, Cap, Limits

_TIGHTER_WHEN_HIGHER = frozenset(
    {
        "net_liquidation_min_usd",
        "edge_min_vol_points",
        "margin_headroom_share_min",
        "session_start_margin_seconds",
        "session_end_margin_seconds",
        "messages_reserved_share",
    }
)
"""Floors and margins; every other number is a ceiling, and lower is tighter.

`efficiency_counts_from_messages` is a ceiling too: the ratio binds the sooner the lower it is.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitChange:
    """One key that changed, as text before and after; `loosens` says that it allows more."""

    key: str
    before: str
    after: str
    loosens: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsChanged:
    """A change of limits as it is journaled: what, who, why and when.

    A change that loosens nothing may bind at once; one that loosens binds from the next program.
    """

    at: datetime
    actor: str
    reason: str
    changes: tuple[LimitChange, ...]

    @property
    def loosens(self) -> bool:
        """Whether any key allows more than before."""
        return any(change.loosens for change in self.changes)


def change_limits(
    before: Limits, after: Limits, *, at: datetime, actor: str, reason: str
) -> LimitsChanged:
    """Record a change of limits.

    Raises
    ------
    InvalidInput
        If actor or reason is empty: no limit changes without both.
    """
    if not actor.strip() or not reason.strip():
        raise InvalidInput(
            f"limits are to be changed by {actor!r} for the reason {reason!r}; expected who and "
            "why: give both"
        )
    changes = tuple(limit_changes(before, after))
    return LimitsChanged(at=at, actor=actor, reason=reason, changes=changes)


def limit_changes(before: Limits, after: Limits) -> Iterator[LimitChange]:
    """Compare two sets of limits key by key."""
    for key in RANGES:
        yield from _number_change(key, getattr(before, key), getattr(after, key))
    for scope in CAP_SCOPES:
        for spec in fields(Cap):
            old = getattr(getattr(before, scope), spec.name)
            new = getattr(getattr(after, scope), spec.name)
            yield from _number_change(f"{scope}.{spec.name}", old, new)
    yield from _members_change("restricted", before.restricted, after.restricted)
    yield from _members_change("quiet_windows", before.quiet_windows, after.quiet_windows)


def _number_change(
    key: str, before: Decimal | float, after: Decimal | float
) -> Iterator[LimitChange]:
    if before != after:
        rises = after > before
        loosens = rises is not (key in _TIGHTER_WHEN_HIGHER)
        yield LimitChange(key=key, before=str(before), after=str(after), loosens=loosens)


def _members_change(
    key: str, before: tuple[object, ...], after: tuple[object, ...]
) -> Iterator[LimitChange]:
    """Name the change of a list of what is not allowed: taking anything away loosens."""
    if set(before) != set(after):
        loosens = not set(before) <= set(after)
        yield LimitChange(key=key, before=str(before), after=str(after), loosens=loosens)
