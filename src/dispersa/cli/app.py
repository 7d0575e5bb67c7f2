"""Which commands are there, and how does each end? The program's entrance and its only exit."""

import os
import sys
import textwrap
from typing import Annotated

import typer

from dispersa.cli import (
    alert_commands,
    backtest_commands,
    book_commands,
    check_commands,
    checklist_commands,
    config_commands,
    correlation_commands,
    day_commands,
    demo_commands,
    doctor_commands,
    gateway_commands,
    halt_commands,
    history_commands,
    journal_commands,
    market_commands,
    program_commands,
    report_commands,
    run_commands,
    signal_commands,
    sweep_commands,
    trade_commands,
    watch_commands,
    watchdog_commands,
)
from dispersa.errors import DispersaError

GROUPS = (
    signal_commands,
    trade_commands,
    run_commands,
    watch_commands,
    halt_commands,
    watchdog_commands,
    market_commands,
    book_commands,
    program_commands,
    day_commands,
    doctor_commands,
    check_commands,
    demo_commands,
    gateway_commands,
    correlation_commands,
    backtest_commands,
    sweep_commands,
    history_commands,
    config_commands,
    journal_commands,
    alert_commands,
    report_commands,
    checklist_commands,
)
"""Modules with a `register(app)`, in the order of the help."""

INTERRUPTED = 130
BROKEN_PIPE = 141

app = typer.Typer(
    name="dispersa",
    help="Automated dispersion trading on Interactive Brokers.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog="\b\nExamples:\n  dispersa demo\n  dispersa config init\n  dispersa journal verify\n"
    "\n`dispersa COMMAND --help` explains a command. Exit codes: 0 done, 1 failed, 2 usage or "
    "configuration, 3 denied or not confirmed, 4 broker, 5 halted or locked, 6 unresolved.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from dispersa.runtime.build import build_id

        typer.echo(f"dispersa {build_id()}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show version and build id."
        ),
    ] = False,
) -> None:
    pass


for _group in GROUPS:
    _group.register(app)


def main() -> None:
    """Run the command line; leave with the exit code that cli.md promises, never a traceback."""
    try:
        code = _run()
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes stdout once more when it ends; give that nowhere to fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = BROKEN_PIPE
    sys.exit(code)


def _run() -> int:
    """Run one command and return its exit code."""
    try:
        app(prog_name="dispersa")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except DispersaError as error:
        _complain(str(error))
        return error.exit_code
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _complain(f"{where}{error.strerror or error}")
        return 1
    except Exception as error:  # noqa: BLE001  # the last word of a program that failed by itself
        from dispersa.cli.defect import kept_and_said

        _complain(kept_and_said(error))
        return 1
    return 0


def _complain(text: str) -> None:
    """Print one paragraph on stderr, wrapped for a terminal only."""
    paragraph = " ".join(f"dispersa: {text}".split())
    if sys.stderr.isatty():
        paragraph = textwrap.fill(paragraph, width=100, break_on_hyphens=False)
    print(paragraph, file=sys.stderr)
