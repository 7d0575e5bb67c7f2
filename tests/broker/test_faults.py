"""Streams that are chopped, slow or cut in mid-frame never change what was traded."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from dispersa.broker.ibkr import IbkrSettings
from dispersa.errors import BrokerError, Unresolved
from dispersa.gateway.events import ExecutionFilter
from dispersa.gateway.server import RunningGateway
from dispersa.market import Side
from dispersa.orders import (
    ExecutionBook,
    ExecutionReported,
    LinkLost,
    OrderCancelled,
    OrderRef,
    OrderRejected,
    OrderWorking,
)

from .conformance.bench import (
    DEADLINES,
    Bench,
    Ledger,
    bench_on,
    eventually,
    gateway,
    linked,
    with_limit,
)
from .proxy import Faults, proxied


def venue_truth(running: RunningGateway) -> set[tuple[str, str, Decimal]]:
    """Leg executions as the exchange made them."""
    return {
        (row.exec_id, row.order_ref, row.shares)
        for row, _ in running.venue.executions(ExecutionFilter())
        if row.contract.sec_type != "BAG"
    }


def told(ledger: Ledger) -> set[tuple[str, str, Decimal]]:
    """Leg executions as our reports told them, folded."""
    book = ExecutionBook()
    for report in ledger.reports:
        if isinstance(report, ExecutionReported):
            book = book.with_execution(report.execution)
    return {(row.exec_id, row.order_ref, row.quantity) for row in book.executions.values()}


async def work(own: Bench, bench: Bench, count: int) -> list[OrderRef]:
    """Send orders, some marketable, some amended, some cancelled, whatever the link does."""
    refs: list[OrderRef] = []
    for number in range(count):
        side = Side.BUY if number % 3 else Side.SELL
        near, far = bench.near(side), bench.far(side)
        order = own.order(near if number % 2 else far, side=side)
        refs.append(order.intent.ref)
        try:
            await own.orders.place(order)
            await asyncio.sleep(0.05)
            if number % 4 == 0:
                await own.orders.amend(with_limit(order, near))
            elif number % 4 == 2:
                await own.orders.cancel(order.intent.ref)
        except (BrokerError, Unresolved):
            await asyncio.sleep(0.2)
    return refs


@pytest.mark.parametrize("seed", [1, 2])
async def test_cuts_in_mid_frame_neither_lose_nor_repeat_an_execution(seed: int) -> None:
    faults = Faults(seed, cut_after_bytes=(6_000, 20_000))
    async with gateway() as running, bench_on(running) as bench:
        calm = Faults(seed)
        async with proxied(running.port, calm) as port:
            deadlines = replace(DEADLINES, reconnect_seconds_max=0.2)
            settings = IbkrSettings(
                port=port, deadlines=deadlines, data_client_id=31, order_client_id=32
            )
            async with linked(settings, running.clock) as (connection, ledger):
                own = replace(bench, connection=connection, ledger=ledger, settings=settings)
                calm.cut_after_bytes = faults.cut_after_bytes
                for link in connection._links:
                    link.drop()
                refs = await work(own, bench, 16)
                calm.cut_after_bytes = None
                await asyncio.sleep(0.3)
                for link in connection._links:
                    link.drop()
                await eventually(lambda: connection.unproven is None)
                snapshot = await own.orders.snapshot()
                assert calm.cuts >= 1
                assert any(isinstance(report, LinkLost) for report in ledger.reports)
                ours = {row for row in venue_truth(running) if row[1] in refs}
                assert told(ledger) == ours
                await every_reference_has_one_order(running, snapshot, refs)


async def every_reference_has_one_order(running, snapshot, refs) -> None:  # type: ignore[no-untyped-def]
    seen = [row.ref for row in (*snapshot.open_orders, *snapshot.completed_orders)]
    ours = [ref for ref in seen if ref in refs]
    assert len(ours) == len(set(ours)), "a reference was sent twice"
    at_venue = {order.order.order_ref for order, _ in running.venue.open_orders()}
    open_refs = {row.ref for row in snapshot.open_orders}
    assert open_refs == at_venue


async def test_chopped_and_slow_stream_tells_the_same_story() -> None:
    faults = Faults(7, chunk_bytes_max=90, delay_seconds_max=0.0005)
    async with (
        gateway() as running,
        bench_on(running) as bench,
        proxied(running.port, faults) as port,
    ):
        settings = IbkrSettings(
            port=port, deadlines=DEADLINES, data_client_id=31, order_client_id=32
        )
        async with linked(settings, running.clock) as (connection, ledger):
            own = replace(bench, connection=connection, ledger=ledger, settings=settings)
            await work(own, bench, 8)
            await eventually(lambda: told(ledger) == venue_truth(running))
            snapshot = await own.orders.snapshot()
            assert not any(isinstance(report, LinkLost) for report in ledger.reports)
            ends = {
                report.ref
                for report in ledger.reports
                if isinstance(report, OrderCancelled | OrderRejected)
            }
            working = {report.ref for report in ledger.reports if isinstance(report, OrderWorking)}
            assert ends <= working
            assert len(snapshot.executions) == len(venue_truth(running))
