"""By which fixed rules does the desk decide? Set once, when it starts."""

from dataclasses import dataclass, field
from datetime import timedelta

from dispersa.desk.controls import HaltPolicy
from dispersa.desk.phases import PhaseRules
from dispersa.execution.policy import ProgramPolicy, WalkPolicy
from dispersa.risk import Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskRules:
    """The gate and the policies of execution.

    `order_prefix` begins every order reference, so that two installations on one account never
    share one. `settle_within` bounds the wait for late commissions after the last fill, and
    `fill_grace` is how long a fresh fill may be ahead of the broker's positions.
    """

    gate: Gate
    order_prefix: str
    walk_policy: WalkPolicy = field(default_factory=WalkPolicy)
    program_policy: ProgramPolicy = field(default_factory=ProgramPolicy)
    settle_within: timedelta = timedelta(seconds=5)
    snapshot_interval: timedelta = timedelta(seconds=30)
    fill_grace: timedelta = timedelta(seconds=5)
    phases: PhaseRules = field(default_factory=PhaseRules)
    halts: HaltPolicy = field(default_factory=HaltPolicy)
