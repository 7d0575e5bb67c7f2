"""What did prices and implied volatilities do before the market's first moment?

Daily history is drawn backwards from the start with the paths' own model (an Ornstein-Uhlenbeck
process looks the same in both directions), so that it is consistent with the world: baskets are
exactly their members, realized correlation and volatility follow the true ones, and implied
volatilities contain the reports that lie within their 30 days. Where a chain file knows a date,
the file's close and 30-day volatility stand in place of the drawn ones, and everything earlier is
scaled to join them.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

from dispersa.gateway.world.calendar import trading_days_before
from dispersa.gateway.world.jumps import DAYS_PER_YEAR, draw_jumps
from dispersa.gateway.world.kernels import Floats
from dispersa.gateway.world.paths import (
    EARNINGS_SD_PER_VOL,
    OVERNIGHT_SHARE,
    Scenery,
)
from dispersa.gateway.world.universe import Correlation, Universe

HISTORY_DAYS = 800
_HISTORY_STREAM = 7_777_777


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDays:
    """Closes and 30-day volatilities of known dates, rows by date, columns by underlying.

    Columns are components then baskets; nan where a name was not there. Closes are adjusted for
    splits.
    """

    days: tuple[date, ...]
    closes: Floats
    vols: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyHistory:
    """Daily bars before the first session of the world, rows by day, columns by underlying.

    `vols` are the 30-day at-the-money implied volatilities of each close. With `true_correlations`,
    `true_variances` (per day and component, jumps included) and `report_variances` (of reports,
    which move a name alone) the returns were drawn; a file's known dates were not.
    """

    days: tuple[date, ...]
    opens: Floats
    highs: Floats
    lows: Floats
    closes: Floats
    volumes: Floats
    vols: Floats
    true_correlations: Floats
    true_variances: Floats
    report_variances: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """Where history must end: the first session's day, the share of it that has passed, levels.

    `spots` and `vols` (30-day, at the money) hold components then baskets at the start.
    """

    day: date
    elapsed: float
    spots: Floats
    vols: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class _Deviations:
    """Log volatility deviations and implied correlation by day, and the draws of the market."""

    common: Floats
    own: Floats
    correlation: Floats
    market: Floats


def daily_history(
    universe: Universe, scenery: Scenery, seed: int, anchor: Anchor, known: KnownDays | None = None
) -> DailyHistory:
    """Return `HISTORY_DAYS` daily bars that end on the trading day before `anchor.day`."""
    rng = np.random.default_rng([seed, _HISTORY_STREAM])
    days = trading_days_before(anchor.day, HISTORY_DAYS)
    deviations = _deviations(universe.correlation, len(scenery.spots), len(days) + 1, rng)
    drawn = _component_returns(universe, scenery, [*days, anchor.day], deviations, rng,
                               anchor.elapsed)  # fmt: skip
    tail = _tail(universe, scenery, days, anchor, known)
    closes = _closes(scenery, drawn.returns, tail)
    vols = _vols(universe, scenery, [*days, anchor.day], deviations, closes, tail)
    return _bars(universe, days, (closes, vols, drawn), rng)


def _deviations(motion: Correlation, n: int, rows: int, rng: np.random.Generator) -> _Deviations:
    """Draw deviations backwards from their state at the start, which is zero."""
    common_z = rng.standard_normal(rows)
    own_z = rng.standard_normal((rows, n))
    correlation_z = rng.standard_normal(rows)
    market = motion.leverage * common_z + np.sqrt(1 - motion.leverage**2) * rng.standard_normal(
        rows
    )
    correlation_z = -0.5 * market + np.sqrt(0.75) * correlation_z
    correlation = motion.implied + _backwards(
        motion.correlation_speed, motion.correlation_sd, correlation_z
    )
    return _Deviations(
        common=_backwards(motion.common_vol_speed, motion.common_vol_sd, common_z),
        own=_backwards(motion.own_vol_speed, motion.own_vol_sd, own_z),
        correlation=np.clip(correlation, 0.02, 0.98),
        market=market,
    )


def _backwards(speed: float, deviation: float, draws: Floats) -> Floats:
    """Return an Ornstein-Uhlenbeck path whose last row is zero, from forward shocks."""
    decay = np.exp(-speed)
    shock = deviation * np.sqrt(1.0 - decay**2)
    path = np.zeros_like(draws)
    for row in range(len(draws) - 2, -1, -1):
        path[row] = decay * path[row + 1] - shock * draws[row + 1]
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    """Log returns of the components, and with which correlation and variances they were drawn."""

    returns: Floats
    correlations: Floats
    variances: Floats
    reports: Floats


def _component_returns(
    universe: Universe,
    scenery: Scenery,
    days: list[date],
    deviations: _Deviations,
    rng: np.random.Generator,
    elapsed: float,
) -> _Drawn:
    """Return log returns of the components into each day; the last row is the partial day."""
    motion = universe.correlation
    variance = np.full(len(days), 1.0 / DAYS_PER_YEAR)
    variance[-1] *= OVERNIGHT_SHARE + (1.0 - OVERNIGHT_SHARE) * elapsed
    rho = np.clip(motion.realized * deviations.correlation / motion.implied, 0.02, 0.98)[:, None]
    scale = np.exp(deviations.common[:, None] + deviations.own)
    vols = scenery.vols * motion.vol_premium * scale * np.sqrt(variance)[:, None]
    own = rng.standard_normal(vols.shape)
    common = rho * scenery.shares
    market = np.sqrt(common) * deviations.market[:, None]
    moves: Floats = vols * (market + np.sqrt(1 - common) * own)
    drift = 0.5 * vols**2 * motion.jump_scale**2
    leaps = draw_jumps(rng.spawn(1)[0], motion, len(days), vols.shape[1], 1.0)
    moves += vols * leaps.moves(common)
    reports = np.array([[day in set(u.earnings) for u in universe.components] for day in days])
    jumps = EARNINGS_SD_PER_VOL * scenery.vols * rng.standard_normal(vols.shape)
    moves += np.where(reports, jumps, 0.0) - drift
    leap = np.where(reports, (EARNINGS_SD_PER_VOL * scenery.vols) ** 2, 0.0)
    return _Drawn(returns=moves, correlations=rho[:, 0], variances=2.0 * drift, reports=leap)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tail:
    """Known values by row of the history plus the start, nan where nothing is known."""

    closes: Floats
    vols: Floats

    def first_known(self) -> tuple[np.ndarray, Floats, Floats]:
        """Return for each column the first known row and its close and volatility."""
        rows = np.argmax(~np.isnan(self.closes), axis=0)
        columns = np.arange(self.closes.shape[1])
        return rows, self.closes[rows, columns], self.vols[rows, columns]


def _tail(
    universe: Universe,
    scenery: Scenery,
    days: list[date],
    anchor: Anchor,
    known: KnownDays | None,
) -> _Tail:
    columns = len(scenery.spots) + len(universe.indices)
    closes, vols = (np.full((len(days) + 1, columns), np.nan) for _ in range(2))
    closes[-1], vols[-1] = anchor.spots, anchor.vols
    if known is not None:
        row_of = {day: row for row, day in enumerate(days)}
        for source, day in enumerate(known.days):
            if (row := row_of.get(day)) is not None:
                complete = ~np.isnan(known.closes[source]) & ~np.isnan(known.vols[source])
                closes[row] = np.where(complete, known.closes[source], np.nan)
                vols[row] = np.where(complete, known.vols[source], np.nan)
    return _Tail(closes=closes, vols=vols)


def _closes(scenery: Scenery, returns: Floats, tail: _Tail) -> Floats:
    """Return closes of all columns; the last row is the start of the world."""
    n = len(scenery.spots)
    first, level, _ = tail.first_known()
    cumulative = np.cumsum(returns, axis=0)
    at_first = np.take_along_axis(cumulative, first[None, :n], axis=0)
    drawn = level[:n] * np.exp(cumulative - at_first)
    baskets = drawn @ scenery.holdings.T
    join = np.take_along_axis(baskets, first[None, n:], axis=0)
    drawn = np.concatenate([drawn, baskets * level[n:] / join], axis=1)
    return _fill(tail.closes, drawn)


def _fill(known: Floats, drawn: Floats) -> Floats:
    """Return known values where there are any; gaps inside are carried forward."""
    filled = np.where(np.isnan(known), drawn, known)
    first = np.argmax(~np.isnan(known), axis=0)
    for row in range(1, len(filled)):
        inside = np.isnan(known[row]) & (row > first)
        filled[row] = np.where(inside, filled[row - 1], filled[row])
    return filled


def _vols(
    universe: Universe,
    scenery: Scenery,
    days: list[date],
    deviations: _Deviations,
    closes: Floats,
    tail: _Tail,
) -> Floats:
    """Return 30-day implied volatilities of all columns by day."""
    n = len(scenery.spots)
    base = scenery.vols * np.exp(deviations.common[:, None] + deviations.own)
    own = np.sqrt(base**2 + _event_variance(universe, scenery, days) * 365.0 / 30.0)
    worth = closes[:, None, :n] * scenery.holdings[None, :, :]
    weights = worth / worth.sum(axis=2, keepdims=True)
    average = np.einsum("dbn,dn->db", weights, own)
    diagonal = np.einsum("dbn,dn->db", weights**2, own**2)
    basket = np.sqrt(diagonal + deviations.correlation[:, None] * (average**2 - diagonal))
    model = np.concatenate([own, basket], axis=1)
    first, _, level = tail.first_known()
    join = np.take_along_axis(model, first[None, :], axis=0)
    return _fill(tail.vols, model * level / join)


def _event_variance(universe: Universe, scenery: Scenery, days: list[date]) -> Floats:
    """Return the variance of reports within the 30 days after each day."""
    ordinals = np.array([day.toordinal() for day in days])
    counts = np.zeros((len(days), len(scenery.spots)))
    for column, underlying in enumerate(universe.components):
        reports = np.array([day.toordinal() for day in underlying.earnings])
        after = np.searchsorted(reports, ordinals, side="right")
        counts[:, column] = np.searchsorted(reports, ordinals + 30, side="right") - after
    return counts * (EARNINGS_SD_PER_VOL * scenery.vols) ** 2


def _bars(
    universe: Universe,
    days: list[date],
    drawn: tuple[Floats, Floats, _Drawn],
    rng: np.random.Generator,
) -> DailyHistory:
    """Return daily bars: openings by the overnight share, extremes of a Brownian bridge."""
    closes, vols, truth = drawn
    logs = np.log(closes)
    daily = vols[:-1] / np.sqrt(DAYS_PER_YEAR)
    before = np.concatenate([logs[:1], logs[:-2]])
    moves = logs[:-1] - before
    gaps = OVERNIGHT_SHARE * moves + daily * 0.4 * rng.standard_normal(daily.shape)
    opens, ends = before + gaps, logs[:-1]
    variance = daily**2 * (1.0 - OVERNIGHT_SHARE)
    up, down = bridge_extremes(ends - opens, variance, rng)
    underlyings = (*universe.components, *universe.indices)
    typical = np.array([u.day_volume for u in underlyings], dtype=float)
    surprise = np.abs(moves) / np.maximum(daily, 1e-9)
    volumes = typical * np.exp(0.25 * rng.standard_normal(daily.shape)) * (0.7 + 0.4 * surprise)
    return DailyHistory(
        days=tuple(days),
        opens=np.exp(opens),
        highs=np.exp(opens + up),
        lows=np.exp(opens + down),
        closes=closes[:-1],
        volumes=volumes,
        vols=vols[:-1],
        true_correlations=truth.correlations[:-1],
        true_variances=truth.variances[:-1],
        report_variances=truth.reports[:-1],
    )


def bridge_extremes(
    move: Floats, variance: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return high and low, relative to the start, of a Brownian bridge that ends at `move`.

    `max = (b + sqrt(b^2 - 2 v ln U)) / 2` with U uniform; the low is drawn alike.
    """
    high = -2.0 * variance * np.log(rng.random(move.shape))
    low = -2.0 * variance * np.log(rng.random(move.shape))
    return 0.5 * (move + np.sqrt(move**2 + high)), 0.5 * (move - np.sqrt(move**2 + low))
