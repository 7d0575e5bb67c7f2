"""Ticks, Greeks, computed prices and bars."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from dispersa.gateway.model import (
    Bar,
    Contract,
    Refusal,
    Subscription,
    Tick,
    TickGeneric,
    TickOption,
    TickPrice,
    TickSize,
)
from tests.gateway.exchange.bench import Bench

ALLOWED = {1, 2, 4, 6, 7, 9, 14, 0, 3, 5, 8, 27, 28, 29, 30, 87, 23, 24, 49, 45, 10, 11, 12, 13}
"""Tick types of ibkr-api.md 1.3 that this venue uses."""
VIX = Contract(symbol="VIX", sec_type="IND", exchange="CBOE")


def subscribe(bench: Bench, contract: Contract, *generics: int) -> tuple[list[Tick], Subscription]:
    ticks: list[Tick] = []
    line = bench.venue.subscribe(contract, generics, ticks.append)
    assert isinstance(line, Subscription)
    return ticks, line


def bars(bench: Bench, contract: Contract, duration: str, size: str, what: str) -> list[Bar]:
    found = bench.venue.historical_bars(contract, None, duration, size, what, True)
    assert not isinstance(found, Refusal), found
    return list(found)


# -- ticks ---------------------------------------------------------------------------------------


def test_option_line_has_quote_close_and_computations(bench: Bench) -> None:
    ticks, _ = subscribe(bench, bench.option("AAPL", 270.0, "C"), 100, 101)
    kinds = [tick.kind for tick in ticks]
    assert set(kinds) >= {0, 1, 2, 3, 9, 10, 11, 13, 27, 28, 29, 30}
    assert set(kinds) <= ALLOWED
    by_kind = {tick.kind: tick for tick in ticks}
    bid, ask, model = by_kind[10], by_kind[11], by_kind[13]
    assert isinstance(bid, TickOption)
    assert isinstance(ask, TickOption)
    assert isinstance(model, TickOption)
    assert bid.implied_vol < model.implied_vol < ask.implied_vol  # type: ignore[operator]
    assert by_kind[28] == TickSize(kind=28, size=0)


def test_greeks_are_per_share_per_point_and_per_day(bench: Bench) -> None:
    """A straddle at the money: vega about 0.4 S sqrt(T) / 100 per leg, theta about -vega s / 2T."""
    ticks, _ = subscribe(bench, bench.option("AAPL", 270.0, "C"))
    model = next(tick for tick in ticks if isinstance(tick, TickOption) and tick.kind == 13)
    years = 28.25 / 365
    assert model.vega == pytest.approx(0.01 * 268.2 * 0.3989 * np.sqrt(years), rel=0.02)
    assert model.theta == pytest.approx(
        -100 * (model.vega or 0) * (model.implied_vol or 0) / (2 * years) / 365, rel=0.15
    )
    assert model.under_price == pytest.approx(268.2)


def test_option_without_bid_has_the_sentinels(bench: Bench) -> None:
    far = Contract(symbol="AAPL", sec_type="OPT", last_trade_date="20261127", right="C")
    found = bench.venue.contract_details(far)
    assert not isinstance(found, Refusal)
    ticks, _ = subscribe(bench, found[-1].contract)
    by_kind = {tick.kind: tick for tick in ticks}
    assert by_kind[1] == TickPrice(kind=1, price=-1.0, size=0)
    bid = by_kind[10]
    assert isinstance(bid, TickOption)
    assert (bid.implied_vol, bid.delta, bid.vega) == (None, None, None)


def test_line_pushes_only_what_changed_until_it_ends(bench: Bench) -> None:
    ticks, line = subscribe(bench, bench.stock("AAPL"), 106)
    ticks.clear()
    bench.run(10.0)
    assert ticks
    for kind in ALLOWED:
        seen = [t.price for t in ticks if isinstance(t, TickPrice) and t.kind == kind]
        assert all(a != b for a, b in pairwise(seen))
    assert 24 in {tick.kind for tick in ticks}
    bench.venue.unsubscribe(line)
    ticks.clear()
    bench.run(5.0)
    assert ticks == []


def test_underlying_generics_are_30_day_implied_and_realized_vol(bench: Bench) -> None:
    ticks, _ = subscribe(bench, bench.stock("MSFT"), 104, 106)
    generics = {tick.kind: tick.value for tick in ticks if isinstance(tick, TickGeneric)}
    assert generics[24] == pytest.approx(bench.venue.truth.implied_vols["MSFT"], abs=1e-6)
    assert 0.05 < generics[23] < 0.8


def test_index_has_a_level_and_no_quote(bench: Bench) -> None:
    ticks, _ = subscribe(bench, VIX)
    kinds = {tick.kind for tick in ticks}
    assert 4 in kinds
    assert not kinds & {0, 1, 2, 3}


def test_combo_line_is_the_sum_of_its_legs(bench: Bench) -> None:
    call, put = bench.option("AAPL", 270.0, "C"), bench.option("AAPL", 270.0, "P")
    bid, ask = bench.quote(bench.combo("AAPL", (call, 1, "BUY"), (put, 1, "BUY")))
    legs = [bench.quote(one) for one in (call, put)]
    assert bid == pytest.approx(sum(leg[0] for leg in legs))
    assert ask == pytest.approx(sum(leg[1] for leg in legs))


def test_same_seed_gives_the_same_ticks_whatever_else_is_asked(bench: Bench) -> None:
    quiet = Bench(bench.settings)
    one, _ = subscribe(bench, bench.option("AAPL", 270.0, "C"))
    two, _ = subscribe(quiet, quiet.option("AAPL", 270.0, "C"))
    subscribe(bench, bench.stock("NVDA"), 106)
    bench.place(bench.straddle("QQQ", 598.0), "SELL", 5)
    for venue in (bench, quiet):
        venue.run(20.0)
    quotes = [[t for t in ticks if isinstance(t, TickPrice) and t.kind in (1, 2)]
              for ticks in (one, two)]  # fmt: skip
    assert quotes[0] == quotes[1]


# -- computed ------------------------------------------------------------------------------------


def test_calculated_vol_and_price_invert_each_other(bench: Bench) -> None:
    call = bench.option("AAPL", 270.0, "C")
    priced = bench.venue.option_price(call, 0.31, 265.0)
    assert isinstance(priced, TickOption)
    found = bench.venue.implied_vol(call, priced.price or 0.0, 265.0)
    assert isinstance(found, TickOption)
    assert found.implied_vol == pytest.approx(0.31, abs=1e-8)
    assert isinstance(bench.venue.implied_vol(bench.stock("AAPL"), 1.0, 1.0), Refusal)


# -- bars ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["TRADES", "OPTION_IMPLIED_VOLATILITY", "HISTORICAL_VOLATILITY"])
def test_two_years_of_daily_bars(bench: Bench, what: str) -> None:
    found = bars(bench, bench.stock("QQQ"), "2 Y", "1 day", what)
    assert 500 <= len(found) <= 504
    assert found[-1].start == date(2026, 11, 20)
    days = [bar.start for bar in found]
    assert days == sorted(set(days))
    assert all(bar.low <= min(bar.open, bar.close) <= bar.high for bar in found)
    assert all((bar.volume == -1) == (what != "TRADES") for bar in found)


def test_realized_vol_bar_is_that_of_the_thirty_closes_before(bench: Bench) -> None:
    closes = [b.close for b in bars(bench, bench.stock("AAPL"), "31 D", "1 day", "TRADES")]
    last = bars(bench, bench.stock("AAPL"), "1 D", "1 day", "HISTORICAL_VOLATILITY")[-1]
    moves = np.diff(np.log(closes))
    assert last.close == pytest.approx(np.sqrt(252 * np.mean(moves**2)), rel=1e-3)


def test_last_implied_vol_bar_is_today_and_joins_the_live_value(bench: Bench) -> None:
    last = bars(bench, bench.stock("QQQ"), "5 D", "1 day", "OPTION_IMPLIED_VOLATILITY")[-1]
    assert last.close == pytest.approx(bench.venue.truth.implied_vols["QQQ"], abs=1e-6)


def test_five_minute_bars_of_a_day_cover_its_session(bench: Bench) -> None:
    bench.run(900.0, step=5.0)
    found = bars(bench, bench.stock("AAPL"), "2 D", "5 mins", "TRADES")
    yesterday = [bar for bar in found if bar.start.day == 19]
    assert len(yesterday) == 78
    today = [bar for bar in found if bar.start.day == 20]
    assert today[0].start == datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
    assert len(today) == 9
    daily = bars(bench, bench.stock("AAPL"), "2 D", "1 day", "TRADES")
    assert yesterday[-1].close == pytest.approx(daily[0].close, abs=0.011)
    assert max(bar.high for bar in today) <= daily[1].high + 0.011


def test_weekly_bars_hold_their_days(bench: Bench) -> None:
    weeks = bars(bench, bench.stock("AAPL"), "8 W", "1 week", "TRADES")
    assert 8 <= len(weeks) <= 9
    assert all(bar.volume > 0 for bar in weeks)


def test_bars_end_where_asked(bench: Bench) -> None:
    end = bench.time - timedelta(days=30)
    found = bench.venue.historical_bars(bench.stock("AAPL"), end, "10 D", "1 day", "TRADES", True)
    assert not isinstance(found, Refusal)
    assert len(found) == 10
    assert found[-1].start <= end.date()


@pytest.mark.parametrize(
    ("contract", "duration", "size", "what", "code"),
    [
        (Contract(symbol="AAPL", sec_type="STK"), "1 Q", "1 day", "TRADES", 321),
        (Contract(symbol="AAPL", sec_type="STK"), "1 D", "7 days", "TRADES", 321),
        (Contract(symbol="AAPL", sec_type="STK"), "1 D", "1 day", "RUMORS", 321),
        (Contract(symbol="NOSUCH", sec_type="STK"), "1 D", "1 day", "TRADES", 200),
        (VIX, "1 D", "1 day", "OPTION_IMPLIED_VOLATILITY", 162),
    ],
)  # fmt: skip
def test_bars_that_can_not_be_given(
    bench: Bench, contract: Contract, duration: str, size: str, what: str, code: int
) -> None:
    found = bench.venue.historical_bars(contract, None, duration, size, what, True)
    assert isinstance(found, Refusal)
    assert found.code == code


def test_head_of_the_data_is_before_two_years_ago(bench: Bench) -> None:
    head = bench.venue.head_timestamp(bench.stock("AAPL"), "TRADES", True)
    assert isinstance(head, datetime)
    assert head < bench.time - timedelta(days=730)
