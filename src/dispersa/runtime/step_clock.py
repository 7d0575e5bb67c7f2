"""What time is it for one step? Desk and journal stamp the same instant."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """A source of aware UTC time."""

    def now(self) -> datetime:
        """Return the time now."""
        ...


class StepClock:
    """A clock that stands still between ticks, so that an event, what was decided on it and the
    journal entries of both carry one time and replay exactly.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at = clock.now()

    def tick(self) -> datetime:
        """Read the underlying clock and stand at that time; it never steps back."""
        self._at = max(self._at, self._clock.now())
        return self._at

    def now(self) -> datetime:
        """Return the time of the step under way."""
        return self._at

    @property
    def live(self) -> Clock:
        """The clock underneath, which never stands still: for ages and deadlines."""
        return self._clock
