"""When may an order be sent?"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dispersa.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingSession:
    """Regular trading hours of one day, as aware instants."""

    opens: datetime
    closes: datetime

    def __post_init__(self) -> None:
        if self.opens.tzinfo is None or self.closes.tzinfo is None or self.opens >= self.closes:
            raise InvalidInput(
                f"a session from {self.opens} to {self.closes} is not one: expected two aware "
                "times, the opening first"
            )

    def is_open(self, at: datetime) -> bool:
        """Whether the market is open at `at`."""
        return self.opens <= at < self.closes

    def time_left(self, at: datetime) -> timedelta:
        """Time until the close; negative after it."""
        return self.closes - at
