"""Does time run as each loop promises, with real sockets and under load?"""

import asyncio
import random
import struct
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ib_async
import pytest

from dispersa.errors import BrokenInvariant, InvalidInput
from dispersa.journal import Journal, NewEntry
from dispersa.runtime.clock import LoopClock, WallClock
from dispersa.runtime.loop import HeldTimeLoop, Virtual, new_loop, run

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
ALL_SPEEDS = [1.0, 20.0, Virtual()]


async def start_echo(delay_seconds: float = 0.0) -> tuple[asyncio.Server, int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            if delay_seconds:
                await asyncio.sleep(delay_seconds)
            writer.write(line)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


async def close(writer: asyncio.StreamWriter, server: asyncio.Server) -> None:
    """Close both ends of a connection and give the server's end the time to notice."""
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(100 if isinstance(asyncio.get_running_loop(), HeldTimeLoop) else 0.1)
    server.close()


@pytest.mark.parametrize("speed", ALL_SPEEDS)
def test_sleepers_wake_in_the_order_of_their_times(speed: float | Virtual) -> None:
    woken: list[float] = []

    async def sleeper(seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append(seconds)

    async def main() -> float:
        start = asyncio.get_running_loop().time()
        await asyncio.gather(*(sleeper(n / 100) for n in (9, 2, 7, 1, 8)))
        return asyncio.get_running_loop().time() - start

    assert run(main, speed) >= 0.09 - 1e-6
    assert woken == [0.01, 0.02, 0.07, 0.08, 0.09]


def test_virtual_year_of_timers_takes_no_wall_time_and_is_exact() -> None:
    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        times = []
        for _ in range(365):
            await asyncio.sleep(86_400)
            times.append(loop.time())
        return times

    start = time.monotonic()
    assert run(main, Virtual()) == [86_400.0 * day for day in range(1, 366)]
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("start", [0.0, 1.0 / 3, 12345.678, 1e6 + 0.1])
@pytest.mark.parametrize("window", [1.0, 0.1, 0.3, 1.0 / 7])
def test_timer_that_is_set_again_until_its_time_has_passed_ends(
    start: float, window: float
) -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        done, rounds = loop.create_future(), 0
        begun = loop.time()

        def ask_again() -> None:
            nonlocal rounds
            rounds += 1
            if loop.time() - begun >= window:
                done.set_result(None)
            else:
                loop.call_at(begun + window, ask_again)

        ask_again()
        await done
        return rounds

    assert run(main, Virtual(start_seconds=start)) <= 3


def test_code_that_waits_by_asking_again_ends_in_virtual_time() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        end = loop.time() + 1e-5
        while loop.time() < end:
            await asyncio.sleep(0)
        return loop.time()

    assert 1e-5 <= run(main, Virtual()) < 1e-4


def test_virtual_time_starts_where_it_is_told() -> None:
    async def main() -> float:
        await asyncio.sleep(5)
        return asyncio.get_running_loop().time()

    assert run(main, Virtual(start_seconds=1000.0)) == 1005.0


def test_virtual_time_stands_during_real_tcp_traffic() -> None:
    async def main() -> float:
        server, port = await start_echo()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        timer = asyncio.ensure_future(asyncio.sleep(1000))
        for n in range(2000):
            line = b"x" * (n % 400) + b"\n"
            writer.write(line)
            assert await reader.readline() == line
        passed = asyncio.get_running_loop().time()
        timer.cancel()
        await close(writer, server)
        return passed

    assert run(main, Virtual()) == 0.0


def test_virtual_time_waits_for_large_transfers_between_many_connections() -> None:
    block = bytes(11 + n % 200 for n in range(60_000)) + b"\n"

    async def client(port: int) -> float:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
        loop = asyncio.get_running_loop()
        start = loop.time()
        for _ in range(5):
            async with asyncio.timeout(2.5):
                writer.write(block)
                assert await reader.readuntil(b"\n") == block
        writer.close()
        return loop.time() - start

    async def main() -> list[float]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                await asyncio.sleep(2)
                writer.write(line)
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**20)
        port = server.sockets[0].getsockname()[1]
        times = await asyncio.gather(*(client(port) for _ in range(10)))
        await asyncio.sleep(1)
        server.close()
        return times

    start = time.monotonic()
    assert run(main, Virtual()) == [10.0] * 10
    assert time.monotonic() - start < 10


def test_virtual_timeout_fires_when_the_peer_is_silent() -> None:
    async def main() -> float:
        server, port = await start_echo(delay_seconds=60)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"are you there\n")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(7):
                await reader.readline()
        at = asyncio.get_running_loop().time()
        await close(writer, server)
        return at

    assert run(main, Virtual()) == 7.0


def test_virtual_time_stands_while_a_thread_works() -> None:
    async def main() -> tuple[float, float]:
        timer = asyncio.ensure_future(asyncio.sleep(1000))
        await asyncio.to_thread(time.sleep, 0.05)
        held = asyncio.get_running_loop().time()
        await timer
        return held, asyncio.get_running_loop().time()

    assert run(main, Virtual()) == (0.0, 1000.0)


def test_virtual_time_goes_on_after_a_thread_that_failed_or_was_cancelled() -> None:
    def fail() -> None:
        raise ValueError("on purpose")

    async def main() -> float:
        with pytest.raises(ValueError, match="on purpose"):
            await asyncio.to_thread(fail)
        thread = asyncio.ensure_future(asyncio.to_thread(time.sleep, 0.05))
        await asyncio.sleep(0)
        thread.cancel()
        await asyncio.sleep(3)
        return asyncio.get_running_loop().time()

    assert run(main, Virtual()) == 3.0


def test_virtual_loop_that_can_never_go_on_says_so() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(BrokenInvariant, match="virtual time stands still"):
        run(main, Virtual())


def test_held_time_lets_a_foreign_thread_answer_first() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, HeldTimeLoop)
        answered = loop.create_future()
        timer = asyncio.ensure_future(asyncio.sleep(10))
        with loop.hold_time():
            threading.Timer(
                0.05, lambda: loop.call_soon_threadsafe(answered.set_result, None)
            ).start()
            await answered
        at = loop.time()
        await timer
        return at

    assert run(main, Virtual()) == 0.0


@pytest.mark.parametrize("speed", ALL_SPEEDS)
def test_journal_on_disk_commits_on_every_loop(speed: float | Virtual, tmp_path: Path) -> None:
    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        clock = LoopClock(NOON, loop)
        times = []
        path = tmp_path / "journal.sqlite3"
        with Journal.open(path, build_id="b", now=clock.now) as journal:
            for n in range(50):
                start = loop.time()
                (entry,) = journal.append([NewEntry.of("counted", n)])
                async with asyncio.timeout(5):
                    await journal.committed(entry.sequence)
                times.append(loop.time() - start)
                await asyncio.sleep(0.02)
        return times

    times = run(main, speed)
    if isinstance(speed, Virtual):
        assert times == [0.0] * 50


def test_scaled_time_runs_by_its_factor() -> None:
    async def main() -> None:
        await asyncio.sleep(10)

    start = time.monotonic()
    run(main, 50.0)
    assert 0.2 <= time.monotonic() - start < 2


@pytest.mark.parametrize("stall_seconds", [0.2, 0.6])
def test_scaled_stall_adds_no_more_than_fifty_milliseconds_of_wall_time(
    stall_seconds: float,
) -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0.1)
        start = loop.time()
        time.sleep(stall_seconds)
        assert loop.time() - start <= 0.05 * 100
        await asyncio.sleep(0)
        return loop.time() - start

    assert run(main, 100.0) <= (0.05 + 0.02) * 100


def test_scaled_timeout_does_not_fire_because_the_machine_was_busy() -> None:
    async def main() -> None:
        server, port = await start_echo()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(5):
            async with asyncio.timeout(20):  # 0.2 s of wall time: less than the stall
                writer.write(b"hello\n")
                time.sleep(0.3)
                await reader.readline()
        await close(writer, server)

    run(main, 100.0)


def test_scaled_time_never_runs_backwards_under_load() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, HeldTimeLoop)
        draw = random.Random(5)
        last = loop.time()

        def check() -> None:
            nonlocal last
            now = loop.time()
            assert now >= last
            last = now

        async def worker() -> None:
            for _ in range(60):
                await asyncio.sleep(draw.random() / 10)
                check()
                if draw.random() < 0.3:
                    with loop.hold_time():
                        await asyncio.to_thread(time.sleep, draw.random() / 100)
                        check()
                time.sleep(draw.random() / 1000)
                check()

        await asyncio.gather(*(worker() for _ in range(8)))

    run(main, 30.0)


def test_scaled_time_next_to_stands_while_held() -> None:
    async def main() -> float:
        start = asyncio.get_running_loop().time()
        await asyncio.to_thread(time.sleep, 0.5)
        return asyncio.get_running_loop().time() - start

    assert run(main, 100.0) <= (0.05 + 0.05) * 100


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_speed_is_refused(speed: float) -> None:
    with pytest.raises(InvalidInput, match="speed"):
        new_loop(speed)


@pytest.mark.parametrize("speed", ALL_SPEEDS)
def test_unmodified_ib_async_connects_and_times_out_on_every_loop(speed: float | Virtual) -> None:
    async def main() -> tuple[int, list[str]]:
        server = await asyncio.start_server(serve_api_handshake, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = ib_async.IB().client
        await client.connectAsync("127.0.0.1", port, clientId=7, timeout=5)
        found = client.serverVersion(), client.getAccounts()
        client.disconnect()
        await asyncio.sleep(0.1)
        server.close()
        silent = await asyncio.start_server(serve_nothing, "127.0.0.1", 0)
        lost = ib_async.IB().client
        with pytest.raises(TimeoutError):
            await lost.connectAsync("127.0.0.1", silent.sockets[0].getsockname()[1], 8, timeout=1)
        await asyncio.sleep(0.1)
        silent.close()
        return found

    assert run(main, speed) == (178, ["DU1"])


async def serve_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def serve_api_handshake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer like an IB Gateway up to the point where the API counts as ready."""

    def send(*fields: object) -> None:
        text = "".join(f"{field}\0" for field in fields).encode()
        writer.write(struct.pack(">I", len(text)) + text)

    assert await reader.readexactly(4) == b"API\0"
    (length,) = struct.unpack(">I", await reader.readexactly(4))
    await reader.readexactly(length)
    send(178, "20261120 12:00:00 EST")
    (length,) = struct.unpack(">I", await reader.readexactly(4))
    await reader.readexactly(length)
    send(15, 1, "DU1")
    send(9, 1, 1)
    await reader.read()
    writer.close()


def test_loop_clock_follows_virtual_time_in_utc() -> None:
    async def main() -> tuple[datetime, int]:
        zone_free = NOON.astimezone()
        clock = LoopClock(zone_free, asyncio.get_running_loop())
        await asyncio.sleep(90.5)
        return clock.now(), clock.monotonic_ns()

    now, elapsed = run(main, Virtual())
    assert now == NOON + timedelta(seconds=90.5)
    assert now.tzinfo is UTC
    assert elapsed == 90_500_000_000


def test_loop_clock_refuses_a_start_without_zone() -> None:
    loop = new_loop(Virtual())
    with pytest.raises(InvalidInput, match="no zone"):
        LoopClock(NOON.replace(tzinfo=None), loop)
    loop.close()


def test_wall_clock_is_aware_and_monotonic() -> None:
    clock = WallClock()
    first: Callable[[], int] = clock.monotonic_ns
    assert clock.now().tzinfo is UTC
    assert first() <= first()
