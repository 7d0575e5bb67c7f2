"""Which limits are nearest to full? One share for ceilings and floors alike."""

from collections.abc import Iterable
from decimal import Decimal

from dispersa.reports.tables import money
from dispersa.risk.headroom import LimitUse


def share_used(row: LimitUse) -> float | None:
    """How full a limit is: 1 is at the limit; None where the use is not known.

    used / limit for a ceiling, limit / used for a floor.
    """
    if row.used is None:
        return None
    part, whole = (row.limit, row.used) if row.is_floor else (row.used, row.limit)
    if whole <= 0:
        return 1.0 if part >= whole else 0.0
    return float(part / whole)


def nearest_full(rows: Iterable[LimitUse], count: int) -> tuple[tuple[LimitUse, float | None], ...]:
    """Return the limits that are not known first, then the fullest, unused ones left out."""
    shares = [(row, share_used(row)) for row in rows]
    worth = [pair for pair in shares if pair[1] is None or pair[1] > 0]
    worth.sort(key=lambda pair: -2.0 if pair[1] is None else -pair[1])
    return tuple(worth[:count])


def amount(value: Decimal | None) -> str:
    """A use or a limit as text."""
    if value is None:
        return "not known"
    return money(value) if abs(value) >= 1000 else f"{float(value):,.6g}"


def limit_row(row: LimitUse, share: float | None) -> tuple[str, str, str, str]:
    """Return name, use, limit and share as texts."""
    name = f"{row.subject} {row.whose}".strip()
    limit = f"{'≥' if row.is_floor else '≤'} {amount(row.limit)}"
    return name, amount(row.used), limit, "–" if share is None else f"{share:.0%}"
