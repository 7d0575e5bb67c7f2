"""A limit changes only with a name and a reason, and it is known what loosens."""

from datetime import time
from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter
from situations import AT

from dispersa.errors import InvalidInput
from dispersa.market import Symbol
from dispersa.risk import Cap, Limits, QuietWindow, change_limits
from dispersa.risk.changes import LimitsChanged
from dispersa.risk.limits import RANGES, RESTART_WINDOW

NOON = QuietWindow(start=time(12), end=time(13))
ROWS: list[tuple[dict[str, Any], str, bool]] = [
    ({"vix_max": 35.0}, "vix_max", True),
    ({"vix_max": 25.0}, "vix_max", False),
    ({"net_liquidation_min_usd": Decimal(40_000)}, "net_liquidation_min_usd", True),
    ({"net_liquidation_min_usd": Decimal(60_000)}, "net_liquidation_min_usd", False),
    ({"margin_headroom_share_min": Decimal("0.1")}, "margin_headroom_share_min", True),
    ({"edge_min_vol_points": 0.5}, "edge_min_vol_points", False),
    ({"session_end_margin_seconds": 60.0}, "session_end_margin_seconds", True),
    ({"messages_reserved_share": Decimal("0.1")}, "messages_reserved_share", True),
    ({"restricted": (Symbol("AAPL"),)}, "restricted", False),
    ({"quiet_windows": ()}, "quiet_windows", True),
    ({"quiet_windows": (RESTART_WINDOW, NOON)}, "quiet_windows", False),
    (
        {"order": Cap(premium_usd_max=Decimal(1), vega_usd_max=2_500.0, contracts_max=100)},
        "order.premium_usd_max",
        False,
    ),
]


@pytest.mark.parametrize(("changes", "key", "loosens"), ROWS)
def test_change_is_named_and_its_direction_known(
    changes: dict[str, Any], key: str, loosens: bool
) -> None:
    found = change_limits(Limits(), Limits(**changes), at=AT, actor="ann", reason="review")
    assert [(row.key, row.loosens) for row in found.changes] == [(key, loosens)]
    assert found.loosens is loosens
    back = change_limits(Limits(**changes), Limits(), at=AT, actor="ann", reason="review")
    assert back.loosens is not loosens


def test_equal_limits_change_nothing() -> None:
    found = change_limits(Limits(), Limits(), at=AT, actor="ann", reason="review")
    assert (found.changes, found.loosens) == ((), False)


@pytest.mark.parametrize(("actor", "reason"), [("", "why"), ("ann", ""), (" ", "why")])
def test_change_without_name_or_reason_is_refused(actor: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match="expected who and why"):
        change_limits(Limits(), Limits(vix_max=25.0), at=AT, actor=actor, reason=reason)


def test_every_number_has_a_direction_by_its_name() -> None:
    """A key is a floor by its name or in the list: `_max` never tightens when raised."""
    for key in RANGES:
        if key.endswith("_max"):
            low = Limits(**{key: _shifted(key)})
            assert change_limits(low, Limits(), at=AT, actor="a", reason="b").loosens


def _shifted(key: str) -> Any:
    value = getattr(Limits(), key)
    return value - 1 if isinstance(value, int) else value * 9 / 10


def test_change_is_equal_after_the_journal() -> None:
    adapter = TypeAdapter(LimitsChanged)
    found = change_limits(Limits(), Limits(vix_max=25.0), at=AT, actor="ann", reason="review")
    assert adapter.validate_json(adapter.dump_json(found)) == found
