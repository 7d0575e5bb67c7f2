"""Does a Ray cluster of two nodes finish a sweep when one is killed in the middle?

Needs the extra `distributed`: a virtual environment with requirements/distributed.lock and pytest.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dispersa.backtest.sweep import Grid, Ledger, parse_axis, run_sweep
from dispersa.backtest.sweep.cluster import ClusterGone, ClusterWorkers
from dispersa.errors import InvalidInput
from tests.backtest.sweep import tasks

ROOT = Path(__file__).resolve().parents[3]
POINTS, SECONDS = 60, 0.5


def test_without_ray_the_extra_is_named() -> None:
    try:
        import ray  # noqa: F401 -- whether it is there
    except ImportError:
        with (
            pytest.raises(InvalidInput, match="extra `distributed`"),
            ClusterWorkers.open(tasks.Sleeps(0.0), None),
        ):
            pass


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@contextmanager
def node(*arguments: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One node with one core, as a process group of its own."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1",
    }
    command = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--num-cpus=1"]
    small = ["--node-ip-address=127.0.0.1", "--object-store-memory=100000000"]
    with (folder / f"{len(arguments)}.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *small, *arguments],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            end(process)


def family(process_id: int) -> list[int]:
    """A process and everything that descends from it, children last."""
    children = Path(f"/proc/{process_id}/task/{process_id}/children")
    try:
        born = [int(child) for child in children.read_text().split()]
    except FileNotFoundError:
        return []
    return [process_id, *(one for child in born for one in family(child))]


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a node whole, as a power cut would."""
    for one in family(process.pid):
        try:
            os.kill(one, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Two nodes on loopback: the address for clients, and the node without the head."""
    gcs, client, *more = free_ports(6)
    head = (
        "--head",
        "--include-dashboard=false",
        f"--port={gcs}",
        f"--ray-client-server-port={client}",
        f"--node-manager-port={more[0]}",
        f"--object-manager-port={more[1]}",
    )
    second = (
        f"--address=127.0.0.1:{gcs}",
        f"--node-manager-port={more[2]}",
        f"--object-manager-port={more[3]}",
    )
    with node(*head, folder=folder):
        wait_for_port(client)
        with node(*second, folder=folder) as other:
            yield f"ray://127.0.0.1:{client}", other


def wait_for_port(port: int) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise AssertionError(f"nothing listens on port {port}")


def test_two_nodes_one_killed_in_the_middle_lose_nothing_and_repeat_nothing(
    tmp_path: Path,
) -> None:
    pytest.importorskip("ray", reason="Ray (the extra `distributed`) is not installed here")
    marks = tmp_path / "marks"
    marks.mkdir()
    grid = Grid((parse_axis(f"a=1..{POINTS}:1"),))
    finished_at_kill: list[object] = []
    with cluster(tmp_path) as (address, second):
        wait_for_head(address)
        with (
            Ledger.open(tmp_path / "out", {"points": str(POINTS)}) as ledger,
            ClusterWorkers.open(tasks.Sleeps(SECONDS, marks), address) as workers,
        ):
            wait_for_cores(workers, 2)

            def kill_one(done: int, total: int) -> None:
                if finished_at_kill:
                    return
                ours = {str(one) for one in family(second.pid)}
                there = [row for row in ledger.rows.values() if row.worker.split(":")[1] in ours]
                if done >= total // 4 and len(there) >= 3:
                    finished_at_kill.extend(row.point["a"] for row in ledger.rows.values())
                    end(second)

            outcome = run_sweep(grid, lambda point: point, workers, ledger, kill_one)
        assert [row.answer["a"] for row in outcome.rows] == list(range(1, POINTS + 1))
        assert outcome.failed == 0
        assert second.poll() is not None
        assert POINTS // 4 <= len(finished_at_kill) < POINTS
        calls: dict[object, int] = {int(mark.name): mark.stat().st_size for mark in marks.iterdir()}
        assert [calls[a] for a in finished_at_kill] == [1] * len(finished_at_kill)
        # At most what the killed core had finished and not yet reported.
        assert sum(count - 1 for count in calls.values()) <= 1


def wait_for_head(address: str) -> None:
    """Connect once: on a busy machine the head may listen long before it can answer."""
    for _ in range(4):
        try:
            with ClusterWorkers.open(tasks.Sleeps(0.0), address):
                return
        except ClusterGone:
            continue
    raise AssertionError(f"no head answers at {address}")


def wait_for_cores(workers: ClusterWorkers, cores: int) -> None:
    for _ in range(300):
        if workers.capacity >= 2 * cores:
            return
        time.sleep(0.2)
    raise AssertionError("the second node did not join")


def test_nobody_at_the_address_is_said_in_one_sentence() -> None:
    pytest.importorskip("ray", reason="Ray (the extra `distributed`) is not installed here")
    (port,) = free_ports(1)
    with (
        pytest.raises(ClusterGone, match="no Ray cluster answers"),
        ClusterWorkers.open(tasks.Sleeps(0.0), f"ray://127.0.0.1:{port}"),
    ):
        pass
