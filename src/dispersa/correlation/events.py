"""How much of a vol belongs to an announced event, and what is the vol without it?

Earnings are one jump on a known day: its variance is counted apart from the diffusive one,

    s_total^2 T = s_base^2 T + e^2

with e the standard deviation of the event's move. The expected absolute move is e sqrt(2 / pi).
"""

from dataclasses import dataclass
from math import isfinite, pi, sqrt

from dispersa.errors import MarketDataMissing
from dispersa.pricing.units import DAYS_PER_YEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class EventVol:
    """A vol parted into what diffuses and what jumps; all decimals."""

    total_vol: float
    base_vol: float
    event_move: float
    days: float

    @property
    def expected_absolute_move(self) -> float:
        """Mean size of the move, sign apart."""
        return self.event_move * sqrt(2 / pi)


def event_between(near: tuple[float, float], far: tuple[float, float]) -> EventVol:
    """Part the vol of the expiry after an event, given the one before it; each is (vol, days).

    The base vol is that of the expiry before the event: the diffusion is taken to be the same.

    Raises
    ------
    MarketDataMissing
        The expiries are not in order, or the later one has no more variance than its days at the
        base vol explain: there is no event in these quotes.
    """
    base, near_days = near
    total, days = far
    if not all(isfinite(x) and x > 0 for x in (*near, *far)) or days <= near_days:
        raise MarketDataMissing(
            f"found vols {base} at {near_days} days and {total} at {days}; expected numbers above "
            "zero and the expiry before the event first"
        )
    variance = (total**2 - base**2) * days / DAYS_PER_YEAR
    if variance <= 0:
        raise MarketDataMissing(
            f"vol falls from {base:.3f} to {total:.3f} over the event; no event variance can be "
            "read from these expiries"
        )
    return EventVol(total_vol=total, base_vol=base, event_move=sqrt(variance), days=days)


def without_event(total_vol: float, days: float, event_move: float) -> float:
    """Vol to an expiry with the event's variance taken out.

    Raises
    ------
    MarketDataMissing
        The event alone would need more variance than the vol holds.
    """
    variance = total_vol**2 - event_move**2 * DAYS_PER_YEAR / days
    if variance <= 0:
        raise MarketDataMissing(
            f"an event move of {event_move:.3f} is more than a vol of {total_vol:.3f} over "
            f"{days:g} days holds; check the move or the date"
        )
    return sqrt(variance)
