"""Do the daemon's parts keep time, restart what crashes and tell how they are?"""

import asyncio
import json
import socket
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from dispersa.desk.phase_events import TaskFailed
from dispersa.market import Basket, Symbol, TradingSession, Weight
from dispersa.runtime.config.schedule import ScheduleSection
from dispersa.runtime.daemon_day import changes
from dispersa.runtime.daemon_notify import beat_seconds, notify
from dispersa.runtime.daemon_tasks import Supervisor, pause_seconds
from dispersa.runtime.health import write_status
from dispersa.runtime.loop import Virtual, run
from dispersa.runtime.memory_transport import InMemory
from dispersa.runtime.page_host import probe
from dispersa.runtime.schedule import new_york_sessions, next_day, plan_of

TIMES = ScheduleSection()
THANKSGIVING_EVE = datetime(2026, 11, 25, 22, 0, tzinfo=UTC)


def test_the_day_after_thanksgiving_is_a_half_day_with_a_shorter_entry_window() -> None:
    day = next_day(new_york_sessions, THANKSGIVING_EVE, TIMES, ended=None)
    assert day.day == date(2026, 11, 27)  # the 26th is a holiday
    assert day.is_half_day
    assert day.session.closes == datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
    assert day.entry_until == datetime(2026, 11, 27, 17, 0, tzinfo=UTC)
    assert day.ends == datetime(2026, 11, 27, 18, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "ended", "expected"),
    [
        (datetime(2026, 11, 20, 13, 0, tzinfo=UTC), None, date(2026, 11, 20)),
        (datetime(2026, 11, 20, 21, 4, tzinfo=UTC), None, date(2026, 11, 20)),
        (datetime(2026, 11, 20, 21, 6, tzinfo=UTC), None, date(2026, 11, 23)),
        (datetime(2026, 11, 20, 20, 0, tzinfo=UTC), date(2026, 11, 20), date(2026, 11, 23)),
        (datetime(2026, 11, 21, 2, 0, tzinfo=UTC), date(2026, 11, 20), date(2026, 11, 23)),
        (datetime(2026, 11, 1, 12, 0, tzinfo=UTC), None, date(2026, 11, 2)),
    ],
)
def test_the_next_day_is_the_one_under_way_or_the_next_session(
    at: datetime, ended: date | None, expected: date
) -> None:
    assert next_day(new_york_sessions, at, TIMES, ended=ended).day == expected


def test_summer_time_moves_the_session_in_utc() -> None:
    before, after = new_york_sessions(date(2026, 10, 30)), new_york_sessions(date(2026, 11, 2))
    assert before is not None
    assert after is not None
    assert (before.opens.hour, after.opens.hour) == (13, 14)


def test_entries_end_before_they_begin_on_a_day_that_is_too_short() -> None:
    opens = datetime(2026, 11, 27, 14, 30, tzinfo=UTC)
    session = TradingSession(opens=opens, closes=opens + timedelta(hours=1))
    day = plan_of(date(2026, 11, 27), session, TIMES)
    assert not any(day.may_enter(opens + timedelta(minutes=minute)) for minute in range(90))


def test_a_crashed_task_is_told_and_started_again_later_each_time() -> None:
    told: list[TaskFailed] = []
    starts: list[float] = []

    async def crashes() -> None:
        starts.append(asyncio.get_running_loop().time())
        raise RuntimeError("out of paper")

    async def scenario() -> None:
        kept = asyncio.create_task(Supervisor(told.append).keep("printer", crashes)())
        await asyncio.sleep(20)
        kept.cancel()
        await asyncio.gather(kept, return_exceptions=True)

    run(scenario, Virtual())
    assert [row.restart_seconds for row in told] == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert [round(at) for at in starts] == [0, 1, 3, 7, 15]
    assert told[0].reason == "RuntimeError: out of paper"
    assert pause_seconds(50) == 300.0


def test_a_rebalance_is_told_and_a_small_drift_of_weights_is_not() -> None:
    def basket(**weights: float) -> Basket:
        rows = tuple(Weight(symbol=Symbol(name), weight=part) for name, part in weights.items())
        return Basket(index=Symbol("QQQ"), as_of=date(2026, 11, 20), weights=rows)

    before = {Symbol("AAA"): 0.5, Symbol("BBB"): 0.3, Symbol("CCC"): 0.2}
    assert changes({}, basket(AAA=1.0)) is None
    assert changes(before, basket(AAA=0.502, BBB=0.299, CCC=0.199)) is None
    found = changes(before, basket(AAA=0.52, BBB=0.3, DDD=0.18))
    assert found is not None
    assert (found.added, found.removed) == (("DDD",), ("CCC",))
    assert found.moved == pytest.approx({"AAA": 0.02})


def test_systemd_is_told_over_its_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        assert notify("READY=1")
        assert systemd.recv(100) == b"READY=1"
    monkeypatch.setenv("WATCHDOG_USEC", "4000000")
    assert beat_seconds() == 2.0


def test_the_status_file_is_whole_and_private(tmp_path: Path) -> None:
    file = tmp_path / "paper.status.json"
    for number in range(3):
        write_status(file, {"number": number})
    assert json.loads(file.read_text()) == {"number": 2}
    assert file.stat().st_mode & 0o777 == 0o600
    assert [row.name for row in tmp_path.iterdir()] == ["paper.status.json"]


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ([b"HTTP/1.1 200 OK\r\n\r\n"], None),
        ([b"HT", b"TP/1.1 404 Not Found\r\n\r\n"], None),
        ([b"HT"], "closed the connection"),
        ([b"220 mail.example.org ESMTP\r\n"], "is not the page"),
    ],
)
def test_the_page_is_probed_whatever_pieces_its_answer_arrives_in(
    answer: list[bytes], found: str | None
) -> None:
    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        for piece in answer:
            writer.write(piece)
            await asyncio.sleep(0.5)
        writer.close()

    async def scenario() -> str | None:
        async with await asyncio.start_server(served, "127.0.0.1", 8765):
            return await probe("127.0.0.1", 8765)

    told = run(scenario, Virtual(network=InMemory(split_chance=0.0)))
    assert told == found or (told is not None and found is not None and found in told)


def test_a_page_that_nobody_serves_is_said_to_be_lost() -> None:
    told = run(lambda: probe("127.0.0.1", 8765), Virtual(network=InMemory()))
    assert told is not None
    assert "does not answer" in told
