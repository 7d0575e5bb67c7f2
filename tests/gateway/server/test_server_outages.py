"""Faults of connection and login by their numbers, as a client lives them."""

import asyncio
import contextlib

import pytest
from raw_client import RawClient, StartGateway
from test_server_visibility import AAPL, ended, is_status, place

from dispersa.errors import InvalidInput
from dispersa.gateway.outages import FAULTS, Outage
from dispersa.gateway.server import RunningGateway


def strike(gateway: RunningGateway, code: str, **terms: object) -> None:
    gateway.outages.strike(Outage(code=code, **terms))


async def test_a1_nothing_listens_for_a_while(gateway: RunningGateway) -> None:
    strike(gateway, "A1", seconds=0.6)
    await asyncio.sleep(0.05)
    with pytest.raises(ConnectionRefusedError):
        await RawClient.connect(gateway)
    await asyncio.sleep(0.7)
    assert (await RawClient.started(gateway)).reader is not None


async def test_a2_half_open_connection_says_nothing_and_then_everything(
    gateway: RunningGateway,
) -> None:
    client, other = await RawClient.started(gateway, 1), await RawClient.started(gateway, 2)
    strike(gateway, "A2", client_id=1, seconds=1.0)
    client.send("49", "1")
    other.send("49", "1")
    assert (await other.of(49))[0] == "49"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await client.reader.readexactly(1)
    assert (await client.of(49))[0] == "49"


async def test_a3_connection_ends_within_a_frame(gateway: RunningGateway) -> None:
    client = await RawClient.started(gateway)
    strike(gateway, "A3")
    client.send("49", "1")
    rest = await client.reader.read(-1)
    assert 0 < len(rest) < 4 + int.from_bytes(rest[:4], "big")


async def test_a4_order_is_taken_but_its_client_hears_nothing(gateway: RunningGateway) -> None:
    client = await RawClient.started(gateway, 3)
    strike(gateway, "A4")
    place(client, 1, kind="LMT", price="100.0")
    with contextlib.suppress(ConnectionError):
        assert await client.reader.read(-1) == b""
    again = await RawClient.started(gateway, 3)
    again.send("5", "1")
    assert [fields[0] for fields in await ended(again, 53)] == ["5", "3", "53"]


async def test_a9_order_is_lost_with_the_restart(gateway: RunningGateway) -> None:
    client = await RawClient.started(gateway, 3)
    strike(gateway, "A9", seconds=0.1)
    place(client, 1, kind="LMT", price="100.0")
    assert await client.is_closed()
    await asyncio.sleep(0.2)
    again = await RawClient.started(gateway, 3)
    again.send("5", "1")
    assert await ended(again, 53) == [["53", "1"]]


@pytest.mark.parametrize(("code", "number"), [("A5", "1100"), ("A6", "1102"), ("A7", "1101")])
async def test_a5_to_a7_connectivity_notices_reach_everybody(
    gateway: RunningGateway, code: str, number: str
) -> None:
    clients = [await RawClient.started(gateway, number) for number in (1, 2)]
    clients[0].send("1", "11", 7, *AAPL, "0", "", "0", "0", "")
    await clients[0].of(81)
    strike(gateway, code)
    for client in clients:
        notice = await client.of(4)
        assert notice[2:4] == ["-1", number]
    assert gateway.floor.lines == (0 if code == "A7" else 1)


async def test_a8_port_change_is_said_and_ends_the_connection(gateway: RunningGateway) -> None:
    client = await RawClient.started(gateway)
    strike(gateway, "A8")
    assert (await client.of(4))[3] == "1300"
    assert await client.is_closed()


async def test_a10_restart_rolls_order_ids_back(gateway: RunningGateway) -> None:
    client = await RawClient.started(gateway, 3)
    place(client, 70, kind="LMT", price="100.0")
    await client.until(is_status("Submitted"))
    strike(gateway, "A10", seconds=0.1)
    assert await client.is_closed()
    await asyncio.sleep(0.2)
    again = await RawClient.started(gateway, 3)
    again.send("8", "1", "1")
    assert await again.of(9) == ["9", "1", "1"]


async def test_a11_next_id_near_the_end_of_32_bits(gateway: RunningGateway) -> None:
    strike(gateway, "A11")
    client = await RawClient.started(gateway)
    client.send("8", "1", "1")
    assert await client.of(9) == ["9", "1", "2147483646"]


async def test_a12_pending_login_closes_connections_at_once(gateway: RunningGateway) -> None:
    strike(gateway, "A12", seconds=0.6)
    client = await RawClient.connect(gateway)
    assert await client.is_closed()
    await asyncio.sleep(0.7)
    await RawClient.started(gateway)


async def test_a13_client_id_in_use_gets_326(gateway: RunningGateway) -> None:
    strike(gateway, "A13", client_id=5, seconds=0.6)
    client = await RawClient.connect(gateway)
    await client.hello("v157..178")
    client.send("71", "2", "5", "")
    assert (await client.fields())[3] == "326"
    await asyncio.sleep(0.7)
    await RawClient.started(gateway, 5)


async def test_a14_competing_session_takes_the_data_and_gives_it_back(
    gateway: RunningGateway,
) -> None:
    client = await RawClient.started(gateway)
    client.send("1", "11", 7, *AAPL, "0", "", "0", "0", "")
    await client.until(lambda fields: fields[0] == "1")
    strike(gateway, "A14", seconds=1.2)
    assert (await client.of(4))[2:4] == ["7", "10197"]
    client.send("1", "11", 8, *AAPL, "0", "", "0", "0", "")
    assert (await client.of(4))[2:4] == ["8", "10197"]
    await client.until(lambda fields: fields[0] == "1" and fields[2] == "7")


async def test_a15_to_a17_another_login(gateway: RunningGateway) -> None:
    strike(gateway, "A15", value="U1,U2")
    strike(gateway, "A16")
    strike(gateway, "A17")
    client = await RawClient.connect(gateway)
    assert (await client.hello("v157..178"))[0] == "157"
    client.send("71", "2", "1", "")
    assert await client.fields() == ["15", "1", "U1,U2"]
    client.send("4", "1", "1")
    await client.until(lambda fields: fields[0] == "4" and fields[3] == "321")


async def test_a18_link_flaps(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispersa.gateway.outages._FLAP_SECONDS", 0.1)
    strike(gateway, "A18", seconds=0.35)
    for _ in range(2):
        client = await RawClient.started(gateway)
        assert await client.is_closed()
    await asyncio.sleep(0.3)
    steady = await RawClient.started(gateway)
    await asyncio.sleep(0.3)
    steady.send("49", "1")
    assert (await steady.of(49))[0] == "49"


async def test_a19_everything_arrives_late_but_in_order(gateway: RunningGateway) -> None:
    client = await RawClient.started(gateway)
    strike(gateway, "A19", seconds=0.3)
    loop = asyncio.get_running_loop()
    began = loop.time()
    client.send("49", "1")
    client.send("62", "1", 5, "All", "NetLiquidation")
    kinds = [(await client.fields())[0] for _ in range(3)]
    assert kinds == ["49", "63", "64"]
    assert loop.time() - began >= 0.3


@pytest.mark.parametrize(
    ("value", "begins"),
    [
        ("huge", b"\x7f\xff\xff\xff"),
        ("negative", b"\xff\xff\xff\xff"),
        ("zero", b"\0\0\0\0"),
        ("truncated", b"\0\0\0\x043\x001\0"),
        ("extra", b"\0\0\0\x0e9\x001\x001\0surplus\0"),
    ],
)
async def test_a20_malformed_frames(gateway: RunningGateway, value: str, begins: bytes) -> None:
    client = await RawClient.started(gateway)
    strike(gateway, "A20", value=value)
    assert await client.reader.readexactly(len(begins)) == begins


async def test_b37_contract_details_get_no_answer_for_a_while(gateway: RunningGateway) -> None:
    client = await RawClient.started(gateway)
    strike(gateway, "B37", seconds=0.6)
    client.send("9", "8", 1, *AAPL, "0", "", "", "")
    client.send("49", "1")
    assert (await client.fields())[0] == "49"
    await asyncio.sleep(0.7)
    client.send("9", "8", 2, *AAPL, "0", "", "", "")
    assert (await client.of(10))[1] == "2"


async def test_unknown_numbers_and_values_are_refused(start_gateway: StartGateway) -> None:
    gateway = await start_gateway()
    for wrong in ({"code": "Z1"}, {"code": "A20", "value": "odd"}, {"code": "A13"}):
        with pytest.raises(InvalidInput):
            gateway.outages.strike(Outage(**wrong))
    assert len(FAULTS) == 21
