"""Which values did an instrument pass through: by day, by minute, by second?

Values are middles. Stocks, indices and pairs are on the world's tape; a future is its index carried
to settlement; an option is the model's value at its present volatility, moved in proportion to the
30-day volatility of its underlying; VIX moves against the index that it is computed from. Seconds
are those that the world passed through as far as it keeps them, else a bridge drawn from (seed,
minute, underlying) that stays within the minute and touches both its ends.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import groupby
from math import log

import numpy as np

from dispersa.gateway.exchange.directory import Instrument
from dispersa.gateway.exchange.futures import carry_factor
from dispersa.gateway.exchange.nbbo import QuoteBook
from dispersa.gateway.world.calendar import new_york_date, session
from dispersa.gateway.world.kernels import Floats, Terms, price
from dispersa.gateway.world.surface import YEAR_DAYS
from dispersa.gateway.world.tape import Candle, LiveDay
from dispersa.gateway.world.world import VIX, World

_MINUTE, _SECOND = timedelta(minutes=1), timedelta(seconds=1)
_STREAM = 34
_LISTED_DAYS = 365
"""An option has a past of a year at most."""
_VIX_BETA = -4.0
_YEAR_SECONDS = YEAR_DAYS * 86_400.0
_RECORDED_SHARE_MIN = 0.8


class Past:
    """Candles of middles of every instrument."""

    def __init__(self, world: World, quotes: QuoteBook) -> None:
        self._world = world
        self._quotes = quotes

    # -- days ------------------------------------------------------------------------------------

    def dates(self) -> list[date]:
        """Return all days with data, the present one last."""
        return [*self._world.history.days, *(live.session.day for live in self._live())]

    def days(self, instrument: Instrument) -> list[Candle]:
        """Return the days of an instrument; each begins with its session."""
        if instrument.symbol == VIX:
            return self._vix_days()
        column = self._world.columns[instrument.symbol]
        history = self._world.history
        tables = [history.opens, history.highs, history.lows, history.closes]
        past = np.stack([table[:, column] for table in tables], axis=1)
        live = np.array([[d.opens[column], d.highs[column], d.lows[column], d.closes[column]]
                         for d in self._live()])  # fmt: skip
        sessions = [held for day in self.dates() if (held := session(day)) is not None]
        return self._derived(
            instrument,
            [held.opens for held in sessions],
            [held.closes for held in sessions],
            np.concatenate([past, live]),
        )

    def vols(self, symbol: str) -> Floats:
        """Return the 30-day implied volatility of each of `dates`."""
        column = self._world.columns[symbol]
        past = self._world.history.vols[:, column]
        # Volatility of earlier live days is not kept; they stand at the present level.
        return np.append(past, np.full(len(self._live()), self._world.vols()[column]))

    def closes(self, symbol: str) -> Floats:
        """Return the close of each of `dates`."""
        column = self._world.columns[symbol]
        return np.append(
            self._world.history.closes[:, column], [d.closes[column] for d in self._live()]
        )

    def _live(self) -> list[LiveDay]:
        _ = self._world.day_so_far
        return self._world.tape.days

    def _vix_days(self) -> list[Candle]:
        column = self._world.columns[self._world.universe.vix_source]
        scale = self._world.vix / float(self._world.vols()[column])
        levels = self.vols(self._world.universe.vix_source) * scale
        found = []
        for day, before, here in zip(self.dates()[1:], levels, levels[1:], strict=False):
            held = session(day)
            if held is not None:
                found.append(
                    Candle(start=held.opens, open=float(before), high=float(max(before, here)),
                           low=float(min(before, here)), close=float(here))
                )  # fmt: skip
        return found

    # -- minutes and seconds ---------------------------------------------------------------------

    def minutes(self, instrument: Instrument, since: datetime, end: datetime) -> list[Candle]:
        """Return the minutes that begin from `since` to before `end`."""
        if instrument.symbol == VIX:
            return list(self._vix_minutes(since, end))
        column = self._world.columns[instrument.symbol]
        found = list(self._taped(column, since, end))
        return self._of_candles(instrument, found, _MINUTE)

    def seconds(self, instrument: Instrument, since: datetime, end: datetime) -> list[Candle]:
        """Return the seconds that begin from `since` to before `end`."""
        is_vix = instrument.symbol == VIX
        column = self._world.columns[
            self._world.universe.vix_source if is_vix else instrument.symbol
        ]
        first = since.replace(second=0, microsecond=0)
        taped = list(self._vix_minutes(first, end) if is_vix else self._taped(column, first, end))
        kept = {} if is_vix else self._kept(column, first)
        found = [
            second
            for minute in taped
            for second in self._split(minute, column, kept.get(minute.start, []))
            if since <= second.start < end
        ]
        return found if is_vix else self._of_candles(instrument, found, _SECOND)

    def _taped(self, column: int, since: datetime, end: datetime) -> Iterator[Candle]:
        for day in self.dates():
            if new_york_date(since) <= day <= new_york_date(end):
                for candle in self._world.tape.minutes(day, column, self._world.history):
                    if since <= candle.start < end:
                        yield candle

    def _kept(self, column: int, since: datetime) -> dict[datetime, list[Candle]]:
        """Return the recorded seconds by the minute that they belong to."""
        candles = [
            Candle(start=start, open=float(span.opens[column]), high=float(span.highs[column]),
                   low=float(span.lows[column]), close=float(span.closes[column]))
            for start, span in self._world.tape.seconds if start >= since
        ]  # fmt: skip
        by_minute = groupby(candles, lambda candle: candle.start.replace(second=0))
        return {minute: list(group) for minute, group in by_minute}

    def _split(self, minute: Candle, column: int, kept: list[Candle]) -> list[Candle]:
        """Return the seconds of a minute: as recorded, else a bridge."""
        count = min(60, int((self._world.now - minute.start) / _SECOND))
        if len(kept) >= max(1.0, _RECORDED_SHARE_MIN * count):
            return kept
        if count < 1:
            return []
        number = int(minute.start.timestamp()) // 60
        rng = np.random.default_rng([self._world.seed, number, _STREAM, column])
        path = _bridge(minute, rng.standard_normal(4 * count))
        return [
            Candle(
                start=minute.start + i * _SECOND,
                open=float(path[4 * i]),
                high=float(path[4 * i : 4 * i + 5].max()),
                low=float(path[4 * i : 4 * i + 5].min()),
                close=float(path[4 * i + 4]),
            )
            for i in range(count)
        ]

    def _vix_minutes(self, since: datetime, end: datetime) -> Iterator[Candle]:
        """Yield the day's way from open to close, bent against the index within its range."""
        column = self._world.columns[self._world.universe.vix_source]
        by_day = {new_york_date(day.start): day for day in self._vix_days()}
        taped = self._taped(column, since.replace(hour=0, minute=0), end)
        for day, group in groupby(taped, lambda candle: new_york_date(candle.start)):
            if day not in by_day:
                continue
            whole, minutes = by_day[day], list(group)
            path = _against(whole, np.array([m.open for m in minutes] + [minutes[-1].close]))
            for minute, before, here in zip(minutes, path, path[1:], strict=False):
                if minute.start >= since:
                    yield Candle(
                        start=minute.start, open=float(before), high=float(max(before, here)),
                        low=float(min(before, here)), close=float(here),
                    )  # fmt: skip

    # -- derived instruments ---------------------------------------------------------------------

    def _of_candles(
        self, instrument: Instrument, found: list[Candle], length: timedelta
    ) -> list[Candle]:
        if instrument.option is None and instrument.future is None:
            return found
        rows = np.array([[c.open, c.high, c.low, c.close] for c in found]).reshape(-1, 4)
        starts = [candle.start for candle in found]
        return self._derived(instrument, starts, [start + length for start in starts], rows)

    def _derived(
        self, instrument: Instrument, starts: list[datetime], ends: list[datetime], rows: Floats
    ) -> list[Candle]:
        """Return candles of an instrument from rows of its underlying."""
        now = self._world.now
        times = np.array(
            [[start.timestamp()] + 3 * [min(end, now).timestamp()]
             for start, end in zip(starts, ends, strict=True)]
        ).reshape(-1, 4)  # fmt: skip
        if instrument.future is not None:
            rows = rows * carry_factor(self._world, instrument.future, times)
        if instrument.option is not None:
            rows, first = self._option_rows(instrument, rows, times, starts)
            starts = starts[first:]
        over = _settles(instrument)
        return [
            Candle(start=start, open=float(row[0]), high=float(row.max()), low=float(row.min()),
                   close=float(row[3]))
            for start, row in zip(starts, rows, strict=True) if over is None or start < over
        ]  # fmt: skip

    def _option_rows(
        self, instrument: Instrument, rows: Floats, times: Floats, starts: list[datetime]
    ) -> tuple[Floats, int]:
        """Return the option's values and from which row on it was listed."""
        over = _settles(instrument)
        assert over is not None  # noqa: S101 - called for options
        listed = over - timedelta(days=_LISTED_DAYS)
        first = sum(start < listed for start in starts)
        rows, times = rows[first:], times[first:]
        board, row = self._quotes.board_row(instrument)
        terms, shape = board.terms, rows.shape

        def all_of(value: float) -> Floats:
            return np.full(shape, value)

        then = Terms(
            spot=rows,
            strike=all_of(float(terms.strike[row])),
            years=np.maximum((over.timestamp() - times) / _YEAR_SECONDS, 1e-9),
            rate=terms.rate,
            dividend_yield=all_of(float(terms.dividend_yield[row])),
            sign=all_of(float(terms.sign[row])),
            dividends=all_of(float(terms.dividends[row])),
        )
        vols = float(board.vols[row]) * self._vol_ratios(instrument.symbol, starts[first:])
        return price(then, np.broadcast_to(vols[:, None], shape)), first

    def _vol_ratios(self, symbol: str, starts: list[datetime]) -> Floats:
        """Return by how much the underlying's volatility of each day differs from the present."""
        levels = self.vols(symbol)
        by_day = dict(zip(self.dates(), (levels / levels[-1]).tolist(), strict=True))
        return np.array([by_day[new_york_date(start)] for start in starts])


def _settles(instrument: Instrument) -> datetime | None:
    if instrument.option is not None:
        return instrument.option.piece.settles
    return None if instrument.future is None else instrument.future.settles


def _bridge(minute: Candle, draws: Floats) -> Floats:
    """Return a path from open to close whose highest and lowest points are the minute's."""
    width = max(log(minute.high / minute.low), 1e-9) / np.sqrt(len(draws))
    walk = np.concatenate([[0.0], np.cumsum(0.8 * width * draws)])
    ramp = np.linspace(0.0, 1.0, len(walk))
    ends = log(minute.open), log(minute.close / minute.open)
    path: Floats = np.clip(
        np.exp(ends[0] + walk + ramp * (ends[1] - walk[-1])), minute.low, minute.high
    )
    path[0], path[-1] = minute.open, minute.close
    inner = path[1:-1]
    inner[np.argmax(inner)], inner[np.argmin(inner)] = minute.high, minute.low
    return path


def _against(whole: Candle, index: Floats) -> Floats:
    """Return a way from open to close of `whole` that moves against `index`, within its range."""
    ramp = np.linspace(0.0, 1.0, len(index))
    straight = index[0] * (index[-1] / index[0]) ** ramp
    path = whole.open * (whole.close / whole.open) ** ramp * (index / straight) ** _VIX_BETA
    bent: Floats = np.clip(path, whole.low, whole.high)
    return bent
