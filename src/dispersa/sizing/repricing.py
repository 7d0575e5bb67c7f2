"""What is each straddle of a book worth after the market has moved?

European straddles by Black on the forward, American ones by finite differences with the carry that
their forward implies (`dispersa.pricing`): a deep in-the-money put of an ETF at 4.5 % is worth
close to its exercise value, and a gap of 10 % moves a vega-neutral book by about one vol point
more than European values say.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from dispersa.errors import MarketDataMissing
from dispersa.market import ExerciseStyle
from dispersa.pricing import american, black
from dispersa.pricing.american import Grid
from dispersa.pricing.contracts import Carry
from dispersa.pricing.quality import Flags, Floats
from dispersa.pricing.units import DAYS_PER_YEAR
from dispersa.sizing.book import Book

STRESS_GRID: Final = Grid(nodes=80, steps=25)
"""Coarser than the grid that orders are priced with: P&L of gaps up to 30 % within 0.005 points of
the book's index vega of a grid of 800 by 300."""

CARRY_MIN: Final = 1e-9
"""A rate or yield below this is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StraddleColumns:
    """Straddles of a book as columns, index first, with the dollars that one share price is."""

    dollars: Floats
    """Signed quantity times multiplier."""
    spot: Floats
    strike: Floats
    forward: Floats
    discount: Floats
    years: Floats
    vol: Floats
    is_american: Flags

    @classmethod
    def of(cls, book: Book) -> "StraddleColumns":
        """Read a book."""
        rows = [row for row, _ in book.rows]
        return cls(
            dollars=np.array([quantity * row.multiplier for row, quantity in book.rows]),
            spot=np.array([row.spot for row in rows]),
            strike=np.array([row.strike for row in rows]),
            forward=np.array([row.forward for row in rows]),
            discount=np.array([row.discount for row in rows]),
            years=np.array([row.years for row in rows]),
            vol=np.array([row.implied_vol for row in rows]),
            is_american=np.array([row.style is ExerciseStyle.AMERICAN for row in rows]),
        )

    @property
    def rate(self) -> Floats:
        """Continuous rate of the discount factor."""
        return np.asarray(-np.log(self.discount) / self.years)

    @property
    def dividend_yield(self) -> Floats:
        """Continuous yield that the forward implies, dividends and borrow together."""
        return np.asarray(self.rate - np.log(self.forward / self.spot) / self.years)

    @property
    def pays_yield(self) -> Flags:
        """Where an American call is worth more than a European one."""
        return np.asarray(self.dividend_yield > CARRY_MIN)

    @property
    def bears_rate(self) -> Flags:
        """Where an American put is worth more than a European one."""
        return np.asarray(self.rate > CARRY_MIN)

    def only(self, part: slice | Flags) -> "StraddleColumns":
        """Some of the straddles."""
        return StraddleColumns(
            dollars=self.dollars[part],
            spot=self.spot[part],
            strike=self.strike[part],
            forward=self.forward[part],
            discount=self.discount[part],
            years=self.years[part],
            vol=self.vol[part],
            is_american=self.is_american[part],
        )


def pnl_usd(columns: StraddleColumns, spot_move: Floats, vol: Floats, days: Floats) -> Floats:
    """Full revaluation: dollars by scenario (rows) and straddle.

    `spot_move` and `vol` are scenarios x straddles, `days` one entry a scenario.

    Raises
    ------
    MarketDataMissing
        If a vol falls to zero or below, time runs past an expiry, or a value is undefined.
    """
    left = columns.years - days[:, None] / DAYS_PER_YEAR
    if not (np.all(vol > 0) and np.all(left >= 0)):
        raise MarketDataMissing(
            f"a scenario leaves a vol of {np.nanmin(vol):.3f} or {left.min():.4f} years to expiry; "
            "expected vols above zero and time left; use smaller shifts"
        )
    today = np.zeros((1, len(columns.spot)))
    before = _values(columns, today, columns.vol[None, :], columns.years[None, :])
    after = _values(columns, spot_move, vol, left)
    pnl: Floats = columns.dollars * (after - before)
    if not np.all(np.isfinite(pnl)):
        raise MarketDataMissing(
            "a revaluation came out as not a number; check the straddle terms, or use smaller moves"
        )
    return pnl


def _values(columns: StraddleColumns, spot_move: Floats, vol: Floats, left: Floats) -> Floats:
    # Forward and discount keep their carry: both are powers of the time left.
    share = left / columns.years
    spot = columns.spot * (1 + spot_move)
    forward = spot * (columns.forward / columns.spot) ** share
    values = np.zeros(np.broadcast_shapes(forward.shape, vol.shape))
    for is_call, early in ((True, columns.pays_yield), (False, columns.bears_rate)):
        option = black.price(forward, columns.strike, vol, left, columns.discount**share, is_call)
        # A call is exercised early for a yield, a put for the interest on its strike.
        part = columns.is_american & early
        if part.any():
            solved = _american(
                columns.only(part), spot[:, part], vol[:, part], left[:, part], is_call
            )
            option[:, part] = np.where(left[:, part] > 0, solved, option[:, part])
        values += option
    return values


def _american(
    columns: StraddleColumns, spot: Floats, vol: Floats, left: Floats, is_call: bool
) -> Floats:
    carry = Carry(dividend_yield=columns.dividend_yield)
    solved = american.values(
        spot, columns.strike, vol, left, columns.rate, is_call, carry, grid=STRESS_GRID
    )
    return solved.price
