"""`dispersa checklist` and `evidence`: what to look at today, and what the journal has shown."""

import typer

from dispersa.cli.options import ConfigOption, JsonOption
from dispersa.cli.output import print_json, print_table
from dispersa.cli.registration import command


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    command(app, "checklist", "dispersa checklist", "dispersa checklist --json")(checklist)
    command(app, "evidence", "dispersa evidence", "dispersa evidence --json")(evidence)


def checklist(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show the day's checklist with its live standing: ok, attention or unknown, and the mend.

    Before the open, during the day, after the close, each week. Ends with 1 where something needs
    attention, 6 where something that a program could know is unknown, else 0. Lines that only you
    can tell never count.
    """
    from dispersa.reports.checklist import checklist_document, checklist_table, exit_code
    from dispersa.runtime.config import load_config
    from dispersa.runtime.day_checklist import todays_checklist

    items = todays_checklist(load_config(config).settings)
    if json:
        print_json(checklist_document(items))
    else:
        print_table(checklist_table(items))
    raise typer.Exit(exit_code(items))


def evidence(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show the evidence for a promotion, from the journal, and what the next phase still lacks.

    Programs completed in each phase, breaks, incidents, windows lapsed, trading days; and what is
    missing for Walk, for Run and for real money. It promotes nothing.
    """
    from dispersa.reports.evidence import evidence_document, evidence_screen
    from dispersa.runtime.config import load_config
    from dispersa.runtime.day_evidence import evidence_of

    found = evidence_of(load_config(config).settings)
    if json:
        print_json(evidence_document(found))
    else:
        print_table(evidence_screen(found))
