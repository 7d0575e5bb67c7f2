"""Which ticks does a client get, on which lines, live or delayed?"""

from collections.abc import Callable, Sequence
from typing import assert_never

from dispersa.gateway.answers.desk import Line
from dispersa.gateway.model import (
    Refusal,
    SecType,
    Subscription,
    Tick,
    TickOption,
    TickPrice,
)
from dispersa.gateway.wire import replies, ticks
from dispersa.gateway.wire import requests as r

_SNAPSHOT_END = 57
_LIVE, _DELAYED = 1, 3
_BID, _ASK, _LAST = 1, 2, 4
_MODEL = 13
_NOT_SUBSCRIBED = {
    354: "Requested market data is not subscribed. Delayed market data is available; request it "
    "with market data type 3.",
    10089: "Requested market data requires additional subscription for API. Delayed market data is "
    "available.",
    10168: "Requested market data is not subscribed. Delayed market data is not enabled.",
}
_PARTLY_SUBSCRIBED = (
    "Part of requested market data is not subscribed. Subscription-independent ticks are still "
    "active."
)
_DELAYED_SHOWN = "Requested market data is not subscribed. Displaying delayed market data."
_DUPLICATE = "Error processing request.-'bN' : cause - Duplicate ticker id"
_COMPETING = "No market data during competing live session"


class QuoteDesk:
    """Keeps one client's market data lines."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._floor = line.floor
        self._venue = line.floor.venue
        self._kind = _LIVE
        self._running: dict[int, tuple[Subscription, int]] = {}

    @property
    def running(self) -> int:
        """How many lines are open."""
        return len(self._running)

    def close(self) -> None:
        """End every line."""
        for request_id in list(self._running):
            self._end(request_id)

    def answer(self, request: r.QuoteRequest) -> None:
        """Answer one request."""
        match request:
            case r.MarketData():
                self.market_data(request)
            case r.TickByTick():
                self.tick_by_tick(request)
            case r.SetMarketDataType():
                self.set_type(request)
            case _:
                assert_never(request)

    def refuse_all(self, code: int, text: str) -> None:
        """Say on every line that there is no data."""
        for request_id in self._running:
            self._line.error(request_id, code, text)

    def set_type(self, request: r.SetMarketDataType) -> None:
        """Choose live, frozen, delayed or delayed-frozen data for the requests that follow."""
        if request.kind not in {1, 2, 3, 4}:
            self._line.error(
                -1, 321, f"Error validating request: market data type {request.kind} is not 1 to 4"
            )
            return
        self._kind = request.kind

    def market_data(self, request: r.MarketData) -> None:
        """Open a line, or send one snapshot."""
        if request.request_id in self._running:
            self._line.error(request.request_id, 322, _DUPLICATE)
            return
        if not self._is_entitled(request.request_id):
            return
        if request.snapshot:
            self._snapshot(request)
        else:
            self._stream(request)

    def tick_by_tick(self, request: r.TickByTick) -> None:
        """Open a line of single ticks; there are none for options."""
        wanted = _TICK_BY_TICK.get(request.kind)
        if request.request_id in self._running:
            self._line.error(request.request_id, 322, _DUPLICATE)
            return
        if request.contract.sec_type in {SecType.OPTION, SecType.BAG} or wanted is None:
            self._line.error(
                request.request_id,
                10189,
                "Failed to request tick-by-tick data.No market data permissions for "
                f"{request.contract.sec_type or 'contract'} {request.kind}",
            )
            return
        single = wanted(self._line, request.request_id)
        weight = self._weight(request.contract.sec_type)
        if not self._has_room(request.request_id, weight):
            return
        self._send_past(request)
        found = self._venue.subscribe(request.contract, (), single)
        if isinstance(found, Refusal):
            self._line.refuse(request.request_id, found)
        else:
            self._started(request.request_id, found, weight)

    def _send_past(self, request: r.TickByTick) -> None:
        """Send the past ticks that come before the stream where they are asked for."""
        if request.past_count < 1:
            return
        what = _PAST_KIND[request.kind]
        now = self._floor.clock.now()
        found = self._venue.historical_ticks(request.contract, None, now, request.past_count, what)
        if isinstance(found, Refusal):
            self._line.refuse(request.request_id, found)
        else:
            self._line.send(ticks.historical_ticks(request.request_id, what, found))

    def cancel(self, request_id: int) -> None:
        """End a line; 300 where there is none."""
        if request_id in self._running:
            self._end(request_id)
        else:
            self._line.error(request_id, 300, f"Can't find EId with tickerId:{request_id}")

    # -- inside ----------------------------------------------------------------------------------

    def _is_entitled(self, request_id: int) -> bool:
        if self._floor.conditions.has_competing_session:
            self._line.error(request_id, 10197, _COMPETING)
            return False
        if self._floor.rules.live_market_data:
            return True
        if self._kind in {1, 2}:
            code = self._floor.rules.market_data_refusal
            self._line.error(request_id, code, _NOT_SUBSCRIBED[code])
            return False
        self._line.error(request_id, 10167, _DELAYED_SHOWN)
        return True

    def _stream(self, request: r.MarketData) -> None:
        delayed = self._kind >= _DELAYED
        request_id, line = request.request_id, self._line
        conditions = self._floor.conditions
        before: list[bytes] | None = []
        is_option = request.contract.sec_type == SecType.OPTION
        no_greeks = is_option and not self._floor.rules.greeks_subscribed

        def sink(one: Tick) -> None:
            if conditions.has_competing_session or (no_greeks and isinstance(one, TickOption)):
                return
            frame = ticks.tick(request_id, one, delayed=delayed)
            if before is None:
                line.send(frame)
            else:
                before.append(frame)

        weight = self._weight(request.contract.sec_type)
        if not self._has_room(request_id, weight):
            return
        found = self._venue.subscribe(request.contract, request.generic_ticks, sink)
        if isinstance(found, Refusal):
            line.refuse(request_id, found)
            return
        self._started(request_id, found, weight)
        line.send(ticks.tick_request_parameters(request_id, found))
        line.send(ticks.market_data_type(request_id, self._kind))
        if no_greeks:
            line.error(request_id, 10090, _PARTLY_SUBSCRIBED)
        early, before = before, None
        for frame in early or ():
            line.send(frame)

    def _started(self, request_id: int, found: Subscription, weight: int) -> None:
        self._running[request_id] = (found, weight)
        self._floor.take_lines(weight)

    def _weight(self, sec_type: str) -> int:
        is_free = sec_type == SecType.BAG and not self._floor.rules.bag_quotes_count_as_lines
        return 0 if is_free else 1

    def _has_room(self, request_id: int, weight: int) -> bool:
        limit = self._floor.rules.market_data_lines_max
        if not limit or self._floor.lines + weight <= limit:
            return True
        self._line.error(request_id, 101, "Max number of tickers has been reached")
        return False

    def _end(self, request_id: int) -> None:
        subscription, weight = self._running.pop(request_id)
        self._venue.unsubscribe(subscription)
        self._floor.take_lines(-weight)

    def _snapshot(self, request: r.MarketData) -> None:
        found = self._venue.snapshot(request.contract)
        if isinstance(found, Refusal):
            self._line.refuse(request.request_id, found)
            return
        self._line.send(ticks.market_data_type(request.request_id, self._kind))
        for one in found:
            self._line.send(ticks.tick(request.request_id, one, delayed=self._kind >= _DELAYED))
        end = replies.end(_SNAPSHOT_END, request.request_id)
        if _is_complete(found, request.contract.sec_type):
            self._line.send(end)
        else:
            self._floor.loop.call_later(self._floor.rules.snapshot_seconds, self._line.send, end)


def _is_complete(found: Sequence[Tick], sec_type: str) -> bool:
    """Whether nothing more is to be expected of a snapshot; what is not quoted needs a last."""
    quoted = {one.kind for one in found if isinstance(one, TickPrice) and one.kind in {_BID, _ASK}}
    # A combo may be quoted at zero or below; what is not quoted at all has no size either.
    kinds = {
        one.kind for one in found if not isinstance(one, TickPrice) or one.price > 0 or one.size > 0
    }
    wanted = {_BID, _ASK} if quoted else {_LAST}
    return wanted | ({_MODEL} if sec_type == SecType.OPTION else set()) <= kinds


class _BidAsk:
    """Turns bid and ask ticks into tick-by-tick BidAsk messages."""

    def __init__(self, line: Line, request_id: int) -> None:
        self._line = line
        self._request_id = request_id
        self._sides: dict[int, TickPrice] = {}

    def __call__(self, one: Tick) -> None:
        if isinstance(one, TickPrice) and one.kind in {_BID, _ASK}:
            self._sides[one.kind] = one
            if len(self._sides) == 2:
                self.send(self._sides[_BID], self._sides[_ASK])

    def send(self, bid: TickPrice, ask: TickPrice) -> None:
        """Send both sides."""
        now = self._line.floor.clock.now()
        self._line.send(ticks.tick_by_tick_bid_ask(self._request_id, now, bid, ask))


class _MidPoint(_BidAsk):
    """Turns bid and ask ticks into tick-by-tick MidPoint messages."""

    def send(self, bid: TickPrice, ask: TickPrice) -> None:
        """Send the middle."""
        now, middle = self._line.floor.clock.now(), (bid.price + ask.price) / 2.0
        self._line.send(ticks.tick_by_tick_midpoint(self._request_id, now, middle))


class _Last:
    """Turns last-trade ticks into tick-by-tick Last messages."""

    all_trades = False

    def __init__(self, line: Line, request_id: int) -> None:
        self._line = line
        self._request_id = request_id

    def __call__(self, one: Tick) -> None:
        if isinstance(one, TickPrice) and one.kind == _LAST:
            now = self._line.floor.clock.now()
            self._line.send(
                ticks.tick_by_tick_last(self._request_id, now, one, all_trades=self.all_trades)
            )


class _AllLast(_Last):
    """The same for AllLast."""

    all_trades = True


_TICK_BY_TICK: dict[str, Callable[[Line, int], Callable[[Tick], None]]] = {
    "BidAsk": _BidAsk,
    "MidPoint": _MidPoint,
    "Last": _Last,
    "AllLast": _AllLast,
}
_PAST_KIND = {"BidAsk": "BID_ASK", "MidPoint": "MIDPOINT", "Last": "TRADES", "AllLast": "TRADES"}


class Calculator:
    """Answers what-if questions about one option's volatility or price."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._venue = line.floor.venue

    def answer(self, request: r.CalculationRequest) -> None:
        """Answer one request."""
        match request:
            case r.CalculateImpliedVol():
                self.implied_vol(request)
            case r.CalculateOptionPrice():
                self.option_price(request)
            case _:
                assert_never(request)

    def implied_vol(self, request: r.CalculateImpliedVol) -> None:
        """Send the computation for an option price."""
        found = self._venue.implied_vol(request.contract, request.option_price, request.under_price)
        self._send(request.request_id, found)

    def option_price(self, request: r.CalculateOptionPrice) -> None:
        """Send the computation for a volatility."""
        found = self._venue.option_price(request.contract, request.volatility, request.under_price)
        self._send(request.request_id, found)

    def _send(self, request_id: int, found: TickOption | Refusal) -> None:
        if isinstance(found, Refusal):
            self._line.refuse(request_id, found)
        else:
            self._line.send(ticks.tick(request_id, found))
