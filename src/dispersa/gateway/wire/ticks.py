"""How do ticks and bars look on the wire?"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from dispersa.gateway.model import (
    Bar,
    PastTick,
    Subscription,
    Tick,
    TickGeneric,
    TickOption,
    TickPrice,
    TickSize,
    TickString,
)
from dispersa.gateway.wire.texts import double, message
from dispersa.gateway.wire.times import bar_time, stamp

DELAYED_KINDS = {
    0: 69, 1: 66, 2: 67, 3: 70, 4: 68, 5: 71, 6: 72, 7: 73, 8: 74, 9: 75, 14: 76,
    10: 80, 11: 81, 12: 82, 13: 83, 45: 88, 49: 90,
}  # fmt: skip
"""Live tick type → the type that delayed data arrives as."""

_NOT_COMPUTED = "-1.0"
_NOT_COMPUTED_GREEK = "-2.0"


def tick(request_id: int, one: Tick, *, delayed: bool = False) -> bytes:
    """Return message 1, 2, 21, 45 or 46."""
    kind = DELAYED_KINDS.get(one.kind, one.kind) if delayed else one.kind
    text: str
    match one:
        case TickPrice():
            text = (
                f"1\0006\0{request_id}\0{kind}\0{double(one.price)}\0{one.size}\0{one.attributes}\0"
            )
        case TickSize():
            text = f"2\0006\0{request_id}\0{kind}\0{one.size}\0"
        case TickOption():
            text = _option(request_id, kind, one)
        case TickGeneric():
            text = f"45\0006\0{request_id}\0{kind}\0{double(one.value)}\0"
        case TickString():
            text = f"46\0006\0{request_id}\0{kind}\0{one.value}\0"
    payload = text.encode("ascii", "replace")
    return len(payload).to_bytes(4, "big") + payload


def _option(request_id: int, kind: int, one: TickOption) -> str:
    return (
        f"21\0{request_id}\0{kind}\0{one.price_based:d}\0{_or(one.implied_vol, _NOT_COMPUTED)}\0"
        f"{_or(one.delta, _NOT_COMPUTED_GREEK)}\0{_or(one.price, _NOT_COMPUTED)}\0"
        f"{_or(one.pv_dividend, _NOT_COMPUTED)}\0{_or(one.gamma, _NOT_COMPUTED_GREEK)}\0"
        f"{_or(one.vega, _NOT_COMPUTED_GREEK)}\0{_or(one.theta, _NOT_COMPUTED_GREEK)}\0"
        f"{_or(one.under_price, _NOT_COMPUTED)}\0"
    )


def _or(value: float | None, unset: str) -> str:
    return unset if value is None else double(value)


def market_data_type(request_id: int, kind: int) -> bytes:
    """Return message 58."""
    return message("58", "1", str(request_id), str(kind))


def tick_request_parameters(request_id: int, line: Subscription) -> bytes:
    """Return message 81."""
    tail = (double(line.min_tick), line.bbo_exchange, str(line.snapshot_permissions))
    return message("81", str(request_id), *tail)


def historical_data(
    request_id: int,
    bars: Sequence[Bar],
    span: tuple[datetime, datetime],
    version: int,
    *,
    epoch: bool,
) -> bytes:
    """Return message 17; `span` is the time that the request covers."""
    fields = [text for bar in bars for text in _bar(bar, version, epoch=epoch)]
    start, finish = (stamp(moment, version) for moment in span)
    return message("17", str(request_id), start, finish, str(len(bars)), *fields)


def _bar(bar: Bar, version: int, *, epoch: bool) -> tuple[str, ...]:
    return (
        bar_time(bar.start, version, epoch=epoch),
        double(bar.open),
        double(bar.high),
        double(bar.low),
        double(bar.close),
        str(bar.volume),
        double(bar.wap),
        str(bar.count),
    )


def historical_update(request_id: int, bar: Bar, version: int, *, epoch: bool) -> bytes:
    """Return message 90: count, date, open, close, high, low, wap, volume."""
    day, opened, high, low, close, volume, wap, count = _bar(bar, version, epoch=epoch)
    return message("90", str(request_id), count, day, opened, close, high, low, wap, volume)


def head_timestamp(request_id: int, moment: datetime, *, epoch: bool) -> bytes:
    """Return message 88."""
    text = str(int(moment.timestamp())) if epoch else f"{moment.astimezone(UTC):%Y%m%d-%H:%M:%S}"
    return message("88", str(request_id), text)


def historical_ticks(request_id: int, what: str, ticks: Sequence[PastTick]) -> bytes:
    """Return message 96 (MIDPOINT), 97 (BID_ASK) or 98 (TRADES); there is never a second part."""
    message_id, spelled = _PAST_TICKS[what]
    texts = [text for one in ticks for text in (str(int(one.time.timestamp())), *spelled(one))]
    return message(message_id, str(request_id), str(len(ticks)), *texts, "1")


_PAST_TICKS: dict[str, tuple[str, Callable[[PastTick], tuple[str, ...]]]] = {
    "MIDPOINT": ("96", lambda one: ("0", double(one.price), "0")),
    "BID_ASK": (
        "97",
        lambda one: ("0", double(one.price), double(one.ask), str(one.size), str(one.ask_size)),
    ),
    "TRADES": ("98", lambda one: ("0", double(one.price), str(one.size), one.exchange, "")),
}


def tick_by_tick_bid_ask(request_id: int, now: datetime, bid: TickPrice, ask: TickPrice) -> bytes:
    """Return message 99 of type 3."""
    head = ("99", str(request_id), "3", str(int(now.timestamp())))
    return message(*head, double(bid.price), double(ask.price), str(bid.size), str(ask.size), "0")


def tick_by_tick_midpoint(request_id: int, now: datetime, middle: float) -> bytes:
    """Return message 99 of type 4."""
    return message("99", str(request_id), "4", str(int(now.timestamp())), double(middle))


def tick_by_tick_last(
    request_id: int, now: datetime, trade: TickPrice, *, all_trades: bool
) -> bytes:
    """Return message 99 of type 1 (Last) or 2 (AllLast)."""
    head = ("99", str(request_id), "2" if all_trades else "1", str(int(now.timestamp())))
    return message(*head, double(trade.price), str(trade.size), "0", "", "")
