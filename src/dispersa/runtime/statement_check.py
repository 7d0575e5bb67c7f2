"""Does yesterday's statement say what the journal says?"""

from decimal import Decimal

from dispersa.desk.state import DeskState
from dispersa.market import ConId
from dispersa.portfolio import Statement, StatementBreak, parse_statement, statement_breaks


def check_statement(state: DeskState, text: str) -> tuple[Statement, tuple[StatementBreak, ...]]:
    """Read a Flex statement of the desk's account and compare the journal's book with it.

    Bookings up to the statement's last day count beside the external book.
    """
    statement = parse_statement(text, account=state.account_expected)
    outside: dict[ConId, Decimal] = {row.con_id: row.quantity for row in state.baseline}
    for booking in state.bookings:
        if booking.at.date() <= statement.last_day:
            known = outside.get(booking.con_id, Decimal(0))
            outside[booking.con_id] = known + booking.quantity
    return statement, statement_breaks(state.book, statement, outside=outside)
