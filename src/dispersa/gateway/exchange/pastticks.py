"""Which single ticks were there?

One a second, at the value that the instrument had when the second ended. Trades print alternately
at the bid and at the offer of that moment.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from dispersa.gateway.exchange.bars import NO_DATA, Bars, Shape, unavailable
from dispersa.gateway.exchange.directory import Instrument, exchanges_of
from dispersa.gateway.exchange.past import Past
from dispersa.gateway.model import PastTick, Refusal, SecType
from dispersa.gateway.world.calendar import latest_session, new_york_date, session
from dispersa.gateway.world.spreads import noise_of
from dispersa.gateway.world.tape import Candle
from dispersa.gateway.world.world import World

TICKS_MAX = 1_000
_KINDS = ("TRADES", "MIDPOINT", "BID_ASK")
_LOTS = {SecType.STOCK: 100, SecType.FOREX: 1_000_000}
_SLICE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class TickRequest:
    """One request: from `start` on, or up to `end`."""

    start: datetime | None
    end: datetime | None
    count: int
    what: str


def _invalid(cause: str) -> Refusal:
    return Refusal(code=321, text=f"Error validating request.-'bI' : cause - {cause}")


class PastTicks:
    """Makes ticks of the seconds that instruments passed through."""

    def __init__(self, world: World, past: Past, bars: Bars) -> None:
        self._world = world
        self._past = past
        self._bars = bars

    def ticks(self, instrument: Instrument, request: TickRequest) -> list[PastTick] | Refusal:
        """Return ticks, oldest first, or why there are none."""
        refusal = _senseless(request) or unavailable(instrument, request.what)
        if refusal is not None:
            return refusal
        if request.start is not None:
            found = list(islice(self._after(instrument, request.start), request.count))
        else:
            end = min(request.end or self._world.now, self._world.now)
            found = list(islice(self._before(instrument, end), request.count))[::-1]
        return [self._tick(instrument, one, request.what) for one in found] or NO_DATA

    def _after(self, instrument: Instrument, start: datetime) -> Iterator[Candle]:
        for day in self._past.dates():
            held = session(day)
            if held is None or held.closes <= start:
                continue
            at = max(start, held.opens)
            while at < min(held.closes, self._world.now):
                until = min(at + _SLICE, held.closes, self._world.now)
                yield from self._past.seconds(instrument, at, until)
                at = until

    def _before(self, instrument: Instrument, end: datetime) -> Iterator[Candle]:
        """Yield seconds of the session that ends at or holds `end`, the latest first."""
        held = latest_session(end)
        if new_york_date(held.opens) < self._past.dates()[0]:
            return
        until = min(end, held.closes)
        while until > held.opens:
            since = max(until - _SLICE, held.opens)
            yield from reversed(self._past.seconds(instrument, since, until))
            until = since

    def _tick(self, instrument: Instrument, second: Candle, what: str) -> PastTick:
        shape = Shape(
            what=what,
            half=self._bars.half_spread(instrument),
            volume=-1,
            tick=instrument.tick if instrument.future is not None else 0.0,
            digits=instrument.digits,
            floor=0.0 if instrument.option is None else 0.01,
        )
        number = int(second.start.timestamp())
        lot = _LOTS.get(instrument.sec_type, 1)
        bid_size, ask_size = (
            lot * (1 + int(8 * noise_of(instrument.con_id, 2 * number + side))) for side in (0, 1)
        )
        middle = second.close
        if what == "MIDPOINT":
            return PastTick(time=second.start, price=round(middle, instrument.digits + 1))
        bid, ask = shape.price(middle - shape.half), shape.price(middle + shape.half)
        if what == "BID_ASK":
            return PastTick(time=second.start, price=bid, size=bid_size, ask=ask, ask_size=ask_size)
        if instrument.sec_type is SecType.INDEX:
            return PastTick(time=second.start, price=shape.price(middle))
        venues = exchanges_of(instrument)
        return PastTick(
            time=second.start,
            price=ask if number % 2 else bid,
            size=bid_size,
            exchange=venues[number % (len(venues) - 1) + 1] if len(venues) > 1 else venues[0],
        )


def _senseless(request: TickRequest) -> Refusal | None:
    if request.what not in _KINDS:
        return _invalid(f"tick type {request.what[:40]!r} is none of {', '.join(_KINDS)}")
    if not 1 <= request.count <= TICKS_MAX:
        return _invalid(f"{request.count} ticks; expected 1 to {TICKS_MAX}")
    if (request.start is None) == (request.end is None):
        return _invalid("exactly one of start and end time is needed")
    return None
