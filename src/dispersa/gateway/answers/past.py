"""Which bars of the past does a client get, and how often may it ask?"""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import assert_never

from dispersa.gateway.answers.desk import Line
from dispersa.gateway.floor import Every
from dispersa.gateway.model import Bar, Refusal, SecType
from dispersa.gateway.wire import requests as r
from dispersa.gateway.wire import ticks
from dispersa.gateway.wire.times import LOGIN_ZONE

_UPDATE_SECONDS = 5.0
_SMALL_BARS = frozenset({"1 secs", "1 sec", "5 secs", "10 secs", "15 secs", "30 secs"})
_PACING = "Historical Market Data Service error message:HMDS query pacing violation: "

_NO_COMBOS = Refusal(
    code=162,
    text="Historical Market Data Service error message:No historical data for combos; ask for the "
    "legs",
)
_UPDATE_DURATION = "300 S"
"""How far back a stream of bars below one minute looks for what is new."""


class HistoryDesk:
    """Answers one client about the past."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._venue = line.floor.venue
        self._running: dict[int, Every] = {}
        self._pacing = _Pacing(line)

    def close(self) -> None:
        """End every stream of bars."""
        for feed in self._running.values():
            feed.stop()
        self._running.clear()

    def answer(self, request: r.HistoryRequest) -> None:
        """Answer one request."""
        match request:
            case r.HistoricalData():
                self.bars(request)
            case r.HeadTimestamp():
                self.head_timestamp(request)
            case r.HistoricalTicks():
                self.past_ticks(request)
            case _:
                assert_never(request)

    def bars(self, request: r.HistoricalData) -> None:
        """Send past bars; with `keep_up_to_date` the growing last bar every few seconds."""
        if len(self._running) >= self._line.floor.rules.historical_requests_open_max:
            self._line.error(
                request.request_id,
                322,
                "Error processing request.-'dE' : cause - Only "
                f"{len(self._running)} simultaneous API historical data requests allowed.",
            )
            return
        refusal = self._pacing.refusal(request) or self._unsupported(request)
        found = refusal or self._fetch(request)
        if isinstance(found, Refusal):
            self._line.refuse(request.request_id, found)
            return
        self._send(request, found)
        if request.keep_up_to_date:
            self._keep_up(request, found[-1])

    def head_timestamp(self, request: r.HeadTimestamp) -> None:
        """Send when the data of a contract begin."""
        found = self._venue.head_timestamp(request.contract, request.what, request.regular_hours)
        if isinstance(found, Refusal):
            self._line.refuse(request.request_id, found)
            return
        self._line.send(ticks.head_timestamp(request.request_id, found, epoch=request.epoch_dates))

    def past_ticks(self, request: r.HistoricalTicks) -> None:
        """Send single past ticks."""
        if request.contract.sec_type == SecType.BAG:
            self._line.refuse(request.request_id, _NO_COMBOS)
            return
        what = request.what.upper()
        found = self._venue.historical_ticks(
            request.contract, request.start, request.end, request.count, what
        )
        if isinstance(found, Refusal):
            self._line.refuse(request.request_id, found)
            return
        self._line.send(ticks.historical_ticks(request.request_id, what, found))

    def cancel(self, request_id: int) -> None:
        """End a stream of bars; IBKR confirms with error 162, or says 366 where none runs."""
        feed = self._running.pop(request_id, None)
        if feed is None:
            text = f"No historical data query found for ticker id:{request_id}"
            self._line.error(request_id, 366, text)
            return
        feed.stop()
        self._line.error(
            request_id,
            162,
            f"Historical Market Data Service error message:API historical data query cancelled: "
            f"{request_id}",
        )

    # -- inside ----------------------------------------------------------------------------------

    def _unsupported(self, request: r.HistoricalData) -> Refusal | None:
        if request.contract.sec_type == SecType.BAG:
            return _NO_COMBOS
        if request.keep_up_to_date and request.end is not None:
            return Refusal(
                code=321,
                text="Error validating request.-'cG' : cause - End date not supported with "
                "keepUpToDate",
            )
        return None

    def _fetch(self, request: r.HistoricalData) -> Sequence[Bar] | Refusal:
        found = self._venue.historical_bars(
            request.contract,
            request.end,
            request.duration,
            request.bar_size,
            request.what,
            request.regular_hours,
        )
        if not isinstance(found, Refusal) and not found:
            return Refusal(
                code=162,
                text="Historical Market Data Service error message:HMDS query returned no data: "
                f"{request.contract.symbol}@{request.contract.exchange} {request.what}",
            )
        return found

    def _send(self, request: r.HistoricalData, bars: Sequence[Bar]) -> None:
        span = (_instant(bars[0].start), request.end or self._line.floor.clock.now())
        version, epoch = self._line.version, request.epoch_dates
        self._line.send(ticks.historical_data(request.request_id, bars, span, version, epoch=epoch))

    def _keep_up(self, request: r.HistoricalData, last: Bar) -> None:
        """Send the last bar as it grows; when a new one begins, the old one once more, complete."""
        latest = [last.start]
        is_small = request.bar_size in _SMALL_BARS
        asked = replace(request, duration=_UPDATE_DURATION) if is_small else request

        def update() -> None:
            found = self._fetch(asked)
            if isinstance(found, Refusal):
                return
            for bar in found:
                if bar.start >= latest[0]:
                    self._line.send(
                        ticks.historical_update(
                            request.request_id, bar, self._line.version, epoch=request.epoch_dates
                        )
                    )
            latest[0] = found[-1].start

        running = self._running.pop(request.request_id, None)
        if running is not None:
            running.stop()
        self._running[request.request_id] = Every(self._line.floor.loop, _UPDATE_SECONDS, update)


def _instant(start: datetime | date) -> datetime:
    if isinstance(start, datetime):
        return start
    return datetime.combine(start, time(), LOGIN_ZONE)


class _Pacing:
    """IBKR's limits on requests for bars of 30 seconds and less."""

    def __init__(self, line: Line) -> None:
        self._floor = line.floor
        self._asked: deque[tuple[datetime, tuple[object, ...]]] = deque()

    def refusal(self, request: r.HistoricalData) -> Refusal | None:
        """Count the request; return the refusal where it comes too soon."""
        if not self._floor.rules.historical_pacing or request.bar_size not in _SMALL_BARS:
            return None
        now = self._floor.clock.now()
        while self._asked and now - self._asked[0][0] > timedelta(minutes=10):
            self._asked.popleft()
        about = (request.contract, request.what)
        key = (*about, request.end, request.duration, request.bar_size)
        reason = self._reason(now, about, key)
        if reason is not None:
            return Refusal(code=162, text=_PACING + reason)
        self._asked.extend([(now, key)] * (2 if request.what == "BID_ASK" else 1))
        return None

    def _reason(
        self, now: datetime, about: tuple[object, ...], key: tuple[object, ...]
    ) -> str | None:
        ages = [((now - asked).total_seconds(), other) for asked, other in self._asked]
        if any(age < 15.0 and other == key for age, other in ages):
            return "identical request within 15 seconds"
        if sum(age < 2.0 and other[:2] == about for age, other in ages) >= 5:
            return "six or more requests for one contract and type within 2 seconds"
        if len(ages) >= 60:
            return "more than 60 requests within 10 minutes"
        return None
