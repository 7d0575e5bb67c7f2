"""The command as a process, the table that people watch, and foreign event loops."""

import asyncio
import io
import signal
import socket
import subprocess
import sys
from pathlib import Path

from ib_async import IB, MarketOrder, Stock
from raw_client import START, RawClient, StartGateway
from rich.console import Console

from dispersa.gateway.server import serve
from dispersa.gateway.settings import GatewaySettings
from dispersa.gateway.watch import table
from dispersa.runtime.loop import Virtual, new_loop, run

PROGRAM = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from dispersa.errors import DispersaError
from dispersa.gateway.command import run
from dispersa.gateway.settings import GatewaySettings
from dispersa.runtime.loop import new_loop
port, way, path = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
start = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
files = {"record": path} if way == "record" else {"replay": path}
try:
    run(GatewaySettings(port=port, seed=7, start=start), new_loop, **files)
except DispersaError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


def _start(port: int, way: str, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(port), way, str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _address(process: subprocess.Popen[str]) -> tuple[str, int]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("listening on "), process.communicate()
    host, port = line.removeprefix("listening on ").strip().rsplit(":", 1)
    return host, int(port)


def _stop(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=10)
    return process.returncode, out, errors


def test_command_says_when_it_is_ready_records_and_stops_cleanly_on_sigterm(
    tmp_path: Path,
) -> None:
    tape = tmp_path / "tape.jsonl"
    process = _start(0, "record", tape)
    host, port = _address(process)
    with socket.create_connection((host, port), timeout=5) as client:
        client.sendall(b"API\0" + (9).to_bytes(4, "big") + b"v157..178")
        answer = client.recv(100)
        assert answer[4:7] == b"178"
        assert _stop(process) == (0, "", "")
    player = _start(0, "replay", tape)
    with socket.create_connection(_address(player), timeout=5) as client:
        client.sendall(b"API\0" + (9).to_bytes(4, "big") + b"v157..178")
        assert client.recv(100) == answer
    assert _stop(player) == (0, "", "")


def test_command_on_a_busy_port_ends_with_usage_error_and_no_traceback(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        process = _start(busy.getsockname()[1], "record", tmp_path / "tape.jsonl")
        out, errors = process.communicate(timeout=20)
    assert (process.returncode, out) == (2, "")
    assert "in use" in errors
    assert "Traceback" not in errors


async def test_table_shows_clients_orders_and_fills(start_gateway: StartGateway) -> None:
    gateway = await start_gateway()
    await RawClient.started(gateway, 42)
    screen = io.StringIO()
    Console(file=screen, width=100).print(table(gateway.floor, 1234.5))
    text = screen.getvalue()
    for shown in ("42", "178", "0 orders", "0 fills", "1,234 messages/s", "2026-11-20 10:00"):
        assert shown in text


async def _trade_for_a_minute() -> tuple[float, int]:
    loop = asyncio.get_running_loop()
    async with await serve(GatewaySettings(port=0, seed=7, start=START)) as gateway:
        ib = IB()
        await ib.connectAsync(gateway.host, gateway.port, clientId=1)
        contract = Stock("AAPL", "SMART", "USD")
        await ib.qualifyContractsAsync(contract)
        ticker = ib.reqMktData(contract)
        began = loop.time()
        trade = ib.placeOrder(contract, MarketOrder("BUY", 100, tif="DAY"))
        while not trade.isDone():
            await asyncio.sleep(0.1)
        await asyncio.sleep(60)
        assert trade.orderStatus.status == "Filled"
        assert ticker.bid > 0
        passed = loop.time() - began
        ib.disconnect()
        await asyncio.sleep(0.1)
        return passed, gateway.floor.traffic.messages_out


def test_gateway_and_unmodified_ib_async_live_in_virtual_time() -> None:
    passed, messages = run(_trade_for_a_minute, Virtual())
    assert passed >= 60.0
    assert messages > 200


def test_gateway_runs_twenty_times_as_fast_on_a_scaled_loop() -> None:
    with asyncio.Runner(loop_factory=lambda: new_loop(20.0)) as runner:
        passed, messages = runner.run(_trade_for_a_minute())
    assert passed >= 60.0
    assert messages > 200
