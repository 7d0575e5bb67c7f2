"""What did the market show on one past day, and what was known of the days before it?

A source gives one day at a time. Nothing that it hands out for a day may depend on a later day; the
truncation test holds every source to that.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

import numpy as np

from dispersa.correlation.past import DailySeries
from dispersa.market import Basket, Symbol, UnderlyingKind

Curve = tuple[tuple[float, float], ...]
"""Pairs of days to expiry and at-the-money vol, ascending in days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Smile:
    """Vols of one expiry over strikes, ascending."""

    strikes: tuple[float, ...]
    vols: tuple[float, ...]

    def at(self, strike: float) -> float:
        """Vol at a strike: linear between the known ones, flat beyond them."""
        return float(np.interp(strike, self.strikes, self.vols))


@dataclass(frozen=True, slots=True, kw_only=True)
class NameDay:
    """One underlying on one day, at the close.

    Attributes
    ----------
    curve
        At-the-money vols by tenor; between tenors total variance is linear in days.
    smiles
        Vols by strike of the expiries that the data knows.
    expiries, strikes
        What is listed; empty where the data does not say: then every Friday, and a grid around the
        spot by the exchange's usual steps.
    straddle_width, share_width
        Quoted widths as fractions of premium and of price.
    dividend
        Cash per share of a stock that goes ex today.
    contracts_per_unit
        After a split one contract in this run's terms stands for so many real ones.
    """

    symbol: Symbol
    kind: UnderlyingKind
    spot: float
    curve: Curve
    smiles: Mapping[date, Smile] = field(default_factory=dict)
    expiries: tuple[date, ...] = ()
    strikes: tuple[float, ...] = ()
    straddle_width: float
    share_width: float
    dividend: float = 0.0
    contracts_per_unit: float = 1.0
    open_interest: int | None = None

    def vol(self, expiry: date, strike: float, today: date) -> float:
        """Vol of an option: from its expiry's smile where there is one, else from the curve."""
        smile = self.smiles.get(expiry)
        if smile is not None:
            return smile.at(strike)
        return self.vol_at((expiry - today).days)

    def vol_at(self, days: float) -> float:
        """At-the-money vol at a tenor: total variance linear in days, flat vol beyond the ends."""
        first, last = self.curve[0], self.curve[-1]
        if days <= first[0]:
            return first[1]
        if days >= last[0]:
            return last[1]
        tenors = [tenor for tenor, _ in self.curve]
        variances = [tenor * vol * vol for tenor, vol in self.curve]
        return math.sqrt(float(np.interp(days, tenors, variances)) / days)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketDay:
    """All names that were seen on one day, and VIX where it is known."""

    day: date
    names: Mapping[Symbol, NameDay]
    vix: float | None


class Source(Protocol):
    """A history of a market, one day at a time, without any later one.

    `is_model_marked` where option prices are computed from vols and spreads are assumed;
    `statements` say in sentences what the data is, what it lacks and who is missing from it.
    """

    @property
    def label(self) -> str:
        """What the data is, in a few words."""
        ...

    @property
    def is_model_marked(self) -> bool:
        """Whether prices are computed from vols."""
        ...

    @property
    def statements(self) -> tuple[str, ...]:
        """What the data lacks, in sentences."""
        ...

    @property
    def index(self) -> Symbol:
        """The index."""
        ...

    @property
    def tenor_days(self) -> int:
        """Tenor of the signal."""
        ...

    @property
    def days(self) -> tuple[date, ...]:
        """Days that can be traded, ascending."""
        ...

    @property
    def content_hash(self) -> str:
        """Digest of everything that the source hands out."""
        ...

    def basket(self, day: date) -> Basket:
        """Weights of the index as they were known on a day."""
        ...

    def market(self, day: date) -> MarketDay:
        """What was shown at the close of a day."""
        ...

    def history(self, symbol: Symbol, day: date) -> tuple[DailySeries, DailySeries]:
        """Implied vols and closes of a name before a day, in the terms of that day."""
        ...
