"""What is each name's vol at one constant maturity, on every date?

Total variance is linear in calendar days between the two expiries that enclose the tenor:

    s^2 D = s1^2 d1 + (s2^2 d2 - s1^2 d1) (D - d1) / (d2 - d1)
"""

from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dispersa.correlation.smile import AtmMode, ChainColumns, at_the_money_vols
from dispersa.market import Symbol


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


def vol_panel(chains: DatedChains, tenor_days: int, mode: AtmMode, carry_rate: float) -> VolPanel:
    """Interpolate every name's at-the-money vols to one tenor on every date."""
    return panel_at(chains, at_the_money_vols(chains, mode, carry_rate), tenor_days)


def panel_at(chains: DatedChains, atm: NDArray[np.float64], tenor_days: int) -> VolPanel:
    """Interpolate at-the-money vols per group to one tenor; several tenors share one `atm`."""
    shape = (len(chains.dates), len(chains.symbols))
    cell = chains.date_index * shape[1] + chains.symbol_index
    usable = np.isfinite(atm)
    days = chains.days_to_expiry
    # Groups ascend by date, name and expiry, so the last write below and the first above win.
    before = np.flatnonzero(usable & (days <= tenor_days))
    after = np.flatnonzero(usable & (days >= tenor_days))[::-1]
    near = np.full(shape[0] * shape[1], -1)
    far = near.copy()
    near[cell[before]] = before
    far[cell[after]] = after
    vols = np.full(near.size, np.nan)
    found = (near >= 0) & (far >= 0)
    vols[found] = _interpolated(atm, days, near[found], far[found], tenor_days)
    spots = np.full(near.size, np.nan)
    spots[cell] = chains.spot
    return VolPanel(
        dates=chains.dates,
        symbols=chains.symbols,
        tenor_days=tenor_days,
        vols=vols.reshape(shape),
        spots=spots.reshape(shape),
    )


def _interpolated(
    atm: NDArray[np.float64],
    days: NDArray[np.int64],
    near: NDArray[np.int64],
    far: NDArray[np.int64],
    tenor_days: int,
) -> NDArray[np.float64]:
    """Vols at the tenor between the expiries of two groups, which may be the same."""
    variance_near = atm[near] ** 2 * days[near]
    variance_far = atm[far] ** 2 * days[far]
    span = days[far] - days[near]
    share = np.where(span > 0, (tenor_days - days[near]) / np.maximum(span, 1), 0.0)
    total = variance_near + share * (variance_far - variance_near)
    vols: NDArray[np.float64] = np.sqrt(total / tenor_days)
    return vols
