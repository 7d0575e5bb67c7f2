"""Does the watchdog stop an engine that does not stop itself? Real processes over real TCP."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dispersa.errors import InvalidConfig
from dispersa.journal import Journal, read_entries
from dispersa.journal.ownership import Ownership
from dispersa.runtime.engine_process import (
    end_engine,
    engine_of,
    owns,
)
from dispersa.runtime.health import watchdog_beat_seconds
from dispersa.runtime.heartbeat import beat_age_seconds, beat_file, beating, watch_file
from dispersa.runtime.sentinel import sentinel_file
from dispersa.runtime.watch_rules import Watched, WatchLimits, reason_to_stop

CALM = Watched(
    engine=4711,
    beat_age_seconds=0.6,
    read_age_seconds=3.0,
    orphan_seconds=0.0,
    orders=12,
    contracts=Decimal(400),
    net_liquidation=Decimal(990_000),
    first_net_liquidation=Decimal(1_000_000),
)
LIMITS = WatchLimits(contracts_max=500)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, None),
        ({"beat_age_seconds": 8.0}, None),
        ({"beat_age_seconds": 8.1}, "has not beaten"),
        ({"beat_age_seconds": 500.0, "engine": None}, None),  # left behind by a killed engine
        ({"beat_age_seconds": None}, None),  # the engine has not begun to trade
        ({"engine": None, "orders": 12, "orphan_seconds": 10.0}, None),
        ({"engine": None, "orders": 12, "orphan_seconds": 10.1}, "no engine has run"),
        ({"engine": None, "orders": 0, "orphan_seconds": 900.0}, None),
        ({"engine": None, "orders": None, "orphan_seconds": 900.0}, None),
        ({"read_age_seconds": 30.0}, None),
        ({"read_age_seconds": 30.1}, "has not read the broker"),
        ({"read_age_seconds": 900.0, "engine": None}, None),
        ({"net_liquidation": Decimal(950_000)}, None),
        ({"net_liquidation": Decimal("949999.99")}, "fell by 50,000"),
        ({"net_liquidation": None}, None),
        ({"first_net_liquidation": None}, None),
        ({"orders": 40}, None),
        ({"orders": 41}, "41 orders"),
        ({"contracts": Decimal(500)}, None),
        ({"contracts": Decimal(501)}, "501 option contracts"),
        ({"contracts": None}, None),
    ],
)
def test_rule_stops_only_beyond_its_limit(change: dict[str, Any], words: str | None) -> None:
    reason = reason_to_stop(LIMITS, replace(CALM, **change))
    assert reason is None if words is None else words in str(reason)


@pytest.mark.parametrize(
    "change",
    [
        {"beat_seconds_max": 0.5},
        {"orphan_seconds_max": float("nan")},
        {"loss_share_max": Decimal(0)},
        {"orders_max": 0},
        {"contracts_max": 0},
    ],
)
def test_limit_out_of_range_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfig, match=f"watchdog.{next(iter(change))}"):
        WatchLimits(**change)


async def test_nobody_is_killed_for_an_id_in_a_file_without_the_lock(tmp_path: Path) -> None:
    journal = tmp_path / "desk.sqlite3"
    assert engine_of(journal) is None
    assert not owns(journal)
    with subprocess.Popen(["sleep", "60"]) as innocent:
        (tmp_path / "desk.sqlite3.owner").write_text(f"process {innocent.pid}: stale\n")
        assert engine_of(journal) == innocent.pid
        assert await end_engine(journal) is None
        assert innocent.poll() is None
        innocent.kill()
    assert engine_of(journal) is None


async def test_watchdog_never_kills_itself(tmp_path: Path) -> None:
    journal = tmp_path / "desk.sqlite3"
    with Ownership(journal, contact="this test"):
        assert owns(journal)
        assert engine_of(journal) == os.getpid()
        assert await end_engine(journal) is None
    assert not owns(journal)


async def test_beat_file_is_young_while_the_loop_runs_and_goes_with_it(tmp_path: Path) -> None:
    import asyncio

    journal = tmp_path / "desk.sqlite3"
    file = beat_file(journal)
    assert beat_age_seconds(file) is None
    async with beating(file):
        await asyncio.sleep(0.05)
        age = beat_age_seconds(file)
        assert age is not None
        assert age < 1.0
        os.utime(file, (0, 0))
        assert (beat_age_seconds(file) or 0) > 1e6
    assert not file.exists()


async def test_health_tells_whether_a_watchdog_watches(tmp_path: Path) -> None:
    import asyncio

    with Journal.open(
        tmp_path / "desk.sqlite3",
        build_id="test",
        now=lambda: datetime.now(UTC),
        monotonic_ns=lambda: 0,
    ) as journal:
        assert journal.path is not None
        assert watchdog_beat_seconds(journal) is None
        async with beating(watch_file(journal.path.resolve())):
            await asyncio.sleep(0.05)
            age = watchdog_beat_seconds(journal)
            assert age is not None
        assert watchdog_beat_seconds(journal) is None
    in_memory = Journal.in_memory(
        build_id="test", now=lambda: datetime.now(UTC), monotonic_ns=lambda: 0, journal_id="memory"
    )
    assert watchdog_beat_seconds(in_memory) is None


ENGINE = """
from dispersa.runtime.config import load_config
from dispersa.runtime.live import open_desk
from dispersa.runtime.loop import run
from dispersa.runtime.trade_session import run_trade

class Operator:
    name = "test"
    async def confirm(self, plan, verdict):
        return "EXECUTE"

async def main():
    async with open_desk(load_config().settings, Operator()) as setup:
        state = await run_trade(setup, edge_waiver="watchdog test")
        print(state.stage, state.decline_reason, state.halt, flush=True)

run(main)
"""


@contextmanager
def process(*words: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program; end it when the block ends."""
    with subprocess.Popen(
        [sys.executable, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1", **settings},
    ) as started:
        try:
            yield started
        finally:
            started.kill()


@pytest.fixture
def port() -> Iterator[str]:
    """A gateway process; the port it listens on."""
    with process("-m", "dispersa", "gateway", "--port", "0", "--names", "6") as gateway:
        assert gateway.stdout is not None
        yield gateway.stdout.readline().strip().rpartition(":")[2]


@pytest.fixture
def settings(port: str, tmp_path: Path) -> dict[str, str]:
    """What leads an engine and its watchdog to the gateway and to one journal."""
    return {
        "DISPERSA__BROKER__PORT": port,
        "DISPERSA__UNIVERSE__NAMES": "6",
        "DISPERSA__SIGNAL__COVERAGE_MIN": "0.1",
        "DISPERSA__JOURNAL__PATH": str(tmp_path / "desk.sqlite3"),
        "DISPERSA__WATCHDOG__BEAT_SECONDS_MAX": "3",
        "DISPERSA__WATCHDOG__READ_EVERY_SECONDS": "1",
    }


def wait_for_orders(journal: Path, engine: subprocess.Popen[str], *, count: int) -> None:
    """Wait until the engine has journaled so many orders."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and engine.poll() is None:
        time.sleep(0.3)
        if journal.exists() and journal.stat().st_size and placed(journal) >= count:
            return
    engine.kill()
    pytest.fail(f"the engine placed {placed(journal)} orders: {engine.communicate()}")


def placed(journal: Path) -> int:
    return sum(entry.kind == "PlaceOrder" for entry in read_entries(journal))


def watch(**settings: str) -> tuple[dict[str, Any], str]:
    """Run the watchdog to its end; what it told and said."""
    with process("-m", "dispersa", "watchdog", "--json", **settings) as watchdog:
        told, said = watchdog.communicate(timeout=120)
    assert watchdog.returncode == 5, said
    assert "Traceback" not in said
    return json.loads(told), said


def test_engine_that_obeys_the_sentinel_cancels_by_itself_and_is_not_killed(
    settings: dict[str, str], tmp_path: Path
) -> None:
    journal = tmp_path / "desk.sqlite3"
    with process("-c", ENGINE, **settings) as engine:
        wait_for_orders(journal, engine, count=2)
        stopped, _ = watch(**settings, DISPERSA__WATCHDOG__ORDERS_MAX="1")
        assert (stopped["obeyed"], stopped["killed"], stopped["left"]) == (True, None, [])
        assert "orders of ours are open; expected at most 1" in stopped["reason"]
        told, said = engine.communicate(timeout=60)
        assert engine.returncode == 0, said
        assert "watchdog" in told
    assert any(entry.kind == "HaltRequested" for entry in read_entries(journal))


def test_frozen_engine_is_ended_and_its_orders_are_cancelled_one_by_one(
    settings: dict[str, str], tmp_path: Path
) -> None:
    journal = tmp_path / "desk.sqlite3"
    with process("-c", ENGINE, **settings) as engine:
        wait_for_orders(journal, engine, count=2)
        engine.send_signal(signal.SIGSTOP)
        stopped, _ = watch(**settings)
        assert engine.wait(timeout=5) == -signal.SIGKILL
    assert stopped["killed"] == engine.pid
    assert not stopped["obeyed"]
    assert len(stopped["cancelled"]) >= 2
    assert stopped["left"] == []
    level, reason, *_ = sentinel_file(journal).read_text().splitlines()
    assert level == "cancel"
    assert "has not beaten" in reason
