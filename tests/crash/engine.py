"""A trading engine as a process of its own, on scaled time: what the crash tests kill.

    python -m tests.crash.engine PORT JOURNAL SPEED

It is wired as `dispersa trade` is, but for the scaled loop, an operator that types EXECUTE on the
simulated account, and a label instead of the signal's verdict.
"""

import asyncio
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dispersa.broker.ibkr.connection import connect
from dispersa.broker.ibkr.settings import IbkrSettings
from dispersa.execution.policy import ProgramPolicy
from dispersa.journal import Journal
from dispersa.runtime.build import build_id
from dispersa.runtime.clock import LoopClock
from dispersa.runtime.config.settings import Settings
from dispersa.runtime.demo import DEMO_ACCOUNT, DEMO_RULES, PATIENT, ScriptedOperator
from dispersa.runtime.live import trade_policies
from dispersa.runtime.loop import run
from dispersa.runtime.step_clock import StepClock
from dispersa.runtime.trade_session import TradeSetup, run_trade
from dispersa.runtime.workers import MarketWorkers

NAMES = 5


class AlignedClock:
    """The loop's time, moved once to the broker's."""

    def __init__(self) -> None:
        self._loop = LoopClock(datetime(2026, 1, 1, tzinfo=UTC), asyncio.get_running_loop())
        self._offset = timedelta(0)

    def now(self) -> datetime:
        return self._loop.now() + self._offset

    def align(self, broker_time: datetime) -> None:
        self._offset += broker_time - self.now()


async def engine(port: int, path: Path) -> None:
    clock = AlignedClock()
    settings = IbkrSettings(host="127.0.0.1", port=port, account=DEMO_ACCOUNT, deadlines=PATIENT)
    connection = await connect(settings, clock)
    clock.align(await connection.feed.server_time())
    steps = StepClock(clock)
    policies = replace(trade_policies(Settings(), clock.now().date()), names=NAMES)
    with Journal.open(path, build_id=build_id(), now=steps.now) as journal:
        setup = TradeSetup(
            profile="sim",
            account=DEMO_ACCOUNT,
            live_allowed=False,
            rules=replace(DEMO_RULES, program_policy=PATIENT_PROGRAM),
            connection=connection,
            journal=journal,
            clock=steps,
            workers=MarketWorkers(
                feed=connection.feed, broker=connection.orders, policies=policies, clock=clock
            ),
            operator=ScriptedOperator(DEMO_ACCOUNT),
        )
        state = await run_trade(setup, edge_waiver="crash test: the signal is not looked at")
    await connection.close()
    program = state.program
    if program is None:
        print(f"no program: {state.decline_stage}: {state.decline_reason}")
    else:
        print(f"{program.state}: {program.sentence}")


PATIENT_PROGRAM = ProgramPolicy(deadline=timedelta(hours=3))

if __name__ == "__main__":
    run(lambda: engine(int(sys.argv[1]), Path(sys.argv[2])), float(sys.argv[3]))
