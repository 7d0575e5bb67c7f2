"""Is the engine reached on its socket, and does it do what it was asked, once and in order?"""

import asyncio
import json
import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from dispersa.desk.state import Stage
from dispersa.errors import DispersaError, Halted, InvalidInput, RequestTimedOut
from dispersa.journal import Journal, JournalOwned
from dispersa.risk import HaltLevel
from dispersa.runtime import control_requests as ask
from dispersa.runtime.control_client import ControlClient, EngineNotRunning
from dispersa.runtime.control_path import socket_path
from tests.runtime.desk_bench import bench


async def asked(journal: Path, request: ask.ControlRequest) -> Any:
    return await asyncio.to_thread(ControlClient(journal).ask, request, seconds=5)


def raw(journal: Path, line: bytes) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(socket_path(journal)))
        connection.sendall(line)
        with connection.makefile("rb") as file:
            answer = json.loads(file.readline())
    assert isinstance(answer, dict)
    return answer


async def test_status_tells_stage_halt_and_journal_and_the_whole_state(tmp_path: Path) -> None:
    journal = tmp_path / "desk.sqlite3"
    async with bench(journal) as desk:
        await desk.open()
        desk.journal.flush()
        found = await asked(journal, ask.StatusAsked(whole=True))
    assert found["stage"] == "approval"
    assert found["halt"] is None
    assert found["pid"] == os.getpid()
    assert found["plan"]["hash"] == desk.loop.state.plan.plan_hash  # type: ignore[union-attr]
    assert found["state"]["account_expected"] == "DU1234567"
    assert found["last_sequence"] >= found["committed_sequence"] > 0


async def test_socket_is_private_and_goes_with_its_engine(tmp_path: Path) -> None:
    journal = tmp_path / "desk.sqlite3"
    async with bench(journal):
        mode = socket_path(journal).stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
    assert not socket_path(journal).exists()
    with pytest.raises(EngineNotRunning, match="no engine listens"):
        await asked(journal, ask.StatusAsked())


async def test_socket_left_by_a_killed_engine_is_replaced(tmp_path: Path) -> None:
    journal = tmp_path / "desk.sqlite3"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(socket_path(journal)))
    async with bench(journal):
        assert (await asked(journal, ask.StatusAsked()))["stage"] == "idle"


async def test_halt_is_acknowledged_recorded_and_lifted_only_with_a_reason(tmp_path: Path) -> None:
    journal = tmp_path / "desk.sqlite3"
    async with bench(journal) as desk:
        told = await asked(journal, ask.HaltAsked(level=HaltLevel.HOLD, reason="lunch", by="anna"))
        assert told["halted"] == "hold: lunch"
        assert told["not_recorded"] is None
        assert desk.journal.committed_sequence >= told["sequence"]
        with pytest.raises(InvalidInput, match="reason"):
            await asked(journal, ask.ResumeAsked(reason=" ", by="anna"))
        told = await asked(journal, ask.ResumeAsked(reason="eaten", by="anna"))
        assert told["halted"] is None
        with pytest.raises(InvalidInput, match="not halted"):
            await asked(journal, ask.ResumeAsked(reason="again", by="anna"))


async def test_approval_on_the_socket_starts_the_program_once(tmp_path: Path) -> None:
    journal = tmp_path / "desk.sqlite3"
    async with bench(journal) as desk:
        await desk.open()
        assert desk.loop.state.plan is not None
        given = ask.ApprovalGiven(
            plan_hash=desk.loop.state.plan.plan_hash, text="EXECUTE", by="anna"
        )
        told = await asked(journal, given)
        assert told["commands"] == ["StartProgram"]
        with pytest.raises(Halted, match="no plan waits"):
            await asked(journal, given)
        assert len(desk.loop.state.program_starts) == 1


async def test_program_cancelled_before_approval_sends_nothing(tmp_path: Path) -> None:
    journal = tmp_path / "desk.sqlite3"
    async with bench(journal) as desk:
        await desk.open()
        told = await asked(journal, ask.ProgramCancelAsked(reason="too wide", by="anna"))
        assert told["commands"] == ["DeclineTrade"]
        assert desk.loop.state.stage is Stage.DECLINED
        assert desk.loop.state.decline_reason == "cancelled by anna: too wide"
        told = await asked(journal, ask.TradeAsked(by="anna"))
        assert told["commands"] == ["ComputeSignal"]
        with pytest.raises(Halted, match="under way"):
            await asked(journal, ask.TradeAsked(by="anna"))


async def test_subscription_gives_every_entry_once_also_those_that_come_later(
    tmp_path: Path,
) -> None:
    journal = tmp_path / "desk.sqlite3"
    async with bench(journal) as desk:
        await desk.open()
        before = desk.journal.last_sequence
        stream = ControlClient(journal).subscribe(2)
        early = [await asyncio.to_thread(next, stream) for _ in range(before - 2)]
        assert [entry["sequence"] for entry in early] == list(range(3, before + 1))
        await desk.loop.halt(HaltLevel.HOLD, "x", by="test")
        later = await asyncio.to_thread(next, stream)
        assert (later["sequence"], later["kind"]) == (before + 1, "HaltRequested")
        stream.close()  # type: ignore[attr-defined]  # it is a generator


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"hello\n", "not JSON"),
        (b"[1]\n", "names nothing"),
        (b'{"ask": "status"}\n', "schema None"),
        (b'{"schema": 9, "ask": "status"}\n', "schema 9"),
        (b'{"schema": 1, "ask": "sell"}\n', "'sell' can not be asked"),
        (b'{"schema": 1, "ask": "status", "x": 1}\n', "unknown fields: x"),
        (b'{"schema": 1, "ask": "halt", "level": "soft", "reason": "r", "by": "b"}\n', "'level'"),
        (b'{"schema": 1, "ask": "halt", "level": "hold", "reason": "r"}\n', "'by'"),
        (b'{"schema": 1, "ask": "halt", "level": "none", "reason": "r", "by": "b"}\n', "resume"),
    ],
)
async def test_wrong_question_is_refused_in_words(tmp_path: Path, line: bytes, words: str) -> None:
    journal = tmp_path / "desk.sqlite3"
    async with bench(journal):
        answer = await asyncio.to_thread(raw, journal, line)
    assert answer["ok"] is False
    assert answer["error"]["name"] == "InvalidInput"
    assert answer["error"]["exit_code"] == 2
    assert words in answer["error"]["sentence"]


async def test_endless_line_ends_its_connection_and_nothing_else(tmp_path: Path) -> None:
    journal = tmp_path / "desk.sqlite3"

    def flood() -> bytes:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(socket_path(journal)))
            try:
                connection.sendall(b"x" * 200_000)
                return connection.recv(100)
            except ConnectionError:
                return b""

    async with bench(journal):
        assert await asyncio.to_thread(flood) == b""
        assert (await asked(journal, ask.StatusAsked()))["stage"] == "idle"


async def test_second_owner_is_told_how_to_reach_the_first(tmp_path: Path) -> None:
    from dispersa.runtime.control_desk import how_to_reach

    journal = tmp_path / "desk.sqlite3"
    from dispersa.runtime.clock import WallClock

    clock = WallClock()
    with (
        Journal.open(journal, build_id="t", now=clock.now, contact=how_to_reach()),
        pytest.raises(JournalOwned, match="dispersa halt"),
    ):
        Journal.open(journal, build_id="t", now=clock.now)


def test_long_path_moves_the_socket_where_it_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 90) / "desk.sqlite3"
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1")
    found = socket_path(deep)
    assert found.parent == Path("/run/user/1/dispersa")
    assert len(os.fsencode(found)) <= 100
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/" + "u" * 100)
    assert socket_path(deep).parent.name == f"dispersa-{os.getuid()}"
    assert socket_path(deep) != socket_path(deep.with_name("other.sqlite3"))


async def test_engine_that_does_not_answer_is_told_apart_from_none(tmp_path: Path) -> None:
    journal = tmp_path / "desk.sqlite3"
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(socket_path(journal)))
        deaf.listen()
        with pytest.raises(RequestTimedOut, match="nothing may be concluded"):
            await asyncio.to_thread(ControlClient(journal).ask, ask.StatusAsked(), seconds=0.2)
    assert not isinstance(RequestTimedOut("x"), EngineNotRunning)
    assert issubclass(EngineNotRunning, DispersaError)
