"""Conformance 100 to 105: index options, with their two settlements and their own grid."""

from datetime import timedelta
from decimal import Decimal

from dispersa.broker import OptionListing
from dispersa.market import (
    ExerciseStyle,
    Settlement,
    Side,
    Straddle,
    Symbol,
    Underlying,
    straddle_quote,
)
from dispersa.orders import (
    ExecutionReported,
    OrderCancelled,
    OrderRejected,
    OrderWorking,
    straddle_combo,
)

from .bench import Bench, case, eventually

SPX = Symbol("SPX")


async def _index(bench: Bench) -> tuple[Underlying, dict[str, OptionListing], Decimal]:
    underlying = await bench.feed.underlying(SPX)
    await bench.feed.subscribe([underlying])
    await eventually(lambda: underlying.con_id in bench.feed.quotes())
    level = bench.feed.quotes()[underlying.con_id].mid
    listings = {row.trading_class: row for row in await bench.feed.listings(underlying)}
    assert level is not None
    return underlying, listings, level


async def _straddle(bench: Bench, trading_class: str) -> Straddle:
    underlying, listings, level = await _index(bench)
    listing = listings[trading_class]
    earliest = bench.clock.now().date() + timedelta(days=21)
    expiry = next(day for day in listing.expiries if day >= earliest)
    strike = min(listing.strikes, key=lambda row: abs(row - level))
    call, put = await bench.feed.options(underlying, expiry, [strike])
    await bench.feed.subscribe([call, put])
    await eventually(lambda: {call.con_id, put.con_id} <= bench.feed.quotes().keys())
    return Straddle(call=call, put=put)


@case(100, "level of the SPX", "stands on both sides of its quote")
async def _(bench: Bench) -> None:
    underlying, _, _ = await _index(bench)
    quote = bench.feed.quotes()[underlying.con_id]
    assert quote.bid is not None
    assert quote.ask is not None
    assert 0 < quote.bid <= quote.ask


@case(101, "classes of the SPX", "SPX settles in the morning, SPXW at the close, both European")
async def _(bench: Bench) -> None:
    evening = await _straddle(bench, "SPXW")
    assert evening.call.settlement is Settlement.CASH_PM
    assert evening.call.style is ExerciseStyle.EUROPEAN
    morning = await _straddle(bench, "SPX")
    assert morning.call.settlement is Settlement.CASH_AM
    await bench.feed.unsubscribe([*evening.legs, *morning.legs])


@case(102, "expiry on which both classes trade", "the class that settles at the close is taken")
async def _(bench: Bench) -> None:
    underlying, listings, level = await _index(bench)
    third_thursday = listings["SPX"].expiries[0]
    strike = min(listings["SPXW"].strikes, key=lambda row: abs(row - level))
    both = third_thursday + timedelta(days=1)
    found = await bench.feed.options(underlying, both, [strike])
    assert {row.trading_class for row in found} == {"SPXW"}


@case(103, "price grid of an SPX straddle", "0.05 at every price, although legs move by 0.10")
async def _(bench: Bench) -> None:
    straddle = await _straddle(bench, "SPXW")
    legs = await bench.feed.price_increments(straddle.call)
    combo = await bench.feed.combo_increments(straddle_combo(straddle))
    assert legs.increment_at(Decimal(100)) == Decimal("0.10")
    assert combo.is_valid(Decimal("245.25"))
    assert not combo.is_valid(Decimal("245.26"))
    await bench.feed.unsubscribe(straddle.legs)


@case(104, "SPXW straddle sold short at the market", "two leg executions, both sold")
async def _(bench: Bench) -> None:
    straddle = await _straddle(bench, "SPXW")
    quotes = bench.feed.quotes()
    bid = straddle_quote(*(quotes[leg.con_id] for leg in straddle.legs)).bid
    assert bid is not None
    grid = await bench.feed.combo_increments(straddle_combo(straddle))
    limit = grid.round_passive(bid - 2, Side.BUY)
    order = bench.order(limit, side=Side.SELL, combo=straddle_combo(straddle))
    await bench.orders.place(order)
    rows = await bench.ledger.wait(ExecutionReported, ref=order.intent.ref, times=2)
    assert {row.execution.side for row in rows} == {Side.SELL}
    await bench.feed.unsubscribe(straddle.legs)


@case(105, "SPXW straddle at a limit off its grid", "OrderRejected 110; on the grid it works")
async def _(bench: Bench) -> None:
    straddle = await _straddle(bench, "SPXW")
    combo = straddle_combo(straddle)
    wrong = bench.order(Decimal("100.01"), combo=combo)
    await bench.orders.place(wrong)
    (report,) = await bench.ledger.wait(OrderRejected, ref=wrong.intent.ref)
    assert report.code == 110
    right = bench.order(Decimal("100.05"), combo=combo)
    await bench.orders.place(right)
    await bench.ledger.wait(OrderWorking, ref=right.intent.ref)
    await bench.orders.cancel(right.intent.ref)
    await bench.ledger.wait(OrderCancelled, ref=right.intent.ref)
    await bench.feed.unsubscribe(straddle.legs)
