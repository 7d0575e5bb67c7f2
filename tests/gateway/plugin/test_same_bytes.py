"""The same seed and build give the same bytes to one client, in virtual time."""

import asyncio
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from dispersa.testing import GatewayFixture, SimulatedGateway

HERE = Path(__file__).parents[1]
SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
sys.path.insert(0, sys.argv[2])
from tests.gateway.plugin.test_same_bytes import bytes_of
print(bytes_of(int(sys.argv[3])))
"""


async def conversation(gateway: SimulatedGateway) -> bytes:
    """Talk for two minutes of market time about everything; return every byte that came."""
    from raw_client import OPEN_CLIENTS, RawClient
    from raw_order import CALL, contract, order_fields

    client = await RawClient.started(gateway.running)
    heard = bytearray()

    async def listen() -> None:
        while data := await client.reader.read(65536):
            heard.extend(data)

    listening = asyncio.create_task(listen())
    client.send(9, 8, 1, *contract(), 0, "", "")
    for number, what in enumerate((contract(), contract("QQQ"), CALL), start=10):
        client.send(1, 11, number, *what, 0, "100,101,104,106", 0, 0, "")
    client.send(*order_fields(1, contract(), quantity=5, kind="MKT"))
    client.send(*order_fields(2, CALL, quantity=3, price=9.0))
    await asyncio.sleep(60)
    client.send(20, 30, *contract(), 0, "", "1 min", "1 D", 1, "TRADES", 1, 0, "")
    client.send(6, 2, 1, "")
    client.send(61, 1)
    client.send(7, 3, 40, 0, "", "", "", "", "", "")
    await asyncio.sleep(60)
    listening.cancel()
    client.writer.transport.abort()
    OPEN_CLIENTS.clear()
    await asyncio.sleep(0.1)
    return bytes(heard)


def bytes_of(seed: int) -> str:
    """Return how many bytes a conversation brought, and their digest."""
    heard = GatewayFixture(names=5, seed=seed, step_seconds=1.0).run(conversation)
    return f"{len(heard)} {hashlib.sha256(heard).hexdigest()}"


@pytest.mark.parametrize("seed", [7])
def test_other_processes_hear_the_same_byte_for_byte(seed: int) -> None:
    def other(seed: int, hash_seed: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, HERE.parents[1], HERE / "server", str(seed)],
            capture_output=True, text=True, timeout=120, check=False,
            env={"PYTHONHASHSEED": hash_seed},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout.strip()

    first = other(seed, "1")
    assert int(first.split()[0]) > 15_000
    assert other(seed, "2") == first
    assert other(seed + 1, "1") != first
