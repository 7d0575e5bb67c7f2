"""A trade from its opening to what expiry delivers: is the book the broker's to share and cent?

A gateway and an unmodified client live through a month in virtual time: marks, delta hedges, half
of the trade closed in balance, American straddles left to expiry in and out of the money on both
sides, the delivered shares, and dividends on the hedges.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from life import Life, living

from dispersa.desk import events as ev
from dispersa.desk.decide_single import SINGLE_ORDERS
from dispersa.desk.hedging import Borrow
from dispersa.desk.lifecycle import trade_positions
from dispersa.desk.state import DeskState
from dispersa.desk.weighing import positions
from dispersa.execution.program import ProgramState
from dispersa.journal import read_entries
from dispersa.market import Symbol
from dispersa.portfolio import Booking, BookingKind, Position
from dispersa.runtime.daily_cycle import CyclePolicies, DayLook, look_at_day
from dispersa.runtime.hedging import send_hedges
from dispersa.runtime.loop import Virtual, run
from dispersa.runtime.profit import daily_pnl, markings, profit_of, since_inception
from dispersa.runtime.settling import awake

CASH = Decimal(1_000_000)
LENT = {Symbol(name): Borrow(shares=100_000, fee=0.0) for name in ("QQQ", "AAPL", "MSFT", "NVDA")}

Shares = Mapping[Symbol, Position]


def day(month: int, number: int) -> datetime:
    return datetime(2026, month, number, 15, 0, tzinfo=UTC)


def cash_of(state: DeskState) -> Decimal:
    rows = positions(state).values()
    return sum((row.cash + row.income - row.commission for row in rows), Decimal(0))


def require_same(life: Life, state: DeskState) -> None:
    """Our book and the broker's, share by share and cent by cent."""
    ours = {key: row.quantity for key, row in positions(state).items() if not row.is_flat}
    assert ours == life.holdings()
    assert life.cash() - CASH == cash_of(state)
    assert not state.locked_names()


def dividends(life: Life, since: date, until: date, held: Shares) -> Iterator[Booking]:
    """What the shares of the last look were paid, as the statement would say."""
    for underlying in life.gateway.venue.world.universe.components:
        for ex_date, amount in underlying.dividends:
            row = held.get(Symbol(underlying.symbol))
            if row is not None and since < ex_date <= until:
                yield Booking(
                    booking=f"dividend-{underlying.symbol}-{ex_date}",
                    kind=BookingKind.DIVIDEND,
                    con_id=row.con_id,
                    symbol=row.symbol,
                    multiplier=1,
                    quantity=Decimal(0),
                    price=Decimal(0),
                    at=day(ex_date.month, ex_date.day),
                    reason="cash dividend",
                    accepted_by="test",
                    program=SINGLE_ORDERS,
                    income=row.quantity * Decimal(str(amount)),
                )


async def look(
    life: Life, when: datetime, last: DeskState, *, hedge: bool = False
) -> tuple[DayLook, DeskState]:
    """Wake the desk on a day, book dividends, look, and hedge where asked."""
    since = life.clock.live.now().date()
    held = {row.symbol: row for row in positions(last).values() if row.multiplier == 1}
    await life.sleep_until(when)
    async with life.desk() as setup, awake(setup) as desk:
        for booking in dividends(life, since, when.date(), held):
            await desk.tell(ev.BookingRecorded(booking=booking))
        found = await look_at_day(setup, desk.state, CyclePolicies(borrow=LENT))
        if hedge and found.hedges is not None:
            await send_hedges(setup, desk, found.hedges)
        state = desk.state
    require_same(life, state)
    return found, state


async def live(journal: Path) -> None:
    async with living(journal, start=day(11, 20), names=3, cash=CASH) as life:
        opened = await life.trade()
        assert opened.program is not None
        assert opened.program.state is ProgramState.COMPLETED
        require_same(life, opened)
        (trade,) = opened.programs_held
        before = trade_positions(opened, trade)

        found, _ = await look(life, day(11, 30), opened, hedge=True)
        assert found.trades[0].exit is None
        assert found.trades[0].profit is not None

        halved = await life.close(trade, share=0.5)
        assert halved.program is not None
        assert halved.program.state is ProgramState.COMPLETED
        require_same(life, halved)
        after = trade_positions(halved, trade)
        for con_id, row in before.items():
            assert abs(after[con_id].quantity) < abs(row.quantity)
            assert abs(after[con_id].quantity * 2 - row.quantity) <= 2
        assert halved.programs_held == (trade,)

        found, state = await look(life, day(12, 11), halved, hedge=True)
        assert found.trades[0].exit is not None
        assert found.notices

        _, state = await look(life, day(12, 21), state)
        kinds = {row.kind for row in state.bookings}
        assert kinds >= {BookingKind.EXPIRY, BookingKind.EXERCISE, BookingKind.ASSIGNMENT}
        without_trade = {BookingKind.DIVIDEND}
        by_trade = {row.program for row in state.bookings if row.kind not in without_trade}
        assert by_trade == {trade}
        _, state = await look(life, day(12, 22), state, hedge=True)

        marked = markings(read_entries(journal))
        days = daily_pnl(marked, None)
        total = since_inception(days)[trade].pnl.book.total
        last = marked[-1]
        assert total == pytest.approx(profit_of(last.state, trade, last.marks).total_usd)
        assert sum((row.pnl.book.total for row in days if row.trade == trade), Decimal(0)) == total


def test_a_month_of_a_trade_ends_with_the_broker_and_us_agreeing(tmp_path: Path) -> None:
    run(lambda: live(tmp_path / "life.sqlite3"), Virtual())
