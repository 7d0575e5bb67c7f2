"""What happened? An append-only, hash-chained record in SQLite, written before anything is sent.

The room imports nothing of ours but the error tree. One process owns a journal; everybody else
reads it while it grows.
"""

from dispersa.journal.backup import Restored, backup, restore
from dispersa.journal.entry import Entry, NewEntry, canonical_json
from dispersa.journal.errors import JournalDamaged, JournalFailed, JournalOwned
from dispersa.journal.export import export_jsonl
from dispersa.journal.journal import Journal
from dispersa.journal.reading import read_entries
from dispersa.journal.verification import Damage, Verification, verify

__all__ = [
    "Damage",
    "Entry",
    "Journal",
    "JournalDamaged",
    "JournalFailed",
    "JournalOwned",
    "NewEntry",
    "Restored",
    "Verification",
    "backup",
    "canonical_json",
    "export_jsonl",
    "read_entries",
    "restore",
    "verify",
]
