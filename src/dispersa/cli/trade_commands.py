"""`dispersa plan` and `dispersa trade`: make a plan and keep it, carry a trade out."""

import sys
from dataclasses import dataclass, replace
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
    from dispersa.runtime.desk_loop import Operator
    from dispersa.runtime.trade_session import TradeSetup


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    command(app, "plan", "dispersa plan", "dispersa plan --config paper.toml --json")(plan)
    command(
        app,
        "trade",
        "dispersa trade",
        "dispersa trade --plan 1f0c3a9be2d4",
        "dispersa trade --probe AAPL",
        "echo EXECUTE | dispersa trade --config sim.toml --json",
    )(trade)


def plan(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Make today's plan, ask the gate, and keep it in the journal under its hash; send nothing.

    The plan holds for five minutes: carry it out with `dispersa trade --plan HASH`.
    """
    from dispersa.cli.trade_screen import TradeScreen, exit_code_of
    from dispersa.reports.trade_json import plan_document, trade_document
    from dispersa.runtime.config import load_config
    from dispersa.runtime.loop import run

    settings = load_config(config).settings
    with TradeScreen(quiet=json) as screen:
        state = run(lambda: _trade(settings, screen, _Wanted(), OnlyKeeps()))
    made, verdict = state.plan, state.verdict
    if made is None or verdict is None:
        if json:
            print_json(trade_document(state, journal_ok=True))
        else:
            console_on(stderr=False).print(f"No plan: {state.decline_reason}")
        raise typer.Exit(exit_code_of(state))
    if json:
        print_json(plan_document(made, verdict))
    elif verdict.passed:
        console_on(stderr=False).print(
            f"Kept until {made.expires_at:%H:%M:%S %Z}. Carry it out with: dispersa trade --plan "
            f"{made.plan_hash}"
        )
    raise typer.Exit(0 if verdict.passed else 3)


def trade(
    *,
    config: ConfigOption = None,
    phase: Annotated[
        Literal["crawl", "walk", "run"],
        typer.Option(
            help="How the plan is approved: crawl asks for EXECUTE; walk and run need the daemon."
        ),
    ] = "crawl",
    kept: Annotated[
        str | None, typer.Option("--plan", metavar="HASH", help="Carry out a plan that was kept.")
    ] = None,
    probe: Annotated[
        str | None,
        typer.Option(metavar="SYMBOL", help="Buy one straddle of one name: the first live use."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Carry out today's trade: signal, plan, gate, your word EXECUTE, execution, reconciliation.

    In crawl the plan is shown in full and the word EXECUTE is read from standard input; anything
    else cancels and nothing is sent. The verdict of the signal binds, but for a probe, which is
    one straddle and never neutral.
    """
    from dispersa.cli.trade_screen import TradeScreen, exit_code_of
    from dispersa.errors import InvalidInput
    from dispersa.runtime.config import load_config
    from dispersa.runtime.loop import run

    if kept is not None and probe is not None:
        raise InvalidInput("--plan and --probe are two different trades; give one of them")
    settings = load_config(config).settings
    with TradeScreen(quiet=json) as screen:
        screen.say(f"Profile {settings.profile}, phase {phase}.")
        wanted = _Wanted(plan_hash=kept, probe=probe)
        state = _through_daemon(settings, screen, wanted, phase)
        if state is None:
            state = run(lambda: _trade(settings, screen, wanted, StandardInput()))
    report(settings, state, as_json=json)
    raise typer.Exit(exit_code_of(state))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """Which trade: today's, one that was kept, or a probe."""

    plan_hash: str | None = None
    probe: str | None = None


def _through_daemon(
    settings: "Settings", screen: "TradeScreen", wanted: _Wanted, phase: str
) -> "DeskState | None":
    """Let a running daemon carry out today's trade; None where none runs and none is needed."""
    from dispersa.cli.trade_remote import carry_out
    from dispersa.errors import InvalidInput

    is_todays = wanted.plan_hash is None and wanted.probe is None
    state = carry_out(settings.journal_file, phase, screen, _ask_word) if is_todays else None
    if state is None and phase != "crawl":
        raise InvalidInput(
            f"phase {phase} needs alerts and a page, which `dispersa run` serves, and it does not "
            "run for this journal; start it, or leave --phase out"
        )
    return state


def _ask_word(plan: "TradePlan") -> str:
    print(
        f"Plan {plan.plan_hash} expires {plan.expires_at:%H:%M:%S %Z}. Type EXECUTE to send it, "
        "anything else to cancel: ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    return sys.stdin.readline()


async def _trade(
    settings: "Settings", screen: "TradeScreen", wanted: _Wanted, operator: "Operator"
) -> "DeskState":
    from dispersa.api import self_tested
    from dispersa.runtime.live import open_desk
    from dispersa.runtime.trade_session import run_trade

    if (finding := await self_tested(settings)) is not None:
        screen.say(f"Self-test {finding.standing}: {finding.found}.")
    async with open_desk(settings, operator, owns_process=True) as setup:
        if setup.journal.recovery is not None:
            screen.say(setup.journal.recovery)
        ready, waiver = _as_wanted(setup, wanted)
        return await run_trade(ready, edge_waiver=waiver, observers=[screen])


def _as_wanted(setup: "TradeSetup", wanted: _Wanted) -> "tuple[TradeSetup, str | None]":
    """The setup with the workers that make this trade's plan, and what waives its edge."""
    from dispersa.market import Symbol
    from dispersa.runtime.other_plans import (
        ProbeWorkers,
        SavedPlanWorkers,
        find_saved_plan,
        probe_label,
    )

    if wanted.probe is not None:
        symbol = Symbol(wanted.probe.upper())
        workers = setup.workers.remade(ProbeWorkers, symbol=symbol)
        return replace(setup, workers=workers), probe_label(symbol)
    if wanted.plan_hash is None:
        return setup, None
    saved = find_saved_plan(setup.journal.entries(), wanted.plan_hash, setup.clock.live.now())
    workers_of_plan = setup.workers.remade(SavedPlanWorkers, saved=saved)
    return replace(setup, workers=workers_of_plan), saved.plan.edge_waived


def report(settings: "Settings", state: "DeskState", *, as_json: bool) -> None:
    """Print how a trade ended."""
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


class OnlyKeeps:
    """Confirms nothing: the plan is kept for `dispersa trade --plan`."""

    name = "dispersa plan"

    async def confirm(self, plan: "TradePlan", verdict: "GateVerdict") -> str:  # noqa: ARG002 - the plan is in the journal
        """Send nothing."""
        return "kept"


class StandardInput:
    """A person at the terminal (or a script) who types the word."""

    name = "standard input"

    async def confirm(self, plan: "TradePlan", verdict: "GateVerdict") -> str:
        """Ask for EXECUTE and read one line; the end of the input is no confirmation."""
        from dispersa.cli.typed_line import typed_line

        passed = sum(check.passed for check in verdict.checks)
        print(
            f"Plan {plan.plan_hash}, {passed} checks passed, expires "
            f"{plan.expires_at:%H:%M:%S %Z}. Type EXECUTE to send it, anything else to cancel: ",
            end="",
            file=sys.stderr,
            flush=True,
        )
        return await typed_line()
