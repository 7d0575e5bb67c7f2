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
from dispersa.pricing import american, straddle
from dispersa.pricing.american import Grid
from dispersa.pricing.contracts import Carry
from dispersa.pricing.quality import Flags, Floats
from dispersa.pricing.units import DAYS_PER_YEAR
from dispersa.sizing.book import Book

STRESS_GRID: Final = Grid(nodes=110, steps=40)
"""Coarser than the grid that orders are priced with; within 0.1 % of the premium of it."""


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
    values = straddle.price(forward, columns.strike, vol, left, columns.discount**share)
    early = columns.is_american & _has_carry(columns)
    if early.any():
        part, alive = columns.only(early), left[:, early] > 0
        solved = _american(part, spot[:, early], vol[:, early], left[:, early])
        values[:, early] = np.where(alive, solved, values[:, early])
    return values


def _has_carry(columns: StraddleColumns) -> Flags:
    # Without a rate or a yield early exercise is worth nothing, and Black is exact.
    no_rate = np.abs(columns.discount - 1) < CARRY_MIN
    no_drift = np.abs(columns.forward / columns.spot - 1) < CARRY_MIN
    return ~(no_rate & no_drift)


CARRY_MIN: Final = 1e-9


def _american(columns: StraddleColumns, spot: Floats, vol: Floats, left: Floats) -> Floats:
    rate = -np.log(columns.discount) / columns.years
    paid = rate - np.log(columns.forward / columns.spot) / columns.years
    pair = american.values(
        spot[..., None],
        columns.strike[:, None],
        vol[..., None],
        left[..., None],
        rate[:, None],
        np.array([True, False]),
        Carry(dividend_yield=paid[:, None]),
        grid=STRESS_GRID,
    )
    total: Floats = pair.price.sum(axis=-1)
    return total
