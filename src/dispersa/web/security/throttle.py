"""How long must somebody wait who guessed wrong? Longer each time; never for ever.

Pure: the caller brings the time. Waits grow per key (an address, and the account as a whole) and
are forgotten after a quiet time, so that nobody can lock the operator out for good.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

FREE = 5
"""Wrong guesses without a wait."""
LONGEST = timedelta(minutes=5)
FORGOTTEN_AFTER = timedelta(hours=1)
KEYS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    last: datetime


class Throttle:
    """Counts wrong guesses by key."""

    def __init__(self) -> None:
        self._failures: dict[str, _Failures] = {}

    def wait(self, key: str, now: datetime) -> timedelta:
        """Return how long this key must still wait, zero if it may try."""
        failures = self._current(key, now)
        if failures is None or failures.count < FREE:
            return timedelta(0)
        pause = min(timedelta(seconds=2 ** min(failures.count - FREE, 16)), LONGEST)
        return max(failures.last + pause - now, timedelta(0))

    def failed(self, key: str, now: datetime) -> None:
        """Count one wrong guess."""
        failures = self._current(key, now)
        count = 1 if failures is None else failures.count + 1
        self._failures.pop(key, None)
        if len(self._failures) >= KEYS_MAX:
            del self._failures[next(iter(self._failures))]  # the one that failed longest ago
        self._failures[key] = _Failures(count, now)

    def succeeded(self, key: str) -> None:
        """Forget the wrong guesses of a key."""
        self._failures.pop(key, None)

    def _current(self, key: str, now: datetime) -> _Failures | None:
        failures = self._failures.get(key)
        if failures is not None and now - failures.last > FORGOTTEN_AFTER:
            del self._failures[key]
            return None
        return failures
