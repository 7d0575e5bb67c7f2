"""American options: what are they worth with early exercise and dividends, and how do they move?

Finite differences on a grid per contract, many contracts at once (`kernels.american` has the
scheme, `docs/concepts/pricing.md` its measured accuracy). Inputs broadcast; one bad row never
raises. European exercise under the same dividend models by ``is_american=False``.

Units as everywhere in this package: vol annualised decimal, years ACT/365, rate continuous, vega
per 1.00 of vol, theta per year.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from dispersa.pricing import contracts as make
from dispersa.pricing.black import Greeks
from dispersa.pricing.contracts import NO_CARRY, Carry, Contracts, DividendModel
from dispersa.pricing.quality import Floats, Integers, Statuses
from dispersa.pricing.shape import restore

if TYPE_CHECKING:
    from dispersa.pricing.kernels.sweep import Schedule

__all__ = ["NO_CARRY", "Carry", "DividendModel", "Grid", "greeks", "price", "values"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Effort of the solver: space nodes, time steps, half-width in standard deviations."""

    nodes: int = 150
    steps: int = 60
    width: float = 5.0


DEFAULT_GRID = Grid()
_VOL_BUMP = 0.01
"""Relative to the vol."""
_RATE_BUMP = 0.0025


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Price, delta and gamma from one solution; NaN where `status` is not OK.

    An option that should be exercised now is worth its exercise value, with delta ±1.
    """

    price: Floats
    delta: Floats
    gamma: Floats
    status: Statuses


def values(  # noqa: PLR0913 -- an option is six numbers
    spot: ArrayLike,
    strike: ArrayLike,
    vol: ArrayLike,
    years: ArrayLike,
    rate: ArrayLike,
    is_call: ArrayLike,
    carry: Carry = NO_CARRY,
    *,
    is_american: ArrayLike = True,
    grid: Grid = DEFAULT_GRID,
) -> Values:
    """Price, delta and gamma.

    EXPIRED where no time is left; OUT_OF_RANGE where the vol is so small against the drift (|r - q|
    T > 12 sigma sqrt(T)) that the grid does not resolve it.
    """
    c = make.contracts(spot, strike, vol, years, rate, is_call, carry, is_american)
    solved = np.where(c.ok, solve(c, grid), np.nan)
    rows = [restore(row, c.shape) for row in solved]
    flags = status_of(c)
    return Values(price=rows[0], delta=rows[1], gamma=rows[2], status=flags)


def price(
    spot: ArrayLike,
    strike: ArrayLike,
    vol: ArrayLike,
    years: ArrayLike,
    rate: ArrayLike,
    is_call: ArrayLike,
    carry: Carry = NO_CARRY,
) -> Floats:
    """Prices alone, NaN where `values` would say why not.

    >>> float(price(100.0, 100.0, 0.25, 45 / 365, 0.05, False).round(3))
    3.237
    """
    return values(spot, strike, vol, years, rate, is_call, carry).price


def greeks(  # noqa: PLR0913 -- an option is six numbers
    spot: ArrayLike,
    strike: ArrayLike,
    vol: ArrayLike,
    years: ArrayLike,
    rate: ArrayLike,
    is_call: ArrayLike,
    carry: Carry = NO_CARRY,
    *,
    is_american: ArrayLike = True,
    grid: Grid = DEFAULT_GRID,
) -> Greeks:
    """Price and Greeks; conventions of `black.greeks` with the spot as underlying.

    delta and gamma come from the grid, theta from the differential equation, vega, vanna, volga
    and rho (dividends unchanged) from solutions with vol and rate moved both ways.
    """
    c = make.contracts(spot, strike, vol, years, rate, is_call, carry, is_american)
    dv, dr = _VOL_BUMP * c.table[make.VOL], _RATE_BUMP
    middle = solve(c, grid)
    up, down = (solve(c.replaced(vol=c.table[make.VOL] + s * dv), grid) for s in (1, -1))
    rich, poor = (solve(c.replaced(rate=c.table[make.RATE] + s * dr), grid) for s in (1, -1))
    rows = {
        "price": middle[0],
        "delta": middle[1],
        "gamma": middle[2],
        "vega": (up[0] - down[0]) / (2 * dv),
        "theta": _theta(c, middle),
        "rho": (rich[0] - poor[0]) / (2 * dr),
        "vanna": (up[1] - down[1]) / (2 * dv),
        "volga": (up[0] - 2 * middle[0] + down[0]) / (dv * dv),
    }
    judged = {k: restore(np.where(c.ok, row, np.nan), c.shape) for k, row in rows.items()}
    return Greeks(**judged, status=status_of(c))


def solve(c: Contracts, grid: Grid) -> Floats:
    """Price, delta, gamma as three rows, one column per contract."""
    from dispersa.pricing.kernels import american as kernels

    order, table, schedule = _in_lane_order(c)
    out = np.empty((3, table.shape[1]))
    out[:, order] = kernels.solve(table, schedule, grid.nodes, grid.steps, grid.width)
    return out


def profiles(c: Contracts, grid: Grid, moves: Floats) -> Floats:
    """Prices at the spot times each of `moves`, contracts x moves, one solution per contract."""
    from dispersa.pricing.kernels import american as kernels

    order, table, schedule = _in_lane_order(c)
    out = np.empty((table.shape[1], moves.size))
    out[order] = kernels.profile(table, schedule, grid.nodes, grid.steps, grid.width, moves)
    return out


def _in_lane_order(c: Contracts) -> tuple[Integers, Floats, "Schedule"]:
    """Contracts of like time to expiry and number of dividends side by side: they share lanes."""
    from dispersa.pricing.kernels.sweep import Schedule

    order = np.lexsort((c.table[make.YEARS], c.counts))
    schedule = Schedule(c.ex[order], c.amounts[order], c.counts[order])
    return order, np.ascontiguousarray(c.table[:, order]), schedule


def _theta(c: Contracts, solved: Floats) -> Floats:
    """r V - (r - q) S V_S - sigma^2 S^2 V_SS / 2 per year; zero where exercise is due.

    In the escrowed model S is the spot less the dividends' present value, which itself grows at r.
    """
    t, (value, delta, gamma) = c.table, solved
    escrow = np.where(t[make.ESCROWED] > 0, c.dividends_present_value, 0.0)
    under = t[make.SPOT] - escrow
    drift = (t[make.RATE] - t[make.YIELD]) * under + t[make.RATE] * escrow
    diffusion = 0.5 * (t[make.VOL] * under) ** 2
    held = t[make.RATE] * value - drift * delta - diffusion * gamma
    exercised = (t[make.AMERICAN] > 0) & (value <= c.exercise)
    return np.where(exercised, 0.0, held)


def status_of(c: Contracts) -> Statuses:
    """Statuses in the shape of the inputs."""
    return restore(c.status.astype(np.uint8), c.shape)
