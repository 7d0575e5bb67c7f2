"""What does a market source hand to the world: universe, chains and known history?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from dispersa.gateway.world.actions import Split
from dispersa.gateway.world.history import KnownDays
from dispersa.gateway.world.listings import Chain, synthetic_chain
from dispersa.gateway.world.synthetic import synthetic_universe
from dispersa.gateway.world.universe import Underlying, Universe

ChainMaker = Callable[[Underlying, float, date], Chain]


@dataclass(frozen=True, slots=True, kw_only=True)
class NextDay:
    """What a file knows of a later date: levels, 30-day volatilities and chains by symbol.

    `splits` are new shares per old one on its morning.
    """

    levels: Mapping[str, float]
    vols: Mapping[str, float]
    chains: Mapping[str, Chain]
    splits: Mapping[str, Split]
    vix: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSource:
    """A market as of one date.

    `chain_of(underlying, vol, day)` makes the listed options of a name when they are first asked
    for; `known()` reads the dates before `day` that the source has; `start_vols` fixes the 30-day
    volatility of baskets where a file knows it; `vix` fixes the level of VIX at the start.
    `goes_on_listing` says that later days list new expiries; `later_days` are the dates after
    `day` that the source knows, and `next_day` reads one of them.
    """

    day: date
    universe: Universe
    chain_of: ChainMaker
    start_vols: dict[str, float]
    known: Callable[[], KnownDays | None] = lambda: None
    vix: float | None = None
    goes_on_listing: bool = False
    later_days: frozenset[date] = frozenset()
    next_day: Callable[[date], NextDay] | None = None


def synthetic_source(day: date, names: int | None = None) -> MarketSource:
    """Return the built-in market as of `day`."""
    return MarketSource(
        day=day,
        universe=synthetic_universe(day, names),
        chain_of=synthetic_chain,
        start_vols={},
        goes_on_listing=True,
    )
