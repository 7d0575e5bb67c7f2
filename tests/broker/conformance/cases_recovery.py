"""Conformance 85 to 99, 106 and 107: loss of links, restarts, and what is found afterwards."""

import asyncio

import pytest

from dispersa.errors import Disconnected
from dispersa.gateway.events import Notice
from dispersa.orders import (
    ExecutionReported,
    LinkLost,
    LinkRestored,
    OrderCancelled,
    OrderDoubtful,
    OrderRef,
    OrderWorking,
)

from .bench import Bench, bench_on, case, eventually, gateway, linked, with_limit


def _abort_all(own: Bench) -> None:
    assert own.gateway is not None
    for connection in list(own.gateway.floor.connections):
        connection.abort()


@case(85, "both sockets are cut", "LinkLost, then LinkRestored with data lost", simulated_only=True)
async def _(_: Bench) -> None:
    async with gateway() as running, bench_on(running) as own:
        _abort_all(own)
        await own.ledger.wait(LinkLost)
        restored = await own.ledger.wait(LinkRestored, times=2)
        assert restored[1].data_lost


@case(86, "quotes after a cut", "none until fresh ones arrive", simulated_only=True)
async def _(_: Bench) -> None:
    async with gateway() as running, bench_on(running) as own:
        before = own.quote().at
        _abort_all(own)
        await own.ledger.wait(LinkLost)
        assert own.feed.quotes() == {}
        await own.ledger.wait(LinkRestored, times=2)
        await eventually(lambda: len(own.feed.quotes()) == 3)
        assert own.quote().at > before


@case(
    87,
    "working order over a cut",
    "still ours: amended and cancelled after the full read",
    simulated_only=True,
)
async def _(_: Bench) -> None:
    async with gateway() as running, bench_on(running) as own:
        order = own.order(own.far())
        await own.orders.place(order)
        await own.ledger.wait(OrderWorking)
        _abort_all(own)
        await own.ledger.wait(LinkRestored, times=2)
        snapshot = await own.orders.snapshot()
        assert order.intent.ref in {row.ref for row in snapshot.open_orders}
        changed = with_limit(order, order.intent.limit_price - 1)
        await own.orders.amend(changed)
        await eventually(
            lambda: any(
                isinstance(r, OrderWorking) and r.limit_price == changed.intent.limit_price
                for r in own.ledger.of(order.intent.ref)
            )
        )
        await own.orders.cancel(order.intent.ref)
        await own.ledger.wait(OrderCancelled, ref=order.intent.ref)


@case(
    88, "fill while we are away", "the full read reports its executions once", simulated_only=True
)
async def _(_: Bench) -> None:
    async with gateway() as running, bench_on(running) as own:
        order = own.order(own.near())
        await own.orders.place(order)
        await asyncio.sleep(0.01)
        _abort_all(own)
        await own.ledger.wait(LinkRestored, times=2)
        await own.orders.snapshot()
        await own.orders.snapshot()
        rows = await own.ledger.wait(ExecutionReported, ref=order.intent.ref, times=2)
        await asyncio.sleep(0.1)
        assert len({row.execution.exec_id for row in rows}) == 2
        assert len([r for r in own.ledger.reports if isinstance(r, ExecutionReported)]) == 2


@case(
    89,
    "order not acknowledged when the link is cut",
    "OrderDoubtful, settled by the full read",
    simulated_only=True,
)
async def _(_: Bench) -> None:
    async with gateway() as running, bench_on(running) as own:
        order = own.order(own.far())
        await own.orders.place(order)
        _abort_all(own)
        await own.ledger.wait(OrderDoubtful, ref=order.intent.ref)
        await own.ledger.wait(LinkRestored, times=2)
        snapshot = await own.orders.snapshot()
        known = {row.ref for row in (*snapshot.open_orders, *snapshot.completed_orders)}
        found = order.intent.ref in known
        kinds = [type(r) for r in own.ledger.of(order.intent.ref)]
        assert kinds[-1] is (OrderWorking if found else OrderDoubtful)


@case(90, "place and amend during 1100", "Disconnected, nothing sent", simulated_only=True)
async def _(_: Bench) -> None:
    async with gateway() as running, bench_on(running) as own:
        order = own.order(own.far())
        await own.orders.place(order)
        await own.ledger.wait(OrderWorking)
        own.inject(Notice(code=1100, text="Connectivity has been lost"))
        await own.ledger.wait(LinkLost)
        with pytest.raises(Disconnected):
            await own.orders.place(own.order(own.far()))
        with pytest.raises(Disconnected):
            await own.orders.amend(with_limit(order, order.intent.limit_price - 1))
        assert running.floor.traffic is not None
        snapshot = await own.orders.snapshot()
        assert len(snapshot.open_orders) == 1


@case(91, "cancel during 1100", "sent all the same", simulated_only=True)
async def _(_: Bench) -> None:
    async with gateway() as running, bench_on(running) as own:
        order = own.order(own.far())
        await own.orders.place(order)
        await own.ledger.wait(OrderWorking)
        own.inject(Notice(code=1100, text="Connectivity has been lost"))
        await own.ledger.wait(LinkLost)
        await own.orders.cancel(order.intent.ref)
        await own.ledger.wait(OrderCancelled, ref=order.intent.ref)


@case(92, "1101 after 1100", "lines renewed, LinkRestored with data lost", simulated_only=True)
async def _(_: Bench) -> None:
    await _restored_by(1101, data_lost=True)


@case(93, "1102 after 1100", "lines renewed to be sure, LinkRestored", simulated_only=True)
async def _(_: Bench) -> None:
    await _restored_by(1102, data_lost=False)


async def _restored_by(code: int, *, data_lost: bool) -> None:
    async with gateway() as running, bench_on(running) as own:
        own.inject(Notice(code=1100, text="lost"))
        await own.ledger.wait(LinkLost)
        at_loss = running.clock.now()
        own.inject(Notice(code=code, text="restored"))
        restored = await own.ledger.wait(LinkRestored, times=2)
        assert restored[1].data_lost is data_lost
        await eventually(lambda: len(own.feed.quotes()) == 3)
        assert all(quote.at >= at_loss for quote in own.feed.quotes().values())
        assert own.connection.unproven is None


@case(94, "1100 ten times, then one 1102", "one LinkLost, one LinkRestored", simulated_only=True)
async def _(_: Bench) -> None:
    async with gateway() as running, bench_on(running) as own:
        for _ in range(10):
            own.inject(Notice(code=1100, text="lost"))
        await own.ledger.wait(LinkLost)
        own.inject(Notice(code=1102, text="restored"))
        await own.ledger.wait(LinkRestored, times=2)
        await asyncio.sleep(0.1)
        kinds = [type(r) for r in own.ledger.reports]
        assert kinds == [LinkRestored, LinkLost, LinkRestored]


@case(95, "order ids roll back at the gateway", "our ids go on upward", simulated_only=True)
async def _(_: Bench) -> None:
    async with gateway() as running, bench_on(running) as own:
        first = own.order(own.far())
        await own.orders.place(first)
        await own.ledger.wait(OrderWorking)
        high = own.orders.order_id_high_water
        running.floor.roll_back_order_ids()
        _abort_all(own)
        await own.ledger.wait(LinkRestored, times=2)
        second = own.order(first.intent.limit_price)
        await own.orders.place(second)
        await own.ledger.wait(OrderWorking, ref=second.intent.ref)
        assert own.orders.order_id_high_water == high + 1


@case(
    96,
    "process restarts with the same client ids",
    "its working order is adopted and cancelled",
    simulated_only=True,
)
async def _(_: Bench) -> None:
    async with gateway() as running, bench_on(running) as own:
        order = own.order(own.far())
        await own.orders.place(order)
        await own.ledger.wait(OrderWorking)
        await own.connection.close()
        async with linked(own.settings, running.clock) as (connection, ledger):
            await connection.orders.snapshot()
            (working,) = await ledger.wait(OrderWorking, ref=order.intent.ref)
            assert working.limit_price == order.intent.limit_price
            await connection.orders.cancel(order.intent.ref)
            await ledger.wait(OrderCancelled, ref=order.intent.ref)


@case(
    97,
    "process restarts with working orders",
    "cancel all finds them by a read of its own",
    simulated_only=True,
)
async def _(_: Bench) -> None:
    async with gateway() as running, bench_on(running) as own:
        for _ in range(3):
            await own.orders.place(own.order(own.far()))
        await own.ledger.wait(OrderWorking, times=3)
        await own.connection.close()
        async with linked(own.settings, running.clock) as (connection, ledger):
            assert await connection.orders.cancel_all_ours() == 3
            await ledger.wait(OrderCancelled, times=3)


@case(
    98,
    "five cuts in a row",
    "every one reported and mended, one order at the broker",
    simulated_only=True,
)
async def _(_: Bench) -> None:
    async with gateway() as running, bench_on(running) as own:
        order = own.order(own.far())
        await own.orders.place(order)
        await own.ledger.wait(OrderWorking)
        for cut in range(1, 4):
            _abort_all(own)
            await own.ledger.wait(LinkRestored, times=cut + 1)
        snapshot = await own.orders.snapshot()
        assert [row.ref for row in snapshot.open_orders] == [order.intent.ref]


@case(99, "gateway restarts", "Disconnected until it is back, then restored", simulated_only=True)
async def _(_: Bench) -> None:
    async with gateway() as first:
        port = first.port
        connection = None
        async with bench_on(first) as own:
            await first.close()
            await own.ledger.wait(LinkLost)
            with pytest.raises(Disconnected):
                await own.feed.account()
            async with gateway(port=port):
                await own.ledger.wait(LinkRestored, times=2)
                assert (await own.feed.account()).net_liquidation is not None
            connection = own.connection
        assert connection.unproven is not None


@case(
    106,
    "cancel asked for while the links are down",
    "Disconnected at once, and sent as soon as they are back",
    simulated_only=True,
)
async def _(_: Bench) -> None:
    async with gateway() as running, bench_on(running) as own:
        order, bystander = own.order(own.far()), own.order(own.far())
        for each in (order, bystander):
            await own.orders.place(each)
            await own.ledger.wait(OrderWorking, ref=each.intent.ref)
        _abort_all(own)
        await own.ledger.wait(LinkLost)
        with pytest.raises(Disconnected):
            await own.orders.cancel(order.intent.ref)
        await own.ledger.wait(LinkRestored, times=2)
        await own.ledger.wait(OrderCancelled, ref=order.intent.ref)
        snapshot = await own.orders.snapshot()
        assert [row.ref for row in snapshot.open_orders] == [bystander.intent.ref]


@case(
    107,
    "link cut between a cancel and its answer",
    "the cancel is sent again if the order is still open",
    simulated_only=True,
)
async def _(_: Bench) -> None:
    async with gateway() as running, bench_on(running) as own:
        order = own.order(own.far())
        await own.orders.place(order)
        await own.ledger.wait(OrderWorking, ref=order.intent.ref)
        await own.orders.cancel(order.intent.ref)
        _abort_all(own)
        await own.ledger.wait(LinkRestored, times=2)
        await eventually_gone(own, order.intent.ref)


async def eventually_gone(own: Bench, ref: OrderRef) -> None:
    async with asyncio.timeout(8):
        while ref in {row.ref for row in (await own.orders.snapshot()).open_orders}:
            await asyncio.sleep(0.05)
