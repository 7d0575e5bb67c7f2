"""How much room is left before each limit, and which controls stand between us and harm?"""

import json
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from dispersa.desk.facts import gate_facts
from dispersa.risk import DenialCode, LimitUse, limit_uses
from dispersa.web.formats import ago
from dispersa.web.seam import Reading
from dispersa.web.views.drawing import share

BAR_WIDTH = 220.0
CONTROL_TESTS = Path(__file__).resolve().parent.parent / "control_tests.json"
NEAR = 0.8
"""From this share of a limit on it is shown as near."""
SMALL = 0.1
"""Below this share a limit is folded away, unless its use is not known."""
_TOLD_ELSEWHERE = frozenset(
    {"healthy", "at", "build", "profile", "phase", "stage", "halted", "linked", "last_sequence"}
)
_WATCHDOG = "watchdog_beat_seconds"
WATCHDOG_OLD_SECONDS = 10.0
"""The watchdog beats every second; one that is silent for longer does not watch."""


def risk_view(reading: Reading, *, data_lines_max: int | None = None) -> dict[str, Any]:
    """Return every limit with its use, the gate's last answers, and the machinery's budgets."""
    state = reading.state
    if state.limits is None:
        return {"limits": None, "checks": (), "machinery": machinery(reading, data_lines_max)}
    uses = limit_uses(state.limits, gate_facts(state, reading.at))
    rows = sorted(map(_row, uses), key=lambda row: -float(row["share"]))
    verdict = state.verdict
    return {
        "limits": rows,
        "shown": [row for row in rows if not _is_small(row)],
        "small": [row for row in rows if _is_small(row)],
        "small_share": SMALL,
        "near": [row for row in rows if row["share"] >= NEAR],
        "unknown": [row for row in rows if row["used"] is None],
        "checks": () if verdict is None else verdict.checks,
        "tests": () if verdict is None else _tests([check.code for check in verdict.checks]),
        "checked_at": None if verdict is None else verdict.at,
        "reason": state.limits_reason,
        "machinery": machinery(reading, data_lines_max),
        "evidence": state.phasing.evidence.sentence,
        "denials": sorted(state.denials.items(), key=lambda row: -row[1]),
    }


def _is_small(row: dict[str, Any]) -> bool:
    return row["used"] is not None and row["level"] == "room" and row["share"] < SMALL


def _tests(codes: Sequence[DenialCode]) -> list[tuple[str, list[str]]]:
    """Return each control with the tests that prove it, by the mapping of controls."""
    known = _control_tests()
    return [(code.value, [each.rpartition("::test_")[2] for each in known[code]]) for code in codes]


@cache
def _control_tests() -> dict[str, list[str]]:
    """Return the tests of each code, as `make reference` writes them beside this room."""
    found: dict[str, list[str]] = json.loads(CONTROL_TESTS.read_text(encoding="utf-8"))
    return found


def machinery(reading: Reading, data_lines_max: int | None) -> list[dict[str, Any]]:
    """Return what the daemon says of itself, a row for each fact; what is wrong stands first."""
    rows = [_lines(len(reading.quotes), data_lines_max)]
    for name, value in reading.health.items():
        if name == "tasks":
            rows += [
                _fact(f"task {task}", "runs", trouble=found.get("reason") or "")
                for task, found in value.items()
            ]
        elif name == "troubles":
            rows += [_fact("trouble", "", trouble=each) for each in value]
        elif name == _WATCHDOG:
            rows.append(_watchdog(value))
        elif name not in _TOLD_ELSEWHERE:
            rows.append(_fact(name.replace("_", " "), value))
    return sorted(rows, key=lambda row: not row["is_bad"])


def _lines(used: int, most: int | None) -> dict[str, Any]:
    text = f"{used:,}" if most is None else f"{used:,} of {most:,}"
    is_near = most is not None and used >= NEAR * most
    row = _fact("market data lines in use", text, trouble=text if is_near else "")
    return {**row, "is_number": True}


def _watchdog(beat_seconds: float | None) -> dict[str, Any]:
    """Whether a process of its own stands ready to stop this one."""
    if beat_seconds is None:
        return _fact("watchdog", "", trouble="none watches: start dispersa watchdog")
    if beat_seconds > WATCHDOG_OLD_SECONDS:
        said = f"silent for {ago(beat_seconds)}: look whether dispersa watchdog still runs"
        return _fact("watchdog", "", trouble=said)
    return _fact("watchdog", f"watches, last beat {ago(beat_seconds)} ago")


def _fact(name: str, value: Any, *, trouble: str = "") -> dict[str, Any]:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    match value:
        case None | "" | [] | ():
            text = "–"
        case bool():
            text = "yes" if value else "no"
        case list() | tuple():
            text = ", ".join(map(str, value))
        case int():
            text = f"{value:,}"
        case _:
            text = str(value)
    return {"name": name, "text": trouble or text, "is_bad": bool(trouble), "is_number": is_number}


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
