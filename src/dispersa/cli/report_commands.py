"""`dispersa report`: the end-of-day report and the week's summary, for any journaled day."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dispersa.cli.options import ConfigOption, JsonOption
from dispersa.cli.output import print_json, say
from dispersa.cli.registration import command, group

if TYPE_CHECKING:
    from dispersa.runtime.day_report import DayReported

DateOption = Annotated[
    datetime | None,
    typer.Option("--date", formats=["%Y-%m-%d"], help="Day; default: the last journaled one."),
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Folder; default: .reports beside the journal."),
]
MailOption = Annotated[
    bool, typer.Option("--mail", help="Mail it, too, if alerts.smtp_host is configured.")
]
JournalOption = Annotated[
    Path | None,
    typer.Option("--journal", metavar="FILE", help="Journal; default: the configured one."),
]


def register(app: typer.Typer) -> None:
    """Add the group to the program."""
    report = group("report", "Reports of a day or a week, built from the journal alone.")
    command(
        report,
        "eod",
        "dispersa report eod",
        "dispersa report eod --date 2026-11-20 --out reports",
        "dispersa report eod --json",
    )(eod)
    command(report, "week", "dispersa report week", "dispersa report week --date 2026-11-20")(week)
    app.add_typer(report)


def eod(
    *,
    date: DateOption = None,
    out: OutOption = None,
    mail: MailOption = False,
    journal: JournalOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write the end-of-day report: an HTML page, plain text and JSON.

    Signal, positions, P&L, attribution, fills and slippage, limits used, breaks, alerts with
    their hand-over, and tomorrow's events. A number that is missing says why. No engine is needed
    and nothing is changed, so any day of the journal can be reported again.
    """
    _report("eod", date, out, journal, config, mail=mail, json=json)


def week(
    *,
    date: DateOption = None,
    out: OutOption = None,
    mail: MailOption = False,
    journal: JournalOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write the summary of the week that holds a day: its days side by side."""
    _report("week", date, out, journal, config, mail=mail, json=json)


def _report(
    kind: str,
    date: datetime | None,
    out: Path | None,
    journal: Path | None,
    config: Path | None,
    *,
    mail: bool,
    json: bool,
) -> None:
    import asyncio

    from dispersa.runtime.config import load_config
    from dispersa.runtime.day_report import report_day, report_week

    settings = load_config(config).settings
    if journal is not None:
        kept = settings.journal.model_copy(update={"path": journal})
        settings = settings.model_copy(update={"journal": kept})
    write = report_day if kind == "eod" else report_week
    day = None if date is None else date.date()
    _show(asyncio.run(write(settings, day, mails=mail, out=out)), json=json, mail=mail)


def _show(found: "DayReported", *, json: bool, mail: bool) -> None:
    page, text, document = found.files
    if json:
        print_json(document.read_text(encoding="utf-8"))
    else:
        print(text.read_text(encoding="utf-8"), end="")
    say(f"written: {page}, {text.name}, {document.name}")
    if mail:
        say(f"mail: {found.trouble or found.mailed or 'none is configured'}")
    if found.trouble:
        raise typer.Exit(1)
