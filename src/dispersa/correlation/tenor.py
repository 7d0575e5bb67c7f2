"""What is each name's vol at one constant maturity, on every date?

Total variance is linear in calendar days between the two expiries that enclose the tenor; see
`dispersa.pricing.tenor`.
"""

from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dispersa.market import Symbol
from dispersa.pricing.atm import AtTheMoney, ChainColumns, at_the_money_vols
from dispersa.pricing.tenor import constant_maturity_vol


class DatedChains(ChainColumns, Protocol):
    """Chains of many names on many dates; see `dispersa.history.chains.ChainTable`."""

    @property
    def dates(self) -> tuple[date, ...]:
        """Distinct days, ascending."""

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """Distinct names."""

    @property
    def date_index(self) -> NDArray[np.int64]:
        """Per group."""

    @property
    def symbol_index(self) -> NDArray[np.int64]:
        """Per group."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VolPanel:
    """Constant-maturity vols, one row per date and one column per name; NaN where there is none.

    Attributes
    ----------
    vols
        Annualized decimals at `tenor_days`.
    spots
        Price of the underlying in the chain's snapshot, as listed (splits show); NaN without chain.
    """

    dates: tuple[date, ...]
    symbols: tuple[Symbol, ...]
    tenor_days: int
    vols: NDArray[np.float64]
    spots: NDArray[np.float64]

    def column(self, symbol: Symbol) -> NDArray[np.float64]:
        """Vols of one name over the dates; all NaN for a name that is not in the panel."""
        if symbol not in self.symbols:
            return np.full(len(self.dates), np.nan)
        return self.vols[:, self.symbols.index(symbol)]

    def spots_of(self, symbol: Symbol) -> NDArray[np.float64]:
        """Snapshot prices of one name as listed; all NaN for a name that is not in the panel."""
        if symbol not in self.symbols:
            return np.full(len(self.dates), np.nan)
        return self.spots[:, self.symbols.index(symbol)]


def vol_panel(
    chains: DatedChains, tenor_days: int, mode: AtTheMoney, carry_rate: float
) -> VolPanel:
    """Interpolate every name's at-the-money vols to one tenor on every date."""
    return panel_at(chains, at_the_money_vols(chains, mode, carry_rate), tenor_days)


def panel_at(chains: DatedChains, atm: NDArray[np.float64], tenor_days: int) -> VolPanel:
    """Interpolate at-the-money vols per group to one tenor; several tenors share one `atm`."""
    shape = (len(chains.dates), len(chains.symbols))
    cell = chains.date_index * shape[1] + chains.symbol_index
    expiry = _position_in_cell(cell)
    by_expiry = np.full((shape[0] * shape[1], int(expiry.max(initial=0)) + 1), np.nan)
    days = by_expiry.copy()
    by_expiry[cell, expiry] = atm
    days[cell, expiry] = chains.days_to_expiry
    spots = np.full(shape[0] * shape[1], np.nan)
    spots[cell] = chains.spot
    return VolPanel(
        dates=chains.dates,
        symbols=chains.symbols,
        tenor_days=tenor_days,
        vols=constant_maturity_vol(by_expiry, days, tenor_days).vol.reshape(shape),
        spots=spots.reshape(shape),
    )


def _position_in_cell(cell: NDArray[np.int64]) -> NDArray[np.int64]:
    """Position of each group among the expiries of its date and name, nearest first."""
    opens = np.concatenate(([True], np.diff(cell) != 0))
    start = np.flatnonzero(opens)
    return np.arange(cell.size) - np.repeat(start, np.diff(np.append(start, cell.size)))
