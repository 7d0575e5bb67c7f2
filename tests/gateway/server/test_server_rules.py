"""Rules that count or repeat: order efficiency and the nightly restart."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
from raw_client import OPEN_CLIENTS, START, RawClient, StartGateway
from test_server_visibility import place

from dispersa.errors import InvalidInput
from dispersa.gateway.efficiency import OrderEfficiency
from dispersa.gateway.nightly import next_restart
from dispersa.gateway.outages import Outage
from dispersa.gateway.settings import Rules
from dispersa.testing import GatewayFixture, SimulatedGateway


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 11, 20, 15, 0, tzinfo=UTC), datetime(2026, 11, 21, 4, 45, tzinfo=UTC)),
        (datetime(2026, 11, 21, 4, 45, tzinfo=UTC), datetime(2026, 11, 22, 4, 45, tzinfo=UTC)),
        (datetime(2026, 7, 1, 3, 0, tzinfo=UTC), datetime(2026, 7, 1, 3, 45, tzinfo=UTC)),
    ],
    ids=["winter", "on the dot", "summer"],
)
def test_restart_comes_at_a_quarter_to_midnight_in_new_york(
    now: datetime, expected: datetime
) -> None:
    assert next_restart(now, 23.75) == expected


def test_nightly_restart_drops_clients_and_rolls_ids_back(ib_gateway: GatewayFixture) -> None:
    async def scenario(gateway: SimulatedGateway) -> None:
        client = await RawClient.started(gateway.running)
        place(client, 7)
        await client.of(5)
        assert gateway.running.floor.next_order_id(1) == 8
        await asyncio.sleep(14 * 3600)
        assert await client.is_closed()
        assert gateway.running.floor.next_order_id(1) == 1
        again = await RawClient.started(gateway.running)
        for one in (client, again):
            one.writer.transport.abort()
            await asyncio.sleep(0.1)
        OPEN_CLIENTS.clear()

    late = START.replace(hour=20)
    ib_gateway.run(scenario, names=2, step_seconds=60.0, start=late)


def test_ratio_counts_messages_over_executed_orders_of_a_day() -> None:
    counted = OrderEfficiency()
    monday = date(2026, 11, 23)
    for _ in range(30):
        counted.message(monday)
    assert counted.ratio == 30.0
    for perm_id in (1, 1, 2):
        counted.executed(perm_id, monday)
    assert counted.ratio == 10.0
    counted.message(monday + timedelta(days=1))
    assert counted.ratio == 1.0


@pytest.mark.parametrize("refuses", [True, False])
async def test_inefficient_orders_are_refused_where_the_rule_says_so(
    start_gateway: StartGateway, refuses: bool
) -> None:
    """B29: three orders that never trade are one too many for a ratio of 2."""
    gateway = await start_gateway(
        {"names": 2}, order_efficiency_max=2.0, order_efficiency_refuses=refuses
    )
    client = await RawClient.started(gateway)
    for order_id in (1, 2, 3):
        place(client, order_id)
    fields = await client.until(
        lambda found: found[0] in {"4", "5"} and "3" in found[:4] and found[0] != "3"
    )
    assert (fields[-1][0] == "4") is refuses
    assert gateway.floor.efficiency.ratio == 3.0


def test_restart_hour_is_an_hour_of_the_day() -> None:
    with pytest.raises(InvalidInput, match="restart_hour"):
        Rules(restart_hour=24.0)
    assert Rules(restart_hour=None).restart_hour is None


@pytest.mark.parametrize(("value", "code"), [("", "1100"), ("2103", "2103"), ("2157", "2157")])
async def test_lost_connectivity_is_told(
    start_gateway: StartGateway, value: str, code: str
) -> None:
    gateway = await start_gateway({"names": 2})
    client = await RawClient.started(gateway)
    gateway.outages.strike(Outage(code="A5", value=value))
    assert (await client.of(4))[3] == code
    with pytest.raises(InvalidInput, match="A5"):
        gateway.outages.strike(Outage(code="A5", value="7"))
