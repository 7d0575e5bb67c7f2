"""What has the journal shown so far, and what is missing for the next phase?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from dispersa.desk.phases import Phase, Phasing, live_refusal, promotion_refusal
from dispersa.reports.tables import table


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that counts for or against a promotion."""

    at: datetime
    kind: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What stands between the desk and a phase; `reason` None where nothing does."""

    phase: Phase
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The evidence as counted by the desk, what happened, and what is missing."""

    profile: str
    phasing: Phasing
    happenings: tuple[Happening, ...]
    gaps: tuple[Gap, ...]
    live_gap: str | None


def findings_of(
    phasing: Phasing,
    profile: str,
    happenings: Sequence[Happening],
    *,
    paper_days_min: int,
    public_url: str | None,
) -> Findings:
    """Judge what was found; `paper_days_min` days are needed before real money."""
    gaps = tuple(
        Gap(phase=phase, reason=_gap(phasing, phase, public_url))
        for phase in Phase
        if phase.rank > phasing.phase.rank
    )
    days = f"{phasing.evidence.days} journaled trading days of {paper_days_min} needed"
    live = live_refusal(phasing, profile, paper_days_min)
    if profile != "live" and phasing.evidence.days < paper_days_min:
        live = f"{days}, or a waiver with a reason"
    return Findings(
        profile=profile,
        phasing=phasing,
        happenings=tuple(happenings),
        gaps=gaps,
        live_gap=live,
    )


def _gap(phasing: Phasing, phase: Phase, public_url: str | None) -> str | None:
    refusal = promotion_refusal(phasing, phase)
    if refusal is not None:
        return refusal
    if phasing.incident:
        return f"an incident is open: {phasing.incident}"
    if phase is Phase.WALK and public_url is None:
        return "web.public_url is not set: Walk would not arm, nobody could cancel from outside"
    if phase is Phase.WALK and phasing.page_proven != public_url:
        return f"nobody has opened the test link under {public_url}: Walk would not arm"
    return None


def evidence_screen(found: Findings) -> Group:
    """Show counts, what happened, and what is missing."""
    phasing, seen = found.phasing, found.phasing.evidence
    since = "the beginning" if phasing.since is None else f"{phasing.since:%Y-%m-%d %H:%M} UTC"
    head = Text(f"Phase {phasing.phase.value} since {since}, profile {found.profile}", style="bold")
    counts = table("Evidence", "what the journal shows", "count")
    for phase in Phase:
        counts.add_row(f"programs completed in {phase.value}", str(seen.completed.get(phase, 0)))
    for name, count in (
        ("programs that ended otherwise", seen.ended_otherwise),
        ("reconciliation breaks", seen.breaks),
        ("incidents", seen.incidents),
        ("windows lapsed", seen.windows_lapsed),
        ("trading days journaled to their end", seen.days),
    ):
        counts.add_row(name, str(count))
    return Group(head, Text(""), counts, *_happenings(found), *_missing(found))


def _happenings(found: Findings) -> list[Table | Text]:
    if not found.happenings:
        return [Text("No program, break or change of phase is journaled yet.\n")]
    rows = table("What happened", "at, UTC", "kind", "in words", left=3)
    rows.columns[2].no_wrap = False
    for row in found.happenings[-20:]:
        rows.add_row(f"{row.at:%Y-%m-%d %H:%M}", row.kind, row.words)
    return [rows]


def _missing(found: Findings) -> list[Text]:
    lines = []
    for gap in found.gaps:
        if gap.reason is None:
            text = f"{gap.phase.value}: the evidence carries it; a person promotes with a reason"
            lines.append(Text(text, style="green"))
        else:
            lines.append(Text(f"{gap.phase.value}: {gap.reason}", style="yellow"))
    if found.live_gap is None:
        lines.append(Text("real money: nothing is missing", style="green"))
    else:
        lines.append(Text(f"real money: {found.live_gap}", style="yellow"))
    return lines


def evidence_document(found: Findings) -> dict[str, Any]:
    """Return the findings with plain values."""
    seen = found.phasing.evidence
    return {
        "profile": found.profile,
        "phase": found.phasing.phase.value,
        "since": None if found.phasing.since is None else found.phasing.since.isoformat(),
        "evidence": {
            "completed": {phase.value: seen.completed.get(phase, 0) for phase in Phase},
            "ended_otherwise": seen.ended_otherwise,
            "breaks": seen.breaks,
            "incidents": seen.incidents,
            "windows_lapsed": seen.windows_lapsed,
            "days": seen.days,
        },
        "happenings": [
            {"at": row.at.isoformat(), "kind": row.kind, "words": row.words}
            for row in found.happenings
        ],
        "missing": {gap.phase.value: gap.reason for gap in found.gaps},
        "missing_for_real_money": found.live_gap,
    }
