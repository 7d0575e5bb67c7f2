"""Which keys say what needs a person in each phase, and how far a market may move meanwhile?"""

from datetime import timedelta
from types import MappingProxyType
from typing import Literal

from pydantic import Field

from dispersa.desk.phases import Approval, DriftPolicy, Phase, PhaseApprovals, PhaseRules
from dispersa.desk.window import WindowPolicy
from dispersa.runtime.config.keys import Count, Number, Section, choice, count, number

ApprovalName = Literal["ask", "window", "automatic"]
HedgeName = Literal["ask", "automatic"]
_HEDGES = "Hedges in {}: ask (`dispersa cycle --hedge`, you are told when one is due) or automatic."
_MEANING = "How {} are approved in {}: ask (EXECUTE), window (60 s to cancel) or automatic."


class CrawlApprovals(Section):
    """Approvals in crawl, where every entry waits for EXECUTE."""

    hedges: HedgeName = choice("ask", HedgeName, _HEDGES.format("crawl"))
    exits: ApprovalName = choice("ask", ApprovalName, _MEANING.format("exits", "crawl"))
    rolls: ApprovalName = choice("ask", ApprovalName, _MEANING.format("rolls", "crawl"))


class WalkApprovals(Section):
    """Approvals in walk, where an entry starts 61 s after its alert unless somebody cancels."""

    hedges: HedgeName = choice("automatic", HedgeName, _HEDGES.format("walk"))
    exits: ApprovalName = choice("window", ApprovalName, _MEANING.format("exits", "walk"))
    rolls: ApprovalName = choice("window", ApprovalName, _MEANING.format("rolls", "walk"))


class RunApprovals(Section):
    """Approvals in run, where an entry starts by itself within the limits."""

    hedges: HedgeName = choice("automatic", HedgeName, _HEDGES.format("run"))
    exits: ApprovalName = choice("automatic", ApprovalName, _MEANING.format("exits", "run"))
    rolls: ApprovalName = choice("automatic", ApprovalName, _MEANING.format("rolls", "run"))


class PhasesSection(Section):
    """What needs a person. The phase itself stands in the journal: `dispersa phase` changes it."""

    crawl: CrawlApprovals = Field(default_factory=CrawlApprovals)
    walk: WalkApprovals = Field(default_factory=WalkApprovals)
    run: RunApprovals = Field(default_factory=RunApprovals)
    handover_seconds: Count = count(
        120, 10, 240, "s", "Within this time an alert must be handed over, or the window lapses."
    )
    drift_mid_share: Number = number(
        0.10, 0, 1, "fraction", "How far a straddle's mid may move between plan and start."
    )
    drift_spot_share: Number = number(
        0.01, 0, 1, "fraction", "How far the index may move between plan and start."
    )
    paper_days_min: Count = count(
        20, 20, 1000, "days", "Journaled paper days that live trading needs without a waiver."
    )

    def rules(self, public_url: str | None) -> PhaseRules:
        """Return what the desk decides phases by."""
        return PhaseRules(
            approvals=MappingProxyType(
                {
                    Phase.CRAWL: _approvals(self.crawl),
                    Phase.WALK: _approvals(self.walk),
                    Phase.RUN: _approvals(self.run),
                }
            ),
            window=WindowPolicy(handover_within=timedelta(seconds=self.handover_seconds)),
            public_url=public_url,
            drift=DriftPolicy(mid_share=self.drift_mid_share, spot_share=self.drift_spot_share),
            paper_days_min=self.paper_days_min,
        )


def _approvals(section: CrawlApprovals | WalkApprovals | RunApprovals) -> PhaseApprovals:
    return PhaseApprovals(
        hedge=Approval(section.hedges), exit=Approval(section.exits), roll=Approval(section.rolls)
    )
