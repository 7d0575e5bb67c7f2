"""`dispersa journal`: check, show, export, back up and restore what happened."""

import sys
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dispersa.cli.options import ConfigOption, JsonOption
from dispersa.cli.output import print_json, print_table, say
from dispersa.cli.registration import command, group

if TYPE_CHECKING:
    from rich.table import Table

    from dispersa.journal import Entry, Verification

JournalOption = Annotated[
    Path | None,
    typer.Option("--journal", metavar="FILE", help="Journal file; default: [journal] path."),
]
AfterOption = Annotated[int, typer.Option(metavar="N", min=0, help="Only entries after this one.")]
KindOption = Annotated[str | None, typer.Option(metavar="KIND", help="Only entries of this kind.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    journal = group("journal", "Check, show, export, back up and restore the journal.")
    command(
        journal,
        "verify",
        "dispersa journal verify",
        "dispersa journal verify --journal old/journal.sqlite3 --json",
    )(verify)
    command(
        journal,
        "show",
        "dispersa journal show",
        "dispersa journal show --last 50 --kind PlaceOrder",
        "dispersa journal show --after 1200 --json",
    )(show)
    command(
        journal,
        "export",
        "dispersa journal export > journal.jsonl",
        "dispersa journal export --out journal.jsonl --after 1200",
    )(export)
    command(
        journal,
        "backup",
        "dispersa journal backup saved.sqlite3",
        "dispersa journal backup saved.sqlite3 --journal old/journal.sqlite3",
    )(backup)
    command(
        journal,
        "restore",
        "dispersa journal restore saved.sqlite3",
        "dispersa journal restore saved.sqlite3 --journal new/journal.sqlite3",
    )(restore)
    app.add_typer(journal)


def verify(
    *, journal: JournalOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Check the journal from end to end: hash chain, gaps, pages, acknowledged end.

    Exit code 1 if anything is wrong. Works while a daemon writes the journal.
    """
    from dispersa.journal import JournalDamaged
    from dispersa.journal import verify as verify_journal

    found = verify_journal(_journal(journal, config))
    if json:
        print_json(_document(found))
    if not found.is_intact:
        raise JournalDamaged(found.sentence)
    if not json:
        print(found.sentence)


def show(
    *,
    after: AfterOption = 0,
    last: Annotated[
        int, typer.Option(metavar="N", min=1, help="At most this many, the latest.")
    ] = 20,
    kind: KindOption = None,
    journal: JournalOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show the latest entries of the journal."""
    from dispersa.journal.export import entry_document

    entries = deque(_entries(_journal(journal, config), after, kind), maxlen=last)
    if json:
        print_json([entry_document(entry) for entry in entries])
    else:
        print_table(_table(entries))


def export(
    *,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to; default: stdout.")
    ] = None,
    after: AfterOption = 0,
    kind: KindOption = None,
    journal: JournalOption = None,
    config: ConfigOption = None,
) -> None:
    """Write the journal as JSON lines, one entry each, checked against the chain on the way."""
    from dispersa.journal import export_jsonl

    entries = _entries(_journal(journal, config), after, kind)
    if out is None:
        export_jsonl(entries, sys.stdout)
        return
    part = out.with_name(out.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as target:
            count = export_jsonl(entries, target)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    say(f"{count} entries written to {out}")


def backup(
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="File to write; must not exist.")
    ],
    *,
    journal: JournalOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Copy the journal, also while it is written, and verify the copy."""
    from dispersa.journal import backup as back_up

    found = back_up(_journal(journal, config), target)
    if json:
        print_json(_document(found))
    else:
        print(found.sentence)


def restore(
    saved: Annotated[Path, typer.Argument(metavar="BACKUP", help="What `journal backup` wrote.")],
    *,
    journal: JournalOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Put a backup in the journal's place; what is there now is set aside, never deleted.

    Refused while a process writes the journal, and where the journal is intact and holds more than
    the backup. Reconcile with the broker afterwards: it knows what happened since.
    """
    from dispersa.journal import restore as put_back

    restored = put_back(saved, _journal(journal, config), at=datetime.now(UTC))
    aside = None if restored.set_aside is None else str(restored.set_aside)
    if json:
        print_json({**_document(restored.verification), "set_aside": aside})
        return
    print(restored.verification.sentence)
    if aside is not None:
        say(f"what was there before is in {aside}")


def _document(found: "Verification") -> dict[str, Any]:
    return {
        "path": str(found.path),
        "intact": found.is_intact,
        "entries": found.entries,
        "last_sequence": found.last_sequence,
        "last_hash": found.last_hash,
        "damages": [
            {"sequence": damage.sequence, "reason": damage.reason} for damage in found.damages
        ],
    }


def _journal(named: Path | None, config: Path | None) -> Path:
    if named is not None:
        return named
    from dispersa.runtime.config import load_config

    return load_config(config).settings.journal_file


def _entries(path: Path, after: int, kind: str | None) -> "Iterator[Entry]":
    from dispersa.journal import read_entries

    for entry in read_entries(path, after=after):
        if kind is None or entry.kind == kind:
            yield entry


def _table(entries: "deque[Entry]") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold")
    table.add_column("sequence", justify="right")
    for heading in ("at (UTC)", "kind", "cause", "payload"):
        table.add_column(heading, no_wrap=heading != "payload")
    for entry in entries:
        table.add_row(
            str(entry.sequence),
            f"{entry.at:%Y-%m-%d %H:%M:%S.%f}"[:-3],
            entry.kind,
            "" if entry.cause is None else str(entry.cause),
            Text(_shortened(entry.payload)),
        )
    return table


def _shortened(text: str, length: int = 200) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
