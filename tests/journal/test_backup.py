"""Is a backup whole, does a restore forget nothing, and is a torn tail kept as evidence?"""

import shutil
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dispersa.errors import InvalidInput
from dispersa.journal import (
    Journal,
    JournalDamaged,
    JournalOwned,
    NewEntry,
    backup,
    read_entries,
    restore,
    verify,
)
from dispersa.journal.location import require_local
from dispersa.journal.tail import torn_tail

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Path of a closed journal of 20 entries."""
    path = tmp_path / "state" / "journal.sqlite3"
    append(path, 20)
    return path


def append(path: Path, count: int) -> None:
    with open_journal(path) as journal:
        for n in range(count):
            journal.append([NewEntry.of("counted", {"n": n, "text": "z" * 200})])


def open_journal(path: Path) -> Journal:
    return Journal.open(path, build_id="b", now=lambda: NOON)


def damage(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("DROP TRIGGER entries_update")
    connection.execute("UPDATE entries SET kind = 'other' WHERE sequence = 7")
    connection.commit()
    connection.close()


def test_backup_of_a_journal_in_use_holds_all_that_was_acknowledged(tmp_path: Path) -> None:
    path, target = tmp_path / "journal.sqlite3", tmp_path / "saved.sqlite3"
    with open_journal(path) as journal:
        journal.append([NewEntry.of("counted", n) for n in range(50)])
        journal.flush()
        found = backup(path, target)
        journal.append([NewEntry.of("counted", 50)])
    assert found.is_intact
    assert found.entries == 50
    assert target.stat().st_mode & 0o777 == 0o600
    assert list(read_entries(target)) == list(read_entries(path))[:50]
    assert sorted(file.name for file in tmp_path.glob("saved*")) == ["saved.sqlite3"]


def test_backup_never_overwrites_and_never_keeps_a_damaged_copy(path: Path) -> None:
    target = path.parent / "saved.sqlite3"
    backup(path, target)
    with pytest.raises(InvalidInput, match="never overwrites"):
        backup(path, target)
    damage(path)
    with pytest.raises(JournalDamaged, match="entry 7"):
        backup(path, path.parent / "second.sqlite3")
    assert not list(path.parent.glob("second*"))


def test_restore_puts_a_backup_in_place_of_a_damaged_journal_and_keeps_that(path: Path) -> None:
    target = path.parent / "saved.sqlite3"
    backup(path, target)
    append(path, 5)
    damage(path)
    restored = restore(target, path, at=NOON)
    assert restored.verification.entries == 20
    assert restored.set_aside is not None
    assert restored.set_aside.name == "journal.sqlite3.replaced-20261120T170000.000000Z"
    assert {file.name for file in restored.set_aside.iterdir()} >= {
        "journal.sqlite3",
        "journal.sqlite3.mark",
    }
    append(path, 1)
    assert verify(path).entries == 21
    assert verify(path).is_intact


def test_restore_where_nothing_is_needs_no_folder(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "saved.sqlite3"
    backup(path, target)
    moved = tmp_path / "other" / "journal.sqlite3"
    restored = restore(target, moved, at=NOON)
    assert restored.set_aside is None
    assert list(read_entries(moved)) == list(read_entries(path))
    append(moved, 1)


def test_restore_refuses_to_forget_what_an_intact_journal_knows(path: Path) -> None:
    target = path.parent / "saved.sqlite3"
    backup(path, target)
    append(path, 5)
    with pytest.raises(InvalidInput, match="would forget what happened"):
        restore(target, path, at=NOON)
    assert verify(path).entries == 25


def test_restore_refuses_to_replace_an_intact_journal_of_another_desk(path: Path) -> None:
    target = path.parent / "saved.sqlite3"
    backup(path, target)
    other = path.parent / "other.sqlite3"
    append(other, 3)
    with pytest.raises(InvalidInput, match="would forget what happened"):
        restore(target, other, at=NOON)


def test_restore_replaces_an_intact_journal_whose_entries_the_backup_has(path: Path) -> None:
    early, late = path.parent / "early.sqlite3", path.parent / "late.sqlite3"
    backup(path, early)
    append(path, 5)
    backup(path, late)
    restore(early, path.parent / "moved" / "journal.sqlite3", at=NOON)
    restored = restore(late, path.parent / "moved" / "journal.sqlite3", at=NOON)
    assert restored.verification.entries == 25


def test_backup_of_a_file_that_can_not_be_read_leaves_nothing(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[200:] = b"\xff" * (len(content) - 200)
    path.write_bytes(content)
    with pytest.raises(JournalDamaged):
        backup(path, path.parent / "saved.sqlite3")
    assert not list(path.parent.glob("saved*"))


@pytest.mark.parametrize("log", [b"short", b"x" * 32, b"x" * 5000])
def test_file_that_is_no_log_is_torn_from_its_beginning(log: bytes) -> None:
    found = torn_tail(log)
    if len(log) == 32:
        assert found is None, "nothing follows the header"
    else:
        assert found is not None
        assert found.committed_bytes in {0, 32}


def test_restore_of_a_damaged_backup_or_over_a_running_owner_changes_nothing(path: Path) -> None:
    target = path.parent / "saved.sqlite3"
    backup(path, target)
    with open_journal(path), pytest.raises(JournalOwned):
        restore(target, path, at=NOON)
    damage(target)
    with pytest.raises(JournalDamaged, match="entry 7"):
        restore(target, path, at=NOON)
    with pytest.raises(InvalidInput, match="is the journal itself"):
        restore(path, path, at=NOON)
    assert verify(path).entries == 20
    assert not list(path.parent.glob("*.replaced-*"))


def in_use(tmp_path: Path) -> tuple[bytes, bytes, list[int]]:
    """Return file and log of a journal in use, and the log's length after each commit."""
    path = tmp_path / "source" / "journal.sqlite3"
    log = path.with_name(path.name + "-wal")
    lengths = []
    with open_journal(path) as journal:
        for n in range(30):
            journal.append([NewEntry.of("counted", {"n": n, "text": "y" * 300})])
            journal.flush()
            lengths.append(log.stat().st_size)
        return path.read_bytes(), log.read_bytes(), lengths


def test_cut_log_is_torn_exactly_where_it_does_not_end_with_a_commit(tmp_path: Path) -> None:
    content, log, commits = in_use(tmp_path)
    assert torn_tail(log) is None
    assert torn_tail(b"") is None
    copy = tmp_path / "cut" / "journal.sqlite3"
    copy.parent.mkdir()
    for length in sorted({*range(1, len(log), 1237), *commits, *(n - 1 for n in commits)}):
        found = torn_tail(log[:length])
        if length in commits:
            assert found is None
        else:
            assert found is not None
            before = [commit for commit in commits if commit <= length]
            assert found.committed_bytes == (before[-1] if before else min(32, length) // 32 * 32)
            assert found.committed_bytes + found.torn_bytes == length
        for leftover in copy.parent.iterdir():
            leftover.unlink()
        copy.write_bytes(content)
        copy.with_name(copy.name + "-wal").write_bytes(log[:length])
        expected = sum(1 for commit in commits if commit <= length)
        assert len(list(read_entries(copy))) == expected, "SQLite counts the same commits"


@pytest.mark.parametrize("offset", [5, 40, 60, 2_000, -10, -4_000])
def test_flipped_log_byte_ends_the_log_where_sqlite_ends_it(offset: int, tmp_path: Path) -> None:
    content, log, commits = in_use(tmp_path)
    spoiled = bytearray(log)
    spoiled[offset] ^= 0x10
    found = torn_tail(bytes(spoiled))
    assert found is not None
    copy = tmp_path / "flipped" / "journal.sqlite3"
    copy.parent.mkdir()
    copy.write_bytes(content)
    copy.with_name(copy.name + "-wal").write_bytes(spoiled)
    entries = len(list(read_entries(copy)))
    assert entries == sum(1 for commit in commits if commit <= found.committed_bytes)


def test_log_that_was_begun_anew_is_not_torn(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    log = path.with_name(path.name + "-wal")
    with open_journal(path) as journal:
        journal.append([NewEntry.of("large", "x" * 5_000_000)])
        journal.flush()
        large = log.stat().st_size
        for n in range(5):
            journal.append([NewEntry.of("small", n)])
            journal.flush()
        assert log.stat().st_size == large
        assert torn_tail(log.read_bytes()) is None


def test_torn_tail_is_set_aside_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    content, log, commits = in_use(tmp_path)
    path = tmp_path / "torn" / "journal.sqlite3"
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(0o600)
    torn = log[: commits[-1] - 100]
    path.with_name(path.name + "-wal").write_bytes(torn)
    with open_journal(path) as journal:
        assert journal.recovery is not None
        assert "never a whole transaction" in journal.recovery
        assert journal.last_sequence == 29
        (folder,) = path.parent.glob("journal.sqlite3.torn-*")
        assert (folder / "journal.sqlite3-wal").read_bytes() == torn
        assert (folder / "journal.sqlite3").read_bytes() == content
        journal.append([NewEntry.of("resumed", 1)])
    assert verify(path).is_intact
    with open_journal(path) as journal:
        assert journal.recovery is None


def test_lost_acknowledged_tail_is_refused_and_the_files_stay_as_they_are(tmp_path: Path) -> None:
    content, log, commits = in_use(tmp_path)
    source = tmp_path / "source" / "journal.sqlite3"
    path = tmp_path / "torn" / "journal.sqlite3"
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(0o600)
    torn = log[: commits[-1] - 100]
    path.with_name(path.name + "-wal").write_bytes(torn)
    shutil.copy(source.with_name(source.name + ".mark"), path.with_name(path.name + ".mark"))
    for _ in range(2):
        with pytest.raises(JournalDamaged, match="ends at entry 29, but entry 30"):
            open_journal(path)
        assert len(list(path.parent.glob("*.torn-*"))) == 1
        assert path.read_bytes() == content
        assert path.with_name(path.name + "-wal").read_bytes() == torn


def test_killed_writers_leave_logs_that_open_without_loss(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    code = (
        "import sys; from datetime import *; from pathlib import Path\n"
        "from dispersa.journal import *\n"
        "j = Journal.open(Path(sys.argv[1]), build_id='b', now=lambda: datetime.now(UTC))\n"
        "while True:\n"
        "    e = j.append([NewEntry.of('counted', 'x' * 20_000)]); j.flush()\n"
        "    print(e[-1].sequence, flush=True)\n"
    )
    for lines in (1, 3, 9, 20, 33):
        command = [sys.executable, "-c", code, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            said = [writer.stdout.readline() for _ in range(lines)]
            writer.send_signal(signal.SIGKILL)
            said += [line for line in writer.stdout.readlines() if line.endswith("\n")]
        with open_journal(path) as journal:
            assert journal.last_sequence >= int(said[-1])
    assert verify(path).is_intact


@pytest.mark.parametrize(
    ("path", "is_refused"),
    [
        ("/data/journal.sqlite3", True),
        ("/data/local/journal.sqlite3", False),
        ("/datastore/journal.sqlite3", False),
        ("/with space/j.sqlite3", True),
    ],
)
def test_network_file_system_is_refused(path: str, is_refused: bool, tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/vda / ext4 rw 0 0\nserver:/x /data nfs4 rw 0 0\n"
        "/dev/vdb /data/local ext4 rw 0 0\n//server/y /with\\040space cifs rw 0 0\n"
    )
    if is_refused:
        with pytest.raises(InvalidInput, match="network file system"):
            require_local(Path(path), mounts)
    else:
        require_local(Path(path), mounts)
    require_local(Path(path), tmp_path / "absent")
