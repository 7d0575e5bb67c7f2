"""How do prices, volatilities and correlation move through market time?

One factor model on a fixed grid of market time, seeded by (seed, trading day, minute): nothing
that a client does enters it.

    d ln S_i = s_i (sqrt(rho) dM + sqrt(1 - rho) dW_i) - s_i^2 dt / 2
    s_i      = vol_i premium exp(c + x_i)      diffusive volatility of component i
    dM, dW   Brownian motions with jumps (module `jumps`)
    c, x_i   Ornstein-Uhlenbeck deviations of log volatility, common and own
    rho      realized correlation, the chosen one scaled by the motion of the implied one
    I        = sum_i h_i S_i                   every basket, exactly

A trading day carries a variance of 1/252 year: 80 % during its session, 20 % overnight before it;
on the morning of an earnings date the overnight return has an extra deviation, and on an ex-date
the stock opens lower by its dividend.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from dispersa.gateway.world.calendar import Session, next_trading_day, session
from dispersa.gateway.world.jumps import DAYS_PER_YEAR, Jumps, draw_jumps
from dispersa.gateway.world.kernels import Floats
from dispersa.gateway.world.universe import Universe

OVERNIGHT_SHARE = 0.2
BLOCK_SECONDS = 60
EARNINGS_SD_PER_VOL = 0.2
"""Standard deviation of the earnings move per unit of annual volatility."""
_OVERNIGHT_BLOCK = 1_000_000
_JUMP_STREAM = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenery:
    """The constants of the model as arrays over components and baskets.

    `shares` switch the market factor off for what does not move with it;
    `holdings[j, i]` is the amount of component i in one unit of basket j; `weights` the same at
    the start as fractions of the basket.
    """

    spots: Floats
    vols: Floats
    shares: Floats
    holdings: Floats
    weights: Floats

    @classmethod
    def of(cls, universe: Universe) -> "Scenery":
        """Return the arrays of `universe`."""
        spots = np.array([u.spot for u in universe.components])
        column = {u.symbol: i for i, u in enumerate(universe.components)}
        weights = np.zeros((len(universe.indices), len(spots)))
        for row, index in enumerate(universe.indices):
            for symbol, weight in universe.baskets[index.symbol].items():
                weights[row, column[symbol]] = weight
        levels = np.array([u.spot for u in universe.indices])
        return cls(
            spots=spots,
            vols=np.array([u.vol for u in universe.components]),
            shares=np.array([u.market_share for u in universe.components]),
            holdings=weights * levels[:, None] / spots[None, :],
            weights=weights,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The market at one grid point: component spots and the deviations that drive volatility.

    `own_vol` and `common_vol` are log deviations, `correlation` the 30-day implied correlation.
    """

    spots: Floats
    common_vol: float
    own_vol: Floats
    correlation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteRange:
    """Low and high of every underlying (components, then baskets) over part of one minute."""

    opens: Floats
    highs: Floats
    lows: Floats
    closes: Floats


class Paths:
    """The path of all components, minute block by minute block, forward only."""

    def __init__(
        self, universe: Universe, *, seed: int, step_seconds: float, start: datetime, day: Session
    ) -> None:
        self.scenery = Scenery.of(universe)
        self._universe = universe
        self._motion = universe.correlation
        self._seed = seed
        self.step_seconds = step_seconds
        self._grid = timedelta(seconds=step_seconds)
        self.day = day
        self.step = self._step_at(start)
        self._base = self.step
        self._log = np.log(self.scenery.spots)[None, :]
        self._common = np.zeros(1)
        self._own = np.zeros((1, len(self.scenery.spots)))
        self._correlation = np.array([self._motion.implied])
        self._earnings = [frozenset(u.earnings) for u in universe.components]
        self._dividends = dividends_by_day(universe)
        self._splits: dict[date, Floats] = {}
        self.opening: Callable[[date], Floats | None] = lambda _: None
        """Returns known levels of components and baskets at an opening, nan where unknown."""
        self._prepare_block()

    @property
    def steps_per_block(self) -> int:
        """Grid points per minute block."""
        return max(1, round(BLOCK_SECONDS / self.step_seconds))

    @property
    def state(self) -> State:
        """The market at the current grid point."""
        row = self.step - self._base
        return State(
            spots=np.exp(self._log[row]),
            common_vol=float(self._common[row]),
            own_vol=self._own[row],
            correlation=float(self._correlation[row]),
        )

    def basket_levels(self, spots: Floats) -> Floats:
        """Return the basket levels `sum_i h_i S_i`."""
        levels: Floats = spots @ self.scenery.holdings.T
        return levels

    def realized_vols(self, state: State) -> Floats:
        """Return the true annual volatilities of the components' paths, jumps included."""
        vols: Floats = self._motion.jump_scale * self._diffusive_vols(state)
        return vols

    def _diffusive_vols(self, state: State) -> Floats:
        scale = np.exp(state.common_vol + state.own_vol)
        vols: Floats = self.scenery.vols * self._motion.vol_premium * scale
        return vols

    def realized_correlation(self, state: State) -> float:
        """Return the true correlation between any two components' paths."""
        scaled = self._motion.realized * state.correlation / self._motion.implied
        return float(np.clip(scaled, 0.02, 0.98))

    def time_of(self, step: int) -> datetime:
        """Return the market time of a grid point of the current session."""
        return self.day.opens + step * self._grid

    @property
    def next_time(self) -> datetime:
        """Return the market time of the next grid point, over the night if need be."""
        if self.step < self._steps_of(self.day):
            return self.time_of(self.step + 1)
        return _session(next_trading_day(self.day.day)).opens

    def advance(self, to: datetime) -> list[tuple[datetime, MinuteRange]]:
        """Move to the last grid point at or before `to`; return the ranges passed through."""
        passed: list[tuple[datetime, MinuteRange]] = []
        while self.next_time <= to:
            if self.step >= self._steps_of(self.day):
                self._overnight()
                continue
            block_end = self._base + len(self._log) - 1
            target = min(block_end, self._step_at(to))
            if target > self.step:
                passed.append((self.time_of(self.step), self._range(self.step, target)))
                self.step = target
            if self.step == block_end and self.step < self._steps_of(self.day):
                self._prepare_block()
        return passed

    # -- inside ----------------------------------------------------------------------------------

    def _steps_of(self, day: Session) -> int:
        return timedelta(seconds=day.seconds) // self._grid

    def _step_at(self, instant: datetime) -> int:
        # Whole microseconds on both sides: a float quotient can miss the grid point it stands on.
        return min(max((instant - self.day.opens) // self._grid, 0), self._steps_of(self.day))

    def _range(self, first: int, last: int) -> MinuteRange:
        logs = self._log[first - self._base : last - self._base + 1]
        spots = np.exp(logs)
        rows = np.concatenate([spots, self.basket_levels(spots)], axis=1)
        return MinuteRange(
            opens=rows[0], highs=rows.max(axis=0), lows=rows.min(axis=0), closes=rows[-1]
        )

    def _prepare_block(self) -> None:
        """Draw the moves from the current grid point to the end of its minute block."""
        block = self.step // self.steps_per_block
        end = min((block + 1) * self.steps_per_block, self._steps_of(self.day))
        skip, count = self.step - block * self.steps_per_block, end - self.step
        rng = np.random.default_rng([self._seed, self.day.day.toordinal(), block])
        draws = rng.standard_normal((self.steps_per_block, 3 + 2 * len(self.scenery.spots)))
        days = (1.0 - OVERNIGHT_SHARE) * self.step_seconds / 23_400
        jumps = self._jumps(block, self.steps_per_block, days)
        self._apply(draws[skip : skip + count], jumps.rows(skip, count), days)

    def _jumps(self, block: int, rows: int, days: float) -> Jumps:
        """Draw jumps from a stream of their own, so that they change nothing else."""
        rng = np.random.default_rng([self._seed, self.day.day.toordinal(), block, _JUMP_STREAM])
        return draw_jumps(rng, self._motion, rows, len(self.scenery.spots), days)

    def _apply(self, draws: Floats, jumps: Jumps, days: float) -> None:
        """Extend the path from its last point by one row per row of `draws`, `days` apart."""
        here, m, n = self.state, self._motion, len(self.scenery.spots)
        common_z, correlation_z = draws[:, 0], draws[:, 2]
        market_z = m.leverage * common_z + np.sqrt(1.0 - m.leverage**2) * draws[:, 1]
        correlation_z = -0.5 * market_z + np.sqrt(0.75) * correlation_z
        own_z, idio_z = draws[:, 3 : 3 + n], draws[:, 3 + n :]
        daily = self._diffusive_vols(here) / np.sqrt(DAYS_PER_YEAR)
        vols = daily * np.sqrt(days)
        rho = self.realized_correlation(here)
        common = rho * self.scenery.shares
        moves = np.sqrt(common) * market_z[:, None] + np.sqrt(1.0 - common) * idio_z
        drift = 0.5 * vols**2 * m.jump_scale**2
        steps = vols * moves + daily * jumps.moves(common) - drift
        self._log = _from(np.log(here.spots), steps)
        self._common = _revert(here.common_vol, 0.0, m.common_vol_speed, m.common_vol_sd, days,
                               common_z)  # fmt: skip
        self._own = _revert(here.own_vol, 0.0, m.own_vol_speed, m.own_vol_sd, days, own_z)
        self._correlation = np.clip(
            _revert(here.correlation, m.implied, m.correlation_speed, m.correlation_sd, days,
                    correlation_z), 0.02, 0.98)  # fmt: skip
        self._base = self.step

    def _overnight(self) -> None:
        """Move from the close of one session to the opening of the next."""
        day = _session(next_trading_day(self.day.day))
        rng = np.random.default_rng([self._seed, day.day.toordinal(), _OVERNIGHT_BLOCK])
        n = len(self.scenery.spots)
        draws = rng.standard_normal((1, 3 + 2 * n))
        report_z = rng.standard_normal(n)
        vols = self._diffusive_vols(self.state)
        gap = draw_jumps(rng, self._motion, 1, n, OVERNIGHT_SHARE)
        self._apply(draws, gap, OVERNIGHT_SHARE)
        self._log = self._log[-1:] + self._earnings_jump(day.day, vols, report_z)
        self._log = self._ex_dividend(day.day)
        known = self.opening(day.day)
        if (ratios := self._splits.pop(day.day, None)) is not None:
            self._log = self._log - np.log(ratios)
            self.scenery.holdings[:] *= ratios
        if known is not None:
            self._open_at(known)
        self._common, self._own = self._common[-1:], self._own[-1:]
        self._correlation = self._correlation[-1:]
        self.day, self.step, self._base = day, 0, 0
        self._prepare_block()

    def _open_at(self, known: Floats) -> None:
        """Begin the day at known levels; baskets hold as much more or less of all members."""
        spots, count = np.exp(self._log[-1]), len(self.scenery.spots)
        spots = np.where(np.isnan(known[:count]), spots, known[:count])
        self._log = np.log(spots)[None, :]
        change = known[count:] / self.basket_levels(spots)
        self.scenery.holdings[:] *= np.where(np.isnan(change), 1.0, change)[:, None]

    def split(self, day: date, column: int, ratio: float) -> None:
        """Divide a component's price by `ratio` at the opening of `day`; baskets stay."""
        count = len(self.scenery.spots)
        self._splits.setdefault(day, np.ones(count))[column] *= ratio
        for ex_date, amounts in self._dividends.items():
            if ex_date > day:  # that of the day itself leaves before the split
                amounts[column] /= ratio

    def pay(self, day: date, column: int, amount: float) -> None:
        """Let a component open lower by a special dividend on `day`."""
        count = len(self.scenery.spots)
        self._dividends.setdefault(day, np.zeros(count))[column] += amount

    def _ex_dividend(self, day: date) -> Floats:
        """Return the opening's logs less the dividends of the day."""
        if day not in self._dividends:
            return self._log
        return np.log(np.exp(self._log) - self._dividends[day])

    def _earnings_jump(self, day: date, vols: Floats, draws: Floats) -> Floats:
        reports = np.array([day in dates for dates in self._earnings])
        deviation = np.where(reports, EARNINGS_SD_PER_VOL * vols, 0.0)
        return deviation * draws - 0.5 * deviation**2


def dividends_by_day(universe: Universe) -> dict[date, Floats]:
    """Return the cash dividends of each ex-date, an amount per component."""
    days: dict[date, Floats] = {}
    for column, underlying in enumerate(universe.components):
        for day, amount in underlying.dividends:
            days.setdefault(day, np.zeros(len(universe.components)))[column] += amount
    return days


def _session(day: date) -> Session:
    found = session(day)
    assert found is not None  # noqa: S101 - called with trading days only
    return found


def _from(first: Floats, moves: Floats) -> Floats:
    return np.concatenate([first[None, :], first[None, :] + np.cumsum(moves, axis=0)])


def _revert(
    first: Floats | float, mean: float, speed: float, deviation: float, days: float, draws: Floats
) -> Floats:
    """Return an Ornstein-Uhlenbeck path on a grid much finer than its reversion time."""
    shock = deviation * np.sqrt(2.0 * speed * days)
    first = np.atleast_1d(np.asarray(first, dtype=float))
    shape = (-1,) + (1,) * (draws.ndim - 1)
    decay = np.exp(-speed * days * np.arange(1, len(draws) + 1)).reshape(shape)
    start = first if draws.ndim > 1 else first[0]
    path = mean + (start - mean) * decay + shock * np.cumsum(draws, axis=0)
    return np.concatenate([first[None, :] if draws.ndim > 1 else first, path])
