"""Sixty trading days of a desk: is the book the broker's each day, and does each day add up?

A gateway and an unmodified client on one virtual clock, connected in memory. A trade is opened,
halved in balance and rolled; somebody trades by hand in the same account; short options are
assigned early; a name splits four for one; dividends are paid and companies report; a short index
straddle settles in cash; what is left expires and delivers shares; the next trade is closed.
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from dispersa.desk.hedging import Borrow
from dispersa.desk.state import DeskState
from dispersa.execution.program import Program, ProgramState
from dispersa.gateway.world.actions import CorporateAction, Split
from dispersa.gateway.world.calendar import is_trading_day
from dispersa.journal import read_entries
from dispersa.market import ConId, Symbol
from dispersa.orders import OrderRef, ProgramId
from dispersa.portfolio import BookingKind
from dispersa.runtime.loop import Virtual, run
from dispersa.runtime.memory_transport import InMemory
from dispersa.runtime.profit import daily_pnl, markings, profit_of, since_inception
from tests.position_life.days import MORNING, Diary
from tests.position_life.life import Life, living

CASH = Decimal(3_000_000)
FIRST = date(2026, 11, 20)
DAYS = 60
SPLIT = CorporateAction(day=date(2026, 12, 29), symbol="NVDA", change=Split(new=4, old=1))
HELD = ("QQQ", "NVDA", "AAPL", "MSFT")
SEED = 2

Act = Callable[["Story"], Awaitable[None]]


def trading_days() -> list[date]:
    """The days of the life, the first included."""
    days = (FIRST + timedelta(days=number) for number in range(4 * DAYS))
    return [day for day in days if is_trading_day(day)][:DAYS]


class Story:
    """What happens on which day."""

    def __init__(self, life: Life, diary: Diary) -> None:
        self.life, self.diary = life, diary
        self.first = self.second = ProgramId("")

    async def open(self) -> None:
        state = require_completed(await self.life.trade())
        (self.first,) = state.programs_held

    async def trade_by_hand(self) -> None:
        await self.diary.trade_by_hand("AAPL")

    async def halve(self) -> None:
        require_completed(await self.life.close(self.first, share=0.5))

    async def roll(self) -> None:
        state = require_completed(await self.life.close(self.first, rolls=True))
        assert state.program is not None
        require_corridor_held(state, state.program)
        assert state.programs_held == (self.first,)

    async def assign_early(self) -> None:
        self.life.venue.faults.arm("D3", symbol="QQQ")

    async def sell_index_straddle(self) -> None:
        said = await self.diary.sell_straddle("SPX", "SPXW", date(2027, 1, 6), 1)
        assert "filled" in said

    async def open_again(self) -> None:
        state = require_completed(await self.life.trade())
        (self.second,) = (row for row in state.programs_held if row != self.first)

    async def close_it(self) -> None:
        state = require_completed(await self.life.close(self.second))
        assert self.second not in state.programs_held


ACTS: Mapping[int, Act] = {
    4: Story.trade_by_hand,
    7: Story.halve,
    8: Story.roll,
    20: Story.assign_early,
    23: Story.sell_index_straddle,
    39: Story.open_again,
    52: Story.close_it,
}
"""Number of the trading day, and what happens on its morning."""
LIVED_SHORT = frozenset({4, 7, 8, 20, 23, 25, 31, 33})
"""Days on which the desk is awake in the short life; it sleeps through the others before."""


def require_completed(state: DeskState) -> DeskState:
    assert not state.decline_reason
    assert state.program is not None
    assert state.program.state is ProgramState.COMPLETED
    return state


def require_corridor_held(state: DeskState, program: Program) -> None:
    """Replay the fills of a program: vega that is not balanced stays within the corridor."""
    packages = {ref: row for row in program.packages.values() for ref in row.refs}
    legs: dict[tuple[OrderRef, ConId], Decimal] = {}
    fills = [row for row in state.book.executions.values() if row.order_ref in packages]
    assert {row.plan.purpose for row in packages.values()} == {"open", "reduce"}
    for moment in sorted({row.at for row in fills}):
        for row in fills:
            if row.at == moment:
                key = (row.order_ref, row.con_id)
                legs[key] = legs.get(key, Decimal(0)) + row.quantity
        unbalanced = sum(
            row.plan.side.sign
            * row.plan.vega_usd
            * float(min(legs.get((ref, leg.con_id), Decimal(0)) for leg in row.plan.straddle.legs))
            for ref, row in packages.items()
        )
        assert abs(unbalanced) <= program.corridor_usd + 1e-6


async def live(journal: Path, lived: frozenset[int]) -> None:
    async with living(
        journal,
        start=datetime.combine(FIRST, MORNING),
        names=3,
        seed=SEED,
        cash=CASH,
        corporate_actions=(SPLIT,),
    ) as life:
        lends = {Symbol(name): Borrow(shares=1_000_000, fee=0.0) for name in HELD}
        diary = Diary(life=life, cash=CASH, lends=lends)
        story = Story(life, diary)
        await story.open()
        for number, day in enumerate(trading_days()):
            if number in lived:
                await diary.until(day)
                if number in ACTS:
                    await ACTS[number](story)
                await diary.live(day)
        require_a_whole_life(diary)
        require_that_days_add_up(journal, diary)


def require_a_whole_life(diary: Diary) -> None:
    """Everything that can happen to a position has happened."""
    kinds = {row.kind for row in diary.state.bookings}
    assert kinds >= {
        BookingKind.EXPIRY,
        BookingKind.ASSIGNMENT,
        BookingKind.EXERCISE,
        BookingKind.DELIVERY,
        BookingKind.SPLIT,
        BookingKind.DIVIDEND,
    }
    assert len(diary.adopted) == 3  # the trade by hand, the split, the cash settlement
    assert [row.quantity for row in diary.state.baseline] == [100]
    reports = {
        day
        for each in diary.life.venue.world.universe.components
        if each.symbol in HELD
        for day in each.earnings
    }
    assert any(FIRST < day < trading_days()[-1] for day in reports)
    assert sum("shares" in line for line in diary.sent) > 5


def require_that_days_add_up(journal: Path, diary: Diary) -> None:
    """Each day's P&L by cause is the change of what the broker's ledger is worth, exactly."""
    marked = markings(read_entries(journal))
    assert [row.at.date() for row in marked][-len(diary.values) :] == list(diary.values)
    rows = daily_pnl(marked, None)
    days = list(diary.values)
    for before, after in pairwise(days):
        earned = sum((row.pnl.book.total for row in rows if row.day == after), Decimal(0))
        assert diary.values[after] - diary.values[before] == earned
    last = marked[-1]
    for trade, row in since_inception(rows).items():
        assert row.pnl.book.total == profit_of(last.state, trade, last.marks).total_usd


@pytest.mark.timeout(900)
def test_a_life_of_everything_ends_with_the_brokers_book_and_days_that_add_up(
    tmp_path: Path,
) -> None:
    run(lambda: live(tmp_path / "life.sqlite3", LIVED_SHORT), Virtual(network=InMemory()))


@pytest.mark.skipif(
    "DISPERSA_SIXTY_DAYS" not in os.environ, reason="a minute of one core: run by `make soak`"
)
@pytest.mark.timeout(3600)
def test_sixty_days_in_a_row_end_with_the_brokers_book_and_days_that_add_up(
    tmp_path: Path,
) -> None:
    every = frozenset(range(1, DAYS))
    run(lambda: live(tmp_path / "life.sqlite3", every), Virtual(network=InMemory()))
