"""The fixture `ib_gateway`, as another project's tests use it."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from ib_async import IB, LimitOrder, Stock

from dispersa.errors import InvalidInput
from dispersa.testing import START, GatewayFixture, SimulatedGateway


async def connected(gateway: SimulatedGateway) -> IB:
    ib = IB()
    await ib.connectAsync(gateway.host, gateway.port, clientId=1, timeout=5)
    return ib


@pytest.mark.ib_gateway(names=3, seed=4)
def test_half_an_hour_of_market_time_passes_at_once(ib_gateway: GatewayFixture) -> None:
    async def scenario(gateway: SimulatedGateway) -> tuple[float, float]:
        before = gateway.truth.spots["NVDA"]
        await asyncio.sleep(1800)
        assert gateway.now >= START + timedelta(minutes=30)
        return before, gateway.truth.spots["NVDA"]

    began = time.monotonic()
    before, after = ib_gateway.run(scenario)
    assert before != after
    assert time.monotonic() - began < 20.0
    assert ib_gateway.run(scenario) == (before, after)  # the same seed, the same market


@pytest.mark.ib_gateway(names=3)
def test_fault_meets_the_order_it_names(ib_gateway: GatewayFixture) -> None:
    async def scenario(gateway: SimulatedGateway) -> tuple[str, float, float]:
        ib = await connected(gateway)
        (stock,) = await ib.qualifyContractsAsync(Stock("NVDA", "SMART", "USD"))
        assert stock is not None
        gateway.fault("B2", order_ref="mine", seconds=30)
        far = round(gateway.truth.spots["NVDA"] * 0.9, 2)
        trade = ib.placeOrder(stock, LimitOrder("BUY", 1, far, orderRef="mine", tif="DAY"))
        await asyncio.sleep(1)
        ib.cancelOrder(trade.order)
        await asyncio.sleep(1)
        status = trade.orderStatus.status
        before = float(sum(gateway.truth.positions.values()))
        await asyncio.sleep(60)
        ib.disconnect()
        return status, before, float(sum(gateway.truth.positions.values()))

    assert ib_gateway.run(scenario) == ("Cancelled", 0.0, 1.0)


@pytest.mark.ib_gateway(names=2, read_only_api=True)
def test_marker_sets_rules_by_name(ib_gateway: GatewayFixture) -> None:
    assert ib_gateway.settings().rules.read_only_api
    assert not ib_gateway.settings(read_only_api=False).rules.read_only_api


def test_unknown_faults_and_terms_are_refused(ib_gateway: GatewayFixture) -> None:
    async def scenario(gateway: SimulatedGateway) -> None:
        with pytest.raises(InvalidInput, match="Z1"):
            gateway.fault("Z1")
        with pytest.raises(InvalidInput, match="colour"):
            gateway.fault("B2", colour="red")

    ib_gateway.run(scenario, names=2)


def test_clock_of_a_gateway_in_a_thread_moves_only_when_told(ib_gateway: GatewayFixture) -> None:
    with ib_gateway.in_thread(names=2) as gateway:
        first = gateway.now
        with socket.create_connection((gateway.host, gateway.port), timeout=5) as client:
            client.sendall(b"API\0\0\0\0\tv157..178")
            assert b"178" in client.recv(4096)  # answered while time stands still
        time.sleep(0.05)
        assert gateway.now == first
        assert gateway.advance(90.0) == first + timedelta(seconds=90)
        time.sleep(0.05)
        assert gateway.now == first + timedelta(seconds=90)
        gateway.fault("C8", symbol="NVDA", seconds=5)
        gateway.lift_faults()


def test_gateway_in_a_thread_reports_why_it_can_not_start(ib_gateway: GatewayFixture) -> None:
    with (
        pytest.raises(InvalidInput, match="no-such-file"),
        ib_gateway.in_thread(market=Path("no-such-file.parquet")),
    ):
        pass


FOREIGN_TEST = """
import socket
import pytest

@pytest.mark.ib_gateway(names=2)
def test_of_another_project(ib_gateway):
    with ib_gateway.in_thread() as gateway:
        socket.create_connection((gateway.host, gateway.port), timeout=5).close()
        assert "NVDA" in gateway.truth.spots
"""


def test_another_project_gets_the_fixture_by_installing_the_package(tmp_path: Path) -> None:
    (tmp_path / "test_foreign.py").write_text(FOREIGN_TEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--strict-markers", "-p", "no:cacheprovider"],
        cwd=tmp_path, env=kept, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
