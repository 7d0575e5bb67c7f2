"""What does one journal entry say, in a line that a person reads at a glance?"""

import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from dispersa.journal import Entry
from dispersa.web.formats import usd

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

TITLES = {
    "AmendOrder": "limit moved",
    "AskApproval": "plan waits for EXECUTE",
    "AnnounceStart": "start announced",
    "ApprovePlan": "plan approved",
    "BeginDay": "day begun",
    "BookMarked": "book marked",
    "BrokerSynchronized": "broker's books read",
    "CancelOrder": "cancel sent",
    "ChangePhase": "phase changed",
    "ComputeClosing": "closing asked for",
    "ComputePlan": "plan asked for",
    "ComputeSignal": "signal asked for",
    "ComputeTargets": "new sizes asked for",
    "ConditionsRead": "account and VIX read",
    "DeclineTrade": "no trade",
    "DenyOrder": "order refused by the gate",
    "DenyPlan": "plan refused by the gate",
    "DoubtOrder": "order in doubt",
    "EndPackage": "package ended",
    "EndProgram": "program ended",
    "HaltRequested": "halt asked for",
    "HaltTrading": "trading halted",
    "LimitsBound": "limits bound",
    "LinkLost": "link lost",
    "LinkRestored": "link restored",
    "MarketObserved": "market seen",
    "NoteAdded": "note",
    "OperatorAnswered": "answer",
    "PausePackage": "package paused",
    "PlaceOrder": "order sent",
    "RaiseAlert": "alert raised",
    "ReadSnapshot": "broker's books asked for",
    "RecordReconciliation": "books compared",
    "RefusePhase": "phase refused",
    "ResumePackage": "package goes on",
    "SnapshotRead": "broker's books read",
    "StartProgram": "program started",
}
"""What a person calls a record; other kinds are told by their own words."""

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
    return TITLES.get(kind) or "".join(f" {c.lower()}" if c.isupper() else c for c in kind).strip()


def summary(kind: str, payload: Mapping[str, Any]) -> str:
    """Say the gist: who, what, why; at most 180 characters."""
    text = _GISTS.get(kind, _plain)(payload)
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"


def _plain(payload: Mapping[str, Any]) -> str:
    subject = [str(payload[key]) for key in _SUBJECT if payload.get(key)]
    said = [str(payload[key]) for key in _SAYING if payload.get(key)]
    who = payload.get("by") or payload.get("operator") or payload.get("requested_by")
    told = ", ".join([*subject[:2], *said[:1]])
    return told if not who else f"{told} (by {who})" if told else f"by {who}"


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
    why = reasons[0] if reasons else "no reason given"
    return why if why.startswith(signal.get("direction", "-")) else f"{_direction(signal)}: {why}"


def _direction(payload: Mapping[str, Any]) -> str:
    return str(payload.get("direction", "")).replace("_", " ").lower()


def _conditions(payload: Mapping[str, Any]) -> str:
    account, vix = payload.get("account") or {}, payload.get("vix") or {}
    said = [payload.get("account_missing", ""), payload.get("vix_missing", "")]
    if (worth := account.get("net_liquidation")) is not None:
        said.append(f"net liquidation {usd(Decimal(str(worth)))}")
    if (level := vix.get("level")) is not None:
        said.append(f"VIX {level:.1f}")
    return ", ".join(filter(None, said))


def _plan(payload: Mapping[str, Any]) -> str:
    plan = payload.get("plan", {})
    count = len(plan.get("packages", ()))
    return f"{_direction(plan)} on {plan.get('index', '')}, {count} packages"


def _commission(payload: Mapping[str, Any]) -> str:
    paid = payload.get("commission", {})
    return f"{paid.get('amount', '')} {paid.get('currency', '')}".strip()


def _comparison(payload: Mapping[str, Any]) -> str:
    breaks = payload.get("reconciliation", {}).get("breaks", ())
    return f"{len(breaks)} breaks" if breaks else "our books and the broker's agree"


_GISTS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "ExecutionReported": lambda payload: _execution(payload.get("execution", payload)),
    "PlaceOrder": lambda payload: _order(payload.get("approved", {}).get("intent", {})),
    "AmendOrder": lambda payload: _order(payload.get("approved", {}).get("intent", {})),
    "SignalComputed": lambda payload: _reasons(payload.get("signal", {})),
    "PlanProposed": _plan,
    "CommissionReported": _commission,
    "DeclineTrade": lambda payload: str(payload.get("reason", "")),
    "ConditionsRead": _conditions,
    "BookMarked": lambda payload: f"{len(payload.get('marks', ()))} contracts",
    "RecordReconciliation": _comparison,
    "RaiseAlert": lambda payload: _plain(payload.get("alert", {})),
    "DenyOrder": lambda payload: _plain(payload.get("denial", {})),
}
"""What to say of each kind; the rest says subject, sentence and person as they stand."""
