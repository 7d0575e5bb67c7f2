"""Do connections in memory behave like TCP, and the same every time?"""

import asyncio
import threading
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispersa.broker.ibkr.connection import connect
from dispersa.broker.ibkr.settings import IbkrSettings
from dispersa.errors import InvalidInput
from dispersa.gateway.server import serve
from dispersa.gateway.settings import GatewaySettings
from dispersa.market import Symbol
from dispersa.runtime.clock import LoopClock
from dispersa.runtime.loop import SimulatedLoop, Virtual, run
from dispersa.runtime.memory_transport import WRITE_HIGH_BYTES, InMemory

START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def in_memory(seed: int = 0, latency: float = 0.002, split: float = 0.3) -> Virtual:
    return Virtual(network=InMemory(seed=seed, latency_seconds_max=latency, split_chance=split))


class Ear(asyncio.Protocol):
    """Notes whatever happens to one end of a connection."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.happened: list[str] = []
        self.lost: BaseException | None = None
        self.stays_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.happened.append("made")

    def data_received(self, data: bytes) -> None:
        self.pieces.append(data)

    def eof_received(self) -> bool:
        self.happened.append("eof")
        return self.stays_open

    def connection_lost(self, exc: Exception | None) -> None:
        self.happened.append("lost")
        self.lost = exc

    def pause_writing(self) -> None:
        self.happened.append("pause")

    def resume_writing(self) -> None:
        self.happened.append("resume")

    @property
    def heard(self) -> bytes:
        return b"".join(self.pieces)


async def pair() -> tuple[Ear, Ear, asyncio.Server]:
    loop = asyncio.get_running_loop()
    server_end = Ear()
    server = await loop.create_server(lambda: server_end, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    _, client_end = await loop.create_connection(Ear, "127.0.0.1", port)
    return client_end, server_end, server


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    latency=st.sampled_from([0.0, 0.001, 1.0]),
    split=st.sampled_from([0.0, 0.2, 0.9]),
    messages=st.lists(st.binary(max_size=300), max_size=20),
)
def test_bytes_arrive_complete_and_in_order_whatever_the_seed(
    seed: int, latency: float, split: float, messages: list[bytes]
) -> None:
    async def main() -> tuple[bytes, list[str]]:
        client, server, _ = await pair()
        for message in messages:
            client.transport.write(message)
            await asyncio.sleep(0.0004)
        client.transport.close()
        await asyncio.sleep(10_000)
        return server.heard, server.happened

    heard, happened = run(main, in_memory(seed, latency, split))
    assert heard == b"".join(messages)
    assert happened == ["made", "eof", "lost"]


def test_same_seed_cuts_the_same_pieces_and_another_seed_cuts_others() -> None:
    async def main() -> list[bytes]:
        client, server, _ = await pair()
        for number in range(200):
            client.transport.write(f"message {number};".encode())
            await asyncio.sleep(0.0002)
        await asyncio.sleep(1)
        return server.pieces

    first = run(main, in_memory(seed=5))
    assert first == run(main, in_memory(seed=5))
    assert first != run(main, in_memory(seed=6))
    assert len(first) > 20


def test_streams_of_asyncio_run_on_it() -> None:
    async def main() -> list[bytes]:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                writer.write(line.upper())
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(echo, "localhost", 4002)
        reader, writer = await asyncio.open_connection("127.0.0.1", 4002)
        writer.write(b"one\ntwo\n")
        writer.write_eof()
        lines = [await reader.readline() for _ in range(3)]
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return lines

    assert run(main, in_memory()) == [b"ONE\n", b"TWO\n", b""]


def test_a_writer_is_asked_to_pause_while_nobody_reads_and_to_go_on_after() -> None:
    async def main() -> tuple[list[str], int]:
        client, server, _ = await pair()
        server.transport.pause_reading()
        client.transport.write(b"x" * (WRITE_HIGH_BYTES + 1))
        await asyncio.sleep(5)
        assert not server.pieces
        waiting = client.transport.get_write_buffer_size()
        server.transport.resume_reading()
        await asyncio.sleep(5)
        assert len(server.heard) == WRITE_HIGH_BYTES + 1
        return client.happened, waiting

    happened, waiting = run(main, in_memory())
    assert happened == ["made", "pause", "resume"]
    assert waiting == WRITE_HIGH_BYTES + 1


@pytest.mark.parametrize("seed", range(12))
def test_after_an_abort_a_prefix_arrives_and_both_ends_hear_of_the_end(seed: int) -> None:
    async def main() -> tuple[Ear, Ear]:
        client, server, _ = await pair()
        client.transport.write(b"0123456789")
        client.transport.abort()
        client.transport.write(b"too late")
        await asyncio.sleep(1)
        return client, server

    client, server = run(main, in_memory(seed))
    assert b"0123456789".startswith(server.heard)
    assert client.happened == ["made", "lost"]
    assert client.lost is None
    assert server.happened in (["made", "lost"], ["made", "eof", "lost"])
    assert isinstance(server.lost, ConnectionResetError) == (server.happened == ["made", "lost"])


def test_writing_after_the_end_of_writing_is_refused_and_reading_goes_on() -> None:
    async def main() -> bytes:
        client, server, _ = await pair()
        server.stays_open = True
        client.transport.write_eof()
        assert client.transport.can_write_eof()
        with pytest.raises(RuntimeError, match="write_eof"):
            client.transport.write(b"more")
        await asyncio.sleep(1)
        server.transport.writelines([b"still ", b"here"])
        await asyncio.sleep(1)
        return client.heard

    assert run(main, in_memory()) == b"still here"


def test_a_protocol_that_raises_loses_its_connection() -> None:
    class Choking(Ear):
        def data_received(self, data: bytes) -> None:
            raise ValueError(f"can not bear {data!r}")

    async def main() -> tuple[list[dict[str, Any]], Ear, Ear]:
        loop = asyncio.get_running_loop()
        seen: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: seen.append(context))
        choking = Choking()
        await loop.create_server(lambda: choking, "127.0.0.1", 7)
        _, client = await loop.create_connection(Ear, "127.0.0.1", 7)
        client.transport.write(b"bytes")
        await asyncio.sleep(1)
        return seen, client, choking

    seen, client, choking = run(main, in_memory(split=0.0))
    assert [type(row["exception"]) for row in seen] == [ValueError]
    assert isinstance(choking.lost, ValueError)
    assert client.happened[-1] == "lost"


def test_nobody_listens_after_the_server_closed_and_its_connections_go_on() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        client, server, listening = await pair()
        name = listening.sockets[0].getsockname()
        assert client.transport.get_extra_info("peername") == name
        with pytest.raises(OSError, match="in use"):
            await loop.create_server(Ear, *name)
        listening.close()
        assert not listening.sockets
        assert not listening.is_serving()
        with pytest.raises(ConnectionRefusedError, match="nobody listens"):
            await loop.create_connection(Ear, *name)
        client.transport.write(b"still")
        await asyncio.sleep(1)
        assert server.heard == b"still"
        ended = asyncio.ensure_future(listening.wait_closed())
        await asyncio.sleep(1)
        assert not ended.done()
        client.transport.close()
        await asyncio.wait_for(ended, 1)

    run(main, in_memory())


def test_what_memory_can_not_do_is_refused() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(InvalidInput, match="ssl"):
            await loop.create_connection(Ear, "127.0.0.1", 1, ssl=True)
        with pytest.raises(OSError, match="not on this network"):
            await loop.create_connection(Ear, "example.org", 80)

    run(main, in_memory())
    with pytest.raises(InvalidInput, match="split_chance"):
        InMemory(split_chance=1.0)


def test_work_for_threads_runs_here_and_at_once() -> None:
    async def main() -> tuple[str, float]:
        loop = asyncio.get_running_loop()
        name = await asyncio.to_thread(lambda: threading.current_thread().name)
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 / 0)
        return name, loop.time()

    assert run(main, in_memory()) == (threading.current_thread().name, 0.0)


def test_a_day_of_timers_needs_no_wall_time_for_the_kernel() -> None:
    async def main() -> int:
        for _ in range(23_400):
            await asyncio.sleep(1)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        return loop.jumps

    assert run(main, in_memory()) == 23_400


@pytest.mark.parametrize("seed", [1, 2])
def test_the_unmodified_client_reads_the_gateway_through_memory(seed: int) -> None:
    async def main() -> tuple[Decimal, str, int]:
        loop = asyncio.get_running_loop()
        async with await serve(GatewaySettings(port=4002, start=START, names=2)) as gateway:
            clock = LoopClock(gateway.clock.now(), loop)
            connection = await connect(IbkrSettings(port=4002, account="DU1234567"), clock)
            account = await connection.feed.account()
            index = await connection.feed.underlying(Symbol("QQQ"))
            await connection.close()
            assert isinstance(loop, SimulatedLoop)
            return account.net_liquidation, index.symbol, loop.network.weather.deliveries

    net, symbol, deliveries = run(main, in_memory(seed))
    assert (net, symbol) == (Decimal(50_000_000), "QQQ")
    assert deliveries > 10
