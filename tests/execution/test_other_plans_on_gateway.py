"""Do `trade --plan HASH` and `trade --probe SYMBOL` run from plan to end on the gateway?"""

import asyncio
from dataclasses import replace

import pytest

from dispersa.desk.state import DeskState, Stage
from dispersa.errors import Denied
from dispersa.execution.plan import TradePlan
from dispersa.execution.program import ProgramState, balance_of
from dispersa.gateway.server import RunningGateway
from dispersa.market import Side, Symbol
from dispersa.risk import GateVerdict
from dispersa.runtime.demo import EDGE_WAIVER
from dispersa.runtime.other_plans import (
    ProbeWorkers,
    SavedPlanWorkers,
    find_saved_plan,
    probe_label,
)
from dispersa.runtime.trade_session import TradeSetup, run_trade
from tests.soak.session import Cell, told

READS_SECONDS = 10.0
CELL = Cell(market="calm", fills="generous", seed=3)


class Keeps:
    """Looks at the plan and sends nothing, as `dispersa plan` does."""

    name = "keeps"

    async def confirm(self, plan: TradePlan, verdict: GateVerdict) -> str:
        """Read for a while, then say anything but EXECUTE."""
        assert verdict.passed, plan.plan_hash
        await asyncio.sleep(READS_SECONDS)
        return "later"


async def _kept(setup: TradeSetup) -> DeskState:
    keeping = replace(setup, operator=Keeps())
    state = await run_trade(keeping, edge_waiver=EDGE_WAIVER)
    assert state.stage is Stage.DECLINED
    assert state.orders == {}
    return state


async def _carried_out(setup: TradeSetup, plan_hash: str) -> DeskState:
    saved = find_saved_plan(setup.journal.entries(), plan_hash, setup.clock.live.now())
    workers = setup.workers.remade(SavedPlanWorkers, saved=saved)
    kept = replace(setup, workers=workers)
    return await run_trade(kept, edge_waiver=saved.plan.edge_waived)


def test_a_kept_plan_is_carried_out_by_its_hash_exactly_once() -> None:
    async def story(_: RunningGateway, setup: TradeSetup) -> None:
        plan = (await _kept(setup)).plan
        assert plan is not None
        state = await _carried_out(setup, plan.plan_hash)
        program = state.program
        assert program is not None, state.decline_reason
        assert program.plan == plan
        assert program.state is ProgramState.COMPLETED, program.sentence
        with pytest.raises(Denied, match=f"carried out as {program.program}"):
            await _carried_out(setup, plan.plan_hash)

    told(CELL, story)


def test_a_probe_buys_one_straddle_and_is_never_called_neutral() -> None:
    async def story(gateway: RunningGateway, setup: TradeSetup) -> None:
        workers = setup.workers.remade(ProbeWorkers, symbol=Symbol("AAPL"))
        probing = replace(setup, workers=workers)
        state = await run_trade(probing, edge_waiver=probe_label("AAPL"))
        program = state.program
        assert program is not None, state.decline_reason
        assert program.state is ProgramState.COMPLETED
        assert "not neutral" in program.sentence
        (row,) = program.packages.values()
        assert (row.plan.symbol, row.plan.side, row.filled) == ("AAPL", Side.BUY, 1)
        assert balance_of(program, {}).filled == pytest.approx(row.plan.vega_usd)

    told(CELL, story)
