"""Short straddles left to expiry: shares at the close, cash at the close, cash in the morning.

Each has a leg that ends in the money and one that does not.
"""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from dispersa.desk.state import DeskState
from dispersa.market import Symbol
from dispersa.portfolio import BookingKind
from dispersa.runtime.loop import Virtual, run
from dispersa.runtime.memory_transport import InMemory
from dispersa.runtime.settling import awake
from tests.position_life.days import MORNING, Diary
from tests.position_life.life import living

SOLD, SETTLED, AFTER = date(2027, 1, 13), date(2027, 1, 15), date(2027, 1, 19)
LAST_TRADE = date(2027, 1, 14)
CASH = Decimal(3_000_000)
UNITS = 2
ZERO, SIZE = Decimal(0), Decimal(UNITS)


def booked(state: DeskState, symbol: str) -> dict[BookingKind, list[tuple[Decimal, Decimal]]]:
    found: dict[BookingKind, list[tuple[Decimal, Decimal]]] = {}
    for row in state.bookings:
        if row.symbol == symbol:
            found.setdefault(row.kind, []).append((row.quantity, row.price))
    return found


async def physical_and_cash_at_the_close(journal: Path) -> None:
    start = datetime.combine(SOLD, MORNING)
    async with living(journal, start=start, names=2, cash=CASH) as life:
        diary = Diary(life=life, cash=CASH, lends={})
        assert "filled" in await diary.sell_straddle("AAPL", "AAPL", SETTLED, UNITS)
        assert "filled" in await diary.sell_straddle("SPX", "SPXW", LAST_TRADE, UNITS)
        strike, _ = diary.sold[Symbol("AAPL")]
        await diary.live(SETTLED, hedge=False)
        (cash,) = diary.adopted
        assert "closing print" in cash
        ends = sorted(price for _, price in booked(diary.state, "SPX")[BookingKind.EXPIRY])
        assert ends[0] == 0 < ends[1]

        await diary.live(AFTER, hedge=False)
        kinds = booked(diary.state, "AAPL")
        assert kinds[BookingKind.EXPIRY] == [(SIZE, ZERO)]
        assert kinds[BookingKind.ASSIGNMENT] == [(SIZE, ZERO)]
        ((shares, paid),) = kinds[BookingKind.DELIVERY]
        assert (abs(shares), paid) == (100 * SIZE, strike)
        assert len(diary.adopted) == 1, "what delivers shares needs nobody's word"


async def cash_in_the_morning(journal: Path) -> None:
    start = datetime.combine(SOLD, MORNING)
    async with living(journal, start=start, names=2, cash=CASH) as life:
        diary = Diary(life=life, cash=CASH, lends={})
        pair = diary.morning_straddle("SPX", "SPX", LAST_TRADE)
        async with life.desk() as setup, awake(setup) as desk:
            assert "filled" in await diary.sell(setup, desk, pair, UNITS)
        await diary.live(LAST_TRADE, hedge=False)
        assert diary.adopted == []
        assert {leg.con_id for leg in pair.legs} <= diary.state.marks.keys()
        read = diary.state.snapshot.positions if diary.state.snapshot else ()
        assert {row.option.expiry for row in read if row.option} == {SETTLED}, "not the last trade"
        assert any("opening" in row.settles for row in diary.looks[LAST_TRADE].calendar)
        await diary.live(SETTLED, hedge=False)
        (cash,) = diary.adopted
        assert "opening print" in cash
        ends = sorted(price for _, price in booked(diary.state, "SPX")[BookingKind.EXPIRY])
        assert ends[0] == 0 < ends[1]


def test_short_straddles_end_in_shares_and_in_cash_at_the_close(tmp_path: Path) -> None:
    run(lambda: physical_and_cash_at_the_close(tmp_path / "j"), Virtual(network=InMemory()))


def test_a_short_straddle_ends_in_cash_in_the_morning(tmp_path: Path) -> None:
    run(lambda: cash_in_the_morning(tmp_path / "j"), Virtual(network=InMemory()))
