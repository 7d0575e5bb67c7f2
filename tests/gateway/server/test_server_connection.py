"""What a client's connection can live through, and what ends it, and only it."""

import asyncio
import logging
from pathlib import Path

import pytest
from ib_async import IB
from raw_client import RawClient, StartGateway

from dispersa.errors import InvalidInput
from dispersa.gateway.server import RunningGateway, serve
from dispersa.gateway.settings import GatewaySettings, Rules


@pytest.mark.parametrize(
    ("announced", "agreed"),
    [
        ("v157..178", "178"),
        ("v157..176", "176"),
        ("v100..157", "157"),
        ("v100..176", "176"),
        ("v100..187", "178"),
        ("v100..193", "178"),
        ("v100..225", "178"),
        ("v100..203 +PACEAPI", "178"),
        ("v178", "178"),
    ],
)
async def test_server_answers_the_highest_common_version(
    gateway: RunningGateway, announced: str, agreed: str
) -> None:
    client = await RawClient.connect(gateway)
    version, time = await client.hello(announced)
    assert version == agreed
    assert time.startswith("20261120 10:00:0")
    client.close()


async def test_version_can_be_capped(start_gateway: StartGateway) -> None:
    gateway = await start_gateway({"max_server_version": 176})
    client = await RawClient.connect(gateway)
    assert (await client.hello("v157..178"))[0] == "176"
    client.close()


HTTP = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "bytes_",
    [
        b"63\0",
        HTTP,
        b"API\0" + (9).to_bytes(4, "big") + b"v100..156",
        b"API\0" + (9).to_bytes(4, "big") + b"v179..200",
        b"API\0" + (5).to_bytes(4, "big") + b"hello",
        b"API\0" + b"\xff\xff\xff\xff",
        b"API\0" + b"\x7f\xff\xff\xff",
        b"API\0" + b"\0\0\0\0",
    ],
)
async def test_malformed_hello_is_refused_and_harms_nobody(
    gateway: RunningGateway, bytes_: bytes
) -> None:
    good = await RawClient.started(gateway)
    bad = await RawClient.connect(gateway)
    bad.writer.write(bytes_)
    assert await bad.is_closed()
    good.send("49", "1")
    assert (await good.of(49))[:2] == ["49", "1"]
    good.close()
    bad.close()


@pytest.mark.parametrize("length", [-1, 16 * 2**20 + 1])
async def test_oversized_or_negative_frame_closes_only_its_client(
    gateway: RunningGateway, length: int
) -> None:
    good, bad = await RawClient.started(gateway, 1), await RawClient.started(gateway, 2)
    bad.writer.write(length.to_bytes(4, "big", signed=True) + b"x" * 100)
    assert await bad.is_closed()
    good.send("49", "1")
    assert (await good.of(49))[0] == "49"
    good.close()
    bad.close()


async def test_silent_connection_is_closed_after_the_handshake_time(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(handshake_seconds=0.1)
    silent = await RawClient.connect(gateway)
    assert await silent.is_closed()
    half = await RawClient.connect(gateway)
    await half.hello("v157..178")
    assert await half.is_closed()
    started = await RawClient.started(gateway)
    await asyncio.sleep(0.3)
    started.send("49", "1")
    assert (await started.of(49))[0] == "49"
    for client in (silent, half, started):
        client.close()


async def test_client_that_does_not_read_is_dropped_and_harms_nobody(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(messages_per_second_max=None, unsent_bytes_max=2**18)
    good, deaf = await RawClient.started(gateway, 1), await RawClient.hard_of_hearing(gateway)
    await deaf.hello("v157..178")
    deaf.send("71", "2", "2", "")
    await deaf.of(9)
    deaf.writer.transport.pause_reading()
    for request in range(1500):
        if len(gateway.floor.attendants()) == 1:
            break
        deaf.send("20", request, 0, "AAPL", "STK", "", 0, "", "", "SMART", "", "USD", "", "",
                  0, "", "1 day", "1 Y", 1, "TRADES", 1, 0, "")  # fmt: skip
        await asyncio.sleep(0)
    for _ in range(200):
        await asyncio.sleep(0.02)
        if len(gateway.floor.attendants()) == 1:
            break
    assert [one.client_id for one in gateway.floor.attendants()] == [1]
    good.send("49", "1")
    assert (await good.of(49))[0] == "49"
    good.close()
    deaf.writer.transport.abort()


async def test_any_chunking_of_the_client_is_understood(gateway: RunningGateway) -> None:
    client = await RawClient.connect(gateway)
    for byte in (
        b"API\0\0\0\0\x09v157..178\0\0\0\x08" + b"71\x002\x004\0\0" + b"\0\0\0\x05" + b"49\x001\0"
    ):
        client.writer.write(bytes([byte]))
        await client.writer.drain()
        await asyncio.sleep(0)
    assert len(await client.fields()) == 2
    assert (await client.of(49))[1] == "1"
    client.close()


async def test_duplicate_client_id_gets_326_and_the_end_and_the_first_stays(
    gateway: RunningGateway,
) -> None:
    first = await RawClient.started(gateway, 5)
    second = await RawClient.connect(gateway)
    await second.hello("v157..178")
    second.send("71", "2", "5", "")
    assert (await second.fields())[:4] == ["4", "2", "-1", "326"]
    assert await second.is_closed()
    first.send("49", "1")
    assert (await first.of(49))[0] == "49"
    first.close()
    for _ in range(100):
        await asyncio.sleep(0.01)
        if not gateway.floor.attendants():
            break
    third = await RawClient.started(gateway, 5)
    third.close()
    second.close()


async def test_start_brings_accounts_next_id_and_farm_notices(gateway: RunningGateway) -> None:
    client = await RawClient.connect(gateway)
    await client.hello("v157..178")
    client.send("71", "2", "9", "")
    assert await client.fields() == ["15", "1", "DU1234567"]
    assert await client.fields() == ["9", "1", "1"]
    codes = [(await client.fields())[2:4] for _ in range(4)]
    assert codes == [["-1", "2104"], ["-1", "2104"], ["-1", "2106"], ["-1", "2158"]]
    client.close()


async def test_unknown_and_unreadable_messages_get_an_error_and_the_connection_stays(
    gateway: RunningGateway,
) -> None:
    client = await RawClient.started(gateway)
    client.send("4711", "1")
    assert (await client.of(4))[2:4] == ["-1", "505"]
    client.send("9", "8", "33", "no number")
    assert (await client.of(4))[2:4] == ["33", "320"]
    client.send("")
    assert (await client.of(4))[3] == "505"
    client.writer.write(b"\0\0\0\0")
    assert (await client.of(4))[3] == "320"
    client.send("71", "2", "1", "")
    assert (await client.of(4))[3] == "321"
    client.send("49", "1")
    assert (await client.of(49))[0] == "49"
    client.close()


async def test_request_before_start_api_gets_an_error(gateway: RunningGateway) -> None:
    client = await RawClient.connect(gateway)
    await client.hello("v157..178")
    client.send("61", "1")
    assert (await client.of(4))[3] == "321"
    client.close()


async def test_51_messages_at_once_get_error_100_and_the_end(gateway: RunningGateway) -> None:
    client = await RawClient.started(gateway)
    for _ in range(60):
        client.send("49", "1")
    messages = await client.until(lambda fields: fields[0] == "4")
    assert messages[-1][3] == "100"
    assert 45 <= len(messages) <= 52
    assert await client.is_closed()
    client.close()


async def test_message_limit_can_be_switched_off(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(messages_per_second_max=None)
    client = await RawClient.started(gateway)
    for _ in range(300):
        client.send("49", "1")
    answers = [await client.fields() for _ in range(300)]
    assert {fields[0] for fields in answers} == {"49"}
    client.close()


async def test_ib_async_at_its_own_pace_is_never_over_the_limit(gateway: RunningGateway) -> None:
    ib = IB()
    await ib.connectAsync(gateway.host, gateway.port, clientId=1)
    times = await asyncio.gather(*(ib.reqCurrentTimeAsync() for _ in range(1)))
    for _ in range(150):
        ib.client.reqCurrentTime()
    await asyncio.sleep(3.6)
    assert ib.isConnected()
    assert times
    ib.disconnect()


@pytest.mark.parametrize(("client_id", "readonly"), [(0, False), (1, False), (7, True)])
async def test_ib_async_connects_without_a_timeout_or_a_warning(
    gateway: RunningGateway, caplog: pytest.LogCaptureFixture, client_id: int, readonly: bool
) -> None:
    ib = IB()
    with caplog.at_level(logging.INFO, "ib_async"):
        await ib.connectAsync(
            gateway.host,
            gateway.port,
            clientId=client_id,
            timeout=2,
            readonly=readonly,
            raiseSyncErrors=True,
        )
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert ib.client.serverVersion() == 178
    assert ib.managedAccounts() == ["DU1234567"]
    assert len(ib.accountValues()) > 20
    ib.disconnect()


async def test_busy_port_is_a_usage_error_that_says_what_to_do(gateway: RunningGateway) -> None:
    with pytest.raises(InvalidInput, match=r"in use.*--port 0") as error:
        await serve(GatewaySettings(port=gateway.port))
    assert error.value.exit_code == 2


async def test_foreign_host_is_a_usage_error() -> None:
    with pytest.raises(InvalidInput, match="can not listen"):
        await serve(GatewaySettings(host="203.0.113.1", port=0))


def test_settings_that_can_not_work_are_refused() -> None:
    for wrong in (
        {"max_server_version": 200},
        {"port": 70000},
        {"speed": 0.0},
        {"step_seconds": -1.0},
        {"account": ""},
        {"account": "DU1,DU2"},
    ):
        with pytest.raises(InvalidInput):
            GatewaySettings(**wrong)


def test_rules_that_can_not_work_are_refused() -> None:
    for wrong in (
        {"messages_per_second_max": -1},
        {"account_summaries_max": 0},
        {"pnl_update_seconds": 0.0},
        {"snapshot_seconds": float("nan")},
        {"unsent_bytes_max": 10},
    ):
        with pytest.raises(InvalidInput, match=next(iter(wrong))):
            Rules(**wrong)


async def test_zero_means_no_limit(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(messages_per_second_max=0, market_data_lines_max=0)
    client = await RawClient.started(gateway)
    for request in range(120):
        client.send(
            "1", "11", request, 265598, *[""] * 6, "SMART", *[""] * 4, "0", "", "0", "0", ""
        )
    await client.until(lambda fields: fields[0] == "81" and fields[1] == "119")
    assert gateway.floor.lines == 120


async def test_closing_the_gateway_ends_every_connection(start_gateway: StartGateway) -> None:
    gateway = await start_gateway()
    client = await RawClient.started(gateway)
    await gateway.close()
    assert await client.is_closed()
    assert gateway.world.cancelled()
    client.close()


def test_gateway_package_imports_no_client_side_room() -> None:
    source = Path(__file__).parents[3] / "src" / "dispersa" / "gateway"
    text = "".join(path.read_text() for path in source.rglob("*.py"))
    for foreign in ("ib_async", "dispersa.broker", "dispersa.orders", "dispersa.market"):
        assert f"import {foreign}" not in text
        assert f"from {foreign}" not in text
