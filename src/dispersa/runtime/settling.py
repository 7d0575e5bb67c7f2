"""How does somebody tell the desk one thing and see what comes of it, outside a trade?"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

from dispersa.desk import events as ev
from dispersa.desk.dividends import dividends_earned
from dispersa.desk.expiry import Dividend
from dispersa.desk.lifecycle import bookings_of, explanations
from dispersa.errors import InvalidInput
from dispersa.market import Symbol
from dispersa.portfolio import Cause
from dispersa.portfolio.reconciliation import EXCHANGE_ZONE
from dispersa.runtime.desk_loop import DeskLoop
from dispersa.runtime.opening import read_held
from dispersa.runtime.reachable import Reach
from dispersa.runtime.replay import close_state, start_state
from dispersa.runtime.trade_session import TradeSetup, open_books, read_conditions


@asynccontextmanager
async def awake(setup: TradeSetup) -> AsyncIterator[DeskLoop]:
    """Wake the desk with its books read, marked and compared; it takes no trade of its own."""
    desk = DeskLoop(
        rules=setup.rules,
        journal=setup.journal,
        broker=setup.connection.orders,
        clock=setup.clock,
        workers=setup.workers,
        operator=setup.operator,
    )
    start = start_state(setup.journal)
    desk.state = start.state
    reach = Reach(desk, setup.journal)
    await open_books(setup, desk)
    running = asyncio.create_task(
        desk.run_until(lambda _: False, timeout=None, beside=reach.work(signals=False))
    )
    try:
        await desk.tell(await read_conditions(setup))
        await mark_book(setup, desk)
        yield desk
    finally:
        running.cancel()
        await asyncio.wait({running})
        close_state(setup.journal, start, desk.state)


async def mark_book(setup: TradeSetup, desk: DeskLoop) -> None:
    """Mark what is held now, with what expiry or assignment has just brought."""
    snapshot = desk.state.snapshot
    if snapshot is None:
        return
    feed, clock = setup.connection.feed, setup.clock.live
    marked = await read_held(feed, desk.state, snapshot.positions, clock)
    if marked is not None:
        await desk.tell(marked)


async def book_dividends(
    setup: TradeSetup, desk: DeskLoop, calendar: Mapping[Symbol, Sequence[Dividend]]
) -> int:
    """Book what our shares earned up to today by the calendar, each dividend once; count them."""
    today = setup.clock.live.now().astimezone(EXCHANGE_ZONE).date()
    earned = dividends_earned(desk.state, calendar, today)
    for booking in earned:
        await desk.tell(ev.BookingRecorded(booking=booking))
    return len(earned)


async def adopt(
    desk: DeskLoop, symbol: Symbol, *, reason: str, by: str, settlement: Decimal | None
) -> str:
    """Accept what explains the difference in a name; return what was done, in words.

    An explanation that makes the books equal is booked. What nothing explains is taken as the
    external book: the account holds it, and it is not ours.

    Raises
    ------
    InvalidInput
        If the name does not differ, or it was settled in cash and no value is given.
    """
    state = desk.state
    found = next((row for row in explanations(state) if row.symbol == symbol), None)
    if found is None and symbol not in state.locked_names():
        names = ", ".join(sorted(state.locked_names())) or "none"
        raise InvalidInput(
            f"{symbol} does not differ from the broker's books; names that do: {names}"
        )
    if found is not None and found.cause is Cause.CASH_SETTLED and settlement is None:
        raise InvalidInput(f"{found.sentence}; give it with --settlement")
    if found is not None and found.changes:
        bookings = bookings_of(state, found, by=f"{by}: {reason}", price=settlement)
        for booking in bookings:
            await desk.tell(ev.BookingRecorded(booking=booking))
        if found.cause is Cause.SPLIT and symbol in desk.state.locked_names():
            # What is external has split, too.
            await desk.tell(ev.PositionsAdopted(symbol=symbol, reason=reason, by=by))
        return f"{len(bookings)} changes booked: {found.sentence}"
    await desk.tell(ev.PositionsAdopted(symbol=symbol, reason=reason, by=by))
    return f"what the account holds in {symbol} beyond our trades is external now: {reason}"
