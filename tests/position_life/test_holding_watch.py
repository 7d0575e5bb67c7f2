"""Does a running daemon mark what it holds, and ask for the closings that its exit rules want?"""

import asyncio
import os
from pathlib import Path

import pytest

from dispersa.desk.phases import Phase
from dispersa.desk.state import Stage
from dispersa.execution.plan import PlanKind
from dispersa.journal import read_entries
from dispersa.runtime.holding import EVERY
from dispersa.runtime.loop import Virtual, run
from dispersa.runtime.memory_transport import InMemory
from tests.daemon.virtual import Desk, completed, is_over, living, settings_of

FLOOR_BEYOND_EXPIRY = {"dte_min": 60}
"""Every trade is due at once."""


def kinds(desk: Desk) -> list[str]:
    return [entry.kind for entry in read_entries(desk.settings.journal_file)]


@pytest.mark.timeout(900)
def test_in_run_an_exit_rule_closes_the_trade_by_itself(tmp_path: Path) -> None:
    async def story() -> None:
        desk = Desk(settings_of(tmp_path, exits=FLOOR_BEYOND_EXPIRY))
        async with living(desk, phase=Phase.RUN):
            await desk.begin()
            completed(await desk.over())
            assert desk.state.programs_held
            await desk.until(lambda state: state.stage is not Stage.ENDED, within=400.0)
            assert desk.state.closing is not None
            assert "days to expiry" in desk.state.closing.reason
            completed(await desk.until(is_over))
            assert desk.state.programs_held == ()
            assert "BookMarked" in kinds(desk)

    run(story, Virtual(network=InMemory()))


@pytest.mark.skipif("DISPERSA_SIXTY_DAYS" not in os.environ, reason="long: run by `make soak`")
def test_in_crawl_an_exit_rule_asks_a_person_once_a_day(tmp_path: Path) -> None:
    async def story() -> None:
        desk = Desk(settings_of(tmp_path, exits=FLOOR_BEYOND_EXPIRY))
        async with living(desk, phase=Phase.CRAWL):
            await desk.begin()
            plan = (await desk.until(lambda state: state.stage is Stage.APPROVAL)).plan
            assert plan is not None
            await desk.actions.approve(plan.plan_hash, "EXECUTE", by="ann")
            completed(await desk.over())
            asked = (await desk.until(lambda state: state.stage is Stage.APPROVAL)).plan
            assert asked is not None
            assert asked.kind is PlanKind.EXIT
            await desk.until(is_over)
            await desk.until(lambda state: state.stage is Stage.DECLINED, within=10.0)
            await asyncio.sleep(2 * EVERY.total_seconds() + 1)
            assert kinds(desk).count("ClosingRequested") == 1
            assert desk.state.programs_held

    run(story, Virtual(network=InMemory()))
