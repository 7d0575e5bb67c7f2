"""`dispersa halt` and `resume`: stop trading now, and let it go on with a reason."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dispersa.cli.options import ConfigOption, JsonOption
from dispersa.cli.output import print_json
from dispersa.cli.registration import command

if TYPE_CHECKING:
    from dispersa.runtime.cancel_ours import Cancelled
    from dispersa.runtime.config.settings import Settings

CANCEL_SECONDS = 10.0
WAIT_SECONDS = 5.0

ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="WORDS", help="Why; it goes into the journal.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    command(
        app,
        "halt",
        'dispersa halt --reason "spreads look wrong"',
        'dispersa halt --level cancel --reason "news in the index"',
    )(halt)
    command(app, "resume", 'dispersa resume --reason "spreads are back"')(resume)


def halt(
    *,
    reason: ReasonOption,
    level: Annotated[
        Literal["hold", "cancel", "flatten"],
        typer.Option(
            help="hold: nothing new; cancel: also cancel our working orders; flatten: then propose "
            "a plan to close, which a person must approve."
        ),
    ] = "hold",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Stop trading: through the running engine, else by a file and the journal.

    It survives restarts and is lifted by `dispersa resume` alone. Cancels leave before anything
    is written to disk; without an engine this command cancels our orders itself and says what
    stays. Positions are never closed without a person.
    """
    from dispersa.risk import HaltLevel
    from dispersa.runtime.config import load_config
    from dispersa.runtime.halting import halt as halt_trading
    from dispersa.runtime.sentinel import Sentinel

    _require_words(reason)
    settings = load_config(config).settings
    journal = settings.journal_file
    asked = Sentinel(level=HaltLevel(level), reason=reason, by=person())
    answer = halt_trading(journal, asked, now=_now, cancel=lambda: _cancel_ours(settings))
    if json:
        print_json({"reached": answer.reached, "sentence": answer.sentence, "told": answer.told})
    else:
        print(answer.sentence)


def resume(*, reason: ReasonOption, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Let trading go on after a halt; look at `dispersa status` first."""
    from dispersa.runtime.config import load_config
    from dispersa.runtime.halting import resume as resume_trading

    _require_words(reason)
    journal = load_config(config).settings.journal_file
    answer = resume_trading(journal, reason=reason, by=person(), now=_now)
    if json:
        print_json({"reached": answer.reached, "sentence": answer.sentence, "told": answer.told})
    else:
        print(answer.sentence)


def _cancel_ours(settings: "Settings") -> "Cancelled":
    """Cancel what works although no engine runs; the connection lets nothing but cancels out."""
    import asyncio
    from dataclasses import replace

    from dispersa.runtime.cancel_ours import cancel_ours

    return asyncio.run(
        cancel_ours(
            replace(settings.ibkr(), read_only=True),
            prefix=f"dispersa-{settings.profile}",
            settle_seconds=CANCEL_SECONDS,
            wait_seconds=WAIT_SECONDS,
        )
    )


def _require_words(reason: str) -> None:
    if not reason.strip():
        raise typer.BadParameter("expected a reason in words", param_hint="--reason")


def person() -> str:
    """Name the account that runs the command."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in a container
        import os

        return f"user {os.getuid()}"


def _now() -> datetime:
    return datetime.now(UTC)
