"""The conformance table, run over TCP against the simulated gateway.

Set DISPERSA_PAPER_GATEWAY=HOST:PORT to run it against a real paper account instead; cases that
need a gateway that misbehaves on purpose are skipped there. DISPERSA_PAPER_SYMBOL (default SPY)
names the underlying whose straddle is traded, one contract at a time.
"""

import os
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from dispersa.broker.ibkr import IbkrSettings, connect
from dispersa.runtime.live import BrokerClock

from . import (  # noqa: F401
    cases_connection,
    cases_data,
    cases_index,
    cases_orders,
    cases_recovery,
)
from .bench import CASES, DEADLINES, Bench, Case, bench_on, build, gateway

PAPER = os.environ.get("DISPERSA_PAPER_GATEWAY", "")
SIMULATED_FROM = timedelta(minutes=10)
"""A clock so far from ours is a simulated market's (`dispersa gateway`), and is followed."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench() -> AsyncIterator[Bench]:
    if PAPER:
        host, _, port = PAPER.rpartition(":")
        settings = IbkrSettings(host=host, port=int(port))
        clock = BrokerClock()
        connection = await connect(settings, clock)
        broker_time = await connection.feed.server_time()
        if abs(broker_time - clock.now()) > SIMULATED_FROM:
            clock.align(broker_time)
        symbol = os.environ.get("DISPERSA_PAPER_SYMBOL", "SPY")
        yield await build(settings, clock, connection, None, symbol)
        await connection.close()
        return
    async with gateway() as running, bench_on(running, deadlines=DEADLINES) as made:
        yield made


@pytest.mark.parametrize("case", [CASES[n] for n in sorted(CASES)], ids=lambda c: f"{c.number:03}")
async def test_case(bench: Bench, case: Case) -> None:
    if PAPER and case.simulated_only:
        pytest.skip("needs a gateway that misbehaves on purpose")
    await case.run(bench)


async def test_table_has_its_numbers_and_words() -> None:
    assert len(CASES) >= 80
    assert all(case.scenario and case.expected for case in CASES.values())
    assert len({(case.scenario, case.expected) for case in CASES.values()}) == len(CASES)
