"""How much room is left before each limit, and which controls stand between us and harm?"""

from decimal import Decimal
from typing import Any

from dispersa.desk.facts import gate_facts
from dispersa.risk import LimitUse, limit_uses
from dispersa.web.seam import Reading
from dispersa.web.views.drawing import share

BAR_WIDTH = 220.0
NEAR = 0.8
"""From this share of a limit on it is shown as near."""


def risk_view(reading: Reading) -> dict[str, Any]:
    """Return every limit with its use, the gate's last answers, and the machinery's budgets."""
    state = reading.state
    if state.limits is None:
        return {"limits": None, "checks": (), "health": reading.health}
    uses = limit_uses(state.limits, gate_facts(state, reading.at))
    rows = [_row(use) for use in uses]
    verdict = state.verdict
    return {
        "limits": sorted(rows, key=lambda row: -row["share"]),
        "near": [row for row in rows if row["share"] >= NEAR],
        "unknown": [row for row in rows if row["used"] is None],
        "checks": () if verdict is None else verdict.checks,
        "checked_at": None if verdict is None else verdict.at,
        "reason": state.limits_reason,
        "health": reading.health,
        "evidence": state.phasing.evidence.sentence,
        "denials": sorted(state.denials.items(), key=lambda row: -row[1]),
    }


def _row(use: LimitUse) -> dict[str, Any]:
    used, limit = use.used, use.limit
    part = 0.0
    if used is not None:
        part = share(limit, used) if use.is_floor else share(used, limit)
    return {
        "name": use.subject,
        "whose": use.whose,
        "unit": use.unit,
        "used": used,
        "limit": limit,
        "is_floor": use.is_floor,
        "share": part,
        "width": part * BAR_WIDTH,
        "headroom": use.headroom,
        "level": "over" if _is_over(use.headroom) else "near" if part >= NEAR else "room",
        "breach": _breach(use),
    }


def _is_over(headroom: Decimal | None) -> bool:
    return headroom is not None and headroom < 0


def _breach(use: LimitUse) -> str:
    if use.used is None:
        return "not known: what needs it is refused"
    return "a fall below it stops opening" if use.is_floor else "more than it is refused"
