"""Conformance 20 to 49: contracts, chains, quotes, Greeks, history, account."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal

import pytest

from dispersa.broker import BarContent
from dispersa.errors import InvalidInput, MarketDataMissing
from dispersa.gateway.settings import Rules
from dispersa.market import (
    DataKind,
    GreeksSource,
    Right,
    Settlement,
    Symbol,
    UnderlyingKind,
)

from .bench import Bench, bench_on, case, eventually, gateway


@case(20, "qualify an ETF", "one contract id, kind ETF, dollars")
async def _(bench: Bench) -> None:
    found = await bench.feed.underlying(Symbol("QQQ"))
    assert (found.kind, found.currency) == (UnderlyingKind.ETF, "USD")
    assert found.con_id > 0


@case(21, "qualify a stock", "kind STOCK with its primary exchange")
async def _(bench: Bench) -> None:
    found = await bench.feed.underlying(Symbol("NVDA"))
    assert found.kind is UnderlyingKind.STOCK
    assert found.primary_exchange


@case(22, "qualify the VIX", "kind INDEX")
async def _(bench: Bench) -> None:
    assert (await bench.feed.underlying(Symbol("VIX"))).kind is UnderlyingKind.INDEX


@case(23, "qualify an unknown symbol", "InvalidInput names it")
async def _(bench: Bench) -> None:
    with pytest.raises(InvalidInput, match="NOSUCHNAME"):
        await bench.feed.underlying(Symbol("NOSUCHNAME"))


@case(24, "qualify twenty times at once", "one answer for all, the same contract")
async def _(bench: Bench) -> None:
    found = await asyncio.gather(*(bench.feed.underlying(Symbol("QQQ")) for _ in range(20)))
    assert len({row.con_id for row in found}) == 1


@case(25, "list option classes", "standard classes with ascending expiries and strikes")
async def _(bench: Bench) -> None:
    for listing in await bench.feed.listings(bench.underlying):
        assert listing.multiplier == 100
        assert list(listing.expiries) == sorted(set(listing.expiries))
        assert list(listing.strikes) == sorted(set(listing.strikes))
        assert listing.expiries[0] >= bench.clock.now().date()


@case(26, "qualify one strike", "exactly its call and its put")
async def _(bench: Bench) -> None:
    found = await bench.feed.options(
        bench.underlying, bench.straddle.expiry, [bench.straddle.strike]
    )
    assert [row.right for row in found] == [Right.CALL, Right.PUT]
    assert {row.con_id for row in found} == {leg.con_id for leg in bench.straddle.legs}


@case(27, "qualify strikes that do not exist", "left out without an error")
async def _(bench: Bench) -> None:
    strikes = [bench.straddle.strike, Decimal("1.23"), Decimal(999999)]
    found = await bench.feed.options(bench.underlying, bench.straddle.expiry, strikes)
    assert {row.strike for row in found} == {bench.straddle.strike}


@case(28, "qualify an expiry that does not exist", "nothing, without an error")
async def _(bench: Bench) -> None:
    found = await bench.feed.options(bench.underlying, date(2031, 1, 1), [bench.straddle.strike])
    assert found == ()


@case(29, "options on an ETF", "delivered in shares, multiplier 100, class as listed")
async def _(bench: Bench) -> None:
    for leg in bench.straddle.legs:
        assert leg.settlement is Settlement.SHARES
        assert leg.multiplier == 100
        assert leg.trading_class == bench.underlying.symbol


@case(30, "price grid of an option", "the routing exchange's rule, first edge zero")
async def _(bench: Bench) -> None:
    grid = await bench.feed.price_increments(bench.straddle.call)
    assert grid.steps[0][0] == 0
    assert grid.increment_at(Decimal(10)) in (Decimal("0.01"), Decimal("0.05"))


@case(31, "price grid of the underlying", "a cent")
async def _(bench: Bench) -> None:
    grid = await bench.feed.price_increments(bench.underlying)
    assert grid.increment_at(Decimal(100)) == Decimal("0.01")


@case(32, "price grid of the straddle", "the finest step of its legs at every price")
async def _(bench: Bench) -> None:
    grid = await bench.feed.combo_increments(bench.combo)
    assert grid.is_valid(Decimal("12.35"))
    assert len(grid.steps) == 1


@case(33, "quote of an option", "two positive decimals, sizes, live, our clock")
async def _(bench: Bench) -> None:
    quote = bench.leg_quote(bench.straddle.call)
    assert quote.bid is not None
    assert quote.ask is not None
    assert 0 < quote.bid < quote.ask
    assert min(quote.bid_size, quote.ask_size) > 0
    assert quote.kind is DataKind.LIVE
    assert abs(bench.clock.now() - quote.at) < timedelta(seconds=30)


@case(34, "subscribed line goes on", "its time moves forward")
async def _(bench: Bench) -> None:
    before = bench.leg_quote(bench.straddle.call).at
    await eventually(lambda: bench.leg_quote(bench.straddle.call).at > before)


@case(35, "model Greeks of call and put", "complete, broker's model, deltas of opposite sign")
async def _(bench: Bench) -> None:
    call, put = (leg.con_id for leg in bench.straddle.legs)
    await eventually(lambda: {call, put} <= bench.feed.greeks().keys())
    greeks = bench.feed.greeks()
    assert greeks[call].source is GreeksSource.BROKER_MODEL
    assert greeks[put].delta < 0 < greeks[call].delta
    assert greeks[call].delta - greeks[put].delta == pytest.approx(1, abs=0.05)
    assert greeks[call].vega == pytest.approx(greeks[put].vega, rel=0.1)
    assert greeks[call].theta < 0


@case(36, "subscribe what is subscribed", "no second line")
async def _(bench: Bench) -> None:
    before = bench.feed.lines_in_use
    await bench.feed.subscribe(bench.straddle.legs)
    assert bench.feed.lines_in_use == before


@case(37, "unsubscribe", "line given back, quote gone, line opened again at will")
async def _(bench: Bench) -> None:
    before = bench.feed.lines_in_use
    await bench.feed.unsubscribe([bench.straddle.put])
    assert bench.feed.lines_in_use == before - 1
    assert bench.straddle.put.con_id not in bench.feed.quotes()
    await bench.feed.subscribe([bench.straddle.put])
    await eventually(lambda: bench.straddle.put.con_id in bench.feed.quotes())


@case(38, "subscribe beyond the line budget", "refused before anything is sent")
async def _(bench: Bench) -> None:
    async with bench.another(market_data_lines_max=2) as (connection, _):
        with pytest.raises(MarketDataMissing, match="2 of 2 are free"):
            await connection.feed.subscribe([bench.underlying, *bench.straddle.legs])
        assert connection.feed.lines_in_use == 0


@case(39, "sample more contracts than there are lines", "all read, lines rotated and given back")
async def _(bench: Bench) -> None:
    near = sorted(bench.strikes, key=lambda strike: abs(strike - bench.straddle.strike))[:5]
    options = await bench.feed.options(bench.underlying, bench.straddle.expiry, near)
    async with bench.another(market_data_lines_max=3) as (connection, _):
        found = await connection.feed.sample(options, seconds=5)
        assert set(found) == {row.con_id for row in options}
        assert all(quote is not None and greeks for quote, greeks in found.values())
        assert connection.feed.lines_in_use == 0


@case(
    40,
    "gateway allows fewer lines than we think",
    "line fault 101 instead of a quote",
    simulated_only=True,
)
async def _(bench: Bench) -> None:
    async with gateway(Rules(market_data_lines_max=3)) as running, bench_on(running) as own:
        vix = await own.feed.underlying(Symbol("VIX"))
        await own.feed.subscribe([vix])
        await eventually(lambda: vix.con_id in own.feed.line_faults())
        assert "101" in own.feed.line_faults()[vix.con_id]
        assert vix.con_id not in own.feed.quotes()
        with pytest.raises(MarketDataMissing, match="101"):
            await own.feed.vix()


@case(41, "VIX", "a level between 5 and 150 with its time")
async def _(bench: Bench) -> None:
    reading = await bench.feed.vix()
    assert 5 < reading.level < 150
    assert abs(bench.clock.now() - reading.quote.at) < timedelta(seconds=30)


@case(42, "account values", "net liquidation and margins as decimals in one currency")
async def _(bench: Bench) -> None:
    reading = await bench.feed.account()
    assert reading.account == bench.connection.account
    assert reading.currency == "USD"
    assert reading.net_liquidation is not None
    assert reading.net_liquidation > 0
    assert reading.available_funds is not None
    assert reading.initial_margin is not None


@case(43, "account values five times at once", "five answers (two summaries allowed)")
async def _(bench: Bench) -> None:
    found = await asyncio.gather(*(bench.feed.account() for _ in range(5)))
    assert len(found) == 5


@case(44, "daily bars of trades", "as many complete days as asked, ascending, before today")
async def _(bench: Bench) -> None:
    bars = await bench.feed.daily_bars(bench.underlying, BarContent.TRADES, days=40)
    days = [bar.day for bar in bars]
    assert len(bars) == 40
    assert days == sorted(set(days))
    assert days[-1] < bench.clock.now().date() or bench.clock.now().hour >= 20
    assert all(bar.low <= min(bar.open, bar.close) for bar in bars)


@case(45, "daily bars of implied volatility", "annualized fractions")
async def _(bench: Bench) -> None:
    bars = await bench.feed.daily_bars(
        bench.underlying, BarContent.OPTION_IMPLIED_VOLATILITY, days=20
    )
    assert all(0.02 < bar.close < 3 for bar in bars)


@case(46, "daily bars of historical volatility", "annualized fractions")
async def _(bench: Bench) -> None:
    bars = await bench.feed.daily_bars(bench.underlying, BarContent.HISTORICAL_VOLATILITY, days=20)
    assert all(0.01 < bar.close < 3 for bar in bars)


@case(47, "two years of daily bars", "asked in years, cut to the days wanted")
async def _(bench: Bench) -> None:
    bars = await bench.feed.daily_bars(bench.underlying, BarContent.TRADES, days=400)
    assert 380 <= len(bars) <= 400


@case(48, "session of today", "opens before it closes, in the exchange's zone")
async def _(bench: Bench) -> None:
    session = await bench.feed.session(bench.underlying)
    assert session.opens.utcoffset() is not None
    assert timedelta(hours=3) < session.closes - session.opens <= timedelta(hours=7)


@case(49, "delayed data are configured", "every quote is marked delayed", simulated_only=True)
async def _(bench: Bench) -> None:
    async with bench.another(market_data_kind=DataKind.DELAYED) as (connection, _):
        await connection.feed.subscribe(bench.straddle.legs)
        await eventually(lambda: len(connection.feed.quotes()) == 2)
        assert {quote.kind for quote in connection.feed.quotes().values()} == {DataKind.DELAYED}


@case(108, "many strikes of an expiry", "one question, the same contracts as one by one")
async def _(bench: Bench) -> None:
    at = bench.strikes.index(bench.straddle.strike)
    few = bench.strikes[max(0, at - 3) : at + 4]
    async with bench.another() as (other, _):
        underlying = await other.feed.underlying(bench.underlying.symbol)
        expiry = bench.straddle.expiry
        narrow = await other.feed.options(underlying, expiry, few)
    async with bench.another() as (other, _):
        whole = await other.feed.options(underlying, expiry, bench.strikes)
    assert narrow == tuple(row for row in whole if row.strike in few)
    assert bench.straddle.call in whole
