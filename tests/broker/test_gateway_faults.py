"""The gateway misbehaves by fault number; what do the reports say, over TCP?"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from dispersa.errors import BrokerRefused, RequestTimedOut
from dispersa.gateway.outages import Outage
from dispersa.market import Symbol
from dispersa.orders import (
    AmendRefused,
    ExecutionReported,
    LinkLost,
    LinkRestored,
    OrderCancelled,
    OrderDoubtful,
    OrderRejected,
    OrderWorking,
)

from .conformance.bench import PENNY, Bench, bench_on, eventually, gateway, with_limit

pytestmark = pytest.mark.asyncio(loop_scope="module")

W, X, C, R, D, A = (
    OrderWorking,
    ExecutionReported,
    OrderCancelled,
    OrderRejected,
    OrderDoubtful,
    AmendRefused,
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench() -> AsyncIterator[Bench]:
    async with gateway() as running, bench_on(running) as made:
        yield made


@dataclass(frozen=True, kw_only=True)
class Story:
    """A fault, what we do meanwhile, what is reported in this order, and units filled of two."""

    fault: str
    deed: str
    reported: list[type]
    units: int
    seconds: float = 0.3


STORIES = [
    Story(fault="B1", deed="cancel", reported=[W, X, X, C], units=1),
    Story(fault="B2", deed="cancel", reported=[W, C, X, X], units=1),
    Story(fault="B4", deed="cancel", reported=[W, D], units=0, seconds=9),
    Story(fault="B5", deed="cancel", reported=[W], units=0),
    Story(fault="B6", deed="fill", reported=[W, X, X], units=2),
    Story(fault="B7", deed="fill", reported=[W, X, X, X], units=2),
    Story(fault="B10", deed="fill", reported=[W, X, X], units=2),
    Story(fault="B11", deed="fill", reported=[W, X, X], units=2),
    Story(fault="B12", deed="fill", reported=[W, X, X], units=2),
    Story(fault="B13", deed="rest", reported=[], units=0),
    Story(fault="B14", deed="rest", reported=[R], units=0),
    Story(fault="B16", deed="rest", reported=[W], units=0),
    Story(fault="B17", deed="rest", reported=[D], units=0),
    Story(fault="B18", deed="amend", reported=[W, A], units=0),
    Story(fault="B22", deed="fill", reported=[W, X, X], units=2),
    Story(fault="B24", deed="rest", reported=[D], units=0),
    Story(fault="B26", deed="fill", reported=[W, X, X, X, X], units=3),
    Story(fault="B35", deed="rest, then strike", reported=[W, C], units=0),
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.fault)
async def test_fault_of_the_order_life_is_told_as_it_is(bench: Bench, story: Story) -> None:
    assert bench.gateway is not None
    faults = bench.gateway.venue.faults
    limit = bench.near() if story.deed == "fill" else bench.far()
    order = bench.order(limit, quantity=2)
    ref, combo = order.intent.ref, order.intent.combo
    strikes_later = story.deed.endswith("strike")
    if not strikes_later:
        faults.arm(story.fault, order_ref=ref, seconds=story.seconds)
    await bench.orders.place(order)
    await asyncio.sleep(0.3)
    if strikes_later:
        faults.arm(story.fault, order_ref=ref, seconds=story.seconds)
    elif story.deed == "cancel":
        await bench.orders.cancel(ref)
    elif story.deed == "amend":
        await bench.orders.amend(with_limit(order, limit - PENNY))
    await asyncio.sleep(0.9)
    faults.disarm()
    kinds = [type(report) for report in bench.ledger.of(ref)]
    assert _in_order(kinds, story.reported), kinds
    book = bench.orders._truth.book_of(ref)
    assert book.units_filled(ref, combo) == story.units
    if story.fault not in {"B5", "B13"}:
        await bench.orders.cancel_all_ours()


def _in_order(found: list[type], expected: list[type]) -> bool:
    """Executions of the legs may come before or after the acknowledgement."""
    others = [kind for kind in found if kind is not X]
    wanted = [kind for kind in expected if kind is not X]
    return others == wanted and found.count(X) == expected.count(X)


async def test_amend_that_becomes_a_second_order_shows_both_and_both_are_cancelled(
    bench: Bench,
) -> None:
    assert bench.gateway is not None
    order = bench.order(bench.far())
    ref = order.intent.ref
    bench.gateway.venue.faults.arm("B19", order_ref=ref)
    await bench.orders.place(order)
    await bench.ledger.wait(OrderWorking, ref=ref)
    await bench.orders.amend(with_limit(order, order.intent.limit_price - PENNY))
    await asyncio.sleep(0.4)
    shown = {report.perm_id for report in await bench.ledger.wait(OrderWorking, ref=ref)}
    snapshot = await bench.orders.snapshot()
    assert shown == {row.perm_id for row in snapshot.open_orders if row.ref == ref}
    assert len(shown) == 2


async def test_limit_changed_by_the_broker_is_reported_as_the_broker_holds_it(
    bench: Bench,
) -> None:
    assert bench.gateway is not None
    order = bench.order(bench.far())
    ref = order.intent.ref
    bench.gateway.venue.faults.arm("B25", order_ref=ref, seconds=0.1)
    await bench.orders.place(order)
    await asyncio.sleep(0.8)
    (held,) = [row for row in (await bench.orders.snapshot()).open_orders if row.ref == ref]
    await asyncio.sleep(0.05)
    reports = bench.ledger.of(ref)
    shown = [report.limit_price for report in reports if isinstance(report, OrderWorking)]
    assert len(shown) == len(reports), "10349 is a remark, no end and no doubt"
    assert any(limit != order.intent.limit_price for limit in shown)
    assert shown[-1] == held.limit_price
    bench.gateway.venue.faults.disarm()
    await bench.orders.cancel_all_ours()


async def test_greeks_that_are_not_computed_are_missing_and_the_quote_stays(bench: Bench) -> None:
    assert bench.gateway is not None
    symbol = Symbol("QQQ")
    async with bench.another() as (connection, _):
        bench.gateway.venue.faults.arm("C1", symbol=symbol, seconds=20)
        await connection.feed.subscribe(bench.straddle.legs)
        await eventually(lambda: len(connection.feed.quotes()) == 2)
        await asyncio.sleep(0.3)
        assert connection.feed.greeks() == {}
        bench.gateway.venue.faults.disarm()


async def test_symbol_without_bids_has_quotes_without_bids(bench: Bench) -> None:
    assert bench.gateway is not None
    bench.gateway.venue.faults.arm("C4", symbol="QQQ", seconds=20)
    call = bench.straddle.call
    await eventually(lambda: bench.leg_quote(call).bid is None)
    assert bench.leg_quote(call).ask is not None
    bench.gateway.venue.faults.disarm()
    await eventually(lambda: bench.leg_quote(call).bid is not None)


OUTAGES = [
    Outage(code="A2", seconds=3.0),
    Outage(code="A3"),
    Outage(code="A8"),
    Outage(code="A10", seconds=0.3),
    Outage(code="A20", value="huge"),
    Outage(code="A20", value="negative"),
    Outage(code="A20", value="zero"),
    Outage(code="A20", value="truncated"),
    Outage(code="A20", value="type"),
]


@pytest.mark.parametrize("outage", OUTAGES, ids=lambda outage: f"{outage.code}{outage.value}")
async def test_outage_is_lost_restored_and_trading_goes_on(outage: Outage) -> None:
    async with gateway() as running, bench_on(running) as own:
        before = own.order(own.far())
        await own.orders.place(before)
        await own.ledger.wait(OrderWorking)
        running.outages.strike(outage)
        await own.ledger.wait(LinkLost)
        await own.ledger.wait(LinkRestored, times=2)
        await eventually(lambda: own.connection.unproven is None)
        snapshot = await own.orders.snapshot()
        assert [row.ref for row in snapshot.open_orders] == [before.intent.ref]
        after = own.order(before.intent.limit_price)
        await own.orders.place(after)
        await own.ledger.wait(OrderWorking, ref=after.intent.ref)


async def test_order_taken_by_a_gateway_that_dies_is_doubtful_until_the_full_read() -> None:
    async with gateway() as running, bench_on(running) as own:
        running.outages.strike(Outage(code="A4"))
        order = own.order(own.far())
        await own.orders.place(order)
        await own.ledger.wait(OrderDoubtful, ref=order.intent.ref)
        await own.ledger.wait(LinkRestored, times=2)
        snapshot = await own.orders.snapshot()
        assert order.intent.ref in {row.ref for row in snapshot.open_orders}
        assert type(own.ledger.of(order.intent.ref)[-1]) is OrderWorking


async def test_order_lost_with_a_restart_stays_doubtful() -> None:
    async with gateway() as running, bench_on(running) as own:
        running.outages.strike(Outage(code="A9", seconds=0.3))
        order = own.order(own.far())
        await own.orders.place(order)
        await own.ledger.wait(OrderDoubtful, ref=order.intent.ref)
        await own.ledger.wait(LinkRestored, times=2)
        snapshot = await own.orders.snapshot()
        assert snapshot.open_orders == snapshot.completed_orders == ()
        assert type(own.ledger.of(order.intent.ref)[-1]) is OrderDoubtful


async def test_competing_login_takes_the_quotes_away() -> None:
    async with gateway() as running, bench_on(running) as own:
        running.outages.strike(Outage(code="A14", seconds=3.0))
        await eventually(lambda: not own.feed.quotes())
        assert all("10197" in fault for fault in own.feed.line_faults().values())


async def test_read_only_setting_is_found_by_a_preview() -> None:
    async with gateway() as running, bench_on(running) as own:
        running.outages.strike(Outage(code="A17", seconds=30.0))
        order = own.order(own.far())
        with pytest.raises(BrokerRefused, match="321"):
            await own.orders.what_if(
                combo=own.combo,
                order_ref=order.intent.ref,
                limit_price=order.intent.limit_price,
                quantity=1,
            )


async def test_contract_details_that_never_come_end_in_a_named_error() -> None:
    async with gateway() as running, bench_on(running) as own:
        running.outages.strike(Outage(code="B37", seconds=30.0))
        with pytest.raises(RequestTimedOut, match="contract details of NVDA"):
            await own.feed.underlying(Symbol("NVDA"))
