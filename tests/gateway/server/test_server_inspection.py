"""The truth over a port of its own: what it tells, and what it refuses."""

import asyncio
import json

import pytest
from raw_client import RawClient, StartGateway

from dispersa.errors import InvalidInput
from dispersa.gateway.server import RunningGateway


async def get(
    gateway: RunningGateway, request: str = "GET /truth HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n"
) -> tuple[int, object]:
    assert gateway.inspection is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.inspection.port)
    writer.write(request.encode())
    answer = (await reader.read()).decode()
    writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    return (int(head.split()[1]), json.loads(body)) if answer else (0, None)


async def test_truth_tells_world_account_and_orders(start_gateway: StartGateway) -> None:
    gateway = await start_gateway({"inspect_port": 0, "names": 5})
    status, truth = await get(gateway)
    assert status == 200
    assert isinstance(truth, dict)
    assert truth["orders"] == truth["executions"] == truth["positions"] == []
    assert truth["account"]["cash"] == "50000000"
    assert truth["world"]["implied_correlation"] == gateway.venue.truth.implied_correlation
    assert truth["world"]["implied_vols"]["NVDA"] == gateway.venue.truth.implied_vols["NVDA"]
    assert truth["world"]["seed"] == 7


@pytest.mark.parametrize(
    ("request_text", "expected"),
    [
        ("GET /orders HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        ("GET /faults HTTP/1.1\r\n\r\n", 200),
        ("GET /messages HTTP/1.1\r\nHost: localhost:80\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\n\r\n", 200),
        ("GET /nothing HTTP/1.1\r\n\r\n", 404),
        ("POST /truth HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        ("GET /truth HTTP/1.1\r\nHost: evil.example:4102\r\n\r\n", 403),
        ("x" * 20_000 + "\r\n\r\n", 0),
        ("GET / HTTP/1.1\r\n" + "a: b\r\n" * 100 + "\r\n", 0),
    ],
    ids=["orders", "faults", "messages", "index", "unknown", "post", "rebound", "long", "many"],
)
async def test_requests_are_answered_or_refused(
    start_gateway: StartGateway, request_text: str, expected: int
) -> None:
    gateway = await start_gateway({"inspect_port": 0, "names": 2})
    try:
        status, _ = await get(gateway, request_text)
    except ConnectionError:
        status = 0
    assert status == expected


async def test_tws_port_never_tells_the_truth(start_gateway: StartGateway) -> None:
    gateway = await start_gateway({"inspect_port": 0, "names": 2})
    reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
    writer.write(b"GET /truth HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b"correlation" not in await reader.read()
    writer.close()
    assert (await RawClient.started(gateway)) is not None


async def test_without_the_setting_nothing_listens(gateway: RunningGateway) -> None:
    assert gateway.inspection is None


async def test_port_in_use_is_refused_with_the_mend(start_gateway: StartGateway) -> None:
    first = await start_gateway({"inspect_port": 0, "names": 2})
    assert first.inspection is not None
    with pytest.raises(InvalidInput, match="--inspect-port"):
        await start_gateway({"inspect_port": first.inspection.port, "names": 2})
