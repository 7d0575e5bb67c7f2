"""Conformance 50 to 84: the life of orders."""

import asyncio
from decimal import Decimal

import pytest

from dispersa.errors import BrokenInvariant, BrokerRefused, Unresolved
from dispersa.gateway.events import OrderError
from dispersa.market import Side
from dispersa.orders import (
    AmendRefused,
    Combo,
    CommissionReported,
    ExecutionReported,
    Leg,
    OrderCancelled,
    OrderDoubtful,
    OrderRef,
    OrderRejected,
    OrderWorking,
    Purpose,
)

from .bench import PENNY, Bench, case, eventually, with_limit


async def _working(bench: Bench, **changes: object):  # type: ignore[no-untyped-def]
    """Place an order that rests, and wait for its acknowledgement."""
    order = bench.order(bench.far(), **changes)  # type: ignore[arg-type]
    await bench.orders.place(order)
    (report,) = await bench.ledger.wait(OrderWorking, ref=order.intent.ref)
    return order, report


async def _cancelled(bench: Bench, ref: OrderRef) -> OrderCancelled:
    await bench.orders.cancel(ref)
    (report,) = await bench.ledger.wait(OrderCancelled, ref=ref)
    return report


async def _filled(bench: Bench, order, legs: int = 2):  # type: ignore[no-untyped-def]
    await bench.orders.place(order)
    return await bench.ledger.wait(ExecutionReported, ref=order.intent.ref, times=legs)


@case(50, "straddle far below the market", "OrderWorking with permanent id and our limit")
async def _(bench: Bench) -> None:
    order, report = await _working(bench)
    assert report.perm_id > 0
    assert report.limit_price == order.intent.limit_price
    await _cancelled(bench, order.intent.ref)


@case(51, "working order in a full read", "our reference, side, quantity, limit, client id")
async def _(bench: Bench) -> None:
    order, report = await _working(bench, quantity=3)
    snapshot = await bench.orders.snapshot()
    (row,) = [row for row in snapshot.open_orders if row.ref == order.intent.ref]
    assert (row.perm_id, row.side, row.quantity) == (report.perm_id, Side.BUY, 3)
    assert (row.limit_price, row.filled) == (order.intent.limit_price, 0)
    assert row.client_id == bench.settings.order_client_id
    await _cancelled(bench, order.intent.ref)


@case(52, "cancel a working order", "OrderCancelled, then in the completed orders")
async def _(bench: Bench) -> None:
    order, _ = await _working(bench)
    await _cancelled(bench, order.intent.ref)
    snapshot = await bench.orders.snapshot()
    assert order.intent.ref not in {row.ref for row in snapshot.open_orders}
    (row,) = [row for row in snapshot.completed_orders if row.ref == order.intent.ref]
    assert row.filled == 0


@case(53, "cancel twice", "one OrderCancelled, no second end")
async def _(bench: Bench) -> None:
    order, _ = await _working(bench)
    await _cancelled(bench, order.intent.ref)
    await bench.orders.cancel(order.intent.ref)
    await asyncio.sleep(0.2)
    kinds = [type(report) for report in bench.ledger.of(order.intent.ref)]
    assert kinds == [OrderWorking, OrderCancelled]


@case(54, "cancel an unknown reference", "Unresolved, nothing sent")
async def _(bench: Bench) -> None:
    with pytest.raises(Unresolved, match="nothing to cancel"):
        await bench.orders.cancel(OrderRef("never-sent"))


@case(55, "amend to another far limit", "OrderWorking at the new limit, same permanent id")
async def _(bench: Bench) -> None:
    order, first = await _working(bench)
    changed = with_limit(order, order.intent.limit_price - 5 * PENNY)
    await bench.orders.amend(changed)
    reports = await bench.ledger.wait(OrderWorking, ref=order.intent.ref, times=2)
    assert reports[1].limit_price == changed.intent.limit_price
    assert reports[1].perm_id == first.perm_id
    await _cancelled(bench, order.intent.ref)


@case(56, "amend five times in a row", "each confirmed in turn, one order at the broker")
async def _(bench: Bench) -> None:
    order, _ = await _working(bench)
    for step in range(1, 6):
        order = with_limit(order, order.intent.limit_price - PENNY)
        await bench.orders.amend(order)
        await bench.ledger.wait(OrderWorking, ref=order.intent.ref, times=step + 1)
    snapshot = await bench.orders.snapshot()
    (row,) = [row for row in snapshot.open_orders if row.ref == order.intent.ref]
    assert row.limit_price == order.intent.limit_price
    await _cancelled(bench, order.intent.ref)


@case(
    57,
    "amend while an amend is unanswered",
    "Unresolved: one change at a time",
    simulated_only=True,
)
async def _(bench: Bench) -> None:
    order, _ = await _working(bench)
    first = with_limit(order, order.intent.limit_price - PENNY)
    await bench.orders.amend(first)
    with pytest.raises(Unresolved, match="has not answered"):
        await bench.orders.amend(with_limit(first, first.intent.limit_price - PENNY))
    await bench.ledger.wait(OrderWorking, ref=order.intent.ref, times=2)
    await _cancelled(bench, order.intent.ref)


@case(58, "amend off the price grid", "AmendRefused 110, old limit works on")
async def _(bench: Bench) -> None:
    order, _ = await _working(bench)
    await bench.orders.amend(with_limit(order, order.intent.limit_price + Decimal("0.003")))
    (report,) = await bench.ledger.wait(AmendRefused, ref=order.intent.ref)
    assert report.code == 110
    assert report.limit_price == order.intent.limit_price
    await _cancelled(bench, order.intent.ref)


@case(59, "new order off the price grid", "OrderRejected 110")
async def _(bench: Bench) -> None:
    order = bench.order(bench.far() + Decimal("0.003"))
    await bench.orders.place(order)
    (report,) = await bench.ledger.wait(OrderRejected, ref=order.intent.ref)
    assert report.code == 110


@case(60, "amend through the market", "filled: one execution per leg, none for the combo")
async def _(bench: Bench) -> None:
    order, _ = await _working(bench)
    await bench.orders.amend(with_limit(order, bench.near()))
    rows = await bench.ledger.wait(ExecutionReported, ref=order.intent.ref, times=2)
    await asyncio.sleep(0.2)
    rows = [r for r in bench.ledger.of(order.intent.ref) if isinstance(r, ExecutionReported)]
    assert {row.execution.con_id for row in rows} == {leg.con_id for leg in bench.straddle.legs}
    assert all(row.execution.side is Side.BUY for row in rows)


@case(61, "buy three straddles at the market", "leg quantities add to three, price within limit")
async def _(bench: Bench) -> None:
    order = bench.order(bench.near(), quantity=3)
    await bench.orders.place(order)
    combo, ref = order.intent.combo, order.intent.ref
    truth = bench.orders._truth
    await eventually(lambda: truth.book_of(ref).units_filled(ref, combo) == 3)
    net = truth.book_of(ref).net_price(ref, combo)
    assert net is not None
    assert net <= order.intent.limit_price


@case(62, "commission of a fill", "one report per leg execution, positive, in dollars")
async def _(bench: Bench) -> None:
    rows = await _filled(bench, bench.order(bench.near()))
    ids = {row.execution.exec_id for row in rows}

    def charged() -> set[str]:
        found = (r for r in bench.ledger.reports if isinstance(r, CommissionReported))
        return {r.commission.exec_id for r in found if r.commission.amount > 0}

    await eventually(lambda: ids <= charged())


@case(63, "sell the straddle (open)", "sale of the same bag, both legs sold")
async def _(bench: Bench) -> None:
    order = bench.order(bench.near(Side.SELL), side=Side.SELL)
    rows = await _filled(bench, order)
    assert all(row.execution.side is Side.SELL for row in rows)


@case(64, "closing sale", "accepted with open-close C")
async def _(bench: Bench) -> None:
    order = bench.order(bench.near(Side.SELL), side=Side.SELL, purpose=Purpose.REDUCE)
    assert len(await _filled(bench, order)) == 2


@case(65, "plain single option", "one execution, contract pinned by id")
async def _(bench: Bench) -> None:
    call = bench.straddle.call
    quote = bench.leg_quote(call)
    assert quote.ask is not None
    combo = Combo(legs=(Leg(contract=call, side=Side.BUY),))
    order = bench.order(quote.ask + 5 * PENNY, combo=combo)
    (row,) = await _filled(bench, order, legs=1)
    assert (row.execution.con_id, row.execution.multiplier) == (call.con_id, 100)


@case(66, "hedge in shares", "one execution, multiplier 1")
async def _(bench: Bench) -> None:
    ask = bench.connection.feed.quotes()[bench.underlying.con_id].ask
    assert ask is not None
    combo = Combo(legs=(Leg(contract=bench.underlying, side=Side.BUY),))
    order = bench.order(ask + 1, combo=combo, quantity=5, purpose=Purpose.HEDGE)
    (row, *_) = await _filled(bench, order, legs=1)
    assert row.execution.multiplier == 1


@case(67, "straddle with two puts per call", "ratio respected in the leg quantities")
async def _(bench: Bench) -> None:
    call, put = (bench.leg_quote(leg) for leg in bench.straddle.legs)
    assert call.ask is not None
    assert put.ask is not None
    combo = Combo(
        legs=(
            Leg(contract=bench.straddle.call, side=Side.BUY),
            Leg(contract=bench.straddle.put, side=Side.BUY, ratio=2),
        )
    )
    order = bench.order(call.ask + 2 * put.ask + 20 * PENNY, combo=combo)
    rows = await _filled(bench, order)
    quantities = {row.execution.con_id: row.execution.quantity for row in rows}
    assert quantities == {bench.straddle.call.con_id: 1, bench.straddle.put.con_id: 2}


@case(68, "credit spread bought at a negative price", "accepted, limit comes back negative")
async def _(bench: Bench) -> None:
    index = bench.strikes.index(bench.straddle.strike)
    above = bench.strikes[index + 1 : index + 12]
    options = await bench.feed.options(bench.underlying, bench.straddle.expiry, above)
    higher = [row for row in options if row.right == bench.straddle.call.right][-1]
    combo = Combo(
        legs=(
            Leg(contract=higher, side=Side.BUY),
            Leg(contract=bench.straddle.call, side=Side.SELL),
        )
    )
    order = bench.order(Decimal("-50.00"), combo=combo)
    await bench.orders.place(order)
    (report,) = await bench.ledger.wait(OrderWorking, ref=order.intent.ref)
    assert report.limit_price == Decimal("-50.00")
    await _cancelled(bench, order.intent.ref)


@case(69, "reference used a second time", "BrokenInvariant, nothing sent")
async def _(bench: Bench) -> None:
    order, _ = await _working(bench)
    with pytest.raises(BrokenInvariant, match="used once"):
        await bench.orders.place(order)
    await _cancelled(bench, order.intent.ref)


@case(70, "order ids of successive orders", "strictly ascending")
async def _(bench: Bench) -> None:
    first = bench.orders.order_id_high_water
    order, _ = await _working(bench)
    assert bench.orders.order_id_high_water > first
    await _cancelled(bench, order.intent.ref)


@case(71, "what-if of buying", "margin change and commission as decimals, nothing placed")
async def _(bench: Bench) -> None:
    before = len((await bench.orders.snapshot()).open_orders)
    found = await bench.orders.what_if(
        combo=bench.combo, order_ref=OrderRef("what-if"), limit_price=bench.far(), quantity=2
    )
    assert found.initial_margin_change is not None
    assert found.commission is not None
    assert found.commission > 0
    assert len((await bench.orders.snapshot()).open_orders) == before


@case(72, "what-if of selling ten straddles more than are held", "initial margin rises")
async def _(bench: Bench) -> None:
    held = {row.con_id: row.quantity for row in (await bench.orders.snapshot()).positions}
    most = int(max(held.get(leg.con_id, 0) for leg in bench.straddle.legs))
    found = await bench.orders.what_if(
        combo=bench.combo,
        order_ref=OrderRef("w"),
        limit_price=bench.near(),
        quantity=-10 - max(0, most),
    )
    assert found.initial_margin_change is not None
    assert found.initial_margin_change > 0


@case(73, "three what-ifs at once", "three answers of their own sizes")
async def _(bench: Bench) -> None:
    found = await asyncio.gather(
        *(
            bench.orders.what_if(
                combo=bench.combo,
                order_ref=OrderRef("w"),
                limit_price=bench.near(),
                quantity=-quantity,
            )
            for quantity in (10, 20, 40)
        )
    )
    margins = [row.initial_margin_change or 0 for row in found]
    assert margins[0] < margins[1] < margins[2]


@case(74, "what-if off the price grid", "BrokerRefused 110")
async def _(bench: Bench) -> None:
    with pytest.raises(BrokerRefused) as refusal:
        await bench.orders.what_if(
            combo=bench.combo,
            order_ref=OrderRef("w"),
            limit_price=bench.far() + Decimal("0.003"),
            quantity=1,
        )
    assert refusal.value.code == 110


@case(75, "cancel all ours", "every working order of our id cancelled, the count returned")
async def _(bench: Bench) -> None:
    orders = [(await _working(bench))[0] for _ in range(4)]
    assert await bench.orders.cancel_all_ours() == 4
    for order in orders:
        await bench.ledger.wait(OrderCancelled, ref=order.intent.ref)


@case(76, "cancel all with nothing working", "zero")
async def _(bench: Bench) -> None:
    assert await bench.orders.cancel_all_ours() == 0


@case(77, "order of another client of ours", "visible in the full read, not cancelled by us")
async def _(bench: Bench) -> None:
    async with bench.another() as (connection, ledger):
        order = bench.order(bench.far())
        await connection.orders.place(order)
        await ledger.wait(OrderWorking, ref=order.intent.ref)
        snapshot = await bench.orders.snapshot()
        assert order.intent.ref in {row.ref for row in snapshot.open_orders}
        with pytest.raises(Unresolved):
            await bench.orders.cancel(order.intent.ref)
        await connection.orders.cancel(order.intent.ref)
        await ledger.wait(OrderCancelled, ref=order.intent.ref)


@case(78, "full read after fills", "positions, executions and commissions agree")
async def _(bench: Bench) -> None:
    await _filled(bench, bench.order(bench.near()))
    snapshot = await bench.orders.snapshot()
    signed: dict[int, Decimal] = {}
    for row in snapshot.executions:
        signed[row.con_id] = signed.get(row.con_id, Decimal(0)) + row.side.sign * row.quantity
    held = {row.con_id: row.quantity for row in snapshot.positions}
    if bench.gateway is not None:
        assert held == {con_id: quantity for con_id, quantity in signed.items() if quantity}
    assert {row.exec_id for row in snapshot.commissions} == {
        row.exec_id for row in snapshot.executions
    }
    assert snapshot.account.net_liquidation is not None


@case(
    79,
    "informational 10349 on a working order",
    "nothing reported, still working",
    simulated_only=True,
)
async def _(bench: Bench) -> None:
    await _said(bench, 10349, ())


@case(
    80,
    "informational 399 and 2109 on a working order",
    "nothing reported, still working",
    simulated_only=True,
)
async def _(bench: Bench) -> None:
    await _said(bench, 399, ())
    await _said(bench, 2109, ())


@case(
    81,
    "ambiguous 161, 10147 and 10148 on a working order",
    "OrderDoubtful, never cancelled",
    simulated_only=True,
)
async def _(bench: Bench) -> None:
    for code in (161, 10147, 10148):
        await _said(bench, code, (OrderDoubtful,))


@case(82, "unknown code on a working order", "OrderDoubtful", simulated_only=True)
async def _(bench: Bench) -> None:
    await _said(bench, 7777, (OrderDoubtful,))


@case(
    83,
    "duplicate order id 103 on a working order",
    "OrderDoubtful, order works on",
    simulated_only=True,
)
async def _(bench: Bench) -> None:
    await _said(bench, 103, (OrderDoubtful,))


async def _said(bench: Bench, code: int, expected: tuple[type, ...]) -> None:
    order, _ = await _working(bench)
    tracked = bench.orders._truth.get(order.intent.ref)
    assert tracked is not None
    assert tracked.order_id is not None
    error = OrderError(
        client_id=bench.settings.order_client_id,
        order_id=tracked.order_id,
        code=code,
        text="said by the test",
    )
    bench.inject(error)
    await asyncio.sleep(0.1)
    kinds = [type(report) for report in bench.ledger.of(order.intent.ref)]
    assert kinds == [OrderWorking, *expected]
    snapshot = await bench.orders.snapshot()
    assert order.intent.ref in {row.ref for row in snapshot.open_orders}
    await _cancelled(bench, order.intent.ref)


@case(84, "cancel of a filled order", "never an end by cancel; the fills stand")
async def _(bench: Bench) -> None:
    order = bench.order(bench.near())
    await _filled(bench, order)
    await bench.orders.cancel(order.intent.ref)
    await asyncio.sleep(0.2)
    kinds = {type(report) for report in bench.ledger.of(order.intent.ref)}
    assert OrderCancelled not in kinds
    assert OrderRejected not in kinds
