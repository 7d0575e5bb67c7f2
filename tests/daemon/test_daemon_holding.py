"""What does the daemon see to while it holds: hedges as the phase says, and the index's changes?"""

import asyncio
from collections.abc import Callable, Coroutine
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from dispersa.desk.phases import Phase
from dispersa.desk.state import DeskState, Stage
from dispersa.journal import read_entries
from dispersa.orders import Purpose
from dispersa.runtime.control_requests import HedgesAsked
from dispersa.runtime.loop import Virtual, run
from dispersa.runtime.memory_transport import InMemory
from tests.alerts.sinks import MailSink
from tests.daemon.virtual import Desk, completed, living, mailed

SOON = {"delta_usd_min": 1.0, "risk_aversion_per_usd": 1.0}
"""Bands so narrow that every name is out of its own."""


def held(
    story: Callable[[Desk, MailSink], Coroutine[Any, Any, None]], folder: Path, phase: Phase
) -> None:
    """Let a story happen to a desk that holds a trade."""
    sink = MailSink()

    async def whole() -> None:
        async with living(Desk(settings), phase=phase) as desk:
            await desk.begin()
            if phase is Phase.CRAWL:
                plan = (await desk.until(lambda state: state.stage is Stage.APPROVAL)).plan
                assert plan is not None
                await desk.actions.approve(plan.plan_hash, "EXECUTE", by="ann")
            completed(await desk.over())
            await story(desk, sink)

    with mailed(folder, sink, hedging=SOON) as settings:
        run(whole, Virtual(network=InMemory(seed=1)))


def hedges(state: DeskState) -> list[int]:
    """Shares filled by each hedge order."""
    return [
        order.filled
        for order in state.orders.values()
        if order.approved.intent.purpose is Purpose.HEDGE
    ]


def test_in_crawl_a_due_hedge_is_told_and_sent_by_the_word_alone(tmp_path: Path) -> None:
    async def story(desk: Desk, sink: MailSink) -> None:
        await asyncio.sleep(700)
        told = [mail for mail in sink.mails if "A delta hedge is due" in str(mail["Subject"])]
        assert len(told) == 1
        assert "dispersa cycle --hedge" in told[0].as_string()
        assert hedges(desk.state) == []
        asked = desk.daemon.hedges.answer
        assert (await asked(HedgesAsked(by="ann")))["released"] is False
        assert (await asked(HedgesAsked(by="ann", text="execute")))["released"] is False
        assert (await asked(HedgesAsked(by="ann", text="EXECUTE")))["released"] is True
        await desk.until(lambda state: any(hedges(state)), within=120)

    held(story, tmp_path, Phase.CRAWL)


def test_in_run_a_due_hedge_goes_by_itself(tmp_path: Path) -> None:
    async def story(desk: Desk, sink: MailSink) -> None:
        await desk.until(lambda state: any(hedges(state)), within=700)
        assert not [mail for mail in sink.mails if "hedge is due" in str(mail["Subject"])]
        await desk.until(lambda state: not state.open_orders(), within=120)
        await asyncio.sleep(200)
        assert desk.state.reconciliation is not None
        assert desk.state.reconciliation.agrees

    held(story, tmp_path, Phase.RUN)


def test_a_rebalance_over_night_is_noticed_through_a_restart(tmp_path: Path) -> None:
    async def story(desk: Desk, sink: MailSink) -> None:
        known = dict(desk.state.phasing.weights)
        gone, *kept = sorted(known, key=lambda symbol: known[symbol])
        rest = sum(known[symbol] for symbol in kept)
        rows = [f"2026-11-20,{symbol},{known[symbol] / rest},QQQ" for symbol in kept]
        file = tmp_path / "weights.csv"
        file.write_text("\n".join(["date,symbol,weight,etf", *rows]))
        await desk.stop()
        universe = desk.settings.universe.model_copy(update={"weights": file})
        desk.settings = desk.settings.model_copy(update={"universe": universe})
        await desk.start()
        await asyncio.sleep(30)
        kinds = [entry.kind for entry in read_entries(desk.settings.journal_file)]
        assert kinds.count("UniverseChanged") == 1
        assert len([mail for mail in sink.mails if f"gone: {gone}" in words(mail)]) == 1
        await desk.stop()
        await desk.start()
        await asyncio.sleep(30)
        kinds = [entry.kind for entry in read_entries(desk.settings.journal_file)]
        assert kinds.count("UniverseChanged") == 1, "the same weights are no news"

    held(story, tmp_path, Phase.RUN)


def words(mail: EmailMessage) -> str:
    """The plain text of a mail."""
    body = mail.get_body(("plain",))
    return "" if body is None else " ".join(str(body.get_content()).split())
