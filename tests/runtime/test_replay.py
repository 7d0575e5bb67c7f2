"""Does a start from a snapshot know what a start from the first entry knows, and nothing else?"""

import random
import resource
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dispersa.desk import events as ev
from dispersa.desk.evolve import evolve
from dispersa.errors import BrokenInvariant
from dispersa.journal import Journal, JournalFailed, NewEntry, read_entries, verify
from dispersa.runtime import replay
from dispersa.runtime.replay import close_state, replay_file, replayed, start_state
from dispersa.runtime.snapshot import load_snapshot, snapshot_file
from tests.desk.scene import Scene
from tests.runtime.desk_bench import bench


def now() -> datetime:
    return datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def write_trade(path: Path, *, seed: int = 3) -> None:
    scene = Scene()
    scene.open()
    scene.fill_everything(random.Random(seed))
    times = iter([at for at, _, _ in scene.journal])
    with Journal.open(path, build_id="test", now=lambda: next(times)) as journal:
        for _, kind, payload in scene.journal:
            journal.append([NewEntry(kind=kind, payload=payload)])


@pytest.fixture
def early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "SNAPSHOT_ENTRIES", 50)


@pytest.mark.usefixtures("early")
def test_start_from_the_snapshot_equals_the_fold_from_the_first_entry(tmp_path: Path) -> None:
    path = (tmp_path / "desk.sqlite3").resolve()
    write_trade(path)
    with Journal.open(path, build_id="test", now=now) as journal:
        first = start_state(journal)
        assert snapshot_file(path).stat().st_mode & 0o777 == 0o600
        journal.append([NewEntry.of("LinkLost", {"message": "gone"})])
    second = replay_file(path)
    assert first.folded > 100
    assert second.folded == 1
    assert second.state == replayed(read_entries(path))
    assert not second.state.linked


@pytest.mark.usefixtures("early")
@pytest.mark.parametrize("harm", ["cut", "bit", "other build", "other journal", "empty"])
def test_snapshot_that_does_not_belong_is_not_used(tmp_path: Path, harm: str) -> None:
    path = (tmp_path / "desk.sqlite3").resolve()
    write_trade(path)
    with Journal.open(path, build_id="test", now=now) as journal:
        start_state(journal)
    file = snapshot_file(path)
    whole = file.read_bytes()
    match harm:
        case "cut":
            file.write_bytes(whole[:-20])
        case "bit":
            file.write_bytes(whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:])
        case "empty":
            file.write_bytes(b"")
        case "other build":
            assert load_snapshot(path, build="another") is None
            file.unlink()
        case _:
            path = path.with_name("other.sqlite3")
            write_trade(path, seed=4)
            snapshot_file(path).write_bytes(whole)
    found = replay_file(path)
    assert found.folded > 100
    assert found.state == replayed(read_entries(path))


@pytest.mark.usefixtures("early")
def test_session_whose_state_is_not_the_fold_is_called_wrong(tmp_path: Path) -> None:
    path = (tmp_path / "desk.sqlite3").resolve()
    write_trade(path)
    with Journal.open(path, build_id="test", now=now) as journal:
        start = start_state(journal)
        close_state(journal, start, start.state)
        journal.append([NewEntry.of("LinkLost", {"message": "gone"})])
        with pytest.raises(BrokenInvariant, match="differs from the fold"):
            close_state(journal, start, start.state)


def test_read_that_an_ended_process_had_asked_for_is_forgotten_at_the_start() -> None:
    scene = Scene()
    scene.open()
    scene.fill_everything(random.Random(3), ticks=20)
    for _ in range(400):
        if scene.state.snapshot_request is not None:
            break
        scene.tick()
        for approved in list(scene.live.values()):
            for event in scene.reports_of_fill(
                approved, approved.intent.quantity, f"{len(scene.executions)}"
            ):
                scene.tell(event)
            del scene.live[approved.intent.ref]
    assert scene.state.snapshot_request is not None
    scene.tell(ev.DeskOpened(profile="sim", account="DU1234567", live_allowed=False))
    assert (
        scene.state.snapshot_request is None or scene.state.snapshot_request.asked_at == scene.now
    )


async def test_full_disk_stops_sending_cancels_and_keeps_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "desk.sqlite3"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(JournalFailed, match="free space"):  # noqa: PT012 - the desk ends inside
        async with bench(path) as desk:
            await desk.start_program()
            await desk.tick(3)
            desk.journal.flush()
            kept, working = desk.journal.committed_sequence, set(desk.scene.live)
            sent = len(desk.broker.placed)
            assert working
            wal = path.with_name(path.name + "-wal")
            resource.setrlimit(resource.RLIMIT_FSIZE, (wal.stat().st_size, hard))
            try:
                for _ in range(40):
                    if desk.running.done():
                        break
                    desk.loop.post(ev.LinkLost(message="x" * 5000))
                    await desk.tick()
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            assert desk.running.done()
            assert {ref for _, ref in desk.broker.cancelled} >= working
            assert len(desk.broker.placed) == sent
            desk.running.result()
    assert verify(path).is_intact
    assert len(list(read_entries(path))) >= kept


def test_fold_of_a_file_may_skip_only_what_leaves_no_trace(tmp_path: Path) -> None:
    path = (tmp_path / "desk.sqlite3").resolve()
    scene = Scene()
    scene.open()
    scene.tick(200)
    with Journal.open(path, build_id="test", now=now) as journal:
        for _, kind, payload in scene.journal:
            journal.append([NewEntry(kind=kind, payload=payload)])
        for vix in (17.0, 18.0, 19.0):
            scene.tell(scene.conditions(vix=vix))
            journal.append([NewEntry(kind=k, payload=p) for _, k, p in scene.journal[-1:]])
    found = replay_file(path)
    assert found.folded == journal.last_sequence
    assert found.state == replayed(read_entries(path))
    assert found.state.vix is not None
    assert found.state.vix.level == 19.0


def test_market_observation_leaves_no_trace_in_the_fold() -> None:
    scene = Scene()
    scene.open()
    assert evolve(scene.state, scene.now, scene.quotes()) is scene.state
