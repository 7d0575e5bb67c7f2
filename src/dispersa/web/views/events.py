"""What does one journal entry say, in a line that a person reads at a glance?"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from dispersa.journal import Entry

QUIET = frozenset(
    {
        "MarketObserved",
        "ConditionsRead",
        "OrderHandedOver",
        "OrderWorking",
        "CommissionReported",
        "SnapshotRead",
        "ReadSnapshot",
        "Looked",
        "ComputeSignal",
        "ComputePlan",
        "ComputeTargets",
        "AmendOrder",
        "BookMarked",
    }
)
"""Kinds that a timeline leaves out: they happen all the time and decide nothing by themselves."""

ROUTINE = QUIET | {
    "AmendRefused",
    "CancelOrder",
    "DenyOrder",
    "ExecutionReported",
    "OrderCancelled",
    "PausePackage",
    "PlaceOrder",
    "RecordReconciliation",
    "ResumePackage",
    "SuspectMove",
}
"""What the overview leaves out, too: the single orders of a program stand on its own page."""

TONES = {
    "HaltRequested": "alarm",
    "HaltTrading": "alarm",
    "DenyOrder": "alarm",
    "DenyPlan": "alarm",
    "OrderRejected": "alarm",
    "OrderDoubtful": "alarm",
    "DoubtOrder": "alarm",
    "LinkLost": "alarm",
    "RaiseAlert": "alarm",
    "TaskFailed": "alarm",
    "ExecutionReported": "ours",
    "PlaceOrder": "ours",
    "StartProgram": "ours",
    "EndProgram": "ours",
}

_SAYING = ("sentence", "reason", "text", "message", "headline", "remark")
_SUBJECT = (
    "package",
    "symbol",
    "ref",
    "plan_hash",
    "program",
    "phase",
    "stage",
    "state",
    "profile",
)
TEXT_MAX = 180


def lines(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Return a line for each entry."""
    return [line(entry) for entry in entries]


def line(entry: Entry) -> dict[str, Any]:
    """Return what one entry says."""
    payload = json.loads(entry.payload)
    return {
        "sequence": entry.sequence,
        "at": entry.at,
        "kind": entry.kind,
        "title": title(entry.kind),
        "text": summary(entry.kind, payload),
        "cause": entry.cause,
        "tone": TONES.get(entry.kind, ""),
    }


def title(kind: str) -> str:
    """Write a kind as words: `OrderHandedOver` as `order handed over`."""
    return "".join(f" {c.lower()}" if c.isupper() else c for c in kind).strip()


def summary(kind: str, payload: Mapping[str, Any]) -> str:
    """Say the gist: who, what, why; at most 180 characters."""
    match kind:
        case "ExecutionReported":
            text = _execution(payload.get("execution", payload))
        case "PlaceOrder" | "AmendOrder":
            text = _order(payload.get("approved", {}).get("intent", {}))
        case "SignalComputed":
            text = _reasons(payload.get("signal", {}))
        case "PlanProposed":
            plan = payload.get("plan", {})
            count = len(plan.get("packages", ()))
            text = f"{plan.get('direction', '')} on {plan.get('index', '')}, {count} packages"
        case "RecordReconciliation":
            breaks = payload.get("reconciliation", {}).get("breaks", ())
            text = f"{len(breaks)} breaks" if breaks else "our books and the broker's agree"
        case "RaiseAlert":
            text = _plain(payload.get("alert", {}))
        case "DenyOrder":
            text = _plain(payload.get("denial", {}))
        case _:
            text = _plain(payload)
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"


def _plain(payload: Mapping[str, Any]) -> str:
    subject = [str(payload[key]) for key in _SUBJECT if payload.get(key)]
    said = [str(payload[key]) for key in _SAYING if payload.get(key)]
    who = payload.get("by") or payload.get("operator") or payload.get("requested_by")
    return ", ".join([*subject[:2], *said[:1]]) + (f" (by {who})" if who else "")


def _execution(row: Mapping[str, Any]) -> str:
    quantity = str(row.get("quantity", "")).removesuffix(".0")
    return f"{row.get('side', '')} {quantity} {row.get('symbol', '')} at {row.get('price', '')}"


def _order(intent: Mapping[str, Any]) -> str:
    legs = intent.get("combo", {}).get("legs") or [{}]
    symbol = legs[0].get("contract", {}).get("symbol", "")
    return (
        f"{intent.get('side', '')} {intent.get('quantity', '')} {symbol} at "
        f"{intent.get('limit_price', '')}"
    )


def _reasons(signal: Mapping[str, Any]) -> str:
    reasons = [reason.get("sentence", "") for reason in signal.get("reasons", ())]
    return f"{signal.get('direction', '')}: {reasons[0] if reasons else 'no reason given'}"
