"""Which historical bars does the exchange give?

Daily and longer bars reach back before the world's start; intraday bars from one minute up exist
for every day of that history. Bars of anything but trades have no volume (-1).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

import numpy as np

from dispersa.gateway.exchange.directory import Instrument
from dispersa.gateway.model import Bar, Refusal, SecType
from dispersa.gateway.world.calendar import morning_of, new_york_date, trading_days_before
from dispersa.gateway.world.kernels import Floats
from dispersa.gateway.world.tape import Candle, LiveDay
from dispersa.gateway.world.world import VIX, World

TRADES, VOLATILITY, REALIZED = "TRADES", "OPTION_IMPLIED_VOLATILITY", "HISTORICAL_VOLATILITY"
_PRICES = frozenset({TRADES, "MIDPOINT", "BID", "ASK", "BID_ASK", "ADJUSTED_LAST"})
_WITH_VOLUME = frozenset({TRADES, "ADJUSTED_LAST"})
_UNIT_DAYS = {"D": 1, "W": 7, "M": 30, "Y": 365}
_BAR_MINUTES = {
    "1 min": 1, "2 mins": 2, "3 mins": 3, "5 mins": 5, "10 mins": 10, "15 mins": 15,
    "20 mins": 20, "30 mins": 30, "1 hour": 60, "2 hours": 120, "3 hours": 180, "4 hours": 240,
    "8 hours": 480,
}  # fmt: skip
_LONG_BARS: dict[str, Callable[[date], object]] = {
    "1 day": lambda day: day,
    "1 week": lambda day: day.isocalendar()[:2],
    "1W": lambda day: day.isocalendar()[:2],
    "1 month": lambda day: (day.year, day.month),
    "1M": lambda day: (day.year, day.month),
}
_REALIZED_DAYS = 30
_INTRADAY_DAYS_MAX = 366


def _failed(cause: str) -> Refusal:
    return Refusal(code=162, text=f"Historical Market Data Service error message:{cause}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BarRequest:
    """One request; `end` is an instant."""

    end: datetime
    duration: str
    bar_size: str
    what: str


class Bars:
    """Builds bars from the world's history and tape."""

    def __init__(self, world: World) -> None:
        self._world = world

    def bars(self, instrument: Instrument, request: BarRequest) -> list[Bar] | Refusal:
        """Return bars, oldest first, or why there are none."""
        what = request.what.upper()
        if (refusal := _unavailable(instrument, what)) is not None:
            return refusal
        if request.bar_size in _LONG_BARS:
            return self._long_bars(instrument, request, what)
        if request.bar_size in _BAR_MINUTES:
            return self._short_bars(instrument, request, what)
        return Refusal(
            code=321,
            text=f"Error validating request: bar size {request.bar_size!r} is not supported here; "
            "from 1 min to 1 month",
        )

    def head(self) -> date:
        """Return the first day with data."""
        return self._world.history.days[0]

    # -- daily and longer ------------------------------------------------------------------------

    def _long_bars(
        self, instrument: Instrument, request: BarRequest, what: str
    ) -> list[Bar] | Refusal:
        since = _first_day(request)
        if since is None:
            return _bad_duration(request)
        last = new_york_date(request.end)
        days = [bar for bar in self._daily(instrument, what) if since <= _day(bar) <= last]
        keys = _LONG_BARS[request.bar_size]
        merged = [_merge(list(group)) for _, group in groupby(days, lambda bar: keys(_day(bar)))]
        return merged or _failed("HMDS query returned no data")

    def _daily(self, instrument: Instrument, what: str) -> list[Bar]:
        if instrument.symbol == VIX:
            return self._vix_bars()
        column = self._world.columns[instrument.symbol]
        if what == VOLATILITY:
            return self._level_bars(self._vol_series(column))
        if what == REALIZED:
            return self._level_bars(self._realized_series(column))
        return self._price_bars(instrument, column, what)

    def _days(self) -> list[date]:
        return [*self._world.history.days, *(live.session.day for live in self._live())]

    def _live(self) -> list[LiveDay]:
        _ = self._world.day_so_far
        return self._world.tape.days

    def _price_bars(self, instrument: Instrument, column: int, what: str) -> list[Bar]:
        history = self._world.history
        tables = [history.opens, history.highs, history.lows, history.closes]
        rows = np.stack([table[:, column] for table in tables], axis=1)
        live = [[d.opens[column], d.highs[column], d.lows[column], d.closes[column]]
                for d in self._live()]  # fmt: skip
        rows = np.concatenate([rows, np.array(live)]) + _offset(instrument, what)
        with_volume = what in _WITH_VOLUME and instrument.sec_type is SecType.STOCK
        past = history.volumes[:, column]
        volumes = [*past, *[float(instrument.underlying.day_volume)] * len(live)]
        digits = instrument.digits
        return [
            _bar(day, row, int(volume) // 100 if with_volume else -1, digits=digits)
            for day, row, volume in zip(self._days(), rows, volumes, strict=True)
        ]

    def _vol_series(self, column: int) -> Floats:
        past = self._world.history.vols[:, column]
        days = len(self._live())
        # Volatility of earlier live days is not kept; their bars stand at the present level.
        return np.append(past, np.full(days, self._world.vols()[column]))

    def _realized_series(self, column: int) -> Floats:
        closes = np.append(
            self._world.history.closes[:, column], [d.closes[column] for d in self._live()]
        )
        squares = np.append(0.0, np.diff(np.log(closes)) ** 2)
        sums = np.cumsum(squares)
        window = sums[_REALIZED_DAYS:] - sums[:-_REALIZED_DAYS]
        vols = np.sqrt(252.0 * window / _REALIZED_DAYS)
        return np.append(np.full(_REALIZED_DAYS, np.nan), vols)

    def _level_bars(self, levels: Floats) -> list[Bar]:
        """Return bars of a daily level: from the previous one to this one."""
        days = self._days()
        bars = []
        for row in range(1, len(days)):
            before, here = float(levels[row - 1]), float(levels[row])
            if np.isnan(before) or np.isnan(here):
                continue
            rows = np.array([before, max(before, here), min(before, here), here])
            bars.append(_bar(days[row], rows, -1, digits=6))
        return bars

    def _vix_bars(self) -> list[Bar]:
        column = self._world.columns[self._world.universe.vix_source]
        scale = self._world.vix / float(self._world.vols()[column])
        return [_rounded(bar) for bar in self._level_bars(self._vol_series(column) * scale)]

    # -- intraday --------------------------------------------------------------------------------

    def _short_bars(
        self, instrument: Instrument, request: BarRequest, what: str
    ) -> list[Bar] | Refusal:
        if what not in _PRICES or instrument.symbol == VIX:
            return _failed(f"No intraday {what} data for {instrument.symbol}")
        since = _first_instant(request)
        if since is None:
            return _bad_duration(request)
        if (request.end - since).days > _INTRADAY_DAYS_MAX:
            return _failed("Time length exceeds the maximum for intraday bars")
        column = self._world.columns[instrument.symbol]
        minutes = _BAR_MINUTES[request.bar_size]
        offset = float(_offset(instrument, what))
        volume = instrument.underlying.day_volume // 39_000 * minutes
        has_volume = what in _WITH_VOLUME and instrument.sec_type is SecType.STOCK
        candles = self._candles(column, since, request.end)
        shape = Shape(offset=offset, volume=volume if has_volume else -1, digits=instrument.digits)
        bars = [
            _joined(start, list(group), shape)
            for start, group in groupby(candles, lambda candle: _slot(candle, minutes))
        ]
        return bars or _failed("HMDS query returned no data")

    def _candles(self, column: int, since: datetime, end: datetime) -> Iterable[Candle]:
        _ = self._world.day_so_far
        for day in self._days():
            if new_york_date(since) <= day <= new_york_date(end):
                for candle in self._world.tape.minutes(day, column, self._world.history):
                    if since <= candle.start < end:
                        yield candle


def _unavailable(instrument: Instrument, what: str) -> Refusal | None:
    """Return why there is no data of this kind for an instrument, None where there is."""
    kind = instrument.sec_type
    if what not in {*_PRICES, VOLATILITY, REALIZED}:
        return Refusal(code=321, text=f"Error validating request: unknown data {what!r}")
    if kind in (SecType.OPTION, SecType.FUTURE):
        return _failed("HMDS query returned no data: bars of options and futures are not kept")
    if kind is SecType.INDEX and what in _PRICES - {TRADES}:
        return _failed(f"No {what} data for an index")
    if kind is SecType.FOREX and what == TRADES:
        return _failed("No historical trades of a currency pair; ask for MIDPOINT")
    if what not in _PRICES and (instrument.symbol == VIX or kind is SecType.FOREX):
        return _failed("HMDS query returned no data")
    return None


def _first_day(request: BarRequest) -> date | None:
    parsed = _duration(request.duration)
    if parsed is None:
        return None
    count, unit = parsed
    last = new_york_date(request.end)
    if unit == "D":
        return trading_days_before(last + timedelta(days=1), max(count, 1))[0]
    if unit == "S":
        return new_york_date(request.end - timedelta(seconds=count))
    return last - timedelta(days=count * _UNIT_DAYS[unit]) + timedelta(days=1)


def _first_instant(request: BarRequest) -> datetime | None:
    parsed = _duration(request.duration)
    if parsed is None:
        return None
    count, unit = parsed
    if unit == "S":
        return request.end - timedelta(seconds=count)
    if unit == "D":
        first = trading_days_before(new_york_date(request.end) + timedelta(days=1), count)[0]
        return morning_of(first) - timedelta(hours=1)
    return request.end - timedelta(days=count * _UNIT_DAYS[unit])


def _duration(text: str) -> tuple[int, str] | None:
    count, _, unit = text.strip().partition(" ")
    unit = unit.strip().upper()[:1]
    if not count.isdigit() or int(count) < 1 or unit not in {*_UNIT_DAYS, "S"}:
        return None
    return int(count), unit


def _bad_duration(request: BarRequest) -> Refusal:
    return Refusal(
        code=321, text=f"Error validating request: duration {request.duration!r} is not readable"
    )


def _offset(instrument: Instrument, what: str) -> float:
    half = max(
        instrument.tick / 2, instrument.underlying.spot * instrument.underlying.spread_bps / 2e4
    )
    return {"BID": -half, "ASK": half}.get(what, 0.0)


def _bar(day: date, row: Floats, volume: int, digits: int = 2) -> Bar:
    opening, high, low, close = (round(float(value), digits) for value in row)
    if volume < 0:
        return Bar(start=day, open=opening, high=high, low=low, close=close)
    wap = round((opening + high + low + close) / 4.0, digits)
    return Bar(
        start=day, open=opening, high=high, low=low, close=close, volume=volume, wap=wap,
        count=max(1, volume // 3),
    )  # fmt: skip


def _day(bar: Bar) -> date:
    return bar.start.date() if isinstance(bar.start, datetime) else bar.start


def _merge(bars: list[Bar]) -> Bar:
    if len(bars) == 1:
        return bars[0]
    volume = sum(bar.volume for bar in bars) if bars[0].volume >= 0 else -1
    return Bar(
        start=bars[-1].start,
        open=bars[0].open,
        high=max(bar.high for bar in bars),
        low=min(bar.low for bar in bars),
        close=bars[-1].close,
        volume=volume,
        wap=round(sum(bar.wap for bar in bars) / len(bars), 2) if volume >= 0 else -1.0,
        count=sum(bar.count for bar in bars) if volume >= 0 else -1,
    )


def _rounded(bar: Bar) -> Bar:
    return Bar(
        start=bar.start,
        open=round(bar.open, 2),
        high=round(bar.high, 2),
        low=round(bar.low, 2),
        close=round(bar.close, 2),
    )


def _slot(candle: Candle, minutes: int) -> datetime:
    """Return the start of the bar that holds a minute; bars count from the hour."""
    total = candle.start.hour * 60 + candle.start.minute
    return candle.start - timedelta(minutes=total % minutes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How minutes become a bar: what to add to prices, the volume (-1 none), decimals."""

    offset: float
    volume: int
    digits: int


def _joined(start: datetime, candles: list[Candle], shape: Shape) -> Bar:
    offset, volume, digits = shape.offset, shape.volume, shape.digits
    first, last = candles[0], candles[-1]
    row = np.array(
        [
            first.open,
            max(candle.high for candle in candles),
            min(candle.low for candle in candles),
            last.close,
        ]
    )
    opening, high, low, close = (round(float(value) + offset, digits) for value in row)
    wap = round((opening + high + low + close) / 4.0, digits) if volume >= 0 else -1.0
    return Bar(
        start=max(start, first.start), open=opening, high=high, low=low, close=close,
        volume=volume, wap=wap, count=max(1, volume // 3) if volume >= 0 else -1,
    )  # fmt: skip
