"""Which index futures are listed, and what is their fair price?

Quarterly contracts on the cash indices, priced at the index carried to settlement,
`F = S exp((r - q) T)`. They settle at the opening of the third Friday of their month.
"""

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from dispersa.gateway.world.calendar import session, trading_day_on_or_before
from dispersa.gateway.world.kernels import Floats
from dispersa.gateway.world.listings import third_friday
from dispersa.gateway.world.world import World

QUARTERS = 5
_MONTHS = {3: "H", 6: "M", 9: "U", 12: "Z"}
_ROOTS = (("ES", "SPX", 50), ("NQ", "NDX", 20))
_YEAR_SECONDS = 365.0 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FutureTerms:
    """One listed future on an index of the world."""

    root: str
    index: str
    multiplier: int
    last_trade_day: date
    settles: datetime

    @property
    def local_symbol(self) -> str:
        """Symbol with month letter and last digit of the year, for example ESZ6."""
        day = self.last_trade_day
        return f"{self.root}{_MONTHS[day.month]}{day.year % 10}"

    @property
    def code(self) -> str:
        """Name that is unique over the years."""
        return f"{self.root}{self.last_trade_day:%Y%m}"


def futures_of(world: World) -> tuple[FutureTerms, ...]:
    """Return the listed futures on the indices that the world carries."""
    found = []
    for root, index, multiplier in _ROOTS:
        if world.listed(index) is None:
            continue
        year, month, count = world.today.year, 3, 0
        while count < QUARTERS:
            day = trading_day_on_or_before(third_friday(year, month))
            held = session(day)
            if held is not None and held.opens > world.start:
                found.append(
                    FutureTerms(
                        root=root,
                        index=index,
                        multiplier=multiplier,
                        last_trade_day=day,
                        settles=held.opens,
                    )
                )
                count += 1
            year, month = (year + 1, 3) if month == 12 else (year, month + 3)
    return tuple(found)


def carried(world: World, terms: FutureTerms) -> float:
    """Return the index carried to the settlement of a future."""
    factor = carry_factor(world, terms, np.array([world.now.timestamp()]))
    return world.spot(terms.index) * float(factor[0])


def carry_factor(world: World, terms: FutureTerms, epochs: Floats) -> Floats:
    """Return `exp((r - q) T)` from instants, as epoch seconds, to the settlement of a future."""
    underlying = world.underlyings[world.columns[terms.index]]
    years = np.maximum(terms.settles.timestamp() - epochs, 0.0) / _YEAR_SECONDS
    factor: Floats = np.exp((world.universe.rate - underlying.dividend_yield) * years)
    return factor
