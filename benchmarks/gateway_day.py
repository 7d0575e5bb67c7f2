"""How long does a trading day of 31 underlyings take in virtual time?

Run with ``python -m benchmarks.gateway_day``. Target: under 60 s on one core. An unmodified
ib_async client on the gateway's own virtual loop streams QQQ and the 30 largest names from the
opening to the close, with the market moving every five seconds; once a second takes about five
times as long. Compared are processor seconds: on a machine that others use, the wall clock
measures the others.
"""

import asyncio
import time

from ib_async import IB, Stock

from dispersa.testing import START, GatewayFixture, SimulatedGateway

OPENING = START.replace(hour=14, minute=30)
SESSION_SECONDS = 6.5 * 3600.0
TARGET_SECONDS = 60.0
NAMES = 30
STEP_SECONDS = 5.0


async def day(gateway: SimulatedGateway) -> tuple[int, int]:
    """Stream a session; return how many lines there were and how many messages went out."""
    ib = IB()
    await ib.connectAsync(gateway.host, gateway.port, clientId=1, timeout=30)
    symbols = ["QQQ", *list(gateway.running.venue.basket("QQQ"))[:NAMES]]
    for symbol in symbols:
        (stock,) = await ib.qualifyContractsAsync(Stock(symbol, "SMART", "USD"))
        assert stock is not None
        ib.reqMktData(stock)
    await asyncio.sleep(SESSION_SECONDS)
    ib.disconnect()
    await asyncio.sleep(1.0)
    return len(symbols), gateway.running.floor.traffic.messages_out


def main() -> None:
    """Measure one day and print it."""
    began, wall = time.process_time(), time.perf_counter()
    fixture = GatewayFixture(
        names=NAMES, step_seconds=STEP_SECONDS, start=OPENING, messages_per_second_max=None
    )
    lines, messages = fixture.run(day)
    cpu, passed = time.process_time() - began, time.perf_counter() - wall
    print(
        f"virtual day of {lines} underlyings: {messages:,} messages in {cpu:.1f} s of processor "
        f"time ({passed:.1f} s on the wall); target under {TARGET_SECONDS:.0f} s"
    )


if __name__ == "__main__":
    main()
