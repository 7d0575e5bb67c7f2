"""Contracts: which columns describe options with early exercise and dividends to the solver?"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from dispersa.pricing.quality import Flags, Floats, Integers, Status
from dispersa.pricing.shape import columns, signs

SPOT, STRIKE, VOL, YEARS, RATE, YIELD, PHI, AMERICAN, ESCROWED = range(9)
DRIFT_MAX = 12.0
"""Largest |r - q| T over sigma sqrt(T) that the grid resolves."""
TOTAL_VOL_MAX = 10.0


class DividendModel(StrEnum):
    """What a cash dividend does in the model."""

    SPOT_JUMP = "spot_jump"
    """The spot diffuses and falls by the dividend on the ex-date (the default)."""
    ESCROWED = "escrowed"
    """Spot less the present value of the dividends diffuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carry:
    """What the underlying pays: a continuous yield and cash dividends.

    `ex_years` (years from now, ACT/365) and `amounts` (cash per share) have the dividends on the
    last axis and broadcast against the contracts on the others; an amount of zero fills a ragged
    table. A dividend counts if its ex-date is after now and not after expiry.
    """

    dividend_yield: ArrayLike = 0.0
    ex_years: ArrayLike = ()
    amounts: ArrayLike = ()
    model: DividendModel = DividendModel.SPOT_JUMP


NO_CARRY = Carry()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contracts:
    """Columns of one contract each, as `kernels.american.solve` reads them.

    `table` has the rows SPOT to ESCROWED; `ex`, `amounts` (contracts x dividends) are in order of
    date, `counts` of them used. Rows whose `status` is not OK hold a harmless stand-in.
    """

    shape: tuple[int, ...]
    table: Floats
    ex: Floats
    amounts: Floats
    counts: Integers
    status: Integers

    def replaced(self, **rows: Floats) -> Self:
        """The same contracts with some rows of the table exchanged, by lower-case name."""
        table = self.table.copy()
        for name, values in rows.items():
            table[_ROWS[name]] = values
        return self._with(table, slice(None))

    def chosen(self, rows: Flags) -> Self:
        """Only the contracts where `rows` is true."""
        return self._with(self.table[:, rows], rows)

    def _with(self, table: Floats, rows: Flags | slice) -> Self:
        return type(self)(
            shape=(table.shape[1],),
            table=table,
            ex=self.ex[rows],
            amounts=self.amounts[rows],
            counts=self.counts[rows],
            status=self.status[rows],
        )

    @property
    def ok(self) -> Flags:
        """True where the solver applies."""
        return np.asarray(self.status == Status.OK)

    @property
    def exercise(self) -> Floats:
        """What immediate exercise pays, possibly negative."""
        t = self.table
        return np.asarray(t[PHI] * (t[STRIKE] - t[SPOT]))

    @property
    def dividends_present_value(self) -> Floats:
        """Present value of the dividends that count."""
        used = np.arange(self.ex.shape[1]) < self.counts[:, None]
        worth = self.amounts * np.exp(-self.table[RATE][:, None] * self.ex)
        return np.asarray(np.where(used, worth, 0.0).sum(axis=1))

    @property
    def forward(self) -> Floats:
        """(S - PV of dividends) exp((r - q) T)."""
        t = self.table
        growth = np.exp((t[RATE] - t[YIELD]) * t[YEARS])
        return np.asarray((t[SPOT] - self.dividends_present_value) * growth)


_ROWS = {"spot": SPOT, "strike": STRIKE, "vol": VOL, "years": YEARS, "rate": RATE}
_STAND_IN = np.array([100.0, 100.0, 0.3, 0.1, 0.0, 0.0, 1.0, 0.0, 0.0])


def contracts(  # noqa: PLR0913, PLR0917 -- an option is six numbers
    spot: ArrayLike,
    strike: ArrayLike,
    vol: ArrayLike,
    years: ArrayLike,
    rate: ArrayLike,
    is_call: ArrayLike,
    carry: Carry,
    is_american: ArrayLike = True,
) -> Contracts:
    """Broadcast the inputs and judge each row; nothing raises because of one row."""
    phi = -signs(is_call)
    american = np.asarray(is_american, dtype=np.float64)
    escrowed = float(carry.model is DividendModel.ESCROWED)
    inputs = (spot, strike, vol, years, rate, carry.dividend_yield, phi, american, escrowed)
    shape, table = columns(*inputs)
    ex, amounts, counts = _schedule(carry, shape, table[YEARS])
    made = Contracts(
        shape=shape,
        table=table,
        ex=ex,
        amounts=amounts,
        counts=counts,
        status=np.zeros(table.shape[1], dtype=np.int64),
    )
    made.status[:] = _judge(made)
    made.table[:, ~made.ok] = _STAND_IN[:, None]
    made.counts[~made.ok] = 0
    return made


def _schedule(
    carry: Carry, shape: tuple[int, ...], years: Floats
) -> tuple[Floats, Floats, Integers]:
    """Dividends that count, in order of date, as contracts x dividends."""
    ex, amounts = np.broadcast_arrays(
        np.asarray(carry.ex_years, float), np.asarray(carry.amounts, float)
    )
    full = (*shape, ex.shape[-1])
    ex, amounts = (np.broadcast_to(a, full).reshape(years.size, -1) for a in (ex, amounts))
    if ex.shape[1] == 0:
        ex, amounts = np.zeros((2, years.size, 1))
    counts = (ex > 0) & (ex <= years[:, None]) & (amounts != 0)
    counts |= np.isnan(ex) | np.isnan(amounts)  # judged later
    order = np.argsort(np.where(counts, ex, np.inf), axis=1, kind="stable")
    ex, amounts = (np.ascontiguousarray(np.take_along_axis(a, order, 1)) for a in (ex, amounts))
    return ex, amounts, np.asarray(counts.sum(axis=1), dtype=np.int64)


def _judge(c: Contracts) -> Integers:
    t = c.table
    with np.errstate(all="ignore"):
        total_vol = t[VOL] * np.sqrt(t[YEARS])
        drift = np.abs(t[RATE] - t[YIELD]) * t[YEARS]
        present_value = c.dividends_present_value
        sound = np.all(np.isfinite(t), axis=0) & (t[SPOT] > 0) & (t[STRIKE] > 0) & (t[VOL] > 0)
        sound &= np.isfinite(present_value) & (c.amounts >= 0).all(axis=1)
        sound &= (t[ESCROWED] == 0) | (present_value < t[SPOT])
        resolved = (drift <= DRIFT_MAX * total_vol) & (total_vol <= TOTAL_VOL_MAX)
        reasons = [~sound, ~(t[YEARS] > 0), ~resolved]
    codes = [int(Status.INVALID_INPUT), int(Status.EXPIRED), int(Status.OUT_OF_RANGE)]
    return np.select(reasons, codes, int(Status.OK)).astype(np.int64)
