"""Which entries of the journal count for or against a promotion? Gathered by replay."""

from pathlib import Path

from dispersa.desk import commands as cmd
from dispersa.desk import phase_commands as pc
from dispersa.desk import phase_events as pe
from dispersa.desk.state import DeskState
from dispersa.journal import read_entries
from dispersa.reports.evidence import Findings, Happening, findings_of
from dispersa.runtime.config.settings import Settings
from dispersa.runtime.day_fold import Told, told

PAPER_DAYS_MIN = 20


def evidence_of(settings: Settings) -> Findings:
    """Read a journal whole and judge it; no journal yet is a desk that has shown nothing."""
    state, happenings = _read(settings.journal_file)
    return findings_of(
        state.phasing,
        state.profile or settings.profile,
        happenings,
        paper_days_min=PAPER_DAYS_MIN,
        public_url=settings.web.public_url,
    )


def _read(journal: Path) -> tuple[DeskState, list[Happening]]:
    state = DeskState()
    found: list[Happening] = []
    if not journal.exists():
        return state, found
    for step in told(read_entries(journal)):
        words = _worth(step, state)
        if words is not None:
            found.append(Happening(at=step.at, kind=words[0], words=words[1]))
        state = step.state
    return state, found


def _worth(step: Told, before: DeskState) -> tuple[str, str] | None:
    match step.record:
        case cmd.EndProgram(state=end, sentence=sentence):
            return f"program {end.value}", sentence
        case cmd.RecordReconciliation(reconciliation=found):
            new = sorted(found.locked_names - before.locked_names())
            return ("break", ", ".join(new)) if new else None
        case pc.ChangePhase(phase=phase, by=by, reason=reason):
            return f"phase {phase.value}", f"{by}: {reason}"
        case pc.RefusePhase(phase=phase, reason=reason):
            return f"refused {phase.value}", reason
        case cmd.DeclineTrade(stage="window", reason=reason):
            return "window", reason
        case pe.DayEnded(day=day, books_agree=agree):
            return "day ended", f"{day}, books {'agree' if agree else 'DIFFER'}"
        case _:
            return None
