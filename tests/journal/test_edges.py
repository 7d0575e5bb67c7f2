"""Do the journal's rarely taken ways end in words, too?"""

import resource
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dispersa.journal import Journal, JournalDamaged, JournalFailed, NewEntry, read_entries
from dispersa.journal.reading import hash_after


def now() -> datetime:
    return datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def written(path: Path) -> str:
    with Journal.open(path, build_id="b", now=now) as journal:
        assert journal.path == path.resolve()
        (entry,) = journal.append([NewEntry.of("counted", {"n": 1})])
    return entry.hash


def test_hash_after_an_entry_is_that_entry_s_and_none_beyond_the_end(tmp_path: Path) -> None:
    path = tmp_path / "desk.sqlite3"
    link = written(path)
    assert hash_after(path, 1) == link == next(read_entries(path)).hash
    assert hash_after(path, 0) not in {None, link}
    assert hash_after(path, 2) is None


def test_hash_after_in_a_file_whose_pages_are_gone_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "desk.sqlite3"
    with Journal.open(path, build_id="b", now=now) as journal:
        journal.append([NewEntry.of("counted", {"text": "x" * 900})] * 200)
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(JournalDamaged, match="restore"):
        hash_after(path, 150)


def test_disk_that_has_no_room_for_a_new_journal_is_told_in_words(tmp_path: Path) -> None:
    path = tmp_path / "desk.sqlite3"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(JournalFailed, match="can not be opened for writing"):
            Journal.open(path, build_id="b", now=now)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert written(path)
