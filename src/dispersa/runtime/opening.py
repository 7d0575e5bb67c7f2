"""What does a desk learn before it decides anything? Limits and their reason, marks, no more."""

from collections.abc import Sequence
from datetime import datetime

from dispersa.broker import BrokerFeed
from dispersa.desk import events as ev
from dispersa.desk.state import DeskState
from dispersa.desk.weighing import positions as own_positions
from dispersa.errors import BrokerError, InvalidConfig, MarketDataMissing
from dispersa.orders import PositionReading
from dispersa.risk import Limits, change_limits
from dispersa.runtime.marking import read_marks
from dispersa.runtime.planning import PlanningPolicy
from dispersa.runtime.step_clock import Clock

RATE = PlanningPolicy().rate


def bound_limits(
    state: DeskState, limits: Limits, *, reason: str, actor: str, at: datetime
) -> ev.LimitsBound | None:
    """Bind the limits of this start; None where they are those of the last one.

    Raises
    ------
    InvalidConfig
        If limits differ from those of the last start and the configuration gives no reason, or
        only the one that the last change was made for.
    """
    before = state.limits
    if before == limits:
        return None
    if before is None:
        return ev.LimitsBound(limits=limits, change=None)
    if not reason.strip() or reason == state.limits_reason:
        changed = change_limits(before, limits, at=at, actor=actor, reason="none given").changes
        keys = ", ".join(f"{row.key} from {row.before} to {row.after}" for row in changed)
        raise InvalidConfig(
            f"limits differ from those of the last start ({keys}) and risk.change_reason is "
            f"{reason!r}; expected a reason of this change: write it there, or take the change back"
        )
    change = change_limits(before, limits, at=at, actor=actor, reason=reason)
    return ev.LimitsBound(limits=limits, change=change)


async def read_held(
    feed: BrokerFeed, state: DeskState, positions: Sequence[PositionReading], clock: Clock
) -> ev.BookMarked | None:
    """Mark what our own earlier trades have left; None where nothing is left.

    A position that can not be marked now counts as it was paid.
    """
    own = {con_id for con_id, row in own_positions(state).items() if not row.is_flat}
    left = [row for row in positions if row.con_id in own]
    if not left:
        return None
    try:
        marks = await read_marks(feed, left, rate=RATE, clock=clock)
    except (BrokerError, MarketDataMissing):
        return None
    return ev.BookMarked(marks=tuple(marks.values()))
