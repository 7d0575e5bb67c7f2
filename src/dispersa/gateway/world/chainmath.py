"""What do one name's rows of a chains file say about its volatility?

Pure arrays: strikes and call and put implied volatilities (fractions, 0 = missing) by expiry.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from dispersa.gateway.world.calendar import trading_day_on_or_before
from dispersa.gateway.world.kernels import Floats
from dispersa.gateway.world.listings import ExpirySlice
from dispersa.gateway.world.vix import strip_variance

TENOR_DAYS = 30
_SPLIT_RATIO_MIN = 1.8


@dataclass(frozen=True, slots=True, kw_only=True)
class NameRows:
    """One name's rows on one date, ascending by expiry and strike; expiries as ordinals."""

    symbol: str
    spot: float
    expiries: NDArray[np.int64]
    strikes: Floats
    call_vols: Floats
    put_vols: Floats
    option_volume: int = 0

    @property
    def vols(self) -> Floats:
        """Return the mean of call and put where both are there, else the one that is, else 0."""
        both = (self.call_vols > 0.0) & (self.put_vols > 0.0)
        return np.where(
            both, 0.5 * (self.call_vols + self.put_vols), np.maximum(self.call_vols, self.put_vols)
        )

    def slices(self) -> tuple[ExpirySlice, ...]:
        """Return the listed expiries; one without a volatility at the money is left out."""
        pieces = []
        vols = self.vols
        for ordinal in np.unique(self.expiries):
            rows = self.expiries == ordinal
            atm = vol_at(self.strikes[rows], vols[rows], self.spot)
            if atm is None:
                continue
            expiry = trading_day_on_or_before(date.fromordinal(int(ordinal)))
            pieces.append(
                ExpirySlice(
                    last_trade_day=expiry,
                    settlement_day=expiry,
                    trading_class=self.symbol,
                    strikes=self.strikes[rows],
                    vols=vols[rows],
                    call_quoted=self.call_vols[rows] > 0.0,
                    put_quoted=self.put_vols[rows] > 0.0,
                    file_atm=atm,
                )
            )
        return tuple(pieces)


def vol_at(strikes: Floats, vols: Floats, level: float) -> float | None:
    """Return the volatility at `level`, linear in strike; None when it is not enclosed."""
    known = vols > 0.0
    strikes, vols = strikes[known], vols[known]
    if len(strikes) == 0 or not strikes[0] <= level <= strikes[-1]:
        return None
    return float(np.interp(level, strikes, vols))


def atm_by_expiry(rows: NameRows, day: date) -> tuple[Floats, Floats]:
    """Return days to expiry (above zero) and volatility at spot of each expiry that has one.

    Only strikes with both sides count.
    """
    both = (rows.call_vols > 0.0) & (rows.put_vols > 0.0)
    vols = np.where(both, rows.vols, 0.0)
    days, found = [], []
    for ordinal in np.unique(rows.expiries):
        here = rows.expiries == ordinal
        vol = vol_at(rows.strikes[here], vols[here], rows.spot)
        if vol is not None and ordinal > day.toordinal():
            days.append(float(ordinal - day.toordinal()))
            found.append(vol)
    return np.array(days), np.array(found)


def thirty_day_vol(rows: NameRows, day: date) -> float | None:
    """Return the 30-day volatility: total variance linear in days, flat beyond the ends."""
    days, vols = atm_by_expiry(rows, day)
    if len(days) == 0:
        return None
    if days[0] >= TENOR_DAYS:
        return float(vols[0])
    if days[-1] <= TENOR_DAYS:
        return float(vols[-1])
    variance = np.interp(TENOR_DAYS, days, vols**2 * days)
    return float(np.sqrt(variance / TENOR_DAYS))


def split_factors(closes: Floats) -> Floats:
    """Return factors that put a column of raw closes on the scale of its last value.

    A jump between neighbours by nearly a whole number of at least 2 (or its inverse) is read as
    a split.
    """
    factors = np.ones_like(closes)
    for row in range(len(closes) - 2, -1, -1):
        ratio = closes[row] / closes[row + 1]
        factors[row] = factors[row + 1]
        size = max(ratio, 1.0 / ratio)
        if size >= _SPLIT_RATIO_MIN and abs(size / round(size) - 1.0) < 0.1:
            factors[row] /= round(size) if ratio > 1.0 else 1.0 / round(size)
    return factors


def vix_of(rows: NameRows, day: date, rate: float) -> float | None:
    """Return 100 times the model-free 30-day volatility from the two expiries around 30 days.

    Out-of-the-money volatilities of the file on its own strikes; None without both expiries.
    """
    ordinals = np.unique(rows.expiries)
    tenors = (ordinals - day.toordinal()).astype(float)
    near, far = tenors[(tenors > 6) & (tenors <= TENOR_DAYS)], tenors[tenors > TENOR_DAYS]
    if len(near) == 0 or len(far) == 0:
        return None
    first, second = float(near[-1]), float(far[0])
    totals = [
        _slice_variance(rows, int(day.toordinal() + tenor), tenor / 365.0, rate) * tenor
        for tenor in (first, second)
    ]
    weight = (TENOR_DAYS - first) / (second - first)
    total = totals[0] * (1.0 - weight) + totals[1] * weight
    return float(100.0 * np.sqrt(total / TENOR_DAYS))


def _slice_variance(rows: NameRows, ordinal: int, years: float, rate: float) -> float:
    here = rows.expiries == ordinal
    forward = rows.spot * np.exp(rate * years)
    strikes = rows.strikes[here]
    vols = np.where(strikes < forward, rows.put_vols[here], rows.call_vols[here])
    known = vols > 0.0
    return strip_variance(np.log(strikes[known] / forward), vols[known], years)
