"""`dispersa status` and `watch`: how the desk stands, once or live."""

import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dispersa.cli.options import ConfigOption, JsonOption
from dispersa.cli.output import console_on, print_json, say
from dispersa.cli.registration import command

if TYPE_CHECKING:
    from rich.console import Group

    from dispersa.reports.watch_view import Engine
    from dispersa.runtime.day_fold import Told
    from dispersa.runtime.following import Follower

POLL_SECONDS, ENGINE_SECONDS = 0.25, 3.0
NEWS_SHOWN = 6

JournalOption = Annotated[
    Path | None,
    typer.Option("--journal", metavar="FILE", help="Journal; default: the configured one."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    command(app, "status", "dispersa status", "dispersa status --json")(status)
    command(
        app,
        "watch",
        "dispersa watch",
        "dispersa watch --once",
        "dispersa watch --journal demo.sqlite3",
    )(watch)


def status(
    *, journal: JournalOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Show how the desk stands: safety first, then now, the book, the signal, and every age.

    Safety is engine, phase, halt, link, reconciliation, unknown orders and the limits nearest to
    full. The engine that runs is asked whether it lives; without one the journal tells, read-only.
    """
    from dispersa.runtime.config import load_config
    from dispersa.runtime.following import Follower, engine_of

    settings = load_config(config).settings
    file = journal or settings.journal_file
    live = _live(file)
    follower = Follower.of(file)
    if follower.at is None:
        say(f"no journal at {file} yet: nothing has been traded with it")
    engine = engine_of(file)
    if json:
        print_json(_document(follower, engine) | (live or {}))
        return
    console_on(stderr=False).print(_screen(follower, engine))


def _live(journal: Path) -> dict[str, Any] | None:
    """Ask the engine that owns the journal; None where none runs."""
    from dispersa.runtime.control_client import ControlClient, EngineNotRunning
    from dispersa.runtime.control_requests import StatusAsked

    try:
        found: dict[str, Any] = ControlClient(journal).ask(StatusAsked(), seconds=5)
    except EngineNotRunning:
        return None
    return found | {"engine": f"process {found['pid']}"}


def _document(follower: "Follower", engine: "Engine") -> dict[str, Any]:
    from dispersa.reports.book_tables import status_document
    from dispersa.reports.watch_view import blocks_document, blocks_of

    now = follower.now()
    return {
        **status_document(follower.state),
        "journal": str(follower.journal),
        "engine": None if engine.pid is None else f"process {engine.pid}",
        "at": now.isoformat(),
        "last_sequence": follower.sequence,
        "screen": blocks_document(blocks_of(follower.state, now, engine)),
    }


def _screen(follower: "Follower", engine: "Engine") -> "Group":
    from dispersa.reports.watch_view import blocks_of, screen

    now = follower.now()
    title = f"dispersa {(follower.state.profile or 'no desk').upper()}  {now:%Y-%m-%d %H:%M:%S} UTC"
    return screen(blocks_of(follower.state, now, engine), title)


def watch(
    *,
    once: Annotated[bool, typer.Option("--once", help="Show it once and end.")] = False,
    journal: JournalOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show the same screen live, with what happens as it happens; end with Ctrl-C.

    It follows the journal and changes nothing, so any number of people may watch, with or without
    an engine. The table is on stderr and leaves the terminal as it was. With `--json` each new
    record worth a word is one line on stdout.
    """
    from dispersa.runtime.config import load_config
    from dispersa.runtime.following import Follower, engine_of

    settings = load_config(config).settings
    follower = Follower.of(journal or settings.journal_file)
    if once:
        if json:
            print_json(_document(follower, engine_of(follower.journal)))
        else:
            console_on(stderr=True).print(_screen(follower, engine_of(follower.journal)))
        return
    try:
        _follow_lines(follower) if json else _follow_screen(follower)
    except KeyboardInterrupt:
        say("watching has ended; the desk goes on")


def _follow_lines(follower: "Follower") -> None:
    """Print one JSON line for each new record that is worth a word."""
    import json as text

    while True:
        for told in follower.more():
            alert = _alert(told)
            if alert is not None:
                print(text.dumps({"at": told.at.isoformat(), **alert}), flush=True)
        time.sleep(POLL_SECONDS)


def _follow_screen(follower: "Follower") -> None:
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from dispersa.runtime.following import engine_of

    news: deque[str] = deque(maxlen=NEWS_SHOWN)
    engine, asked = engine_of(follower.journal), time.monotonic()
    with Live(console=console_on(stderr=True), screen=False, auto_refresh=False) as live:
        while True:
            for told in follower.more():
                alert = _alert(told)
                if alert is not None:
                    news.append(f"{told.at:%H:%M:%S}  {alert['severity']:<9}{alert['headline']}")
            if time.monotonic() - asked > ENGINE_SECONDS:
                engine, asked = engine_of(follower.journal), time.monotonic()
            lines = "\n".join(news) or "nothing yet"
            body = Group(_screen(follower, engine), Text("\nNEWS", style="bold"), Text(lines))
            live.update(body, refresh=True)
            time.sleep(POLL_SECONDS)


def _alert(told: "Told") -> dict[str, str] | None:
    from dispersa.alerts.wording import Occasion, alert_for

    occasion = Occasion(sequence=told.sequence, at=told.at, state=told.state)
    alert = alert_for(told.record, occasion)
    if alert is None:
        return None
    return {
        "severity": alert.severity.value,
        "headline": alert.headline,
        "happened": alert.happened,
    }
