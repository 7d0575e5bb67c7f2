"""Which historical bars does the exchange give?

Daily and longer bars reach back before the world's start; bars from one second to eight hours exist
for every day of that history, within the longest duration that each size allows. Bars of anything
but trades have no volume (-1). BID_ASK bars hold the average bid, the highest offer, the lowest bid
and the average offer, as IBKR's do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from math import log1p
from statistics import fmean

import numpy as np

from dispersa.gateway.exchange.directory import Instrument
from dispersa.gateway.exchange.nbbo import QuoteBook
from dispersa.gateway.exchange.past import Past
from dispersa.gateway.model import Bar, Refusal, SecType
from dispersa.gateway.world.calendar import (
    latest_session,
    morning_of,
    new_york_date,
    trading_days_before,
)
from dispersa.gateway.world.kernels import Floats
from dispersa.gateway.world.spreads import noise_of
from dispersa.gateway.world.tape import Candle
from dispersa.gateway.world.world import VIX, World

TRADES, VOLATILITY, REALIZED = "TRADES", "OPTION_IMPLIED_VOLATILITY", "HISTORICAL_VOLATILITY"
_PRICES = frozenset({TRADES, "MIDPOINT", "BID", "ASK", "BID_ASK", "ADJUSTED_LAST"})
_WITH_VOLUME = frozenset({TRADES, "ADJUSTED_LAST"})
_UNIT_DAYS = {"D": 1, "W": 7, "M": 30, "Y": 365}
_COUNT_MAX = 1_000_000
_HOUR = 3_600
_BAR_SECONDS = {
    "1 sec": 1, "1 secs": 1, "5 secs": 5, "10 secs": 10, "15 secs": 15, "30 secs": 30,
    "1 min": 60, "2 mins": 120, "3 mins": 180, "5 mins": 300, "10 mins": 600, "15 mins": 900,
    "20 mins": 1_200, "30 mins": 1_800, "1 hour": _HOUR, "2 hours": 2 * _HOUR,
    "3 hours": 3 * _HOUR, "4 hours": 4 * _HOUR, "8 hours": 8 * _HOUR,
}  # fmt: skip
_SECONDS_MAX = {1: 2_000, 5: 10_000, 10: 14_400, 15: 14_400, 30: 28_800}
"""How far bars below one minute reach."""
_LONG_BARS: dict[str, Callable[[date], object]] = {
    "1 day": lambda day: day,
    "1 week": lambda day: day.isocalendar()[:2],
    "1W": lambda day: day.isocalendar()[:2],
    "1 month": lambda day: (day.year, day.month),
    "1M": lambda day: (day.year, day.month),
}
_REALIZED_DAYS = 30
_INTRADAY_DAYS_MAX = 366
_FUTURE_DAY_VOLUME = 1_200_000
_OPTION_DAY_VOLUME = 900
_SESSION_SECONDS = 23_400


def _failed(cause: str) -> Refusal:
    return Refusal(code=162, text=f"Historical Market Data Service error message:{cause}")


def _invalid(cause: str) -> Refusal:
    return Refusal(code=321, text=f"Error validating request.-'bT' : cause - {cause}")


NO_DATA = _failed("HMDS query returned no data")


@dataclass(frozen=True, slots=True, kw_only=True)
class BarRequest:
    """One request; `end` is an instant."""

    end: datetime
    duration: str
    bar_size: str
    what: str


class Bars:
    """Builds bars from what instruments passed through."""

    def __init__(self, world: World, quotes: QuoteBook, past: Past) -> None:
        self._world = world
        self._quotes = quotes
        self._past = past

    def bars(self, instrument: Instrument, request: BarRequest) -> list[Bar] | Refusal:
        """Return bars, oldest first, or why there are none."""
        what = request.what.upper()
        refusal = unavailable(instrument, what) or _unreadable(request)
        if refusal is not None:
            return refusal
        if request.bar_size in _LONG_BARS:
            return self._long_bars(instrument, request, what)
        return self._short_bars(instrument, request, what)

    def head(self) -> date:
        """Return the first day with data."""
        return self._world.history.days[0]

    def half_spread(self, instrument: Instrument) -> float:
        """Return half the width of an instrument's quote, as it is now."""
        if instrument.option is not None:
            quote = self._quotes.quote(instrument)
            return 0.5 * (quote.ask - quote.bid) if quote.is_two_sided else 0.01
        width = instrument.underlying.spot * instrument.underlying.spread_bps / 1e4
        return 0.5 * max(instrument.tick, width)

    # -- daily and longer ------------------------------------------------------------------------

    def _long_bars(
        self, instrument: Instrument, request: BarRequest, what: str
    ) -> list[Bar] | Refusal:
        since, last = self._first_day(request), new_york_date(request.end)
        days = [bar for bar in self._daily(instrument, what) if since <= _day(bar) <= last]
        keys = _LONG_BARS[request.bar_size]
        merged = [_merge(list(group)) for _, group in groupby(days, lambda bar: keys(_day(bar)))]
        return merged or NO_DATA

    def _daily(self, instrument: Instrument, what: str) -> list[Bar]:
        if what == VOLATILITY:
            return self._level_bars(self._past.vols(instrument.symbol))
        if what == REALIZED:
            return self._level_bars(self._realized_series(instrument.symbol))
        volumes = self._day_volumes(instrument, what)
        shape = self._shape(instrument, what, 0)
        candles = self._past.days(instrument)
        if len(volumes) != len(candles):
            volumes = volumes[-len(candles) :] if len(volumes) else [shape.volume] * len(candles)
        return [
            joined(new_york_date(candle.start), [candle], shape.with_volume(volume))
            for candle, volume in zip(candles, volumes, strict=True)
        ]

    def _day_volumes(self, instrument: Instrument, what: str) -> list[int]:
        """Return the volume of each day in round lots; empty where it is not kept by day."""
        if what not in _WITH_VOLUME or instrument.sec_type is not SecType.STOCK:
            return []
        past = self._world.history.volumes[:, self._world.columns[instrument.symbol]]
        count = len(self._past.dates()) - len(past)
        today = self._volume(instrument, _SESSION_SECONDS)
        return [*(past / 100).astype(int).tolist(), *[today] * count]

    def _realized_series(self, symbol: str) -> Floats:
        squares = np.append(0.0, np.diff(np.log(self._past.closes(symbol))) ** 2)
        sums = np.cumsum(squares)
        window = sums[_REALIZED_DAYS:] - sums[:-_REALIZED_DAYS]
        vols = np.sqrt(252.0 * window / _REALIZED_DAYS)
        return np.append(np.full(_REALIZED_DAYS, np.nan), vols)

    def _level_bars(self, levels: Floats) -> list[Bar]:
        """Return bars of a daily level: from the previous one to this one."""
        days, bars = self._past.dates(), []
        for day, before, here in zip(days[1:], levels, levels[1:], strict=False):
            if not (np.isnan(before) or np.isnan(here)):
                first, last = round(float(before), 6), round(float(here), 6)
                bars.append(Bar(start=day, open=first, high=max(first, last),
                                low=min(first, last), close=last))  # fmt: skip
        return bars

    # -- below a day -----------------------------------------------------------------------------

    def _short_bars(
        self, instrument: Instrument, request: BarRequest, what: str
    ) -> list[Bar] | Refusal:
        if what not in _PRICES:
            return _failed(f"No intraday {what} data for {instrument.symbol}")
        seconds = _BAR_SECONDS[request.bar_size]
        end = _last_trading(request.end)
        since = self._first_instant(request, end)
        longest = _SECONDS_MAX.get(seconds)
        too_long = (end - since).days > _INTRADAY_DAYS_MAX
        if too_long or (longest and end - since > timedelta(seconds=longest)):
            return _failed("Time length exceeds the maximum for this bar size")
        find = self._past.seconds if seconds < 60 else self._past.minutes
        shape = self._shape(instrument, what, seconds)
        bars = [
            joined(start, list(group), shape)
            for start, group in groupby(
                find(instrument, since, end), lambda candle: _slot(candle, seconds)
            )
        ]
        return bars or NO_DATA

    def _shape(self, instrument: Instrument, what: str, seconds: int) -> "Shape":
        has_volume = what in _WITH_VOLUME and instrument.sec_type is not SecType.INDEX
        return Shape(
            what=what,
            half=self.half_spread(instrument) if what in {"BID", "ASK", "BID_ASK"} else 0.0,
            volume=self._volume(instrument, seconds or _SESSION_SECONDS) if has_volume else -1,
            tick=instrument.tick if instrument.future is not None else 0.0,
            digits=instrument.digits,
            floor=0.0 if instrument.option is None else 0.01,
        )

    @staticmethod
    def _volume(instrument: Instrument, seconds: int) -> int:
        """Return a made-up volume: stocks in round lots, others in contracts."""
        share = min(1.0, seconds / _SESSION_SECONDS)
        if instrument.option is not None:
            return int(-log1p(-noise_of(instrument.con_id, 1)) * _OPTION_DAY_VOLUME * share)
        if instrument.future is not None:
            return int(_FUTURE_DAY_VOLUME * share)
        return int(instrument.underlying.day_volume * share) // 100

    # -- spans of time ---------------------------------------------------------------------------

    def _first_day(self, request: BarRequest) -> date:
        count, unit = _duration(request.duration) or (1, "D")
        last = new_york_date(request.end)
        if unit == "D":
            days = min(count, len(self._past.dates()))
            return trading_days_before(last + timedelta(days=1), days)[0]
        if unit == "S":
            count, unit = -(-count // 86_400), "D"
        back = min(count * _UNIT_DAYS[unit], (last - self.head()).days + 1)
        return last - timedelta(days=back) + timedelta(days=1)

    def _first_instant(self, request: BarRequest, end: datetime) -> datetime:
        count, unit = _duration(request.duration) or (1, "D")
        if unit == "S":
            return end - timedelta(seconds=count)
        if unit == "D":
            days = min(count, len(self._past.dates()))
            first = trading_days_before(new_york_date(end) + timedelta(days=1), days)[0]
            return morning_of(first) - timedelta(hours=1)
        return end - timedelta(days=min(count * _UNIT_DAYS[unit], 10_000))


def unavailable(instrument: Instrument, what: str) -> Refusal | None:
    """Return why there is no data of this kind for an instrument, None where there is."""
    kind = instrument.sec_type
    if what not in {*_PRICES, VOLATILITY, REALIZED}:
        return _invalid(f"unknown data {what!r}")
    if what == "ADJUSTED_LAST" and kind is not SecType.STOCK:
        return _failed(f"No {what} data for {kind}")
    if kind is SecType.INDEX and what in _PRICES - {TRADES}:
        return _failed(f"No {what} data for an index")
    if kind is SecType.FOREX and what == TRADES:
        return _failed("No historical trades of a currency pair; ask for MIDPOINT")
    is_priced_by_vol = kind in (SecType.STOCK, SecType.INDEX) and instrument.symbol != VIX
    if what not in _PRICES and not is_priced_by_vol:
        return NO_DATA
    return None


def _unreadable(request: BarRequest) -> Refusal | None:
    if request.bar_size not in _LONG_BARS and request.bar_size not in _BAR_SECONDS:
        return _invalid(
            f"Historical data bar size setting is invalid: {request.bar_size[:40]!r}; legal ones "
            f"are {', '.join([*_BAR_SECONDS, *_LONG_BARS])}"
        )
    if _duration(request.duration) is None:
        return _invalid(
            f"Historical data query duration {request.duration[:40]!r} is invalid; use a number "
            "and one of S, D, W, M, Y"
        )
    return None


def _duration(text: str) -> tuple[int, str] | None:
    """Read `2 D`; a number alone is seconds."""
    count, _, unit = text.strip().partition(" ")
    unit = unit.strip().upper() or "S"
    if not (count.isascii() and count.isdigit()) or unit not in {*_UNIT_DAYS, "S"}:
        return None
    if len(count) > len(str(_COUNT_MAX)) or not 1 <= int(count) <= _COUNT_MAX:
        return None
    return int(count), unit


def _last_trading(end: datetime) -> datetime:
    """Return `end`, or the close before it where the market is closed then."""
    return min(end, latest_session(end).closes)


def _day(bar: Bar) -> date:
    return bar.start.date() if isinstance(bar.start, datetime) else bar.start


def _slot(candle: Candle, seconds: int) -> datetime:
    """Return the start of the bar that holds a candle; bars count from midnight UTC."""
    start = candle.start
    total = start.hour * _HOUR + start.minute * 60 + start.second
    return start - timedelta(seconds=total % seconds)


# -- candles to bars -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How candles of middles become a bar of some kind of data.

    `half` is half the spread, `volume` -1 for none, `tick` the grid of prices (0 = decimals only),
    `floor` the lowest price there is (0 = none).
    """

    what: str
    half: float
    volume: int
    tick: float
    digits: int
    floor: float

    def with_volume(self, volume: int) -> "Shape":
        """Return the same with another volume."""
        return Shape(what=self.what, half=self.half, volume=volume, tick=self.tick,
                     digits=self.digits, floor=self.floor)  # fmt: skip

    def price(self, value: float) -> float:
        """Return a price as it is quoted."""
        if self.tick:
            value = round(value / self.tick) * self.tick
        return round(max(value, self.floor) if self.floor else value, self.digits)


def joined(start: datetime | date, candles: Sequence[Candle], shape: Shape) -> Bar:
    """Return one bar of candles."""
    if isinstance(start, datetime):
        start = max(start, candles[0].start)
    opening, closing = candles[0].open, candles[-1].close
    high, low = max(c.high for c in candles), min(c.low for c in candles)
    half = {"BID": -shape.half, "ASK": shape.half}.get(shape.what, 0.0)
    row = [opening + half, high + half, low + half, closing + half]
    if shape.what == "BID_ASK":
        middle = fmean(0.5 * (c.open + c.close) for c in candles)
        row = [middle - shape.half, high + shape.half, low - shape.half, middle + shape.half]
    first, top, bottom, last = (shape.price(value) for value in row)
    if shape.volume < 0:
        return Bar(start=start, open=first, high=top, low=bottom, close=last)
    count = max(1, shape.volume // 3) if shape.volume else 0
    wap = round((first + top + bottom + last) / 4.0, shape.digits)
    return Bar(start=start, open=first, high=top, low=bottom, close=last, volume=shape.volume,
               wap=wap, count=count)  # fmt: skip


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
        wap=round(fmean(bar.wap for bar in bars), 2) if volume >= 0 else -1.0,
        count=sum(bar.count for bar in bars) if volume >= 0 else -1,
    )
