"""A conversation is kept on disk and played again frame by frame."""

import asyncio
from pathlib import Path

import pytest
from ib_async import IB, Stock
from raw_client import OPEN_CLIENTS, START, RawClient

from dispersa.errors import InvalidInput
from dispersa.gateway.server import serve
from dispersa.gateway.settings import GatewaySettings
from dispersa.gateway.tape import Player, Recorder, read_tape

SETTINGS = GatewaySettings(port=0, seed=7, start=START)


class _Address:
    """Where a player listens, in the shape of a gateway."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port


async def _conversation(host: str, port: int) -> list[object]:
    ib = IB()
    await ib.connectAsync(host, port, clientId=1)
    details = await ib.reqContractDetailsAsync(Stock("AAPL", "SMART", "USD"))
    bars = await ib.reqHistoricalDataAsync(
        details[0].contract, "", "5 D", "1 day", "TRADES", True, 1, False, []
    )
    seen = [details, list(bars), sorted(ib.accountValues()), ib.positions()]
    ib.disconnect()
    return seen


async def test_ib_async_sees_the_same_from_the_tape_as_from_the_gateway(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    recorder = Recorder(tape, asyncio.get_running_loop().time)
    async with await serve(SETTINGS, recorder) as gateway:
        live = await _conversation(gateway.host, gateway.port)
        await asyncio.sleep(0.05)
    recorder.close()
    async with Player(read_tape(tape)) as player:
        taped = await _conversation(*await player.listen("127.0.0.1", 0))
    for before, after in zip(live, taped, strict=True):
        assert after == before
    assert player.differences == 0


async def test_tape_keeps_every_frame_and_a_different_client_is_counted(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    recorder = Recorder(tape, asyncio.get_running_loop().time)
    async with await serve(SETTINGS, recorder) as gateway:
        client = await RawClient.started(gateway)
        client.send("49", "1")
        answer = await client.of(49)
        client.close()
        await asyncio.sleep(0.05)
    recorder.close()
    frames = read_tape(tape)[1]
    assert [frame.payload for frame in frames if frame.way == "in"] == [
        b"v157..178",
        b"71\x002\x001\0\0",
        b"49\x001\0",
    ]
    assert frames[-1].payload.decode().split("\0")[:-1] == answer
    async with Player(read_tape(tape)) as player:
        host, port = await player.listen("127.0.0.1", 0)
        again = await RawClient.started(_Address(host, port))
        again.send("61", "1")
        assert await again.of(49) == answer
        assert player.differences == 1
        second = await RawClient.connect(_Address(host, port))
        assert await second.is_closed()
        for one in OPEN_CLIENTS:
            one.close()
        OPEN_CLIENTS.clear()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json\n",
        "[]\n",
        '{"at": 0, "connection": 1, "way": "up", "payload": ""}\n',
        '{"at": NaN, "connection": 1, "way": "in", "payload": ""}\n',
        '{"at": 0, "connection": 1, "way": "in"}\n',
        '{"at": 0, "connection": 1, "way": "in", "payload": "\\u4e00"}\n',
    ],
)
def test_what_is_no_tape_is_an_input_error(tmp_path: Path, text: str) -> None:
    tape = tmp_path / "tape.jsonl"
    tape.write_text(text)
    with pytest.raises(InvalidInput, match="tape"):
        read_tape(tape)


def test_missing_tape_and_unwritable_place_are_input_errors(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="can not read"):
        read_tape(tmp_path / "missing")
    with pytest.raises(InvalidInput, match="can not write"):
        Recorder(tmp_path / "no" / "folder", lambda: 0.0)
