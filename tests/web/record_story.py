"""Where does the story come from? `python -m tests.web.record_story` plays it in virtual time."""

import asyncio
import gzip
import json
import math
import random
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from dispersa.desk import events as ev
from dispersa.desk.phase_events import NoteAdded
from dispersa.desk.state import Stage
from dispersa.journal import Entry, canonical_json, read_entries
from dispersa.runtime.demo import EDGE_WAIVER, DemoOptions, set_stage
from dispersa.runtime.demo_page import PageOperator
from dispersa.runtime.desk_loop import DeskLoop
from dispersa.runtime.loop import Virtual, run
from dispersa.runtime.opening import read_held
from dispersa.runtime.trade_session import Streaming, TradeSetup, open_books
from tests.web.story import FILE

NAMES, DAYS_BEFORE = 8, 60
Row = tuple[str, str, str, int | None]


def main() -> None:
    """Play the story and write it down."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.sqlite3"
        run(lambda: _play(journal), Virtual())
        entries = list(read_entries(journal))
    rows = [*_days_before(entries), *_today(entries)]
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{len(rows)} entries, {FILE.stat().st_size} bytes")


async def _play(journal: Path) -> None:
    async with AsyncExitStack() as stack:
        options = DemoOptions(names=NAMES)
        setup = (await set_stage(options, journal, PageOperator(), stack)).setup
        streaming = Streaming(setup)
        desk = DeskLoop(
            rules=setup.rules,
            journal=setup.journal,
            broker=setup.connection.orders,
            clock=setup.clock,
            workers=setup.workers,
            operator=setup.operator,
            observers=(streaming,),
        )
        await open_books(setup, desk)
        over = asyncio.Event()
        await desk.run_until(
            lambda _: over.is_set(),
            timeout=None,
            beside=[*streaming.tasks(desk), lambda: _direct(setup, desk, over)],
        )


async def _direct(setup: TradeSetup, desk: DeskLoop, over: asyncio.Event) -> None:
    await _planned(desk)
    await asyncio.sleep(20)
    await desk.tell(ev.ProgramCancelRequested(reason="too early in the day", by="page 127.0.0.1"))
    await asyncio.sleep(120)
    await _planned(desk)
    await asyncio.sleep(15)
    plan = desk.state.plan
    assert plan is not None
    answer = ev.OperatorAnswered(plan_hash=plan.plan_hash, text="EXECUTE", operator="ann")
    await desk.tell(answer)
    await _reached(desk, Stage.ENDED)
    for minutes in (1, 30, 30):
        await asyncio.sleep(60 * minutes)
        snapshot = await setup.connection.orders.snapshot()
        feed, clock = setup.connection.feed, setup.clock.live
        marked = await read_held(feed, desk.state, snapshot.positions, clock)
        assert marked is not None
        await desk.tell(marked)
    over.set()
    desk.post(NoteAdded(text="the story ends", by="recorder"))
    await asyncio.sleep(60)


async def _planned(desk: DeskLoop) -> None:
    await desk.tell(ev.TradeRequested(requested_by="ann", edge_waiver=EDGE_WAIVER))
    await _reached(desk, Stage.APPROVAL)


async def _reached(desk: DeskLoop, stage: Stage) -> None:
    while desk.state.stage is not stage:
        await asyncio.sleep(1)


def _today(entries: list[Entry]) -> Iterator[Row]:
    shift = 4 * DAYS_BEFORE
    for entry in entries:
        cause = None if entry.cause is None else entry.cause + shift
        yield entry.at.isoformat(), entry.kind, entry.payload, cause


def _days_before(entries: list[Entry]) -> Iterator[Row]:
    """One made-up signal on each of the days before, that moves about and does not trade."""
    first = next(entry for entry in entries if entry.kind == "SignalComputed")
    signal = json.loads(first.payload)["signal"]
    chance, moved, number = random.Random(7), 0.0, 0
    for at in _weekdays(first.at):
        moved = 0.9 * moved + chance.gauss(0, 0.018)
        text = canonical_json({"signal": _moved(signal, at, moved)})
        asked = {"requested_by": "schedule", "edge_waiver": None, "phase": None}
        declined = {"stage": "SIGNAL", "reason": "NO_TRADE: no edge after cost"}
        for kind, payload, cause in (
            ("TradeRequested", canonical_json(asked), None),
            ("ComputeSignal", "{}", number + 1),
            ("SignalComputed", text, None),
            ("DeclineTrade", canonical_json(declined), number + 3),
        ):
            yield at.isoformat(), kind, payload, cause
        number += 4


def _weekdays(today: datetime) -> list[datetime]:
    days = (today - timedelta(days=back) for back in range(1, 2 * DAYS_BEFORE))
    return sorted([day for day in days if day.weekday() < 5][:DAYS_BEFORE])


def _moved(signal: dict[str, Any], at: datetime, moved: float) -> dict[str, Any]:
    implied = signal["implied_correlation"] + moved
    forecast = signal["forecast_correlation"] + 0.35 * moved
    cost = signal["implied_correlation"] - signal["breakeven_correlation"]
    gross = signal["edge_gross"] * (implied - forecast) / signal["correlation_premium"]
    net = gross - signal["edge_gross"] + signal["edge_net"]
    return {
        **signal,
        "as_of": at.isoformat().replace("+00:00", "Z"),
        "direction": "NO_TRADE",
        "implied_correlation": implied,
        "forecast_correlation": forecast,
        "realized": [
            {**window, "clean": window["clean"] + 1.2 * moved} for window in signal["realized"]
        ],
        "correlation_premium": implied - forecast,
        "breakeven_correlation": implied - cost - moved * 0.65 if math.isfinite(cost) else None,
        "edge_gross": gross,
        "edge_net": net,
        "z_score": signal["z_score"] + moved / 0.045,
        "reasons": [
            {"code": "edge_too_small", "sentence": f"the edge after cost is {net:+.2f} points"}
        ],
    }


if __name__ == "__main__":
    main()
