"""What does a program read of a trade? The JSON document of `demo` and `trade`."""

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from dispersa.correlation.terms import Signal
from dispersa.desk.state import DeskState
from dispersa.execution.outcome import PackageOutcome, ProgramOutcome, outcome_of
from dispersa.execution.plan import PlannedPackage, TradePlan
from dispersa.risk import GateVerdict


def trade_document(state: DeskState, *, journal_ok: bool) -> dict[str, Any]:
    """Return the document: money in account currency, vega in dollars per vol point."""
    program = state.program
    document: dict[str, Any] = {
        "program": None,
        "direction": None if state.plan is None else state.plan.direction.value,
        "state": state.stage.value.upper(),
        "reason": state.decline_reason or None,
        "signal": None if state.signal is None else signal_document(state.signal),
        "reconciled": state.reconciliation is not None and state.reconciliation.agrees,
        "journal_ok": journal_ok,
    }
    if program is None or state.plan is None:
        return document
    outcome = outcome_of(program, state.orders, state.book, state.messages_sent)
    return document | _program(outcome) | {"plan": state.plan.plan_hash}


def plan_document(plan: TradePlan, verdict: GateVerdict) -> dict[str, Any]:
    """Return a plan with every check of the gate."""
    return {
        "plan": plan.plan_hash,
        "kind": plan.kind.value,
        "direction": plan.direction.value,
        "index": plan.index,
        "created_at": plan.created_at.isoformat(),
        "expires_at": plan.expires_at.isoformat(),
        "packages": [_planned(row) for row in plan.packages],
        "reserves": [_planned(row) for row in plan.reserves],
        "net_vega": plan.net_vega_usd,
        "gross_vega": plan.gross_vega_usd,
        "premium": float(plan.premium_usd),
        "margin_modeled": float(plan.margin_modeled_usd),
        "margin_what_if": _number(plan.margin_what_if_usd),
        "cost_expected": float(plan.cost_expected_usd),
        "edge": plan.edge_vol_points,
        "edge_waived": plan.edge_waived,
        "stress": {row.name: row.pnl_usd for row in plan.stress},
        "dropped": {row.symbol: row.reason for row in plan.dropped},
        "passed": verdict.passed,
        "checks": [
            {
                "check": check.code.value,
                "passed": check.passed,
                "measured": check.measured,
                "limit": check.limit,
            }
            for check in verdict.checks
        ],
    }


def _planned(row: PlannedPackage) -> dict[str, Any]:
    return {
        "symbol": row.symbol,
        "straddle": row.straddle.label,
        "side": row.side.value,
        "quantity": row.quantity,
        "bid": _number(row.quote.bid),
        "ask": _number(row.quote.ask),
        "implied_vol": row.implied_vol,
        "vega": row.vega_signed_usd,
        "premium": float(row.premium_usd),
        "cost_expected": float(row.cost_expected_usd),
    }


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _program(outcome: ProgramOutcome) -> dict[str, Any]:
    return {
        "program": outcome.program,
        "state": outcome.state.value,
        "reason": outcome.sentence,
        "packages": [_package(row) for row in outcome.packages],
        "net_vega": outcome.net_vega_usd,
        "gross_vega": outcome.gross_vega_usd,
        "vega_imbalance_max": outcome.imbalance_max_usd,
        "vega_corridor": outcome.corridor_usd,
        "cost_expected": float(outcome.cost_expected_usd),
        "cost_actual": float(outcome.cost_actual_usd),
        "slippage": float(outcome.slippage_usd),
        "slippage_vol_points": outcome.slippage_vol_points,
        "slippage_budget": float(outcome.budget_usd),
        "remedies": [remedy.value for remedy in outcome.remedies],
        "alerts": [
            {"kind": alert.kind.value, "subject": alert.subject, "sentence": alert.sentence}
            for alert in outcome.alerts
        ],
        "seconds": outcome.seconds,
    }


def _package(row: PackageOutcome) -> dict[str, Any]:
    return {
        "symbol": row.symbol,
        "side": row.side.value,
        "quantity": row.quantity,
        "target": row.target,
        "filled": row.filled,
        "decision_price": _number(row.decision_price),
        "arrival_mid": None if row.arrival_mid is None else float(row.arrival_mid),
        "average_price": None if row.average_price is None else float(row.average_price),
        "limit_path": [[at.isoformat(), float(limit)] for at, limit in row.limit_path],
        "slippage": float(row.slippage_usd),
        "slippage_half_spreads": row.half_spread_share,
        "slippage_vol_points": row.slippage_vol_points,
        "cost_expected": float(row.cost_expected_usd),
        "fill_seconds": row.fill_seconds,
        "commission": float(row.commission_usd),
        "vega": row.vega_usd,
        "orders": row.orders,
        "messages": row.messages,
        "reason": row.reason,
    }


def signal_document(signal: Signal) -> dict[str, Any]:
    """Return the signal with plain values."""
    return _jsonable(asdict(signal))  # type: ignore[no-any-return]  # a dict stays a dict


def _jsonable(value: Any) -> Any:
    match value:
        case dict():
            return {key: _jsonable(item) for key, item in value.items()}
        case list() | tuple():
            return [_jsonable(item) for item in value]
        case str():
            return str(value)
        case _ if hasattr(value, "isoformat"):
            return value.isoformat()
        case _:
            return value
