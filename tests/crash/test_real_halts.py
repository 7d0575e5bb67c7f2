"""Can a real `dispersa trade` be halted, ended and cleaned up from outside?

The commands are the installed ones, in processes of their own. What really works at the broker is
asked by plain ib_async, which knows nothing of the product's books.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ib_async import IB

from dispersa.desk.state import DeskState
from dispersa.journal import read_entries
from dispersa.runtime.replay import replayed

PATIENCE_SECONDS = 90.0
in_soak = pytest.mark.skipif(
    int(os.environ.get("DISPERSA_CRASHES", "10")) <= 10,
    reason="half a minute of processes; `make soak` runs it",
)


@dataclass
class Place:
    """One gateway, one journal, and the commands on them."""

    port: int
    journal: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "NO_COLOR": "1",
            "DISPERSA__BROKER__PORT": str(self.port),
            "DISPERSA__UNIVERSE__NAMES": "5",
            "DISPERSA__SIGNAL__EDGE_MIN_VOL_POINTS": "0",
            "DISPERSA__JOURNAL__PATH": str(self.journal),
        }

    def start_trade(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "dispersa", "trade"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment,
        )

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "dispersa", *words],
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
            env=self.environment,
        )

    def kinds(self) -> list[str]:
        return [entry.kind for entry in read_entries(self.journal)] if self.is_there else []

    @property
    def is_there(self) -> bool:
        """Whether its owner has made it: it comes into being empty, then with all its tables."""
        return self.journal.exists() and self.journal.stat().st_size > 0

    def state(self) -> DeskState:
        return replayed(read_entries(self.journal))

    def open_refs(self) -> set[str]:
        """What works at the broker, asked by somebody else."""
        ib = IB()
        ib.connect("127.0.0.1", self.port, clientId=99, timeout=20, readonly=True)
        try:
            return {trade.order.orderRef for trade in ib.reqAllOpenOrders()}
        finally:
            ib.disconnect()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    command = [sys.executable, "-m", "dispersa", "gateway", "--port", "0", "--seed", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().rsplit(":", 1)[1])
        yield Place(port=port, journal=tmp_path / "desk.sqlite3")
        process.terminate()


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@contextlib.contextmanager
def trading(place: Place, *, approves: bool = True) -> "Iterator[subprocess.Popen[str]]":
    """A trade at its question, or, with EXECUTE typed, with working orders."""
    process = place.start_trade()
    try:
        until(lambda: "AskApproval" in place.kinds() or process.poll() is not None, "no question")
        assert process.poll() is None, process.communicate()[0]
        if approves:
            assert process.stdin is not None
            process.stdin.write("EXECUTE\n")
            process.stdin.flush()
            until(lambda: place.kinds().count("OrderWorking") > 1, "no order works")
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process: "subprocess.Popen[str]", *, seconds: float) -> tuple[int, str]:
    told, _ = process.communicate(timeout=seconds)
    return process.returncode, told


@in_soak
def test_interrupt_at_the_question_ends_at_once_and_nothing_was_sent(place: Place) -> None:
    with trading(place, approves=False) as process:
        process.send_signal(signal.SIGINT)
        code, told = ended(process, seconds=10)
    assert code == 5, told
    assert "no order of ours works" in told
    assert "PlaceOrder" not in place.kinds()


@in_soak
def test_halt_stops_a_running_trade_resume_lets_it_go_on_and_sigterm_ends_it_clean(
    place: Place,
) -> None:
    with trading(place) as process:
        halted = place.run("halt", "--level", "cancel", "--reason", "news in the index")
        assert halted.returncode == 0, halted.stderr
        assert "halted (cancel: news in the index)" in halted.stdout
        until(lambda: not place.open_refs(), "orders work on after the halt")
        sent = place.kinds().count("PlaceOrder")
        time.sleep(2.0)
        assert place.kinds().count("PlaceOrder") == sent
        if process.poll() is None:
            resumed = place.run("resume", "--reason", "it was nothing")
            assert resumed.returncode == 0, resumed.stderr
            assert place.state().halt is None
            process.send_signal(signal.SIGTERM)
        ended(process, seconds=30)
    assert not place.open_refs()
    assert not place.state().open_orders()


def test_sigterm_cancels_what_works_and_waits_for_the_proof(place: Place) -> None:
    with trading(place) as process:
        process.send_signal(signal.SIGTERM)
        code, told = ended(process, seconds=30)
    assert code == 5, told
    assert "no order of ours works" in told
    assert not place.open_refs()
    assert not place.state().open_orders()
    assert place.state().halt is None  # a clean end is no halt


def test_halt_without_an_engine_cancels_our_orders_and_nobody_elses(place: Place) -> None:
    with trading(place) as process:
        process.kill()
        process.communicate()
        left = place.open_refs()
        assert left
        halted = place.run("halt", "--level", "cancel", "--reason", "the engine has died")
    assert halted.returncode == 0, halted.stderr
    assert f"{len(left)} order(s) of ours cancelled, none is left" in halted.stdout
    assert not place.open_refs()
    found = place.state().halt
    assert found is not None
    assert found.reason == "the engine has died"
