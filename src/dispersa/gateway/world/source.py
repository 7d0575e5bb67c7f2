"""What does a market source hand to the world: universe, chains and known history?"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from dispersa.gateway.world.history import KnownDays
from dispersa.gateway.world.listings import Chain, synthetic_chain
from dispersa.gateway.world.synthetic import synthetic_universe
from dispersa.gateway.world.universe import Underlying, Universe

ChainMaker = Callable[[Underlying, float, date], Chain]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSource:
    """A market as of one date.

    `chain_of(underlying, vol, day)` makes the listed options of a name when they are first asked
    for; `known()` reads the dates before `day` that the source has; `start_vols` fixes the 30-day
    volatility of baskets where a file knows it; `vix` fixes the level of VIX at the start.
    `goes_on_listing` says that later days list new expiries.
    """

    day: date
    universe: Universe
    chain_of: ChainMaker
    start_vols: dict[str, float]
    known: Callable[[], KnownDays | None] = lambda: None
    vix: float | None = None
    goes_on_listing: bool = False


def synthetic_source(day: date, names: int | None = None) -> MarketSource:
    """Return the built-in market as of `day`."""
    return MarketSource(
        day=day,
        universe=synthetic_universe(day, names),
        chain_of=synthetic_chain,
        start_vols={},
        goes_on_listing=True,
    )
