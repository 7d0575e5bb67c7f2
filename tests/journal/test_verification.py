"""Does verification find whatever was done to a journal file, and only that?"""

import contextlib
import io
import json
import random
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dispersa.errors import DispersaError, InvalidInput
from dispersa.journal import (
    Journal,
    JournalDamaged,
    NewEntry,
    export_jsonl,
    read_entries,
    verify,
)

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed journal of 40 entries."""
    path = tmp_path / "journal.sqlite3"
    write(path, 40)
    return path


def write(path: Path, count: int) -> None:
    with Journal.open(path, build_id="b", now=lambda: NOON) as journal:
        for n in range(count):
            journal.append([NewEntry.of("counted", {"n": n, "text": "x" * (17 * n % 200)})])
            journal.flush()


def tamper(path: Path, *statements: str) -> None:
    """Change the file as somebody with SQLite and bad intent would: without the triggers."""
    connection = sqlite3.connect(path)
    for name in ("entries_end", "entries_update", "entries_delete"):
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_untouched_journal_is_intact_and_says_its_last_hash(path: Path) -> None:
    found = verify(path)
    assert found.is_intact
    assert found.entries == found.last_sequence == 40
    assert found.last_hash == list(read_entries(path))[-1].hash
    assert "40 entries, chain intact" in found.sentence


def test_empty_journal_is_intact(tmp_path: Path) -> None:
    write(tmp_path / "empty.sqlite3", 0)
    found = verify(tmp_path / "empty.sqlite3")
    assert found.is_intact
    assert found.entries == 0
    assert list(read_entries(tmp_path / "empty.sqlite3")) == []


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE entries SET payload = '{\"n\":8}' WHERE sequence = 7", "entry 7"),
        ("UPDATE entries SET payload = '{\"n\":' WHERE sequence = 7", "entry 7"),
        ("UPDATE entries SET kind = 'other' WHERE sequence = 7", "entry 7"),
        ("UPDATE entries SET cause = 3 WHERE sequence = 7", "entry 7"),
        ("UPDATE entries SET build_id = 'c' WHERE sequence = 7", "entry 7"),
        ("UPDATE entries SET monotonic_ns = 1 WHERE sequence = 7", "entry 7"),
        ("UPDATE entries SET hash = replace(hash, 'a', 'b') WHERE sequence = 7", "entry 7"),
        ("UPDATE entries SET at = replace(at, '17:', '18:') WHERE sequence = 7", "entry 7"),
        ("UPDATE entries SET at = '2026-11-20T17:00:00.000000' WHERE sequence = 7", "entry 7"),
        ("UPDATE entries SET at = 'yesterday' WHERE sequence = 7", "entry 7"),
        ("DELETE FROM entries WHERE sequence = 7", "entries 7 to 7 are missing"),
        ("DELETE FROM entries WHERE sequence BETWEEN 7 AND 9", "entries 7 to 9 are missing"),
        ("DELETE FROM entries WHERE sequence < 3", "entries 1 to 2 are missing"),
        ("DELETE FROM entries WHERE sequence > 38", "entry 40 was acknowledged"),
        ("UPDATE journal SET journal_id = 'other'", "entry 1"),
        ("DELETE FROM journal", "nothing can be read"),
        ("DROP TABLE entries", "nothing can be read"),
        ("INSERT INTO entries SELECT 41, at, 0, kind, payload, 1, 'b', hash FROM entries", "41"),
    ],
)
def test_tampering_is_found_where_it_was_done(path: Path, statement: str, reason: str) -> None:
    tamper(
        path,
        statement.replace("FROM entries", "FROM entries WHERE sequence = 40")
        if statement.startswith("INSERT")
        else statement,
    )
    found = verify(path)
    assert not found.is_intact
    assert reason in found.damages[0].reason
    assert "dispersa journal restore" in found.sentence


def test_two_entries_that_changed_places_are_found(path: Path) -> None:
    tamper(
        path,
        "UPDATE entries SET sequence = 1000 WHERE sequence = 7",
        "UPDATE entries SET sequence = 7 WHERE sequence = 8",
        "UPDATE entries SET sequence = 8 WHERE sequence = 1000",
    )
    assert [damage.sequence for damage in verify(path).damages] == [7, 8, 9]


def test_reader_stops_before_the_entry_that_was_changed(path: Path) -> None:
    tamper(path, "UPDATE entries SET payload = '{}' WHERE sequence = 7")
    read = []
    with pytest.raises(JournalDamaged, match="entry 7"):
        read.extend(entry.sequence for entry in read_entries(path))
    entries = read_entries(path)
    assert [next(entries).sequence for _ in range(6)] == [1, 2, 3, 4, 5, 6]
    with pytest.raises(JournalDamaged):
        next(entries)


def test_reader_names_a_missing_entry(path: Path) -> None:
    tamper(path, "DELETE FROM entries WHERE sequence = 7")
    with pytest.raises(JournalDamaged, match="entry 7 is missing; the next one is 8"):
        list(read_entries(path))


def test_reader_that_begins_after_a_missing_entry_names_it(path: Path) -> None:
    tamper(path, "DELETE FROM entries WHERE sequence = 7")
    with pytest.raises(JournalDamaged, match="entry 7 is missing"):
        list(read_entries(path, after=7))
    assert [entry.sequence for entry in read_entries(path, after=38)] == [39, 40]
    assert list(read_entries(path, after=40)) == list(read_entries(path, after=99)) == []


def test_cause_that_is_no_earlier_entry_is_found(path: Path) -> None:
    tamper(path, "UPDATE entries SET cause = 40 WHERE sequence = 7")
    assert "names the cause 40" in verify(path).damages[1].reason


def test_journal_with_unreadable_pages_is_not_opened(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096 * 4 :] = b"\xff" * (len(content) - 4096 * 4)
    path.write_bytes(content)
    with pytest.raises(JournalDamaged, match="can not be read"):
        Journal.open(path, build_id="b", now=lambda: NOON)
    with pytest.raises(JournalDamaged, match="can not be read"):
        list(read_entries(path))


def test_a_changed_last_entry_stops_the_journal_from_being_opened(path: Path) -> None:
    tamper(path, "UPDATE entries SET payload = '{}' WHERE sequence = 40")
    with pytest.raises(JournalDamaged, match="entry 40"):
        Journal.open(path, build_id="b", now=lambda: NOON)


def test_any_flipped_bit_is_detected_or_harmless(path: Path, tmp_path: Path) -> None:
    draw = random.Random(20261122)
    original = path.read_bytes()
    held = list(read_entries(path))
    copy = tmp_path / "flipped" / "journal.sqlite3"
    copy.parent.mkdir()
    outcomes = {"detected": 0, "harmless": 0}
    for _ in range(400):
        spoiled = bytearray(original)
        spoiled[draw.randrange(len(spoiled))] ^= 1 << draw.randrange(8)
        for leftover in copy.parent.iterdir():
            leftover.unlink()
        copy.write_bytes(spoiled)
        try:
            intact = verify(copy).is_intact
        except InvalidInput:
            intact = False
        if not intact:
            outcomes["detected"] += 1
            continue
        assert list(read_entries(copy)) == held
        outcomes["harmless"] += 1
    assert outcomes["detected"] > 100


def test_cut_file_is_found_at_every_length(path: Path, tmp_path: Path) -> None:
    original = path.read_bytes()
    copy = tmp_path / "cut" / "journal.sqlite3"
    copy.parent.mkdir()
    shutil.copy(path.with_name(path.name + ".mark"), copy.with_name(copy.name + ".mark"))
    for length in range(1, len(original), 997):
        copy.write_bytes(original[:length])
        with contextlib.suppress(InvalidInput):
            assert not verify(copy).is_intact
        for leftover in (*copy.parent.glob("*-wal"), *copy.parent.glob("*-shm")):
            leftover.unlink()


def torn(path: Path, target: Path, keep: float) -> None:
    """Copy a journal in use as a power cut could leave it: with part of its log."""
    shutil.rmtree(target.parent, ignore_errors=True)
    target.parent.mkdir()
    log = path.with_name(path.name + "-wal").read_bytes()
    target.with_name(target.name + "-wal").write_bytes(log[: int(len(log) * keep)])
    target.write_bytes(path.read_bytes())
    target.chmod(0o600)


def test_torn_log_leaves_a_valid_prefix_and_the_mark_tells_what_is_gone(tmp_path: Path) -> None:
    path, copy = tmp_path / "journal.sqlite3", tmp_path / "torn" / "journal.sqlite3"
    with Journal.open(path, build_id="b", now=lambda: NOON) as journal:
        for n in range(60):
            journal.append([NewEntry.of("counted", {"n": n, "text": "y" * 300})])
            journal.flush()
        for percent in range(5, 100, 5):
            torn(path, copy, percent / 100)
            found = verify(copy)
            assert found.entries < 60
            assert found.is_intact or not found.entries
            shutil.copy(path.with_name(path.name + ".mark"), copy.with_name(copy.name + ".mark"))
            assert not verify(copy).is_intact
            with pytest.raises(DispersaError, match="acknowledged"):
                Journal.open(copy, build_id="b", now=lambda: NOON)


def test_export_holds_every_field_of_every_entry(path: Path) -> None:
    target = io.StringIO()
    assert export_jsonl(read_entries(path), target) == 40
    lines = [json.loads(line) for line in target.getvalue().splitlines()]
    assert [line["sequence"] for line in lines] == list(range(1, 41))
    assert lines[3]["payload"] == {"n": 3, "text": "x" * 51}
    assert set(lines[0]) == {
        "sequence", "at", "monotonic_ns", "kind", "payload", "cause", "build_id", "hash"
    }  # fmt: skip
