"""How fast does the simulated gateway send ticks, acknowledge orders and read a real market?

Run with ``python -m benchmarks.gateway``. Targets: 20,000 tick messages per second to one loopback
client with 100 option lines, an order acknowledged in a median of 2 ms, and every contract of a
real chain date known in 5 s and 700 MB. Clients and the chain load are processes of their own. The
market of the tick benchmark is moved as fast as it goes: quotes, Greeks, encoding and sending are
all in the figure.
"""

import asyncio
import logging
import os
import resource
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from statistics import median, quantiles

from dispersa.gateway.model import Contract, Refusal, TickPrice
from dispersa.gateway.server import RunningGateway, serve
from dispersa.gateway.settings import GatewaySettings, Rules

START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
SETTINGS = GatewaySettings(
    port=0, names=10, seed=7, start=START, rules=Rules(messages_per_second_max=None)
)
LINES = 100
TICKS_SECONDS = 5.0
TICKS_TARGET_PER_SECOND = 20_000
ORDERS, WARM_ORDERS = 300, 20
ACKNOWLEDGED_TARGET_SECONDS = 0.002
LOAD_TARGET_SECONDS, LOAD_TARGET_MB = 5.0, 700.0
DATA = Path(os.environ.get("DISPERSA_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
CHAINS = DATA / "us_chains_2026" / "chains.parquet"


# -- clients, each in a process of its own ---------------------------------------------------------


def frame(*fields: object) -> bytes:
    """Return one message."""
    payload = "".join(f"{field}\0" for field in fields).encode()
    return struct.pack(">I", len(payload)) + payload


def frames_in(buffer: bytearray) -> int:
    """Return how many whole frames a buffer begins with, and take them out."""
    count = at = 0
    while at + 4 <= len(buffer):
        end = at + 4 + struct.unpack_from(">I", buffer, at)[0]
        if end > len(buffer):
            break
        count, at = count + 1, end
    del buffer[:at]
    return count


def count_ticks(port: int, con_ids: list[int], pipe: Connection) -> None:
    """Subscribe options, wait for their first pictures, then count what comes until the end."""
    with socket.create_connection(("127.0.0.1", port)) as wire:
        wire.sendall(b"API\0" + struct.pack(">I", 9) + b"v157..178")
        wire.recv(4096)
        wire.sendall(frame("71", "2", 1, ""))
        for at, con_id in enumerate(con_ids):
            contract = (con_id, "", "OPT", "", "0", "", "", "SMART", "", "USD", "", "")
            wire.sendall(frame("1", "11", 1000 + at, *contract, "0", "", "0", "0", ""))
        time.sleep(2.0)
        buffer = bytearray(wire.recv(2**24))
        frames_in(buffer)
        pipe.send("ready")
        started = ended = time.perf_counter()
        count = 0
        while data := wire.recv(2**20):
            buffer += data
            count += frames_in(buffer)
            ended = time.perf_counter()
    pipe.send((count, ended - started))


def time_orders(port: int, con_id: int, pipe: Connection) -> None:
    """Send orders with ib_async; report the seconds from each to its openOrder."""
    import ib_async

    logging.getLogger("ib_async").setLevel(logging.CRITICAL)  # it reports every cancel at length
    ib = ib_async.IB()
    ib.client.MaxRequests = 0
    option = ib_async.Contract(conId=con_id, secType="OPT", exchange="SMART", currency="USD")

    async def measure() -> list[float]:
        await ib.connectAsync("127.0.0.1", port, clientId=2)
        opened: asyncio.Queue[tuple[int, float]] = asyncio.Queue()
        ib.openOrderEvent += lambda trade: opened.put_nowait(
            (trade.order.orderId, time.perf_counter())
        )
        took = []
        for _ in range(WARM_ORDERS + ORDERS):
            start = time.perf_counter()
            trade = ib.placeOrder(option, ib_async.LimitOrder("BUY", 1, 0.01, tif="DAY"))
            while (news := await opened.get())[0] != trade.order.orderId:
                pass
            took.append(news[1] - start)
            ib.cancelOrder(trade.order)
            while not trade.isDone():
                await asyncio.sleep(0.001)
        ib.disconnect()
        return took[WARM_ORDERS:]

    pipe.send(asyncio.run(measure()))


def place_fields(order_id: int, con_id: int) -> list[object]:
    """Return a limit order for an option in the layout of server version 178."""
    what = (con_id, "", "OPT", "", "", "", "", "SMART", "", "USD", "", "")
    fields: list[object] = [3, order_id, *what, "", "", "BUY", 1, "LMT", 0.01, "", "DAY"]
    fields += ["", "", "", 0, "", 1, *[0] * 7, *[""] * 7]
    fields += ["", 0, "", -1, 0, "", "", 0, "", "", 0, 0, "", 0, *[""] * 5, 0, "", "", ""]
    fields += ["", 0, *[""] * 10, 0, "", "", 0, 0, "", "", 0, "", 0, 0, 0, 0, *[""] * 15]
    return [*fields, 0, 0, 0, "", "", "", 0, "", ""]


def time_orders_raw(port: int, con_id: int, pipe: Connection) -> None:
    """Send orders with a bare socket; report the seconds from each to its openOrder."""
    took = []
    with socket.create_connection(("127.0.0.1", port)) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.sendall(b"API\0" + struct.pack(">I", 9) + b"v157..178")
        wire.recv(4096)
        wire.sendall(frame("71", "2", 3, ""))
        time.sleep(0.5)
        wire.recv(2**20)
        for order_id in range(1, WARM_ORDERS + ORDERS + 1):
            message = frame(*place_fields(order_id, con_id))
            start = time.perf_counter()
            wire.sendall(message)
            answer = wire.recv(2**16)
            while f"\0{order_id}\0".encode() not in answer:
                answer = wire.recv(2**16)
            took.append(time.perf_counter() - start)
            assert answer[4:6] == b"5\0", answer[:200]
            wire.sendall(frame("4", "1", order_id, ""))
            while b"Cancelled" not in answer:
                answer += wire.recv(2**16)
    pipe.send(took[WARM_ORDERS:])


def load_chains(path: Path, pipe: Connection) -> None:
    """Report seconds, peak memory and counts of a venue that knows every contract of a file."""
    from dispersa.gateway.clock import Clock
    from dispersa.gateway.venue import Venue, market_start

    class Still(Clock):
        def now(self) -> datetime:
            return at

    settings = replace(SETTINGS, names=None, start=None, market=path)
    at = market_start(settings)
    start = time.perf_counter()
    venue = Venue(settings, Still())
    universe = venue.source.universe
    named = [u for u in (*universe.components, *universe.indices) if u.has_options]
    contracts = sum(venue.world.chain(one.symbol).contract_count() for one in named)
    took = time.perf_counter() - start
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.perf_counter()
    wanted = Contract(symbol="QQQ", sec_type="OPT", exchange="SMART", currency="USD")
    details = venue.contract_details(wanted)
    assert not isinstance(details, Refusal), details
    pipe.send((took, peak_mb, len(named), contracts, len(details), time.perf_counter() - start))


# -- measurements ----------------------------------------------------------------------------------


def options_of(gateway: RunningGateway, count: int) -> list[int]:
    """Return contract ids of options near the money of one expiry, over all components."""
    found = []
    for symbol in ("AAPL", "NVDA", "MSFT", "AMZN", "QQQ", "SPY"):
        wanted = Contract(symbol=symbol, sec_type="OPT", exchange="SMART", currency="USD",
                          last_trade_date="20261218")  # fmt: skip
        details = gateway.venue.contract_details(wanted)
        if isinstance(details, Refusal):
            continue
        seen = gateway.venue.snapshot(replace(wanted, sec_type="STK", last_trade_date=""))
        assert not isinstance(seen, Refusal), seen
        spot = next(tick.price for tick in seen if isinstance(tick, TickPrice) and tick.kind == 1)
        near = sorted((abs(d.contract.strike - spot), d.contract.con_id) for d in details)
        found += [con_id for _, con_id in near[:40]]
    assert len(found) >= count, found
    return found[:count]


def child(work: Callable[..., None], *arguments: object) -> tuple[Connection, BaseProcess]:
    """Start `work(*arguments, pipe)` in a process of its own; return our end of its pipe."""
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=work, args=(*arguments, there), daemon=True)
    process.start()
    there.close()
    return here, process


async def ticks() -> None:
    """Print how many tick messages a second reach a client with 100 option lines."""
    async with await serve(SETTINGS) as gateway:
        here, process = child(count_ticks, gateway.port, options_of(gateway, LINES))
        await asyncio.to_thread(here.recv)
        at, until = gateway.clock.now(), time.perf_counter() + TICKS_SECONDS
        busy = time.process_time()
        while time.perf_counter() < until:
            at += timedelta(seconds=SETTINGS.step_seconds)
            gateway.venue.advance(at)
            await asyncio.sleep(0)
        busy = time.process_time() - busy
    count, took = await asyncio.to_thread(here.recv)
    process.join()
    rate = count / took
    print(
        f"{LINES} option lines, one client: {count:,} messages in {took:.2f} s = {rate:,.0f} per "
        f"second, {rate / TICKS_TARGET_PER_SECOND:.2f} of the target {TICKS_TARGET_PER_SECOND:,}; "
        f"the gateway used {busy / took:.2f} cores"
    )


async def orders() -> None:
    """Print the median time from an order to its acknowledgement, with and without a library."""
    for name, work in (("a bare socket", time_orders_raw), ("ib_async", time_orders)):
        async with await serve(SETTINGS) as gateway:
            here, process = child(work, gateway.port, options_of(gateway, 1)[0])
            took = await asyncio.to_thread(here.recv)
        process.join()
        middle = median(took)
        print(
            f"{len(took)} orders over TCP with {name}: acknowledged in a median of "
            f"{1e3 * middle:.2f} ms, 95 % within {1e3 * quantiles(took, n=20)[-1]:.2f} ms; "
            f"{middle / ACKNOWLEDGED_TARGET_SECONDS:.2f} of the 2 ms allowed"
        )


def load() -> None:
    """Print how long a real chain date takes to load, or why that is not measured."""
    if not CHAINS.is_file():
        print("real chains: not measured, DISPERSA_TEST_DATA holds no us_chains_2026")
        return
    here, process = child(load_chains, CHAINS)
    took, peak_mb, names, contracts, details, details_took = here.recv()
    process.join()
    print(
        f"{names} underlyings with {contracts:,} contracts of a real date known in {took:.2f} s "
        f"({took / LOAD_TARGET_SECONDS:.2f} of the 5 s allowed), peak {peak_mb:.0f} MB "
        f"({peak_mb / LOAD_TARGET_MB:.2f} of the 700 MB allowed)"
    )
    print(f"details of all {details:,} options of QQQ made in {details_took:.2f} s")


def main() -> None:
    """Measure everything."""
    asyncio.run(ticks())
    asyncio.run(orders())
    load()


if __name__ == "__main__":
    main()
