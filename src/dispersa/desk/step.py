"""What follows from one event? The reducer: state and event in, state and commands out.

    step(state, event) = fold the event, then decide and fold one command after the other

The live loop, recovery, simulation and backtest all drive this one function.
"""

from collections.abc import Iterable
from datetime import datetime

from dispersa.desk.commands import Command
from dispersa.desk.decide import decide
from dispersa.desk.events import Event
from dispersa.desk.evolve import Record, evolve
from dispersa.desk.rules import DeskRules
from dispersa.desk.state import DeskState
from dispersa.errors import BrokenInvariant

COMMANDS_MAX = 500


def step(
    rules: DeskRules, state: DeskState, at: datetime, event: Event
) -> tuple[DeskState, tuple[Command, ...]]:
    """Return the state after `event` and every command that it calls for, in order.

    Pure: the same arguments give the same answer. Raises `BrokenInvariant` if the desk would
    decide without end.
    """
    state = evolve(state, at, event)
    commands: list[Command] = []
    while (command := decide(rules, state, at, event)) is not None:
        if len(commands) >= COMMANDS_MAX:  # the sentence is long: written only when it is needed
            raise BrokenInvariant(f"the desk decides without end: {command}")
        state = evolve(state, at, command)
        commands.append(command)
    return state, tuple(commands)


def fold(records: Iterable[tuple[datetime, Record]], state: DeskState | None = None) -> DeskState:
    """Replay: fold recorded events and commands, in order, without deciding anything again."""
    folded = DeskState() if state is None else state
    for at, record in records:
        folded = evolve(folded, at, record)
    return folded
