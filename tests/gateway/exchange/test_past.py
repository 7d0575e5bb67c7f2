"""Bars and ticks of the past: every size, every instrument, and that they fit each other."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from dispersa.gateway.model import Bar, Contract, Refusal
from tests.gateway.exchange.bench import Bench

FUTURE = Contract(symbol="ES", sec_type="FUT", exchange="CME", last_trade_date="202612")
PAIR = Contract(symbol="EUR", sec_type="CASH", exchange="IDEALPRO", currency="USD")
VIX = Contract(symbol="VIX", sec_type="IND", exchange="CBOE", currency="USD")
SECONDS = {"1 secs": 1, "5 secs": 5, "10 secs": 10, "15 secs": 15, "30 secs": 30}
MINUTES = {
    "1 min": 60, "2 mins": 120, "3 mins": 180, "5 mins": 300, "10 mins": 600, "15 mins": 900,
    "20 mins": 1200, "30 mins": 1800, "1 hour": 3600, "2 hours": 7200, "3 hours": 10800,
    "4 hours": 14400, "8 hours": 28800,
}  # fmt: skip


def bars(
    bench: Bench,
    contract: Contract,
    size: str,
    duration: str,
    what: str,
    end: datetime | None = None,
) -> list[Bar]:
    found = bench.venue.historical_bars(contract, end, duration, size, what, True)
    assert not isinstance(found, Refusal), found
    return list(found)


def is_ordered(found: list[Bar]) -> bool:
    sane = all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
               for bar in found)  # fmt: skip
    return sane and all(one.start < next_one.start for one, next_one in pairwise(found))  # type: ignore[operator]


@pytest.mark.parametrize(("size", "seconds"), list((SECONDS | MINUTES).items()))
def test_bars_of_every_size_are_on_their_grid(bench: Bench, size: str, seconds: int) -> None:
    bench.run(90)
    duration = "300 S" if seconds < 60 else "2 D"
    found = bars(bench, bench.stock("AAPL"), size, duration, "TRADES")
    starts = [bar.start for bar in found]
    assert is_ordered(found)
    assert all(isinstance(start, datetime) for start in starts)
    opening = {(14, 30)}
    on_grid = [
        start.timestamp() % seconds == 0 or (start.hour, start.minute) in opening
        for start in starts
        if isinstance(start, datetime)
    ]
    assert all(on_grid[1:])
    if seconds < 60:
        assert len(found) == pytest.approx(300 / seconds, abs=1.1)


def test_seconds_that_were_lived_through_and_drawn_ones_make_the_same_minutes(bench: Bench) -> None:
    bench.run(130)
    for end in (None, datetime(2026, 11, 19, 18, 0, tzinfo=UTC)):
        small = bars(bench, bench.stock("AAPL"), "5 secs", "600 S", "MIDPOINT", end)
        large = bars(bench, bench.stock("AAPL"), "1 min", "600 S", "MIDPOINT", end)
        by_minute: dict[datetime, list[Bar]] = {}
        for bar in small:
            assert isinstance(bar.start, datetime)
            by_minute.setdefault(bar.start.replace(second=0), []).append(bar)
        for bar in large[1:-1]:
            assert isinstance(bar.start, datetime)
            parts = by_minute[bar.start]
            assert (bar.open, bar.close) == (parts[0].open, parts[-1].close)
            assert bar.high == max(part.high for part in parts)
            assert bar.low == min(part.low for part in parts)


def test_bars_are_the_same_when_asked_again_and_in_another_run(
    make_bench: Callable[..., Bench],
) -> None:
    one, other = make_bench(), make_bench()
    one.run(65)
    other.run(65)
    first = bars(one, one.stock("AAPL"), "5 secs", "300 S", "TRADES")
    assert first == bars(one, one.stock("AAPL"), "5 secs", "300 S", "TRADES")
    assert first == bars(other, other.stock("AAPL"), "5 secs", "300 S", "TRADES")


@pytest.mark.parametrize("size", ["5 secs", "1 min", "1 hour", "1 day", "1 week"])
def test_option_bars_end_at_its_present_value(bench: Bench, size: str) -> None:
    option = bench.option("AAPL", 270.0, "C")
    bid, ask = bench.quote(option)
    duration = {"5 secs": "300 S", "1 week": "3 M"}.get(size, "3 D")
    found = bars(bench, option, size, duration, "MIDPOINT")
    assert is_ordered(found)
    assert bid - 0.02 <= found[-1].close <= ask + 0.02
    assert found[-1].volume == -1
    trades = bars(bench, option, size, duration, "TRADES")
    assert all(bar.volume >= 0 for bar in trades)


def test_option_bars_follow_their_underlying_and_keep_put_call_order(bench: Bench) -> None:
    calls = bars(bench, bench.option("AAPL", 270.0, "C"), "1 day", "60 D", "MIDPOINT")
    puts = bars(bench, bench.option("AAPL", 270.0, "P"), "1 day", "60 D", "MIDPOINT")
    stock = bars(bench, bench.stock("AAPL"), "1 day", "60 D", "TRADES")
    # Put-call parity, C - P = PV(F) - PV(K): carry of a month or two on 270 is below four dollars.
    for call, put, under in zip(calls, puts, stock, strict=True):
        assert call.close - put.close == pytest.approx(under.close - 270.0, abs=4.0)


def test_bid_and_ask_bars_lie_about_the_middle_and_bid_ask_bars_span_them(bench: Bench) -> None:
    option = bench.option("AAPL", 270.0, "C")
    bid, middle, ask, both = (
        bars(bench, option, "1 min", "1200 S", what)
        for what in ("BID", "MIDPOINT", "ASK", "BID_ASK")
    )
    for low, mid, high, span in zip(bid, middle, ask, both, strict=True):
        assert low.close < mid.close < high.close
        assert (span.low, span.high) == (low.low, high.high)
        assert span.open < span.close


def test_future_bars_are_the_carried_index_in_quarters(bench: Bench) -> None:
    found = bars(bench, FUTURE, "5 mins", "1 D", "TRADES")
    index = bars(bench, Contract(symbol="SPX", sec_type="IND", exchange="CBOE"), "5 mins", "1 D",
                 "TRADES")  # fmt: skip
    bid, ask = bench.quote(FUTURE)
    assert bid - 0.25 <= found[-1].close <= ask + 0.25
    assert all((bar.close * 4).is_integer() and bar.volume > 0 for bar in found)
    for future, level in zip(found, index, strict=True):
        assert 0.995 < future.close / level.close < 1.02


def test_volatility_index_has_bars_below_a_day(bench: Bench) -> None:
    daily = bars(bench, VIX, "1 day", "5 D", "TRADES")
    minutes = bars(bench, VIX, "5 mins", "5 D", "TRADES")
    assert is_ordered(minutes)
    assert minutes[-1].close == pytest.approx(daily[-1].close, abs=0.011)
    assert min(bar.low for bar in minutes) >= min(bar.low for bar in daily) - 0.011


def test_bars_asked_for_after_the_close_end_at_the_close(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(start=datetime(2026, 11, 20, 23, 0, tzinfo=UTC))
    (*_, last) = bars(bench, PAIR, "1 min", "3600 S", "MIDPOINT")
    assert last.start == datetime(2026, 11, 20, 20, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("size", "duration", "code"),
    [
        ("1 day", "999999999999999999 D", 321),
        ("1 day", "99999 Y", None),
        ("1 min", "99999 Y", 162),
        ("1 min", "9" * 5000 + " D", 321),
        ("1 secs", "1 D", 162),
        ("1 day", "0 D", 321),
        ("1 day", "1 X", 321),
        ("7 mins", "1 D", 321),
        ("1 day", "²  D", 321),
    ],
)
def test_senseless_spans_are_answered_at_once(
    bench: Bench, size: str, duration: str, code: int | None
) -> None:
    found = bench.venue.historical_bars(bench.stock("AAPL"), None, duration, size, "TRADES", True)
    assert (found.code if isinstance(found, Refusal) else None) == code


def test_option_has_no_bars_before_it_was_listed(bench: Bench) -> None:
    found = bars(bench, bench.option("AAPL", 270.0, "C"), "1 day", "3 Y", "MIDPOINT")
    assert timedelta(days=320) < found[-1].start - found[0].start < timedelta(days=366)  # type: ignore[operator]
