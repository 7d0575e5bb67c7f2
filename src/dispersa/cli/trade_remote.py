"""How does `dispersa trade` ask a running daemon? Over its socket: the same plan, the same word."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dispersa.runtime.control_client import ControlClient, EngineNotRunning

if TYPE_CHECKING:
    from dispersa.cli.trade_screen import TradeScreen
    from dispersa.desk.state import DeskState
    from dispersa.execution.plan import TradePlan

POLL_SECONDS = 0.5
_RESTS = frozenset({"idle", "declined", "ended"})

Ask = Callable[["TradePlan"], str]
"""Asks the person for the word and returns what was typed."""


def carry_out(
    journal: Path, phase: str, screen: "TradeScreen", ask_word: Ask
) -> "DeskState | None":
    """Have the running daemon carry out today's trade and follow it to its end.

    A plan that waits for approval already is shown and asked for. None where no daemon runs.
    """
    from dispersa.desk.phases import Phase
    from dispersa.runtime.control_requests import StatusAsked, TradeAsked

    client = ControlClient(journal.resolve())
    try:
        stage = client.ask(StatusAsked(whole=True))["state"]["stage"]
    except EngineNotRunning:
        return None
    if stage in _RESTS:
        client.ask(TradeAsked(by=_person(), phase=Phase(phase)))
        screen.say(f"The running daemon was asked for today's trade, phase {phase}.")
    return _follow(client, screen, ask_word)


def _follow(client: ControlClient, screen: "TradeScreen", ask_word: Ask) -> "DeskState":
    asked = told = ""
    while True:
        state = _state(client)
        stage = state.stage.value
        if stage != told:
            screen.say(f"Stage: {stage}.")
            told = stage
        if stage in _RESTS:
            return state
        plan = state.plan
        if stage == "approval" and plan is not None and plan.plan_hash != asked:
            asked = plan.plan_hash
            _approve(client, screen, state, ask_word)
        time.sleep(POLL_SECONDS)


def _approve(
    client: ControlClient, screen: "TradeScreen", state: "DeskState", ask_word: Ask
) -> None:
    """Show the plan in full, and hand over what the person types."""
    from dispersa.runtime.control_requests import ApprovalGiven

    if state.plan is None or state.verdict is None:
        return
    screen.show_plan(state, state.verdict)
    typed = ask_word(state.plan).strip()
    client.ask(ApprovalGiven(plan_hash=state.plan.plan_hash, text=typed, by=_person()))


def _state(client: ControlClient) -> "DeskState":
    from dispersa.desk.codec import decode_state
    from dispersa.runtime.control_requests import StatusAsked

    document: Any = client.ask(StatusAsked(whole=True))["state"]
    return decode_state(json.dumps(document).encode())


def _person() -> str:
    from dispersa.cli.halt_commands import person

    return person()
