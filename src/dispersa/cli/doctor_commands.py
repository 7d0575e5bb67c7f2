"""`dispersa doctor`: is everything in order, and if not, what mends it?"""

from typing import TYPE_CHECKING

import typer

from dispersa.cli.history_commands import progress_line
from dispersa.cli.options import ConfigOption, JsonOption
from dispersa.cli.output import print_json, print_table
from dispersa.cli.registration import command
from dispersa.errors import InvalidConfig

if TYPE_CHECKING:
    from pathlib import Path

    from dispersa.runtime.doctor import Diagnosis


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(
        app,
        "doctor",
        "dispersa doctor",
        "dispersa doctor --config paper.toml --json",
    )(doctor)


def doctor(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Examine configuration, machine, gateway, account, data and permissions; name each mend.

    Sends no order: orders are previewed. Works while dispersa runs, with client ids of its own.
    Exit code 0 if nothing failed, 2 for the configuration, 4 for the broker's side, 1 else.
    """
    from dispersa.reports.findings import findings_document, findings_table

    found = _diagnosis(config)
    if json:
        print_json(findings_document(found.findings))
    else:
        print_table(findings_table("Doctor", found.findings))
    if found.exit_code:
        raise typer.Exit(found.exit_code)


def _diagnosis(config: "Path | None") -> "Diagnosis":
    from dispersa.runtime.config import load_config
    from dispersa.runtime.doctor import bad_configuration, diagnose
    from dispersa.runtime.loop import run

    try:
        loaded = load_config(config)
    except InvalidConfig as error:
        return bad_configuration(error)
    with progress_line("examining") as show:
        return run(lambda: diagnose(loaded.settings, loaded.remarks, show=show))
