"""Does a halt stop what it must, at once, on every way in, and does it stay?"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dispersa.desk import events as ev
from dispersa.desk.state import Stage
from dispersa.errors import Halted, InvalidInput
from dispersa.execution.program import ProgramState
from dispersa.journal import Journal, read_entries
from dispersa.orders import OrderRef, OrderState
from dispersa.risk import HaltLevel
from dispersa.runtime import halting
from dispersa.runtime.control_desk import DeskAnswers
from dispersa.runtime.page_host import HostedActions
from dispersa.runtime.reachable import Reach
from dispersa.runtime.replay import replay_file, replayed
from dispersa.runtime.sentinel import (
    Sentinel,
    read_sentinel,
    sentinel_file,
    write_sentinel,
)
from tests.desk.scene import TICK
from tests.runtime.desk_bench import Bench, bench


def now() -> datetime:
    return datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def cancel(reason: str = "news") -> Sentinel:
    return Sentinel(level=HaltLevel.CANCEL, reason=reason, by="anna")


async def working(desk: Bench, ticks: int = 3) -> int:
    await desk.start_program()
    await desk.tick(ticks)
    found = len(desk.loop.state.open_orders())
    assert found > 0
    return found


async def test_hold_sends_nothing_new_and_lets_orders_work(tmp_path: Path) -> None:
    async with bench(tmp_path / "desk.sqlite3") as desk:
        orders = await working(desk)
        await desk.loop.halt(HaltLevel.HOLD, "wait", by="test")
        sent, changed = len(desk.broker.placed), len(desk.broker.amended)
        await desk.tick(60)
        assert len(desk.broker.placed) == sent
        assert len(desk.broker.amended) == changed
        assert not desk.broker.cancelled
        assert len(desk.loop.state.open_orders()) == orders
        await desk.loop.resume("go", by="test")
        await desk.tick(60)
        assert len(desk.broker.placed) + len(desk.broker.amended) > sent + changed
        assert desk.loop.state.stage is Stage.EXECUTION


async def test_cancel_takes_every_order_back_and_ends_the_program(tmp_path: Path) -> None:
    async with bench(tmp_path / "desk.sqlite3") as desk:
        orders = await working(desk)
        seen = await desk.loop.halt(HaltLevel.CANCEL, "news", by="test")
        assert {ref for _, ref in desk.broker.cancelled} == set(desk.scene.arrived)
        assert len(desk.broker.cancelled) == orders  # each once: the decision is not sent again
        assert seen.state.halt is not None
        await desk.tick(80)
        assert not desk.loop.state.open_orders()
        assert desk.loop.state.program is not None
        assert desk.loop.state.program.state.has_ended
        await desk.loop.tell(ev.TradeRequested(requested_by="test", edge_waiver=None))
        assert desk.loop.state.decline_reason == "trading is halted: news"


async def test_order_decided_but_not_handed_over_is_withheld_and_counted_as_never_sent(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path / "desk.sqlite3") as desk:
        await desk.start_program()
        halts: list[asyncio.Task[object]] = []
        committed = desk.journal.committed

        async def halt_while_committing(sequence: int) -> None:
            await committed(sequence)
            if not halts:
                work = desk.loop.halt(HaltLevel.CANCEL, "just in time", by="test")
                halts.append(asyncio.ensure_future(work))
                await asyncio.sleep(0.01)

        desk.journal.committed = halt_while_committing  # type: ignore[method-assign]  # a slow disk
        await desk.tick(2)
        await halts[0]
        await desk.settle()
        orders = list(desk.loop.state.orders.values())
        assert len(orders) > 0
        assert not desk.broker.placed
        assert not desk.broker.cancelled  # what never left needs no cancel
        assert {order.state for order in orders} == {OrderState.NEVER_ARRIVED}
        assert all("withheld" in order.message for order in orders)
        assert sum(desk.loop.state.units_at_risk().values()) == 0


async def test_thirty_one_cancels_are_on_the_wire_within_a_second_of_the_command(
    tmp_path: Path,
) -> None:
    journal = tmp_path / "desk.sqlite3"
    async with bench(journal) as desk:
        await working(desk)
        known = desk.loop.state.orders
        one = next(iter(known.values()))
        refs = [OrderRef(f"test-{number}") for number in range(31 - len(known))]
        desk.loop.state = replace(
            desk.loop.state,
            orders=dict(known)
            | {
                ref: replace(
                    one,
                    approved=replace(one.approved, intent=replace(one.approved.intent, ref=ref)),
                )
                for ref in refs
            },
        )
        desk.broker.confirms_cancels = False
        began = time.monotonic()
        answer = await asyncio.to_thread(halting.halt, journal, cancel(), now=now)
        assert answer.reached is halting.Reached.ENGINE
        assert len(desk.broker.cancelled) == 31
        assert max(at for at, _ in desk.broker.cancelled) - began < 1.0


async def test_cancels_leave_although_the_journal_does_not_answer(tmp_path: Path) -> None:
    async with bench(tmp_path / "desk.sqlite3") as desk:
        orders = await working(desk)
        blocker = asyncio.Event()

        async def never(sequence: int) -> None:
            await blocker.wait()
            raise AssertionError(sequence)

        desk.journal.committed = never  # type: ignore[method-assign]  # a disk that hangs
        halting_task = asyncio.ensure_future(
            desk.loop.halt(HaltLevel.CANCEL, "disk hangs", by="test")
        )
        await asyncio.sleep(0.05)
        assert len(desk.broker.cancelled) == orders
        halting_task.cancel()


async def test_file_is_obeyed_at_once_and_lifted_by_a_resume_that_has_seen_it(
    tmp_path: Path,
) -> None:
    journal = (tmp_path / "desk.sqlite3").resolve()
    async with bench(journal) as desk:
        orders = await working(desk)
        write_sentinel(journal, cancel("watchdog: no beat"))
        await desk.until(lambda state: state.halt is not None, seconds=1)
        halted = desk.loop.state.halt
        assert halted is not None
        assert halted.reason == "watchdog: no beat"
        assert len(desk.broker.cancelled) == orders
        answer = await asyncio.to_thread(
            halting.resume, journal, reason="beats again", by="anna", now=now
        )
        assert answer.reached is halting.Reached.ENGINE
        assert desk.loop.state.halt is None
        assert not sentinel_file(journal).exists()
    kinds = [entry.kind for entry in read_entries(journal)]
    assert kinds.count("HaltRequested") == 1


async def test_resume_does_not_lift_a_halt_that_came_after_the_look(tmp_path: Path) -> None:
    async with bench(tmp_path / "desk.sqlite3") as desk:
        await desk.open()
        await desk.loop.halt(HaltLevel.HOLD, "first", by="anna")
        seen = desk.loop.state.halt
        assert seen is not None
        desk.clock.at += TICK
        await desk.loop.halt(HaltLevel.CANCEL, "second", by="watchdog")
        late = ev.ResumeRequested(reason="fine", operator="anna", lifts=seen.since)
        await desk.loop.tell(late)
        assert desk.loop.state.halt is not None
        assert desk.loop.state.halt.reason == "second"


@pytest.mark.parametrize("text", ["", "soft\nreason", "\x00\xff", "none\nx"])
def test_file_that_says_nothing_known_says_cancel(tmp_path: Path, text: str) -> None:
    journal = tmp_path / "desk.sqlite3"
    sentinel_file(journal).write_text(text, encoding="latin-1")
    found = read_sentinel(journal)
    assert found is not None
    assert found.level is HaltLevel.CANCEL


def test_file_that_can_not_be_read_says_cancel(tmp_path: Path) -> None:
    journal = tmp_path / "desk.sqlite3"
    sentinel_file(journal).mkdir()
    found = read_sentinel(journal)
    assert found is not None
    assert found.level is HaltLevel.CANCEL


def test_file_is_two_lines_and_private(tmp_path: Path) -> None:
    journal = tmp_path / "desk.sqlite3"
    path = write_sentinel(journal, cancel("two\nlines"))
    assert path.read_text().splitlines() == ["cancel", "two lines", "anna"]
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(InvalidInput, match="resume"):
        write_sentinel(journal, Sentinel(level=HaltLevel.NONE, reason="x", by="y"))


async def test_halt_without_an_engine_holds_at_the_next_start_until_resumed(
    tmp_path: Path,
) -> None:
    journal = (tmp_path / "desk.sqlite3").resolve()
    answer = halting.halt(journal, cancel(), now=now)
    assert answer.reached is halting.Reached.JOURNAL
    sentinel_file(journal).unlink()  # the journal alone holds it, too
    async with bench(journal) as desk:
        desk.loop.state = replayed(desk.journal.entries())
        await desk.loop.tell(ev.TradeRequested(requested_by="test", edge_waiver=None))
        assert desk.loop.state.decline_reason == "trading is halted: news"
    halting.resume(journal, reason="over", by="anna", now=now)
    assert replay_file(journal).state.halt is None
    with pytest.raises(InvalidInput, match="nothing to resume"):
        halting.resume(journal, reason="over", by="anna", now=now)


async def test_file_alone_holds_at_the_next_start(tmp_path: Path) -> None:
    journal = (tmp_path / "desk.sqlite3").resolve()
    write_sentinel(journal, cancel())
    async with bench(journal) as desk:
        await desk.until(lambda state: state.halt is not None)
        assert desk.loop.state.halt is not None
        assert (desk.loop.state.halt.level, desk.loop.state.halt.by) == (HaltLevel.CANCEL, "anna")


def test_halt_beside_an_owner_that_does_not_listen_goes_by_the_file(tmp_path: Path) -> None:
    journal = (tmp_path / "desk.sqlite3").resolve()
    with Journal.open(journal, build_id="t", now=now):
        answer = halting.halt(journal, cancel(), now=now)
        assert answer.reached is halting.Reached.FILE
        assert read_sentinel(journal) == cancel()
        with pytest.raises(Halted, match="resume again"):
            halting.resume(journal, reason="x", by="y", now=now)


async def test_clean_stop_cancels_waits_for_proof_and_says_what_stays(tmp_path: Path) -> None:
    async with bench(tmp_path / "desk.sqlite3") as desk:
        orders = await working(desk)
        stopped = await desk.loop.stop("SIGTERM", patience=2)
        assert stopped.stays == ()
        assert len(desk.broker.cancelled) == orders
        await asyncio.wait_for(desk.running, 2)
        assert desk.loop.state.halt is None  # a stop is no halt: the next start trades
        with pytest.raises(Halted, match="has ended"):
            await desk.loop.tell(ev.DeskOpened(profile="sim", account="x", live_allowed=False))


async def test_clean_stop_names_the_orders_that_no_proof_came_for(tmp_path: Path) -> None:
    async with bench(tmp_path / "desk.sqlite3") as desk:
        await working(desk)
        desk.broker.confirms_cancels = False
        stopped = await desk.loop.stop("SIGTERM", patience=0.2)
        assert set(stopped.stays) == set(desk.scene.arrived)


async def test_signals_stop_and_cancel(tmp_path: Path) -> None:
    async with bench(tmp_path / "desk.sqlite3") as desk:
        reach = Reach(desk.loop, desk.journal)
        desk.loop.spawn(reach.work(signals=True)[0]())
        await asyncio.sleep(0.01)
        signal.raise_signal(signal.SIGUSR1)
        await desk.until(lambda state: state.halt is not None)
        assert desk.loop.state.halt is not None
        assert desk.loop.state.halt.level is HaltLevel.CANCEL
        signal.raise_signal(signal.SIGTERM)
        await asyncio.wait_for(desk.running, 2)
        assert desk.loop.stopped is not None
        assert desk.loop.stopped.reason == "SIGTERM"


async def test_flatten_cancels_and_never_closes_a_position_by_itself(tmp_path: Path) -> None:
    async with bench(tmp_path / "desk.sqlite3") as desk:
        await working(desk)
        sent = len(desk.broker.placed)
        await desk.loop.halt(HaltLevel.FLATTEN, "out", by="anna")
        await desk.tick(80)
        assert len(desk.broker.placed) == sent
        assert not desk.loop.state.open_orders()
        assert desk.loop.state.program is not None
        assert desk.loop.state.program.state is not ProgramState.RUNNING


async def by_command_line(desk: Bench, asked: Sentinel) -> None:
    assert desk.journal.path is not None
    path = desk.journal.path
    answer = await asyncio.to_thread(halting.halt, path, asked, now=now)
    assert answer.reached is halting.Reached.ENGINE


async def by_page(desk: Bench, asked: Sentinel) -> None:
    answers = DeskAnswers(desk.loop, desk.journal, lift=lambda: None)
    await HostedActions(answers).halt(asked.level, asked.reason, by=asked.by)


async def by_signal(desk: Bench, _: Sentinel) -> None:
    desk.loop.spawn(Reach(desk.loop, desk.journal).work(signals=True)[0]())
    await asyncio.sleep(0.01)
    signal.raise_signal(signal.SIGUSR2)


async def by_file(desk: Bench, asked: Sentinel) -> None:
    assert desk.journal.path is not None
    write_sentinel(desk.journal.path, asked)


@pytest.mark.parametrize("way", [by_command_line, by_page, by_signal, by_file])
async def test_flatten_by_every_way_cancels_and_then_plans_the_closing(
    way: Callable[[Bench, Sentinel], Awaitable[None]], tmp_path: Path
) -> None:
    async with bench(tmp_path / "desk.sqlite3") as desk:
        await working(desk)
        first = desk.broker.placed[0][1]
        for report in desk.scene.reports_of_fill(first, 1, "early"):
            await desk.loop.tell(report)
        sent = len(desk.broker.placed)
        await way(desk, Sentinel(level=HaltLevel.FLATTEN, reason="out", by="anna"))
        await desk.until(lambda state: state.halt is not None and not state.open_orders())
        while not desk.loop.state.flattened:
            await desk.tick(20)
        state = desk.loop.state
        assert state.halt is not None
        assert state.halt.level is HaltLevel.FLATTEN
        assert state.flattened == state.programs_held
        assert state.closing is not None
        assert state.closing.reason == f"flatten: {state.halt.reason}"
        await desk.until(lambda state: state.stage is Stage.DECLINED)
        assert len(desk.broker.placed) == sent, "nothing is closed by itself"


async def test_hold_never_takes_a_cancel_back(tmp_path: Path) -> None:
    async with bench(tmp_path / "desk.sqlite3") as desk:
        await desk.open()
        await desk.loop.halt(HaltLevel.CANCEL, "news", by="anna")
        await desk.loop.halt(HaltLevel.HOLD, "lunch", by="bert")
        assert desk.loop.state.halt is not None
        assert (desk.loop.state.halt.level, desk.loop.state.halt.reason) == (
            HaltLevel.CANCEL,
            "news",
        )
