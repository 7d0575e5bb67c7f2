"""How do the records of automatic halts, and what they watch, change the state?"""

from dataclasses import replace
from datetime import datetime

from dispersa.desk.controls import (
    BeginDay,
    Blindness,
    ControlCommand,
    Controls,
    HaltRule,
    HaltTrading,
    NoteBlind,
)
from dispersa.desk.state import DeskState, Halt, Stage


def control_command(state: DeskState, at: datetime, command: ControlCommand) -> DeskState:
    """Fold what a rule has decided or noted."""
    match command:
        case HaltTrading():
            halt = Halt(
                level=command.level,
                reason=command.reason,
                since=at,
                by="automatic",
                rule=command.rule,
            )
            return replace(state, halt=halt)
        case BeginDay():
            return replace(state, controls=replace(state.controls, day=command.start))
        case NoteBlind():
            return replace(state, controls=_noted(state.controls, at, command))


def _noted(controls: Controls, at: datetime, command: NoteBlind) -> Controls:
    others = {key: row for key, row in controls.blind.items() if key is not command.control}
    if command.reason:
        others[command.control] = Blindness(since=at, reason=command.reason)
    return replace(controls, blind=others)


def note_controls(before: DeskState, after: DeskState, at: datetime) -> DeskState:
    """Note since when the link is gone and the books differ, as one record has left them."""
    if after.linked is not before.linked:
        since = None if after.linked else at
        after = replace(after, controls=replace(after.controls, unlinked_since=since, blind={}))
    found = after.reconciliation
    if found is not None and found is not before.reconciliation:
        known = after.controls.differs_since
        since = None if found.agrees else known or found.at
        if since != known:
            after = replace(after, controls=replace(after.controls, differs_since=since))
    if after.stage is Stage.EXECUTION and before.stage is not Stage.EXECUTION:
        after = replace(after, controls=replace(after.controls, blind={}))
    if _was_lifted(before, after):
        after = replace(after, controls=replace(after.controls, day=None))
    return after


def _was_lifted(before: DeskState, after: DeskState) -> bool:
    """Whether a person has just let trading go on after a loss: it is counted anew."""
    return before.halt is not None and before.halt.rule == HaltRule.LOSS and after.halt is None
