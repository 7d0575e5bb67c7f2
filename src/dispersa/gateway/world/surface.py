"""What implied volatility does the world give a strike and an expiry?

Components: a 30-day level that moves with the paths, a term structure that reverts to the long
run, the variance of known earnings dates, and an SSVI smile. Baskets: the index variance that the
components and the implied correlation of the tenor give together,

    s_I(T)^2 = B + rho(T) (A^2 - B),   A = sum_i w_i s_i(T),   B = sum_i w_i^2 s_i(T)^2,

so that the clean implied correlation over the whole basket is rho(T) at every moment. A chain
file instead fixes the volatility of each strike; it then moves only with the level of its name.
"""

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from dispersa.gateway.world.calendar import new_york_date
from dispersa.gateway.world.kernels import Floats, smile_variance
from dispersa.gateway.world.paths import EARNINGS_SD_PER_VOL, Scenery, State
from dispersa.gateway.world.universe import Universe

TENOR_DAYS = 30.0
YEAR_DAYS = 365.0
_TERM_SPEED_PER_YEAR = 4.0
"""Speed at which a deviation of volatility fades along the term structure."""
_LONG_RUN_SHIFT = 0.06
_CORRELATION_TERM = 0.05
_YEARS_MIN = 1e-6


def fade(years: Floats) -> Floats:
    """Return `(1 - e^{-k T})/(k T)` over its value at 30 days: 1 at the tenor, falling in T."""
    at_tenor = _average_decay(np.array([TENOR_DAYS / YEAR_DAYS]))[0]
    ratio: Floats = _average_decay(np.maximum(years, _YEARS_MIN)) / at_tenor
    return ratio


def _average_decay(years: Floats) -> Floats:
    average: Floats = -np.expm1(-_TERM_SPEED_PER_YEAR * years) / (_TERM_SPEED_PER_YEAR * years)
    return average


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenor:
    """A batch of expiries: years to expiry and its date, arrays of one length."""

    years: Floats
    ordinals: Floats


class Surface:
    """At-the-money volatilities of components and baskets, and smiles, from one state."""

    def __init__(self, universe: Universe, scenery: Scenery) -> None:
        self._universe = universe
        self._scenery = scenery
        self._reports = [
            np.array([day.toordinal() for day in u.earnings], dtype=float)
            for u in universe.components
        ]
        self._slopes = np.array([u.slope for u in (*universe.components, *universe.indices)])
        self._curves = np.array([u.curve for u in (*universe.components, *universe.indices)])

    @property
    def component_count(self) -> int:
        """Number of components; underlyings from this column on are baskets."""
        return len(self._scenery.spots)

    def event_variance(self, column: int, today: date, ordinals: Floats) -> Floats:
        """Return the variance of the reports after `today` up to each expiry date."""
        reports = self._reports[column]
        ahead = reports[reports > today.toordinal()]
        counts = np.searchsorted(ahead, ordinals, side="right").astype(float)
        deviation = EARNINGS_SD_PER_VOL * self._scenery.vols[column]
        variance: Floats = counts * deviation**2
        return variance

    def events(self, today: date, tenor: Tenor) -> Floats:
        """Return the variance of reports ahead, shape (components, tenors); changes by day."""
        rows = [
            self.event_variance(column, today, tenor.ordinals)
            for column in range(self.component_count)
        ]
        table: Floats = np.stack(rows)
        return table

    def component_vols(self, state: State, tenor: Tenor, events: Floats) -> Floats:
        """Return at-the-money volatilities, shape (components, tenors)."""
        shape = fade(tenor.years)[None, :]
        deviation = (state.common_vol + state.own_vol)[:, None] * shape
        level = self._scenery.vols[:, None] * np.exp(deviation)
        base = level * (1.0 + _LONG_RUN_SHIFT * (1.0 - shape))
        return np.sqrt(base**2 + events / np.maximum(tenor.years, 1.0 / YEAR_DAYS)[None, :])

    def correlations(self, state: State, tenor: Tenor) -> Floats:
        """Return the implied correlation of each tenor; it rises with the term."""
        shape = fade(tenor.years)
        mean = self._universe.correlation.implied
        drifted = mean + (state.correlation - mean) * shape
        rising: Floats = drifted + _CORRELATION_TERM * (1.0 - shape)
        return np.clip(rising, 0.02, 0.98)

    def basket_weights(self, state: State) -> Floats:
        """Return today's weights, shape (baskets, components)."""
        worth = self._scenery.holdings * state.spots[None, :]
        weights: Floats = worth / worth.sum(axis=1, keepdims=True)
        return weights

    def all_vols(self, state: State, tenor: Tenor, events: Floats) -> Floats:
        """Return at-the-money volatilities of components then baskets, by tenor."""
        own = self.component_vols(state, tenor, events)
        weights = self.basket_weights(state)
        average, diagonal = weights @ own, weights**2 @ own**2
        rho = self.correlations(state, tenor)[None, :]
        basket = np.sqrt(diagonal + rho * (average**2 - diagonal))
        return np.concatenate([own, basket])

    def smile(
        self, columns: np.ndarray, log_moneyness: Floats, atm: Floats, years: Floats
    ) -> Floats:
        """Return the volatility of each strike; `atm` at the forward of the same expiry."""
        years = np.maximum(years, _YEARS_MIN)
        total = np.maximum(atm**2 * years, 1e-10)
        variance = smile_variance(
            log_moneyness, total, self._slopes[columns], self._curves[columns]
        )
        return np.sqrt(variance / years)


def tenor_of(now: datetime, expiries: list[datetime]) -> Tenor:
    """Return years (ACT/365) from `now` to each expiry, and the expiries' dates."""
    seconds = np.array([(expiry - now).total_seconds() for expiry in expiries])
    return Tenor(
        years=np.maximum(seconds / (YEAR_DAYS * 86_400.0), _YEARS_MIN),
        ordinals=np.array([new_york_date(expiry).toordinal() for expiry in expiries], dtype=float),
    )
