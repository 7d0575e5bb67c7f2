"""A leg that is left over is closed by one order, and the books agree afterwards."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from dispersa.desk.decide_single import SINGLE_ORDERS
from dispersa.desk.lifecycle import option_contracts, trade_positions
from dispersa.desk.state import DeskState
from dispersa.errors import InvalidInput
from dispersa.market import ConId
from dispersa.runtime.leg_closing import ALONE, close_legs, legs_asked
from dispersa.runtime.loop import Virtual, run
from dispersa.runtime.memory_transport import InMemory
from dispersa.runtime.settling import awake
from tests.position_life.days import MORNING, Diary
from tests.position_life.life import living

SOLD, EXPIRY = date(2027, 1, 13), date(2027, 1, 15)
CASH, UNITS = Decimal(3_000_000), 2


async def close(diary: Diary, leg: str) -> str:
    """Close what `leg` names; return what was said of it, with the books compared."""
    async with diary.life.desk() as setup, awake(setup) as desk:
        asked = legs_asked(desk.state, SINGLE_ORDERS, leg)
        (told,) = await close_legs(setup, desk, SINGLE_ORDERS, asked, by="test")
        diary.state = desk.state
    diary.compare(diary.state)
    return told.sentence


def held(state: DeskState) -> dict[ConId, Decimal]:
    rows = trade_positions(state, SINGLE_ORDERS).items()
    return {key: row.quantity for key, row in rows if not row.is_flat}


async def legs_one_by_one(journal: Path) -> None:
    start = datetime.combine(SOLD, MORNING)
    async with living(journal, start=start, names=2, cash=CASH) as life:
        diary = Diary(life=life, cash=CASH, lends={})
        assert "filled" in await diary.sell_straddle("AAPL", "AAPL", EXPIRY, UNITS)
        with pytest.raises(InvalidInput, match="holds no leg 'alone'; legs held: AAPL"):
            legs_asked(diary.state, SINGLE_ORDERS, ALONE)
        call, put = held(diary.state)
        label = option_contracts(diary.state)[call].label
        assert "BUY 2 of 2, filled" in await close(diary, label.lower())
        assert held(diary.state) == {put: -UNITS}
        assert "BUY 2 of 2, filled" in await close(diary, ALONE)
        assert held(diary.state) == {}


def test_legs_are_closed_one_by_one_until_nothing_is_left(tmp_path: Path) -> None:
    run(lambda: legs_one_by_one(tmp_path / "j"), Virtual(network=InMemory()))
