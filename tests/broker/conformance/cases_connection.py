"""Conformance 1 to 19: who is there, may we, and what does the link promise?"""

import asyncio

import pytest

from dispersa.errors import BrokerRefused, Disconnected
from dispersa.gateway.settings import Rules
from dispersa.orders import LinkRestored

from .bench import Bench, bench_on, case, eventually, gateway


@case(1, "connect with two free client ids", "LinkRestored names account and server version")
async def _(bench: Bench) -> None:
    async with bench.another() as (connection, ledger):
        (restored,) = await ledger.wait(LinkRestored)
        assert restored.account == bench.connection.account
        assert 157 <= restored.server_version <= 178
        assert not restored.data_lost
        assert connection.unproven is None


@case(2, "account id begins with DU or DF", "recognized as a paper account")
async def _(bench: Bench) -> None:
    assert bench.connection.is_paper
    assert (await bench.feed.account()).is_paper


@case(3, "order client id is in use", "refused with 326, no other id tried")
async def _(bench: Bench) -> None:
    taken = bench.settings.order_client_id
    with pytest.raises(BrokerRefused) as refusal:
        async with bench.another(order_client_id=taken):
            pass
    assert refusal.value.code == 326


@case(4, "data client id is in use", "refused, and the order id is free again")
async def _(bench: Bench) -> None:
    with pytest.raises(BrokerRefused):
        async with bench.another(data_client_id=bench.settings.data_client_id):
            pass
    await asyncio.sleep(0.05)
    async with bench.another() as (connection, _):
        assert connection.unproven is None


@case(5, "configured account is not in the login", "refused, both sockets closed")
async def _(bench: Bench) -> None:
    with pytest.raises(BrokerRefused, match="expected"):
        async with bench.another(account="DU0000000"):
            pass


@case(6, "nobody listens on the port", "Disconnected says what to start", simulated_only=True)
async def _(bench: Bench) -> None:
    async with gateway() as running:
        port = running.port
    with pytest.raises(Disconnected, match="nobody listens"):
        async with bench.another(port=port):
            pass


@case(7, "live account without opt-in", "refused", simulated_only=True)
async def _(_: Bench) -> None:
    async with gateway(account="U1234567") as running:
        with pytest.raises(BrokerRefused, match="live trading was not allowed"):
            async with bench_on(running):
                pass


@case(8, "live account with opt-in", "connected, marked as live", simulated_only=True)
async def _(_: Bench) -> None:
    async with gateway(account="U1234567") as running, bench_on(running, live_allowed=True) as own:
        assert not own.connection.is_paper


@case(9, "gateway of server version 157", "straddle traded all the same", simulated_only=True)
async def _(_: Bench) -> None:
    await _trades_at(157)


@case(10, "gateway of server version 176", "straddle traded all the same", simulated_only=True)
async def _(_: Bench) -> None:
    await _trades_at(176)


async def _trades_at(version: int) -> None:
    async with gateway(max_server_version=version) as running, bench_on(running) as own:
        assert own.connection.server_version == version
        order = own.order(own.near())
        await own.orders.place(order)
        await eventually(lambda: len(own.ledger.of(order.intent.ref)) >= 3)
        snapshot = await own.orders.snapshot()
        assert {row.con_id for row in snapshot.positions} == {
            leg.con_id for leg in own.straddle.legs
        }


@case(11, "server time is asked", "an aware time close to the clock")
async def _(bench: Bench) -> None:
    skew = (await bench.feed.server_time()) - bench.clock.now()
    assert abs(skew.total_seconds()) < 5


@case(12, "server time is asked ten times at once", "ten answers, none lost")
async def _(bench: Bench) -> None:
    times = await asyncio.gather(*(bench.feed.server_time() for _ in range(10)))
    assert len(times) == 10


@case(13, "connection is closed and opened again", "same client ids are accepted again")
async def _(bench: Bench) -> None:
    for _ in range(3):
        async with bench.another() as (connection, _):
            assert connection.unproven is None


@case(14, "closed connection is used", "Disconnected, nothing sent")
async def _(bench: Bench) -> None:
    async with bench.another() as (connection, _):
        pass
    with pytest.raises(Disconnected):
        await connection.orders.place(bench.order(bench.far()))
    with pytest.raises(Disconnected):
        await connection.feed.account()


@case(15, "four hundred requests at once", "at most 40 messages in any second", simulated_only=True)
async def _(_: Bench) -> None:
    rules = Rules(messages_per_second_max=45)
    async with gateway(rules) as running, bench_on(running) as own:
        await asyncio.gather(*(own.feed.server_time() for _ in range(70)))
        assert own.connection.unproven is None


@case(16, "orders while a chain loads", "the order is acknowledged within a second")
async def _(bench: Bench) -> None:
    flood = [asyncio.ensure_future(bench.feed.server_time()) for _ in range(60)]
    order = bench.order(bench.far())
    await asyncio.sleep(0.05)
    began = asyncio.get_running_loop().time()
    await bench.orders.place(order)
    await eventually(lambda: bool(bench.ledger.of(order.intent.ref)))
    assert asyncio.get_running_loop().time() - began < 1.0
    await bench.orders.cancel(order.intent.ref)
    await asyncio.gather(*flood)


@case(17, "gateway in Read-Only mode previews an order", "what-if refused", simulated_only=True)
async def _(_: Bench) -> None:
    async with gateway(Rules(read_only_api=True)) as running, bench_on(running) as own:
        with pytest.raises(BrokerRefused) as refusal:
            await own.orders.what_if(
                combo=own.combo,
                order_ref=own.order(own.far()).intent.ref,
                limit_price=own.far(),
                quantity=1,
            )
        assert refusal.value.code == 321


@case(18, "gateway in Read-Only mode gets an order", "OrderRejected 321", simulated_only=True)
async def _(_: Bench) -> None:
    from dispersa.orders import OrderRejected

    async with gateway(Rules(read_only_api=True)) as running, bench_on(running) as own:
        order = own.order(own.far())
        await own.orders.place(order)
        (report,) = await own.ledger.wait(OrderRejected, ref=order.intent.ref)
        assert report.code == 321


@case(19, "connection idles for longer than the silence limit", "heartbeats keep it proven")
async def _(bench: Bench) -> None:
    async with bench.another() as (connection, ledger):
        await asyncio.sleep(1.2 * bench.settings.deadlines.silence_seconds)
        assert connection.unproven is None
        assert len(ledger.reports) == 1
