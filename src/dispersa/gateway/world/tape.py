"""What has been printed: minute and daily ranges of every underlying, live and past?

Live minutes are those that the paths passed through. Minutes of earlier days, and of the part of
the first session before the start, are Brownian bridges between the known ends of the day, drawn
from (seed, day, underlying) and kept within the day's range.
"""

from collections import deque
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from dispersa.gateway.world.calendar import SESSION_SECONDS, Session, new_york_date, session
from dispersa.gateway.world.history import DailyHistory
from dispersa.gateway.world.jumps import DAYS_PER_YEAR
from dispersa.gateway.world.kernels import Floats
from dispersa.gateway.world.paths import OVERNIGHT_SHARE, MinuteRange

_MINUTE = 60
_STREAM = 33
_SECONDS_KEPT = 1_800


@dataclass(frozen=True, slots=True, kw_only=True)
class Candle:
    """Opening, highest, lowest and closing value of an interval that begins at `start`."""

    start: datetime
    open: float
    high: float
    low: float
    close: float


@dataclass(slots=True, kw_only=True)
class LiveDay:
    """Ranges of one session that the world has lived through, or is living through."""

    session: Session
    opens: Floats
    highs: Floats
    lows: Floats
    closes: Floats
    minutes: list[tuple[datetime, MinuteRange]]


class Tape:
    """Keeps what the paths pass through and draws what lies before."""

    def __init__(self, *, seed: int, start: datetime, first: Session) -> None:
        self._seed = seed
        self._start = start
        self._first = first
        self.days: list[LiveDay] = []
        self.seconds: deque[tuple[datetime, MinuteRange]] = deque(maxlen=_SECONDS_KEPT)
        """Ranges of the latest seconds; a long step of the world leaves one for all of it."""

    def begin(self, history: DailyHistory, spots: Floats) -> None:
        """Open the first session: its opening lies between the last close and the start."""
        rng = np.random.default_rng([self._seed, self._first.day.toordinal(), _STREAM])
        before = np.log(history.closes[-1])
        daily = history.vols[-1] / np.sqrt(DAYS_PER_YEAR)
        share = self._elapsed / self._first.seconds
        weight = OVERNIGHT_SHARE / (OVERNIGHT_SHARE + (1.0 - OVERNIGHT_SHARE) * share + 1e-12)
        noise = 0.4 * daily * np.sqrt(share) * rng.standard_normal(len(spots))
        opens = np.exp(before + weight * (np.log(spots) - before) + noise)
        if self._elapsed <= 0.0:
            opens = spots
        reach = np.exp(0.3 * daily * np.sqrt(share) * np.abs(rng.standard_normal((2, len(spots)))))
        self.days = [
            LiveDay(
                session=self._first,
                opens=opens,
                highs=np.maximum(opens, spots) * reach[0],
                lows=np.minimum(opens, spots) / reach[1],
                closes=spots.copy(),
                minutes=[],
            )
        ]

    @property
    def _elapsed(self) -> float:
        return (min(self._start, self._first.closes) - self._first.opens).total_seconds()

    def record(self, passed: list[tuple[datetime, MinuteRange]]) -> None:
        """Add ranges that the paths passed through."""
        for start, span in passed:
            day = self.days[-1]
            if start >= day.session.closes:
                day = self._open_day(start, span)
            day.highs = np.maximum(day.highs, span.highs)
            day.lows = np.minimum(day.lows, span.lows)
            day.closes = span.closes
            self._keep_second(start, span)
            minute = start - timedelta(seconds=start.second, microseconds=start.microsecond)
            if day.minutes and day.minutes[-1][0] == minute:
                day.minutes[-1] = (minute, _joined(day.minutes[-1][1], span))
            else:
                day.minutes.append((minute, span))

    def split(self, day: date, column: int, ratio: float) -> None:
        """Adjust what was printed before `day` for a split."""
        for live in self.days:
            if live.session.day < day:
                for levels in (live.opens, live.highs, live.lows, live.closes):
                    levels[column] /= ratio
                live.minutes = [(start, _scaled(span, column, ratio))
                                for start, span in live.minutes]  # fmt: skip
        self.seconds = deque(
            (
                (start, _scaled(span, column, ratio) if new_york_date(start) < day else span)
                for start, span in self.seconds
            ),
            maxlen=_SECONDS_KEPT,
        )

    def _keep_second(self, start: datetime, span: MinuteRange) -> None:
        second = start.replace(microsecond=0)
        if self.seconds and self.seconds[-1][0] == second:
            span = _joined(self.seconds.pop()[1], span)
        self.seconds.append((second, span))

    def _open_day(self, start: datetime, span: MinuteRange) -> LiveDay:
        held = session(start.date())
        assert held is not None  # noqa: S101 - paths move within sessions only
        day = LiveDay(
            session=held,
            opens=span.opens,
            highs=span.highs,
            lows=span.lows,
            closes=span.closes,
            minutes=[],
        )
        self.days.append(day)
        return day

    def minutes(self, day: date, column: int, history: DailyHistory) -> list[Candle]:
        """Return the minute candles of one underlying on one day, as far as it has come."""
        for live in self.days:
            if live.session.day == day:
                return [*self._before_start(live, column), *_live(live, column)]
        held = session(day)
        if held is None or day not in history.days:
            return []
        row = history.days.index(day)
        ends = tuple(
            float(table[row, column])
            for table in (history.opens, history.highs, history.lows, history.closes)
        )
        return self._bridge(held, column, ends, held.seconds // _MINUTE)

    def _before_start(self, live: LiveDay, column: int) -> list[Candle]:
        """Return the minutes of the first session before the world began."""
        count = int(self._elapsed // _MINUTE) if live.session == self._first else 0
        if count == 0:
            return []
        last = live.minutes[0][1].opens[column] if live.minutes else live.closes[column]
        opening = float(live.opens[column])
        high, low = float(live.highs[column]), float(live.lows[column])
        return self._bridge(self._first, column, (opening, high, low, float(last)), count)

    def _bridge(
        self, held: Session, column: int, ends: tuple[float, ...], count: int
    ) -> list[Candle]:
        """Return `count` minutes from open to close that stay within the range."""
        opening, high, low, closing = ends
        rng = np.random.default_rng([self._seed, held.day.toordinal(), _STREAM, column])
        width = max(np.log(high / low), 1e-6) / np.sqrt(SESSION_SECONDS / _MINUTE)
        steps = 0.6 * width * rng.standard_normal(4 * count)
        walk = np.concatenate([[0.0], np.cumsum(steps)])
        ramp = np.linspace(0.0, 1.0, len(walk))
        path = np.exp(np.log(opening) + walk + ramp * (np.log(closing / opening) - walk[-1]))
        path = np.clip(path, low, high)
        return [
            Candle(
                start=held.opens + timedelta(seconds=_MINUTE * i),
                open=float(path[4 * i]),
                high=float(path[4 * i : 4 * i + 5].max()),
                low=float(path[4 * i : 4 * i + 5].min()),
                close=float(path[4 * i + 4]),
            )
            for i in range(count)
        ]


def _live(live: LiveDay, column: int) -> list[Candle]:
    return [
        Candle(
            start=start,
            open=float(span.opens[column]),
            high=float(span.highs[column]),
            low=float(span.lows[column]),
            close=float(span.closes[column]),
        )
        for start, span in live.minutes
    ]


def _scaled(span: MinuteRange, column: int, ratio: float) -> MinuteRange:
    """Return the ranges with one column divided by `ratio`."""
    ratios = np.ones(len(span.opens))
    ratios[column] = ratio
    return MinuteRange(
        opens=span.opens / ratios,
        highs=span.highs / ratios,
        lows=span.lows / ratios,
        closes=span.closes / ratios,
    )


def _joined(first: MinuteRange, second: MinuteRange) -> MinuteRange:
    return MinuteRange(
        opens=first.opens,
        highs=np.maximum(first.highs, second.highs),
        lows=np.minimum(first.lows, second.lows),
        closes=second.closes,
    )
