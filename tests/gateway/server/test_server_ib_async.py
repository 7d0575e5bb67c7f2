"""Unmodified ib_async against the gateway where the two could misunderstand each other."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from ib_async import (
    IB,
    Bag,
    ComboLeg,
    Contract,
    LimitOrder,
    Option,
    Order,
    RequestError,
    Stock,
    Trade,
)

from dispersa.gateway.server import RunningGateway


@asynccontextmanager
async def connected(gateway: RunningGateway, client_id: int = 1) -> AsyncIterator[IB]:
    ib = IB()
    ib.RaiseRequestErrors = True
    await ib.connectAsync(gateway.host, gateway.port, clientId=client_id, timeout=5)
    try:
        yield ib
    finally:
        ib.disconnect()
        await asyncio.sleep(0.05)


async def until(met: object, seconds: float = 10.0) -> None:
    assert callable(met)
    async with asyncio.timeout(seconds):
        while not met():
            await asyncio.sleep(0.02)


async def straddle(ib: IB) -> tuple[Bag, list[Contract]]:
    wanted = [Option("AAPL", "20261218", 270.0, right, "SMART", "100", "USD") for right in "CP"]
    legs = [found for found in await ib.qualifyContractsAsync(*wanted) if found is not None]
    assert len(legs) == 2
    combo = [ComboLeg(conId=leg.conId, ratio=1, action="BUY", exchange="SMART") for leg in legs]
    return Bag(symbol="AAPL", exchange="SMART", currency="USD", comboLegs=combo), legs


async def settled(trade: Trade, *statuses: str) -> None:
    await until(lambda: trade.orderStatus.status in statuses)


async def test_bag_is_amended_with_the_contract_that_open_order_brought(
    gateway: RunningGateway,
) -> None:
    async with connected(gateway) as ib:
        bag, _ = await straddle(ib)
        order = LimitOrder("BUY", 1, 1.0, tif="DAY", orderRef="amended")
        trade = ib.placeOrder(bag, order)
        await settled(trade, "Submitted")
    async with connected(gateway) as ib:
        (again,) = ib.openTrades()
        contract = again.contract
        assert (contract.conId, contract.tradingClass) == (28812380, "COMB")
        again.order.lmtPrice = 1.5
        ib.placeOrder(contract, again.order)
        await until(lambda: any(entry.message == "Modified" for entry in again.log))
        (now,) = await ib.reqOpenOrdersAsync()
        assert now.order.lmtPrice == 1.5
        ib.cancelOrder(again.order)
        await settled(again, "Cancelled")


async def test_credit_spread_with_a_negative_price_rests_and_keeps_its_sign(
    gateway: RunningGateway,
) -> None:
    async with connected(gateway) as ib:
        bag, legs = await straddle(ib)
        wide = Option("AAPL", "20261218", 280.0, "C", "SMART", "100", "USD")
        (far,) = await ib.qualifyContractsAsync(wide)
        bag.comboLegs = [
            ComboLeg(conId=far.conId, ratio=1, action="BUY", exchange="SMART"),
            ComboLeg(conId=legs[0].conId, ratio=1, action="SELL", exchange="SMART"),
        ]
        trade = ib.placeOrder(bag, LimitOrder("BUY", 1, -20.0, tif="DAY"))
        await settled(trade, "Submitted", "Filled")
        (now,) = await ib.reqOpenOrdersAsync()
        assert now.order.lmtPrice == -20.0
        ib.cancelOrder(trade.order)
        await settled(trade, "Cancelled")


@pytest.mark.parametrize("seed", range(3))
async def test_any_chunking_in_both_directions_is_understood(
    gateway: RunningGateway, seed: int
) -> None:
    rng = random.Random(seed)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(rng.choice([1, 3, 7, 100, 4096])):
            writer.write(data)
            await asyncio.sleep(0)
        writer.close()

    pumps: list[asyncio.Task[None]] = []

    async def on_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside = await asyncio.open_connection(gateway.host, gateway.port)
        pumps.append(asyncio.create_task(pump(reader, inside[1])))
        pumps.append(asyncio.create_task(pump(inside[0], writer)))

    async with await asyncio.start_server(on_client, "127.0.0.1", 0) as proxy:
        ib = IB()
        port = proxy.sockets[0].getsockname()[1]
        await ib.connectAsync("127.0.0.1", port, clientId=1, timeout=8, raiseSyncErrors=True)
        (found,) = await ib.reqContractDetailsAsync(Stock("AAPL", "SMART", "USD"))
        assert found.contract is not None
        assert found.contract.conId == 265598
        ib.disconnect()
        await asyncio.gather(*pumps)


async def test_every_order_field_survives_the_round_trip(gateway: RunningGateway) -> None:
    async with connected(gateway) as ib:
        (contract,) = await ib.qualifyContractsAsync(Stock("AAPL", "SMART", "USD"))
        sent = Order(
            action="BUY",
            totalQuantity=7,
            orderType="LMT",
            lmtPrice=101.5,
            tif="GTC",
            orderRef="réf/1",
            outsideRth=True,
            discretionaryAmt=0.05,
            displaySize=3,
            ocaGroup="group",
            ocaType=2,
            clearingIntent="IB",
            openClose="O",
            sweepToFill=True,
            modelCode="model",
            cashQty=0.0,
        )
        trade = ib.placeOrder(contract, sent)
        await settled(trade, "Submitted")
    async with connected(gateway) as ib:
        (again,) = ib.openTrades()
        for name in (
            "action", "totalQuantity", "orderType", "lmtPrice", "tif", "outsideRth",
            "discretionaryAmt", "displaySize", "ocaGroup", "ocaType", "clearingIntent",
            "openClose", "sweepToFill", "modelCode",
        ):  # fmt: skip
            assert getattr(again.order, name) == getattr(sent, name), name
        ib.cancelOrder(again.order)
        await settled(again, "Cancelled")


async def test_requests_of_one_client_are_answered_while_another_streams(
    gateway: RunningGateway,
) -> None:
    async with connected(gateway, 1) as data, connected(gateway, 2) as orders:
        bag, legs = await straddle(data)
        tickers = [data.reqMktData(leg) for leg in legs]
        await until(lambda: all(t.modelGreeks and t.bid > 0 for t in tickers))
        price = round(sum(ticker.ask for ticker in tickers) + 0.2, 2)
        trade = orders.placeOrder(bag, LimitOrder("BUY", 1, price, tif="DAY"))
        await settled(trade, "Filled")
        await until(lambda: len(data.positions()) == 2)
        assert sorted(fill.contract.secType for fill in trade.fills) == ["BAG", "OPT", "OPT"]
        fills = await data.reqExecutionsAsync()
        assert {fill.execution.permId for fill in fills} == {trade.orderStatus.permId}


async def test_side_requests_are_answered_or_refused_by_their_own_id(
    gateway: RunningGateway,
) -> None:
    async with connected(gateway) as ib, asyncio.timeout(5):
        assert await ib.reqNewsProvidersAsync() == []
        assert await ib.reqMktDepthExchangesAsync() == []
        await ib.reqUserInfoAsync()
        tiers: list[tuple[object, ...]] = []
        ib.wrapper.softDollarTiers = lambda *args: tiers.append(args)
        ib.client.reqSoftDollarTiers(77)
        families: list[object] = []
        ib.wrapper.familyCodes = families.extend
        ib.client.reqFamilyCodes()
        await until(lambda: tiers and families)
        contract = Stock("AAPL", "SMART", "USD", conId=265598)
        with pytest.raises(RequestError, match="not simulated"):
            await ib.reqHistogramDataAsync(contract, True, "1 day")
