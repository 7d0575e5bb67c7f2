"""How do phase, window, page and day change the state? The fold of what was told and decided."""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from dispersa.desk import phase_events as pe
from dispersa.desk.phase_commands import (
    AnnounceStart,
    ApprovePlan,
    ChangePhase,
    PhaseCommand,
    RefusePhase,
)
from dispersa.desk.phases import Evidence, Phasing
from dispersa.desk.state import DeskState, Stage
from dispersa.desk.window import (
    ENDED,
    CancelReceived,
    EngineRestarted,
    Window,
    WindowState,
    advance,
    announced,
)
from dispersa.execution.program import ProgramState
from dispersa.portfolio import Reconciliation

ITSELF = "dispersa"
"""Who takes a phase back without being asked."""


def phase_event(state: DeskState, event: pe.PhaseEvent) -> DeskState:
    """Fold one event of phase, window, page or day."""
    phasing = state.phasing
    match event:
        case pe.PaperDaysCounted():
            return with_phasing(state, replace(phasing, paper_days=event.days))
        case pe.PageProven():
            return with_phasing(state, replace(phasing, page_proven=event.url))
        case pe.DayOpened():
            opened = replace(state, session=event.session)
            weights = event.weights or phasing.weights
            return with_phasing(opened, replace(phasing, day=event.day, weights=weights))
        case pe.DayEnded():
            return with_phasing(state, _day_ended(phasing, event))
        case pe.PhaseRequested():
            return with_phasing(state, replace(phasing, is_asked=True))
        case pe.NoteAdded() | pe.UniverseChanged() | pe.TaskFailed():
            return state
        case _:
            return _observed(state, event)


def _day_ended(phasing: Phasing, event: pe.DayEnded) -> Phasing:
    if phasing.day_ended == event.day:
        return phasing
    evidence = replace(phasing.evidence, days=phasing.evidence.days + 1)
    return replace(phasing, day_ended=event.day, evidence=evidence)


def _observed(state: DeskState, seen: pe.WindowObserved) -> DeskState:
    """Advance the window of the plan that was announced; the first look begins it."""
    phasing, plan = state.phasing, state.plan
    if state.stage is not Stage.WINDOW or plan is None:
        return state
    window = phasing.window or announced(plan.plan_hash, seen.at)
    return _with_window(state, advance(window, seen, phasing.window_policy))


def _with_window(state: DeskState, window: Window) -> DeskState:
    phasing = replace(state.phasing, window=window)
    if window.state is WindowState.LAPSED:
        evidence = replace(phasing.evidence, windows_lapsed=phasing.evidence.windows_lapsed + 1)
        phasing = replace(phasing, evidence=evidence)
    return with_phasing(state, phasing)


def cancel_window(state: DeskState, by: str) -> DeskState:
    """Take a cancel in while the window is announced, open, or over and not yet started."""
    window = state.phasing.window
    if state.stage is not Stage.WINDOW or window is None or window.state in ENDED:
        return state
    return _with_window(
        state, advance(window, CancelReceived(at=window.seen, by=by), state.phasing.window_policy)
    )


def lapse_by_restart(state: DeskState) -> DeskState:
    """A window does not outlive its process."""
    window = state.phasing.window
    if state.stage is not Stage.WINDOW or window is None or window.state in ENDED:
        return state
    seen = EngineRestarted(at=window.seen)
    return _with_window(state, advance(window, seen, state.phasing.window_policy))


def phase_command(state: DeskState, at: datetime, command: PhaseCommand) -> DeskState:
    """Fold one decision about phase, window or approval."""
    phasing = state.phasing
    match command:
        case AnnounceStart():
            waiting = replace(state, stage=Stage.WINDOW, verdict=command.verdict)
            fresh = replace(phasing, window=None, window_policy=command.policy)
            return with_phasing(waiting, fresh)
        case ApprovePlan():
            approved = replace(state, stage=Stage.APPROVED, verdict=command.verdict)
            by = replace(phasing, let_start_by=command.by, let_start_at=at)
            return with_phasing(approved, by)
        case ChangePhase():
            return with_phasing(state, _changed(phasing, at, command))
        case RefusePhase():
            return with_phasing(state, replace(phasing, is_asked=False))
        case _:
            assert_never(command)


def _changed(phasing: Phasing, at: datetime, command: ChangePhase) -> Phasing:
    return replace(
        phasing,
        phase=command.phase,
        since=at,
        changed_by=command.by,
        reason=command.reason,
        incident="",
        is_asked=phasing.is_asked and command.by == ITSELF,
        live_waiver=command.live_waiver or phasing.live_waiver,
    )


def note_program_end(state: DeskState, end: ProgramState) -> DeskState:
    """Count a program's end as evidence; one that needs a person is an incident."""
    phasing = state.phasing
    found = phasing.evidence
    if end is ProgramState.COMPLETED:
        done = found.completed.get(phasing.effective, 0) + 1
        completed = {**found.completed, phasing.effective: done}
        return _with_evidence(state, replace(found, completed=completed))
    other = _with_evidence(state, replace(found, ended_otherwise=found.ended_otherwise + 1))
    return incident(other, "a program was locked") if end is ProgramState.LOCKED else other


def note_reconciliation(state: DeskState, found: Reconciliation) -> DeskState:
    """Count new breaks as evidence against a promotion; they are an incident."""
    before = state.locked_names()
    new = sorted(found.locked_names - before)
    if not new:
        return state
    evidence = state.phasing.evidence
    counted = _with_evidence(state, replace(evidence, breaks=evidence.breaks + 1))
    return incident(counted, f"our books and the broker's differ in {', '.join(new)}")


def incident(state: DeskState, sentence: str) -> DeskState:
    """Keep what calls for a demotion."""
    found = state.phasing.evidence
    counted = _with_evidence(state, replace(found, incidents=found.incidents + 1))
    return with_phasing(counted, replace(counted.phasing, incident=sentence))


def _with_evidence(state: DeskState, evidence: Evidence) -> DeskState:
    return with_phasing(state, replace(state.phasing, evidence=evidence))


def with_phasing(state: DeskState, phasing: Phasing) -> DeskState:
    """Return the state with what it knows of its phase replaced."""
    return replace(state, phasing=phasing)
