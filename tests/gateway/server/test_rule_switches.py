"""Every rule switch changes what it names; the table says where that is seen."""

import asyncio
import re
from dataclasses import fields
from pathlib import Path

import pytest
from raw_client import OPEN_CLIENTS, RawClient
from raw_order import contract, order_fields

from dispersa.errors import InvalidInput
from dispersa.gateway.exchange.switches import CHOICES
from dispersa.gateway.settings import Rules
from dispersa.gateway.wire.frames import FrameError, FrameReader
from dispersa.testing import GatewayFixture, SimulatedGateway

ROOM = Path(__file__).parents[1]
AAPL = contract(con_id=265598)
MSFT = contract("MSFT", con_id=272093)
PAIR = (265598, 1, "BUY", "SMART"), (272093, 1, "SELL", "SMART")


def hang_up(*clients: RawClient) -> None:
    for client in clients:
        client.writer.transport.abort()
    OPEN_CLIENTS.clear()


@pytest.mark.parametrize("switch", [*(rule.name for rule in fields(Rules)), *CHOICES])
def test_some_test_sets_every_switch_and_looks_at_what_it_does(switch: str) -> None:
    setting = re.compile(rf"\b{switch}\b")
    assert any(setting.search(path.read_text()) for path in ROOM.rglob("test_*.py")), switch


@pytest.mark.parametrize(("counts", "code"), [(True, "101"), (False, None)])
def test_combos_take_lines_where_the_rule_says_so(
    ib_gateway: GatewayFixture, counts: bool, code: str | None
) -> None:
    async def scenario(gateway: SimulatedGateway) -> list[list[str]]:
        client = await RawClient.started(gateway.running)
        legs = [
            part for con_id, ratio, side, place in PAIR for part in (con_id, ratio, side, place)
        ]
        client.send(1, 11, 7, *AAPL, 0, "", 0, 0, "")
        client.send(1, 11, 8, *contract(sec_type="BAG"), 2, *legs, 0, "", 0, 0, "")
        client.send(49, 1)
        found = await client.until(lambda fields: fields[0] == "49")
        hang_up(client)
        return found

    found = ib_gateway.run(
        scenario, names=3, market_data_lines_max=1, bag_quotes_count_as_lines=counts
    )
    codes = [fields[3] for fields in found if fields[0] == "4" and fields[2] == "8"]
    assert codes == ([code] if code else [])


@pytest.mark.parametrize("limit", [2, 50])
def test_requests_for_bars_that_stay_open_are_limited(
    ib_gateway: GatewayFixture, limit: int
) -> None:
    async def scenario(gateway: SimulatedGateway) -> list[list[str]]:
        client = await RawClient.started(gateway.running)
        for number in (1, 2, 3):
            client.send(20, number, *AAPL, 0, "", "1 min", f"{600 + 60 * number} S", 1, "TRADES",
                        1, 1, "")  # fmt: skip
        await asyncio.sleep(2)
        client.send(49, 1)
        found = await client.until(lambda fields: fields[0] == "49")
        hang_up(client)
        return found

    found = ib_gateway.run(scenario, names=2, historical_requests_open_max=limit)
    refused = [fields[2:4] for fields in found if fields[0] == "4" and fields[3] == "322"]
    assert refused == ([["3", "322"]] if limit == 2 else [])


@pytest.mark.parametrize("seconds", [30.0, 180.0])
def test_account_values_come_as_often_as_the_rule_says(
    ib_gateway: GatewayFixture, seconds: float
) -> None:
    async def scenario(gateway: SimulatedGateway) -> int:
        client = await RawClient.started(gateway.running)
        client.send(6, 2, 1, "")
        await asyncio.sleep(370)
        client.send(49, 1)
        found = await client.until(lambda fields: fields[0] == "49")
        hang_up(client)
        return sum(fields[0] == "8" for fields in found)

    stamps = ib_gateway.run(scenario, names=2, step_seconds=5.0, account_update_seconds=seconds)
    assert stamps >= 370 // seconds
    assert stamps <= 370 // seconds + 2


@pytest.mark.parametrize("seconds", [60.0, 600.0])
def test_nobody_is_let_in_while_the_gateway_restarts(
    ib_gateway: GatewayFixture, seconds: float
) -> None:
    async def scenario(gateway: SimulatedGateway) -> bool:
        await asyncio.sleep(60 + 300)
        try:
            client = await RawClient.connect(gateway.running)
        except ConnectionError:
            return False
        hang_up(client)
        return True

    let_in = ib_gateway.run(
        scenario, names=2, step_seconds=60.0, restart_hour=10 + 1 / 60, restart_seconds=seconds
    )
    assert let_in is (seconds < 300)


def test_frame_limit_ends_a_connection() -> None:
    with pytest.raises(InvalidInput, match="frame_bytes_max"):
        Rules(frame_bytes_max=1)
    for limit in (8192, 16 * 2**20):
        reader = FrameReader(limit)
        reader.feed(b"API\0" + b"\0\0\0\4v178")
        if limit == 8192:
            with pytest.raises(FrameError, match="8193"):
                reader.feed((8193).to_bytes(4, "big"))
        else:
            assert reader.feed((8193).to_bytes(4, "big") + bytes(8193)) == [bytes(8193)]


def test_server_holds_clients_to_the_frame_limit(ib_gateway: GatewayFixture) -> None:
    async def scenario(gateway: SimulatedGateway) -> None:
        client = await RawClient.started(gateway.running)
        client.send(*["9" * 5000])
        assert await client.is_closed()
        hang_up(client)

    ib_gateway.run(scenario, names=2, frame_bytes_max=4096)


@pytest.mark.parametrize("kind", ["REL + LMT", "LMT + MKT", "REL + MKT"])
@pytest.mark.parametrize("rule", ["refused", "taken"])
def test_combo_types_are_taken_where_the_rule_says_so(
    ib_gateway: GatewayFixture, kind: str, rule: str
) -> None:
    async def scenario(gateway: SimulatedGateway) -> list[list[str]]:
        client = await RawClient.started(gateway.running)
        spots = gateway.truth.spots
        price = round(spots["AAPL"] - spots["MSFT"] + 5.0, 2)
        client.send(*order_fields(1, contract(sec_type="BAG"), kind=kind, price=price, legs=PAIR,
                                  routing=(("NonGuaranteed", "1"),)))  # fmt: skip
        client.send(*order_fields(2, AAPL, kind=kind, price=100.0))
        await asyncio.sleep(60)
        client.send(49, 1)
        found = await client.until(lambda fields: fields[0] == "49")
        hang_up(client)
        return found

    venue_rules = {"combo_types": rule}
    found = ib_gateway.run(scenario, names=3, venue_rules=venue_rules)
    errors = {fields[2]: fields[3] for fields in found if fields[0] == "4"}
    assert errors.get("2") == "387"
    assert errors.get("1") == (None if rule == "taken" else "387")
    filled = {fields[1] for fields in found if fields[0] == "3" and fields[2] == "Filled"}
    assert filled == ({"1"} if rule == "taken" else set())
