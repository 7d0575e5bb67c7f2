"""May we? Limits, the gate, and the only maker of approved orders."""

from dispersa.risk.changes import LimitChange, LimitsChanged, change_limits
from dispersa.risk.codes import CONTROLS, Control, DenialCode, denials_table
from dispersa.risk.facts import (
    NO_USE,
    Edge,
    EdgeMeasured,
    EdgeWaived,
    ExposureAfter,
    GateFacts,
    HaltLevel,
    HeldLeg,
    MessageCounts,
    OrderContext,
    PlannedPackage,
    PlanRequest,
    Use,
    Uses,
)
from dispersa.risk.gate import Gate
from dispersa.risk.headroom import LimitUse, limit_uses
from dispersa.risk.limits import SIMULATED_LIMITS, Cap, Limits, QuietWindow
from dispersa.risk.reservations import (
    VegaRange,
    WeighedOrder,
    exposure_after,
    uses_now,
    vega_range,
    worst_use,
)
from dispersa.risk.verdict import Check, Denial, GateVerdict

__all__ = [
    "CONTROLS",
    "NO_USE",
    "SIMULATED_LIMITS",
    "Cap",
    "Check",
    "Control",
    "Denial",
    "DenialCode",
    "Edge",
    "EdgeMeasured",
    "EdgeWaived",
    "ExposureAfter",
    "Gate",
    "GateFacts",
    "GateVerdict",
    "HaltLevel",
    "HeldLeg",
    "LimitChange",
    "LimitUse",
    "Limits",
    "LimitsChanged",
    "MessageCounts",
    "OrderContext",
    "PlanRequest",
    "PlannedPackage",
    "QuietWindow",
    "Use",
    "Uses",
    "VegaRange",
    "WeighedOrder",
    "change_limits",
    "denials_table",
    "exposure_after",
    "limit_uses",
    "uses_now",
    "vega_range",
    "worst_use",
]
