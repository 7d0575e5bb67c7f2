"""`dispersa run` and `dispersa phase`: the daemon, and how much it may do by itself."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dispersa.cli.options import ConfigOption, JsonOption
from dispersa.cli.output import print_json, say
from dispersa.cli.registration import command

if TYPE_CHECKING:
    from dispersa.runtime.config.settings import Settings
    from dispersa.web.seam import PageMaker

PhaseName = Literal["crawl", "walk", "run"]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    command(
        app,
        "run",
        "dispersa run --config paper.toml",
        "dispersa run --no-page",
    )(run)
    command(
        app,
        "phase",
        "dispersa phase",
        'dispersa phase walk --reason "five programs without a break"',
        "dispersa phase --prove-page",
    )(phase)


def run(
    *,
    config: ConfigOption = None,
    page: Annotated[
        bool, typer.Option("--page/--no-page", help="Serve the web page beside the desk.")
    ] = True,
    speed: Annotated[
        float,
        typer.Option(
            min=0.01, metavar="X", help="Run so many times as fast as the clock; profile sim only."
        ),
    ] = 1.0,
    ignore_edge: Annotated[
        bool,
        typer.Option(help="Trade whatever the signal says, labeled so; profile sim only."),
    ] = False,
) -> None:
    """Run the daemon in the foreground: schedule, plan, approval by phase, execution, monitoring.

    It follows the exchange's calendar, half days and holidays included, asks for approval as the
    phase says, reconciles while something is held and closes each day off. Logs go to stderr. It
    ends in order on SIGTERM or Ctrl-C: working orders are cancelled and the proof is waited for.
    With systemd use Type=notify.
    """
    from dispersa.errors import InvalidInput
    from dispersa.runtime.config import load_config
    from dispersa.runtime.daemon_log import StepLog, make_log
    from dispersa.runtime.daemon_open import DaemonParts, ScaledClock, run_daemon
    from dispersa.runtime.day_report import report_hook
    from dispersa.runtime.demo import PATIENT
    from dispersa.runtime.live import BrokerClock
    from dispersa.runtime.loop import run as run_loop

    settings = load_config(config).settings
    if settings.profile != "sim" and (speed != 1.0 or ignore_edge):
        raise InvalidInput("--speed and --ignore-edge belong to profile sim; leave them out")
    log = make_log()
    parts = DaemonParts(
        clock=BrokerClock if speed == 1.0 else ScaledClock,
        make_page=_page_maker() if page else None,
        observers=(StepLog(log),),
        edge_waiver="run --ignore-edge: the verdict is reported, not obeyed"
        if ignore_edge
        else None,
        deadlines=None if speed == 1.0 else PATIENT,
        day_hooks=(report_hook(settings, log.info),),
        say=log.info,
    )
    log.info("starting", profile=settings.profile, journal=str(settings.journal_file))
    ended = run_loop(lambda: run_daemon(settings, parts), speed)
    reason = "" if ended.loop.stopped is None else ended.loop.stopped.reason
    log.info("ended in order; no order of ours works at the broker", by=reason)


def _page_maker() -> "PageMaker":
    from dispersa.web.page import make_page

    return make_page


def phase(
    *,
    to: Annotated[
        PhaseName | None, typer.Argument(metavar="[PHASE]", help="crawl, walk or run.")
    ] = None,
    reason: Annotated[
        str, typer.Option(metavar="WORDS", help="Why; it goes into the journal.")
    ] = "",
    waive_paper_days: Annotated[
        bool,
        typer.Option(help="Trade live without 20 journaled paper days; --reason says why."),
    ] = False,
    prove_page: Annotated[
        bool,
        typer.Option(help="Send yourself the link that proves that the page can be reached."),
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show the phase and its evidence, or go to another one through the running daemon.

    A phase goes up one step at a time, on the journal's evidence and with a reason; it comes down
    whenever you want, and by itself after an incident.
    """
    from dispersa.runtime.config import load_config

    settings = load_config(config).settings
    if prove_page:
        _prove(settings)
        return
    if to is not None:
        _change(settings, to, reason, waived=waive_paper_days)
    _show(settings, as_json=json)


def _change(settings: "Settings", to: PhaseName, reason: str, *, waived: bool) -> None:
    from dispersa.cli.halt_commands import person
    from dispersa.desk.phases import Phase
    from dispersa.runtime.control_client import ControlClient
    from dispersa.runtime.control_requests import PhaseAsked

    if not reason.strip():
        raise typer.BadParameter("expected a reason in words", param_hint="--reason")
    asked = PhaseAsked(
        phase=Phase(to), reason=reason, by=person(), live_waiver=reason if waived else ""
    )
    ControlClient(settings.journal_file.resolve()).ask(asked)


def _prove(settings: "Settings") -> None:
    from dispersa.cli.halt_commands import person
    from dispersa.runtime.control_client import ControlClient
    from dispersa.runtime.control_requests import ProofLinkAsked

    client = ControlClient(settings.journal_file.resolve())
    told = client.ask(ProofLinkAsked(by=person()))
    for channel, state in told["channels"].items():
        print(f"{channel}: {state}")


def _show(settings: "Settings", *, as_json: bool) -> None:
    from dispersa.runtime.control_desk import phase_document
    from dispersa.runtime.replay import replay_file

    journal = settings.journal_file
    if not journal.is_file():
        say(f"{journal} does not exist yet; the first run begins in crawl")
        return
    document = phase_document(replay_file(journal).state)
    if as_json:
        print_json(document)
        return
    print(f"Phase {document['phase']}, since {document['since'] or 'the beginning'}.")
    if document["reason"]:
        print(f"Changed by {document['changed_by']}: {document['reason']}.")
    print(f"Evidence: {document['evidence']}.")
    print(f"Page proven: {document['page_proven'] or 'no; walk does not arm'}.")
