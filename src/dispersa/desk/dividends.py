"""What did the shares held over the night before an ex-date earn, and which trade gets it?

    income = shares held as the ex-date opens x cash per share        (negative for what is short)

A dividend is earned on the ex-date and paid weeks later; it is booked when it is earned, since the
stock opens lower by it. The statement tells whether the broker agrees.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal

from dispersa.desk.expiry import Dividend
from dispersa.desk.lifecycle import refs_by_trade, trade_of
from dispersa.desk.state import DeskState
from dispersa.market import Symbol, to_decimal
from dispersa.orders import ExecutionBook, OrderRef, ProgramId
from dispersa.portfolio import Booking, BookingKind, Position, positions_of
from dispersa.portfolio.reconciliation import EXCHANGE_ZONE

BY_CALENDAR = "the dividend calendar"
SHARES = 1


def next_dividend(dividends: Sequence[Dividend], today: date) -> Dividend | None:
    """Return the first dividend whose ex-date is still to come."""
    return min(
        (row for row in dividends if row.ex_date > today),
        key=lambda row: row.ex_date,
        default=None,
    )


def dividends_earned(
    state: DeskState, calendar: Mapping[Symbol, Sequence[Dividend]], today: date
) -> tuple[Booking, ...]:
    """Book every dividend that our shares have earned up to today and that is not booked yet.

    What expiry or assignment delivered over the night before counts, as it is found on the ex-date.
    """
    booked = {row.booking for row in state.bookings}
    found = (
        booking
        for symbol, rows in sorted(calendar.items())
        for row in rows
        if row.ex_date <= today
        for booking in _earned(state, symbol, row)
    )
    return tuple(row for row in found if row.booking not in booked)


def _earned(state: DeskState, symbol: Symbol, dividend: Dividend) -> Iterator[Booking]:
    for trade, refs in refs_by_trade(state).items():
        for row in _held_before(state, trade, refs, dividend.ex_date):
            if row.symbol != symbol or row.multiplier != SHARES or row.is_flat:
                continue
            yield Booking(
                booking=f"dividend-{symbol}-{dividend.ex_date}-{trade}",
                kind=BookingKind.DIVIDEND,
                con_id=row.con_id,
                symbol=symbol,
                multiplier=SHARES,
                quantity=Decimal(0),
                price=Decimal(0),
                at=_opening(dividend.ex_date),
                reason=f"{row.quantity:+f} shares over the ex-date at {dividend.amount} each",
                accepted_by=BY_CALENDAR,
                program=trade,
                income=row.quantity * to_decimal(dividend.amount, places=6),
            )


def _held_before(
    state: DeskState, trade: ProgramId, refs: Sequence[OrderRef], ex_date: date
) -> tuple[Position, ...]:
    """Shares and options by executions before the ex-date, and by what it brought over night."""
    opening = _opening(ex_date)
    book = ExecutionBook(
        executions={k: row for k, row in state.book.executions.items() if row.at < opening},
        commissions=state.book.commissions,
    )
    own = tuple(
        row
        for row in state.bookings
        if trade_of(state, row.program) == trade
        and row.at.astimezone(EXCHANGE_ZONE).date() <= ex_date
    )
    return tuple(positions_of(book, refs, own).values())


def _opening(day: date) -> datetime:
    """Midnight of the exchange's day: nobody trades the stock between it and the opening."""
    return datetime.combine(day, time(), tzinfo=EXCHANGE_ZONE)
