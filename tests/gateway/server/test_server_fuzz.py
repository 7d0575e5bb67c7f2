"""Senseless and half-sensible messages: an answer or an error, never the end of the server."""

import asyncio
import random

import pytest
from raw_client import RawClient, StartGateway

_IDS = [*range(1, 110), 201, 999, -1]
_WORDS = [
    "", "0", "1", "2", "-1", "0.0", "1.5", "265598", "28812380", "756733", "99999999999999999999",
    "1.7976931348623157E308", "2147483647", "Infinity", "NaN", "AAPL", "QQQ", "NDX", "STK", "OPT",
    "BAG", "IND", "CASH", "FUT", "20261218", "202612", "C", "P", "?", "100", "SMART", "USD", "BUY",
    "SELL", "LMT", "MKT", "STP", "DAY", "GTC", "IOC", "DU1234567", "1 day", "1 D", "TRADES",
    "MIDPOINT", "20261119 16:00:00 US/Eastern", "é\u4e00", "x" * 300, "\\u00", "a,b;c=d",
]  # fmt: skip


@pytest.mark.parametrize("seed", [*range(6), 137])
async def test_any_fields_in_any_message_leave_the_server_in_order(
    start_gateway: StartGateway, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    rng = random.Random(seed)
    gateway = await start_gateway(
        messages_per_second_max=None, market_data_lines_max=None, unsent_bytes_max=2**28
    )
    good, noisy = await RawClient.started(gateway, 1), await RawClient.started(gateway, 2)
    swallow = asyncio.create_task(noisy.reader.read(-1))
    for _ in range(300):
        fields = [str(rng.choice(_IDS)), *rng.choices(_WORDS, k=rng.randrange(45))]
        noisy.writer.write(_frame(fields))
        await asyncio.sleep(0)
    for _ in range(60):
        noisy.writer.write(_frame(_nearly_an_order(rng)))
        await asyncio.sleep(0)
    await asyncio.sleep(0.6)
    assert gateway.floor.traffic.orders > 10
    assert not gateway.world.done()
    assert len(gateway.floor.attendants()) == 2
    good.send("49", "1")
    assert (await good.of(49))[0] == "49"
    assert [record.getMessage() for record in caplog.records] == []
    swallow.cancel()


def _frame(fields: list[str]) -> bytes:
    payload = "".join(f"{field}\0" for field in fields).encode()
    return len(payload).to_bytes(4, "big") + payload


def _nearly_an_order(rng: random.Random) -> list[str]:
    """A stock order in which a few fields are replaced by noise."""
    e308 = "1.7976931348623157E308"
    fields = ["3", str(rng.randrange(1, 40)), "265598", "AAPL", "STK", "", "0", "", "", "SMART"]
    fields += ["", "USD", "", "", "", "", "BUY", "10", "LMT", "100.0", "", "DAY", "", "", "", "0"]
    fields += ["", "1", "0", "0", "0", "0", "0", "0", "0", "", "0", "", "", "", "", ""]
    fields += ["", "0", "", "-1", "0", "", "", "0", "", "", "0", "0", "", "0", "", "", "", "", ""]
    fields += ["0", "", "", "", "", "0", "", "", "", "", "", "", "", "", "", "", "0", "", "", "0"]
    fields += ["0", "", "", "0", "", "0", "0", "0", "0", "", e308, e308, e308, e308, e308, "0", ""]
    fields += ["", "", e308, "", "", "", "", "0", "0", "0", "", "2147483647", "2147483647", "0"]
    fields += ["", ""]
    for _ in range(rng.randrange(4)):
        fields[rng.randrange(1, len(fields))] = rng.choice(_WORDS)
    return fields
