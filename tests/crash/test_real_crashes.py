"""Engine and gateway as processes; the engine is killed at random instants and started again.

What really happened is asked of the gateway by a third program on plain ib_async, which knows
nothing of the product's books. `DISPERSA_CRASHES` says how many kills (10; `make soak` uses more).
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from ib_async import IB

from dispersa.desk.state import DeskState
from dispersa.errors import InvalidInput
from dispersa.journal import read_entries, verify
from dispersa.portfolio import positions_from
from dispersa.runtime.replay import replayed

ROOT = Path(__file__).resolve().parents[2]
SPEED = 20.0
KILLS = int(os.environ.get("DISPERSA_CRASHES", "10"))
KILLS_PER_TRADE = 10
START_SECONDS = 600.0
"""Only an engine that hangs meets it: on a busy machine a start takes minutes."""
END_SECONDS = 900.0
LIFE_SECONDS = 0.6
"""Within so long after it has read the broker's books an engine is killed, at a random instant."""


@dataclass(frozen=True)
class Truth:
    """The gateway's own account of what happened."""

    perm_ids: dict[str, set[int]]
    executed: Counter[int]
    positions: Counter[int]
    open_refs: set[str]


@pytest.fixture
def gateway(request: pytest.FixtureRequest) -> Iterator[int]:
    """A simulated gateway as a process of its own; gives its port."""
    seed = str(request.param)
    command = [sys.executable, "-m", "dispersa", "gateway", "--port", "0", "--seed", seed]
    process = subprocess.Popen(
        [*command, "--speed", str(SPEED)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline().rsplit(":", 1)[1])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        process.stdout.close()


def start(port: int, journal: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.crash.engine", str(port), str(journal), str(SPEED)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
    )


def count(journal: Path, kind: str) -> int:
    try:
        return sum(row.kind == kind for row in read_entries(journal))
    except InvalidInput:  # not there, or just being made
        return 0


def until_more(journal: Path, kind: str, before: int, engine: "subprocess.Popen[str]") -> bool:
    """Wait for one more record of a kind; whether it came before the engine had ended."""
    deadline = time.monotonic() + START_SECONDS
    while count(journal, kind) <= before:
        if engine.poll() is not None:
            return False
        assert time.monotonic() < deadline, f"no {kind}"
        time.sleep(0.02)
    return True


def ask_truth(port: int) -> Truth:
    ib = IB()
    ib.connect("127.0.0.1", port, clientId=99, timeout=20, readonly=True)
    try:
        open_trades = ib.reqAllOpenOrders()
        done = ib.reqCompletedOrders(apiOnly=False)
        fills = [fill for fill in ib.reqExecutions() if fill.contract.secType != "BAG"]
        perm_ids: dict[str, set[int]] = {}
        for trade in (*open_trades, *done):
            perm_ids.setdefault(trade.order.orderRef, set()).add(trade.order.permId)
        executed: Counter[int] = Counter()
        for fill in fills:
            perm_ids.setdefault(fill.execution.orderRef, set()).add(fill.execution.permId)
            sign = 1 if fill.execution.side == "BOT" else -1
            executed[fill.contract.conId] += sign * int(fill.execution.shares)
        held = Counter({row.contract.conId: int(row.position) for row in ib.positions()})
        refs = {trade.order.orderRef for trade in open_trades}
    finally:
        ib.disconnect()
    return Truth(perm_ids=perm_ids, executed=executed, positions=held, open_refs=refs)


def crash_often(port: int, journal: Path, rng: random.Random) -> int:
    """Kill the engine again and again, then let it end; return how often orders were working."""
    engine = start(port, journal)
    assert until_more(journal, "OrderWorking", 0, engine), engine.communicate()[0]
    at_work = 0
    for _ in range(min(KILLS, KILLS_PER_TRADE)):
        time.sleep(rng.uniform(0.0, LIFE_SECONDS))
        engine.kill()
        engine.communicate()
        at_work += bool(replayed(read_entries(journal)).open_orders())
        starts = count(journal, "BrokerSynchronized")
        engine = start(port, journal)
        if not until_more(journal, "BrokerSynchronized", starts, engine):
            break
    told, _ = engine.communicate(timeout=END_SECONDS)
    assert engine.returncode == 0, told
    return at_work


def held_by(state: DeskState) -> Counter[int]:
    return Counter({key: int(row.quantity) for key, row in positions_from(state.book).items()})


@pytest.mark.timeout(1500)  # eleven starts of a process: minutes each on a busy machine
@pytest.mark.parametrize(
    ("gateway", "seed"),
    [(5 + n, n) for n in range(max(1, KILLS // KILLS_PER_TRADE))],
    indirect=["gateway"],
)
def test_killed_engine_sends_nothing_twice_and_loses_no_fill(
    gateway: int, seed: int, tmp_path: Path
) -> None:
    journal = tmp_path / "desk.sqlite3"
    at_work = crash_often(gateway, journal, random.Random(seed))
    assert at_work >= min(KILLS, KILLS_PER_TRADE) // 2  # most kills met orders that worked
    truth = ask_truth(gateway)
    assert verify(journal).is_intact
    state = replayed(read_entries(journal))
    intended = {str(ref) for ref in state.orders}
    assert truth.perm_ids.keys() <= intended  # nothing left that was not written down before
    assert all(len(ids) == 1 for ids in truth.perm_ids.values())  # no reference went out twice
    assert +truth.executed == +held_by(state)  # no fill lost, none invented
    assert +Counter({k: -v for k, v in truth.executed.items()}) == +Counter(
        {k: -v for k, v in held_by(state).items()}
    )
    assert truth.positions == truth.executed
    assert not truth.open_refs
    assert sum(state.units_at_risk().values()) == 0  # no reservation forgotten
    assert state.program is not None
    assert state.program.state.has_ended
    assert state.reconciliation is not None
    assert state.reconciliation.agrees, state.reconciliation.breaks
    assert sum(Decimal(order.filled) for order in state.orders.values()) > 0
