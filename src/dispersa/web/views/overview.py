"""Am I safe, what happens now, what do I hold, is there a trade? Four cards, in that order."""

from collections.abc import Sequence
from typing import Any

from dispersa.desk.state import DeskState, Stage
from dispersa.desk.weighing import held, positions
from dispersa.execution.program import ProgramState
from dispersa.web.seam import Reading
from dispersa.web.views.drawing import sparkline
from dispersa.web.views.profit import pnl
from dispersa.web.views.program import program_view
from dispersa.web.views.risk import risk_view
from dispersa.web.views.signal import VERDICTS

SPARK_WIDTH, SPARK_HEIGHT = 240.0, 36.0
STAGES = {
    Stage.IDLE: ("Idle", "Nothing is under way."),
    Stage.SIGNAL: ("Reading the market", "History and chains are read for today's signal."),
    Stage.PLAN: ("Making a plan", "Straddles are chosen and sized."),
    Stage.PROPOSED: ("Previewing", "The gate looks at the plan."),
    Stage.APPROVAL: ("Waiting for a person", "The plan waits for EXECUTE."),
    Stage.WINDOW: ("Starting unless cancelled", "The plan starts by itself when its window ends."),
    Stage.APPROVED: ("Approved", "Fresh quotes are awaited, then the program starts."),
    Stage.EXECUTION: ("Working", "The program is being worked."),
    Stage.DECLINED: ("No trade", "Today's trade was declined."),
    Stage.ENDED: ("Done", "The program has ended."),
}


def overview_view(reading: Reading, worth: Sequence[float] = ()) -> dict[str, Any]:
    """Return the four cards; `worth` is what the account was worth today, reading by reading."""
    state = reading.state
    title, remark = STAGES[state.stage]
    if state.program is not None and state.program.state is ProgramState.LOCKED:
        title = "A person is needed"
    risk = risk_view(reading)
    return {
        "stage": title,
        "remark": state.decline_reason or remark,
        "safety": _safety(state, risk),
        "program": program_view(reading),
        "book": _book(reading) | _today(reading.state, worth),
        "signal": state.signal,
        "verdict": None if state.signal is None else VERDICTS[state.signal.direction.value],
        "waits": state.stage in {Stage.APPROVAL, Stage.WINDOW},
        "plan": state.plan,
    }


def _safety(state: DeskState, risk: dict[str, Any]) -> dict[str, Any]:
    unknown, locked = sorted(state.unknown_names()), sorted(state.locked_names())
    found = state.reconciliation
    worries = []
    if state.halt is not None:
        worries.append(f"halted: {state.halt.reason}")
    if not state.linked:
        worries.append(f"not connected: {state.link_message or 'the link is not proven'}")
    if state.program is not None and state.program.state is ProgramState.LOCKED:
        worries.append("the program is locked: a person has to hedge or unwind the difference")
    if unknown:
        worries.append(f"orders of unknown outcome: {', '.join(unknown)}")
    if locked:
        worries.append(f"locked by a break: {', '.join(locked)}")
    return {
        "worries": worries,
        "unknown": unknown,
        "locked": locked,
        "agrees": None if found is None else found.agrees,
        "reconciled_at": state.reconciled_at,
        "open_orders": len(state.open_orders()),
        "nearest": (risk["limits"] or [])[:3],
        "limits_known": risk["limits"] is not None,
    }


def _today(state: DeskState, worth: Sequence[float]) -> dict[str, Any]:
    """What the account gained since its day began, and the line of that."""
    start = state.controls.day
    now = None if state.account is None else state.account.net_liquidation
    gained = None if start is None or now is None else now - start.net_liquidation
    return {"gained_today": gained, "spark": sparkline(worth, SPARK_WIDTH, SPARK_HEIGHT)}


def _book(reading: Reading) -> dict[str, Any]:
    state = reading.state
    own = positions(state)
    exposure = held(state)
    plan = state.plan
    worst = min(plan.stress, key=lambda row: row.pnl_usd) if plan and plan.stress else None
    greeks = exposure.book.greeks
    return {
        "legs": sum(not row.is_flat for row in own.values()),
        "pnl": pnl(reading, own),
        "vega": greeks.vega_usd,
        "vega_gross": greeks.gross_vega_usd,
        "theta": greeks.theta_usd,
        "delta": greeks.delta_usd,
        "premium": exposure.book.premium,
        "worst": worst,
        "net_liquidation": None if state.account is None else state.account.net_liquidation,
    }
