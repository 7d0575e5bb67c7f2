"""What the gate takes and gives survives the journal: JSON and back, equal."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter
from situations import (
    CONTEXT,
    FACTS,
    GATE,
    HEDGE_CONTEXT,
    HEDGE_INTENT,
    INTENT,
    PLAN,
    REDUCE_CONTEXT,
    answer,
    with_uses,
    with_vix,
)

from dispersa.orders import Purpose
from dispersa.risk import EdgeWaived, Use

VALUES: list[Any] = [
    FACTS,
    replace(FACTS, account=None, vix=None, session=None, active_positions=None),
    with_uses(
        by_name={"QQQ": Use(premium_usd=PLAN.packages[0].premium_usd, vega_usd=1.5, contracts=3)}
    ),
    PLAN,
    replace(PLAN, edge=EdgeWaived(label="demo")),
    CONTEXT,
    HEDGE_CONTEXT,
    REDUCE_CONTEXT,
    INTENT,
    HEDGE_INTENT,
    GATE.check_plan(PLAN, FACTS),
    answer(Purpose.OPEN),
    answer(Purpose.OPEN, facts=with_vix(99.0)),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_value_is_equal_after_the_journal(value: Any) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(type(value))
    assert adapter.validate_json(adapter.dump_json(value)) == value
