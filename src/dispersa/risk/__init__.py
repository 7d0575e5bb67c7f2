"""May we? Limits, the gate, and the only maker of approved orders."""

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
from dispersa.risk.limits import Cap, Limits, QuietWindow
from dispersa.risk.verdict import Check, Denial, GateVerdict

__all__ = [
    "CONTROLS",
    "NO_USE",
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
    "Limits",
    "MessageCounts",
    "OrderContext",
    "PlanRequest",
    "PlannedPackage",
    "QuietWindow",
    "Use",
    "Uses",
    "denials_table",
]
