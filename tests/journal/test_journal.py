"""Does the journal keep what it promised, in order, through every way to stop?"""

import asyncio
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispersa.errors import BrokenInvariant, InvalidInput
from dispersa.journal import (
    Entry,
    Journal,
    JournalDamaged,
    JournalFailed,
    JournalOwned,
    NewEntry,
    canonical_json,
    read_entries,
    verify,
)
from dispersa.journal.entry import chained

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


def open_journal(path: Path, **options: str) -> Journal:
    return Journal.open(path, build_id="test-build", now=lambda: NOON, **options)


def in_memory(**options: bytes) -> Journal:
    return Journal.in_memory(
        build_id="test-build", now=lambda: NOON, monotonic_ns=lambda: 7, **options
    )


def numbered(first: int, count: int) -> list[NewEntry]:
    return [NewEntry.of("counted", {"n": n}) for n in range(first, first + count)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


def test_entries_come_back_after_reopening_with_sequence_cause_and_build(path: Path) -> None:
    with open_journal(path) as journal:
        (first,) = journal.append([NewEntry.of("signal_read", {"edge": 1.25, "name": "QQQ"})])
        journal.append([NewEntry.of("plan_made", [1, None, True], cause=first.sequence)])
    with open_journal(path) as journal:
        (third,) = journal.append([NewEntry.of("resumed", "again")])
        journal.flush()
        entries = list(journal.entries())
    assert [entry.sequence for entry in entries] == [1, 2, 3]
    assert third == entries[2]
    assert entries[0].payload == '{"edge":1.25,"name":"QQQ"}'
    assert entries[1].cause == 1
    assert {entry.build_id for entry in entries} == {"test-build"}
    assert {entry.at for entry in entries} == {NOON}


def test_hash_chain_follows_its_published_formula() -> None:
    with in_memory() as journal:
        first, second = journal.append([NewEntry.of("a", {}), NewEntry.of("b", 1, cause=1)])
    genesis = sha256(b"dispersa journal 1 simulation").hexdigest()
    one = '[1,"2026-11-20T17:00:00.000000+00:00",7,"a","{}",null,"test-build"]'
    two = '[2,"2026-11-20T17:00:00.000000+00:00",7,"b","1",1,"test-build"]'
    assert first.hash == sha256(f"{genesis} {one}".encode()).hexdigest()
    assert second.hash == sha256(f"{first.hash} {two}".encode()).hexdigest()


@given(
    st.text(), st.one_of(st.none(), st.integers(1, 10**12)), st.integers(0, 2**63), st.text("ab1.+")
)
def test_hash_is_over_canonical_json_whatever_the_fields_hold(
    text: str, cause: int | None, monotonic_ns: int, build: str
) -> None:
    at = datetime(2026, 11, 20, 15, tzinfo=UTC)
    payload = canonical_json({"text": text})
    new = NewEntry(kind="k", payload=payload, cause=cause)
    entry = chained(
        new, after="0" * 64, sequence=7, at=at, monotonic_ns=monotonic_ns, build_id=build
    )
    fields = [7, "2026-11-20T15:00:00.000000+00:00", monotonic_ns, "k", payload, cause, build]
    chain = json.dumps(fields, separators=(",", ":"))
    assert entry.hash == sha256(f"{'0' * 64} {chain}".encode()).hexdigest()


def test_same_calls_in_memory_give_the_same_bytes() -> None:
    images = []
    for _ in range(2):
        with in_memory() as journal:
            journal.append(numbered(0, 50))
            images.append(journal.image())
    assert images[0] == images[1]


def test_image_of_a_memory_journal_continues_where_it_ended() -> None:
    with in_memory() as journal:
        journal.append(numbered(0, 3))
        image = journal.image()
    with in_memory(image=image) as journal:
        (entry,) = journal.append(numbered(3, 1))
        assert entry.sequence == 4
        assert len(list(journal.entries())) == 4
        assert [entry.sequence for entry in journal.entries(after=2)] == [3, 4]


def test_journal_file_and_its_companions_are_private(path: Path) -> None:
    with open_journal(path) as journal:
        journal.append(numbered(0, 1))
        journal.flush()
        modes = {item.name: stat.S_IMODE(item.stat().st_mode) for item in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert {"journal.sqlite3", "journal.sqlite3-wal", "journal.sqlite3.mark"} <= set(modes)


def test_journal_open_to_others_is_refused_with_the_mend(path: Path) -> None:
    open_journal(path).close()
    path.chmod(0o644)
    with pytest.raises(InvalidInput, match="chmod 600"):
        open_journal(path)


def test_second_owner_is_refused_and_told_how_to_reach_the_first(path: Path) -> None:
    first = open_journal(path, contact="dispersa run, socket /run/user/1000/dispersa.sock")
    with pytest.raises(JournalOwned, match=rf"process {os.getpid()}: dispersa run, socket /run"):
        open_journal(path)
    first.append(numbered(0, 1))
    first.close()
    open_journal(path).close()


def test_second_process_is_refused_while_the_first_lives_and_welcome_after_it(path: Path) -> None:
    with open_journal(path):
        code = (
            "import sys; from pathlib import Path; from datetime import *;"
            "from dispersa.journal import *\n"
            "try: Journal.open(Path(sys.argv[1]), build_id='b', now=lambda: datetime.now(UTC))\n"
            "except JournalOwned as error: print('refused', error)"
        )
        command = [sys.executable, "-c", code, str(path)]
        refused = subprocess.run(command, capture_output=True, text=True, check=True)
    assert refused.stdout.startswith("refused")
    accepted = subprocess.run(command, capture_output=True, text=True, check=True)
    assert accepted.stdout == ""


def test_journal_that_its_owner_is_still_making_is_not_called_foreign(path: Path) -> None:
    path.touch(0o600)
    with pytest.raises(InvalidInput, match="is empty: its owner is still making it"):
        list(read_entries(path))


def test_foreign_database_is_refused_and_left_as_it_was(path: Path) -> None:
    with sqlite3.connect(path) as foreign:
        foreign.execute("CREATE TABLE mine (a)")
    foreign.close()
    path.chmod(0o600)
    before = path.read_bytes()
    with pytest.raises(InvalidInput, match="no dispersa journal"):
        open_journal(path)
    with pytest.raises(InvalidInput, match="no dispersa journal"):
        list(read_entries(path))
    assert path.read_bytes() == before


def test_text_file_is_refused_as_unreadable(path: Path) -> None:
    path.write_text("this is not a database, it only has its name\n" * 50)
    path.chmod(0o600)
    with pytest.raises(JournalDamaged, match="can not be read"):
        open_journal(path)


def test_newer_format_is_refused_by_name(path: Path) -> None:
    open_journal(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(InvalidInput, match="format 9"):
        open_journal(path)


def test_missing_journal_is_named_when_read(path: Path) -> None:
    with pytest.raises(InvalidInput, match="no journal at"):
        list(read_entries(path))
    assert not path.exists()


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        (NewEntry(kind="a", payload="{"), "not JSON"),
        (NewEntry(kind="a", payload='{"b": 1}'), "canonical"),
        (NewEntry(kind="a", payload='{"b":1,"a":2}'), "canonical"),
        (NewEntry(kind="a", payload="NaN"), "JSON"),
        (NewEntry(kind="", payload="1"), "kind"),
        (NewEntry(kind="two words", payload="1"), "kind"),
        (NewEntry(kind="a", payload="1", cause=2), "cause"),
        (NewEntry(kind="a", payload="1", cause=0), "cause"),
    ],
)
def test_entry_that_could_not_be_given_back_is_refused_whole(
    entry: NewEntry, complaint: str
) -> None:
    with in_memory() as journal:
        with pytest.raises(BrokenInvariant, match=complaint):
            journal.append([NewEntry.of("good", 1), entry])
        assert journal.last_sequence == 0
        assert list(journal.entries()) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}])
def test_value_without_a_json_word_is_refused(value: object) -> None:
    with pytest.raises(BrokenInvariant, match="JSON"):
        canonical_json(value)


@pytest.mark.parametrize("build_id", ["", "é"])
def test_build_without_a_plain_name_is_refused_and_owns_nothing(path: Path, build_id: str) -> None:
    with pytest.raises(BrokenInvariant, match="build id"):
        Journal.open(path, build_id=build_id, now=lambda: NOON)
    open_journal(path).close()


def test_naive_clock_is_refused() -> None:
    journal = Journal.in_memory(
        build_id="b",
        now=lambda: NOON.replace(tzinfo=None),
        monotonic_ns=lambda: 0,
    )
    with journal, pytest.raises(BrokenInvariant, match="zone"):
        journal.append(numbered(0, 1))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET kind = 'other' WHERE sequence = 1",
        "DELETE FROM entries WHERE sequence = 2",
        "INSERT INTO entries SELECT 9, at, 0, kind, payload, cause, build_id, hash FROM entries",
        "INSERT OR REPLACE INTO entries SELECT * FROM entries WHERE sequence = 1",
    ],
)
def test_sqlite_itself_refuses_to_change_the_past(path: Path, statement: str) -> None:
    with open_journal(path) as journal:
        journal.append(numbered(0, 2))
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="journal"):
        connection.execute(statement)
    connection.close()
    assert verify(path).is_intact


def test_threads_that_append_at_once_get_an_unbroken_order(path: Path) -> None:
    with open_journal(path) as journal:
        taken: list[Entry] = []

        def work(first: int) -> None:
            for n in range(first, first + 200):
                taken.extend(journal.append(numbered(n, 2)))

        threads = [threading.Thread(target=work, args=(1000 * n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        journal.flush()
        held = list(journal.entries())
    assert sorted(entry.sequence for entry in taken) == list(range(1, 1601))
    assert [entry.sequence for entry in held] == list(range(1, 1601))
    assert {entry.sequence: entry.hash for entry in taken} == {e.sequence: e.hash for e in held}


async def test_waiters_share_commits_and_wake_once_their_entry_is_on_disk(path: Path) -> None:
    with open_journal(path) as journal:

        async def record(n: int) -> int:
            (entry,) = journal.append(numbered(n, 1))
            await journal.committed(entry.sequence)
            assert journal.committed_sequence >= entry.sequence
            return sum(1 for held in read_entries(path, after=entry.sequence - 1) if held == entry)

        assert await asyncio.gather(*(record(n) for n in range(100))) == [1] * 100


async def test_waiting_for_an_entry_that_was_never_appended_is_refused(path: Path) -> None:
    with open_journal(path) as journal:
        with pytest.raises(BrokenInvariant, match="never appended"):
            await journal.committed(1)
        await journal.committed(0)


@pytest.mark.parametrize("is_file", [False, True])
async def test_who_waits_for_growth_is_woken_by_the_next_durable_entry(
    path: Path, is_file: bool
) -> None:
    with open_journal(path) if is_file else in_memory() as journal:
        journal.append(numbered(0, 2))
        await journal.committed(2)
        assert await journal.grown(0) == 2
        waiting = [asyncio.ensure_future(journal.grown(2)) for _ in range(3)]
        await asyncio.sleep(0)
        assert not any(each.done() for each in waiting)
        waiting.pop().cancel()
        journal.append(numbered(1, 1))
        assert await asyncio.gather(*waiting) == [3, 3]


async def test_cancelled_waiter_does_not_disturb_the_others(path: Path) -> None:
    with open_journal(path) as journal:
        for n in range(50):
            (entry,) = journal.append(numbered(n, 1))
            waiter = asyncio.ensure_future(journal.committed(entry.sequence))
            await asyncio.sleep(0)
            waiter.cancel()
        await journal.committed(journal.last_sequence)
    assert verify(path).entries == 50


def test_reader_sees_a_growing_prefix_while_the_writer_goes_on(path: Path) -> None:
    with open_journal(path) as journal:
        seen = 0
        for n in range(20):
            journal.append(numbered(25 * n, 25))
            if n % 5 == 0:
                journal.flush()
            entries = list(read_entries(path))
            assert len(entries) >= seen
            seen = len(entries)
        journal.flush()
        assert len(list(read_entries(path))) == 500
        assert verify(path).is_intact


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from dispersa.journal import Journal, NewEntry
with Journal.open(Path(sys.argv[1]), build_id="b", now=lambda: datetime.now(UTC)) as journal:
    n = 0
    while True:
        entries = journal.append([NewEntry.of("counted", {"n": n + i}) for i in range(3)])
        journal.flush()
        n += 3
        print(entries[-1].sequence, entries[-1].hash, flush=True)
"""


@pytest.mark.parametrize("acknowledged_lines", [1, 7, 60, 400])
def test_killed_writer_loses_nothing_that_it_acknowledged(
    path: Path, acknowledged_lines: int
) -> None:
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(acknowledged_lines)]
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.readlines()
    acknowledged = {int(line.split()[0]): line.split()[1] for line in lines if line.endswith("\n")}
    assert verify(path).is_intact
    held = {entry.sequence: entry.hash for entry in read_entries(path)}
    assert acknowledged.items() <= held.items()
    with open_journal(path) as journal:
        (entry,) = journal.append(numbered(0, 1))
        assert entry.sequence == len(held) + 1
    assert verify(path).is_intact


def test_full_disk_fails_the_journal_and_keeps_what_was_acknowledged(path: Path) -> None:
    code = WRITER.replace(
        "import sys\n",
        "import sys, resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n",
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "JournalFailed: the journal can not be written" in done.stderr
    assert "are safe, none after it is" in done.stderr
    acknowledged = [int(line.split()[0]) for line in done.stdout.splitlines()]
    held = [entry.sequence for entry in read_entries(path)]
    assert len(acknowledged) > 10
    assert acknowledged[-1] <= len(held)
    assert verify(path).is_intact
    open_journal(path).close()


async def test_failed_journal_wakes_its_waiters_and_accepts_nothing_more(path: Path) -> None:
    journal = open_journal(path)
    (safe,) = journal.append(numbered(0, 1))
    await journal.committed(safe.sequence)
    journal._connection.execute("PRAGMA max_page_count = 1")
    growing = asyncio.ensure_future(journal.grown(safe.sequence))
    await asyncio.sleep(0)
    (lost,) = journal.append([NewEntry.of("large", "x" * 100_000)])
    with pytest.raises(JournalFailed, match="entries up to 1 are safe"):
        await journal.committed(lost.sequence)
    with pytest.raises(JournalFailed, match="entries up to 1 are safe"):
        await growing
    with pytest.raises(JournalFailed):
        journal.append(numbered(1, 1))
    with pytest.raises(JournalFailed):
        journal.flush()
    await journal.committed(safe.sequence)
    assert journal.failure is not None
    with pytest.raises(JournalFailed), journal:
        pass
    assert [entry.sequence for entry in read_entries(path)] == [1]


def test_memory_journal_that_is_full_fails_in_the_same_words() -> None:
    journal = in_memory()
    journal.append(numbered(0, 1))
    journal._connection.execute("PRAGMA max_page_count = 1")
    for _ in range(2):
        with pytest.raises(JournalFailed, match="entries up to 1 are safe"):
            journal.append([NewEntry.of("large", "x" * 100_000)])
    journal.close()


def test_lost_acknowledged_tail_is_noticed_and_refused(path: Path) -> None:
    with open_journal(path) as journal:
        journal.append(numbered(0, 5))
    older = path.read_bytes()
    with open_journal(path) as journal:
        journal.append(numbered(5, 5))
    path.write_bytes(older)
    with pytest.raises(JournalDamaged, match="ends at entry 5, but entry 10 was acknowledged"):
        open_journal(path)
    found = verify(path)
    assert not found.is_intact
    assert "entry 10 was acknowledged" in found.sentence


def test_journal_swapped_for_another_is_noticed(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite3"
    for file in (path, other):
        with open_journal(file) as journal:
            journal.append(numbered(0, 5))
    path.write_bytes(other.read_bytes())
    with pytest.raises(JournalDamaged, match="swapped"):
        open_journal(path)


def test_clock_that_steps_back_keeps_the_order(path: Path) -> None:
    times = iter([NOON, NOON - timedelta(hours=1), NOON])
    with Journal.open(path, build_id="b", now=lambda: next(times)) as journal:
        for n in range(3):
            journal.append(numbered(n, 1))
        journal.flush()
        entries = list(journal.entries())
    assert [entry.at for entry in entries] == [NOON, NOON - timedelta(hours=1), NOON]
    assert sorted(entry.monotonic_ns for entry in entries) == [e.monotonic_ns for e in entries]


def test_no_entries_are_appended_without_trace(path: Path) -> None:
    with open_journal(path) as journal:
        assert journal.append([]) == ()
        assert journal.last_sequence == 0
        journal.flush()


def test_error_inside_the_block_is_not_hidden_by_the_journals_own(path: Path) -> None:
    journal = open_journal(path)
    journal._connection.execute("PRAGMA max_page_count = 1")

    def use() -> None:
        with journal:
            journal.append([NewEntry.of("large", "x" * 100_000)])
            raise KeyError

    with pytest.raises(KeyError):
        use()
    assert journal.failure is not None


def test_waiter_of_a_loop_that_has_ended_disturbs_nobody(path: Path) -> None:
    with open_journal(path) as journal:
        blocker = sqlite3.connect(path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")

        async def give_up() -> None:
            (entry,) = journal.append(numbered(0, 1))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await journal.committed(entry.sequence)

        asyncio.run(give_up())
        blocker.execute("ROLLBACK")
        blocker.close()
        journal.flush()
        journal.append(numbered(1, 1))
    assert verify(path).entries == 2


async def test_wait_for_what_was_committed_meanwhile_returns_at_once(path: Path) -> None:
    with open_journal(path) as journal:
        journal.append(numbered(0, 1))
        journal.flush()
        called: list[bool] = []
        journal._writer.call_when_settled(1, lambda: called.append(True))
        assert called == [True]


async def test_memory_journal_needs_no_waiting() -> None:
    with in_memory() as journal:
        (entry,) = journal.append(numbered(0, 1))
        await journal.committed(entry.sequence)
        called: list[bool] = []
        journal._writer.call_when_settled(1, lambda: called.append(True))
        assert called == [True]
        assert list(journal.entries(after=5)) == []


def test_transaction_that_sqlite_has_rolled_back_itself_fails_the_journal(path: Path) -> None:
    journal = open_journal(path)
    journal._connection.execute(
        "CREATE TEMP TRIGGER broken BEFORE INSERT ON entries "
        "BEGIN SELECT raise(ROLLBACK, 'the disk has failed'); END"
    )
    journal.append(numbered(0, 1))
    with pytest.raises(JournalFailed, match="the disk has failed"):
        journal.flush()
    journal.close()
    assert list(read_entries(path)) == []


def test_disk_that_is_full_at_the_start_is_said_and_leaves_no_half_journal(path: Path) -> None:
    code = (
        "import resource, signal, sys; from datetime import *; from pathlib import Path\n"
        "from dispersa.errors import DispersaError; from dispersa.journal import *\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "try: Journal.open(Path(sys.argv[1]), build_id='b', now=lambda: datetime.now(UTC))\n"
        "except JournalFailed as error: print(error)\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "can not be opened for writing" in done.stdout
    with open_journal(path) as journal:
        journal.append(numbered(0, 1))
    assert verify(path).is_intact


def test_odd_texts_and_large_numbers_come_back_exactly(path: Path) -> None:
    value = {"ö": "\ud800 \x00 \U0001f600 '; DROP TABLE entries; --", "n": 10**30, "f": 0.1 + 0.2}
    with open_journal(path) as journal:
        journal.append([NewEntry.of("odd", value)])
    (entry,) = read_entries(path)
    assert json.loads(entry.payload) == value
    assert verify(path).is_intact
