"""What was decided about phase, window and approval?"""

from dataclasses import dataclass

from dispersa.desk.phases import Evidence, Phase
from dispersa.desk.window import WindowPolicy
from dispersa.risk import GateVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnounceStart:
    """Tell the operator that the plan starts by itself unless somebody cancels: Walk's window."""

    plan_hash: str
    verdict: GateVerdict
    policy: WindowPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovePlan:
    """The plan may start, as soon as fresh quotes show that the market has not moved away."""

    plan_hash: str
    by: str
    verdict: GateVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePhase:
    """The desk goes to another phase, for this reason and on this evidence."""

    phase: Phase
    by: str
    reason: str
    evidence: Evidence
    live_waiver: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusePhase:
    """The evidence does not carry the phase that was asked for."""

    phase: Phase
    reason: str


PhaseCommand = AnnounceStart | ApprovePlan | ChangePhase | RefusePhase
