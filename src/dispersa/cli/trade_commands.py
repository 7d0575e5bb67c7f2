"""`dispersa trade`: carry out today's trade."""

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dispersa.cli.options import ConfigOption, JsonOption
from dispersa.cli.output import console_on, print_json
from dispersa.cli.registration import command

if TYPE_CHECKING:
    from dispersa.cli.trade_screen import TradeScreen
    from dispersa.desk.state import DeskState
    from dispersa.execution.plan import TradePlan
    from dispersa.risk import GateVerdict
    from dispersa.runtime.config.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    command(
        app,
        "trade",
        "dispersa trade",
        "echo EXECUTE | dispersa trade --config sim.toml --json",
    )(trade)


def trade(
    *,
    config: ConfigOption = None,
    phase: Annotated[
        Literal["crawl"], typer.Option(help="How the plan is approved: crawl asks for EXECUTE.")
    ] = "crawl",
    json: JsonOption = False,
) -> None:
    """Carry out today's trade: signal, plan, gate, your word EXECUTE, execution, reconciliation.

    In crawl the plan is shown in full and the word EXECUTE is read from standard input; anything
    else cancels and nothing is sent. The verdict of the signal binds.
    """
    from dispersa.cli.trade_screen import TradeScreen, exit_code_of
    from dispersa.runtime.config import load_config
    from dispersa.runtime.loop import run

    settings = load_config(config).settings
    with TradeScreen(quiet=json) as screen:
        screen.say(f"Profile {settings.profile}, phase {phase}.")
        state = run(lambda: _trade(settings, screen))
    _report(settings, state, as_json=json)
    raise typer.Exit(exit_code_of(state))


async def _trade(settings: "Settings", screen: "TradeScreen") -> "DeskState":
    from dispersa.api import self_tested
    from dispersa.runtime.live import open_desk
    from dispersa.runtime.trade_session import run_trade

    if (finding := await self_tested(settings)) is not None:
        screen.say(f"Self-test {finding.standing}: {finding.found}.")
    async with open_desk(settings, StandardInput(), owns_process=True) as setup:
        if setup.journal.recovery is not None:
            screen.say(setup.journal.recovery)
        return await run_trade(setup, edge_waiver=None, observers=[screen])


def _report(settings: "Settings", state: "DeskState", *, as_json: bool) -> None:
    from dispersa.cli.trade_screen import show_outcome
    from dispersa.journal import verify
    from dispersa.reports.trade_json import trade_document

    checked = verify(settings.journal_file)
    if as_json:
        print_json(trade_document(state, journal_ok=checked.is_intact))
        return
    console = console_on(stderr=False)
    show_outcome(console, state)
    console.print(f"Journal: {checked.sentence}")


class StandardInput:
    """A person at the terminal (or a script) who types the word."""

    name = "standard input"

    async def confirm(self, plan: "TradePlan", verdict: "GateVerdict") -> str:
        """Ask for EXECUTE and read one line; the end of the input is no confirmation."""
        import asyncio

        passed = sum(check.passed for check in verdict.checks)
        print(
            f"Plan {plan.plan_hash}, {passed} checks passed, expires "
            f"{plan.expires_at:%H:%M:%S %Z}. Type EXECUTE to send it, anything else to cancel: ",
            end="",
            file=sys.stderr,
            flush=True,
        )
        return await asyncio.to_thread(sys.stdin.readline)
