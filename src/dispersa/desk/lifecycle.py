"""Which trade does each position belong to, and what has happened to it without a trade of ours?

A trade is the program that opened it with every program that closed, rolled or hedged it later.
"""

from collections.abc import Mapping
from decimal import Decimal

from dispersa.desk.commands import BookLifecycle, Command
from dispersa.desk.decide_single import SINGLE_ORDERS
from dispersa.desk.state import DeskState
from dispersa.desk.weighing import positions
from dispersa.market import ConId, OptionContract, Symbol
from dispersa.orders import OrderRef, ProgramId
from dispersa.portfolio import (
    Booking,
    BookingKind,
    BreakKind,
    Change,
    Explanation,
    Known,
    Position,
    explain,
    holder,
    positions_of,
)

BY_RULE = "the desk, beyond doubt"


def trade_of(state: DeskState, program: ProgramId) -> ProgramId:
    """Return the program that opened the trade which `program` is part of."""
    return state.trade_of.get(program, program)


def refs_by_trade(state: DeskState) -> Mapping[ProgramId, tuple[OrderRef, ...]]:
    """Every order by the trade it belongs to, oldest trade first."""
    found: dict[ProgramId, tuple[OrderRef, ...]] = {}
    for ref, order in state.orders.items():
        trade = trade_of(state, order.approved.intent.program)
        found[trade] = (*found.get(trade, ()), ref)
    return found


def trade_positions(state: DeskState, trade: ProgramId) -> Mapping[ConId, Position]:
    """What one trade's executions and bookings add up to, flat contracts included."""
    refs = refs_by_trade(state).get(trade, ())
    own = tuple(row for row in state.bookings if trade_of(state, row.program) == trade)
    return positions_of(state.book, refs, own)


def trades_held(state: DeskState) -> tuple[ProgramId, ...]:
    """Trades of which something is left; single orders are no trade."""
    return tuple(
        trade
        for trade in refs_by_trade(state)
        if trade != SINGLE_ORDERS
        and any(not row.is_flat for row in trade_positions(state, trade).values())
    )


def trade_in(state: DeskState, symbol: Symbol) -> ProgramId | None:
    """Return the only trade that holds something in a name; several, or none, are nobody's."""
    holding = [
        trade
        for trade in trades_held(state)
        if any(
            row.symbol == symbol and not row.is_flat
            for row in trade_positions(state, trade).values()
        )
    ]
    return holding[0] if len(holding) == 1 else None


def option_contracts(state: DeskState) -> Mapping[ConId, OptionContract]:
    """Terms of every option that an order of ours has named, or that a split has made of one."""
    ordered = {
        leg.contract.con_id: leg.contract
        for order in state.orders.values()
        for leg in order.approved.intent.combo.legs
        if isinstance(leg.contract, OptionContract)
    }
    return ordered | {row.con_id: row.option for row in state.bookings if row.option is not None}


def explanations(state: DeskState) -> tuple[Explanation, ...]:
    """Explain every difference of positions that the last full read has shown."""
    snapshot, compared = state.snapshot, state.reconciliation
    if snapshot is None or compared is None or compared.agrees:
        return ()
    if state.last_fill_at is not None and state.last_fill_at > snapshot.at:
        return ()  # our book is ahead of the read
    moved = {row.symbol for row in compared.breaks if row.kind is BreakKind.POSITION_DIFFERS}
    return tuple(row for row in explain(known(state), snapshot) if row.symbol in moved)


def known(state: DeskState) -> Known:
    """What our own books know of the account's contracts."""
    return Known(
        positions=positions(state), baseline=state.baseline, options=option_contracts(state)
    )


def decide_lifecycle(state: DeskState) -> Command | None:
    """Book what explains a difference beyond doubt; everything else waits for a person."""
    if state.open_orders():
        return None  # a fill on its way would look like something else
    found = [row for row in explanations(state) if row.is_certain]
    bookings = tuple(row for each in found for row in bookings_of(state, each, by=BY_RULE))
    booked = {row.booking for row in state.bookings}
    fresh = tuple(row for row in bookings if row.booking not in booked)
    return BookLifecycle(bookings=fresh) if fresh else None


def bookings_of(
    state: DeskState, explained: Explanation, *, by: str, price: Decimal | None = None
) -> tuple[Booking, ...]:
    """Write an explanation's changes as bookings, each with the trades that hold the contract.

    `price` is the settlement value per share of options paid in cash, as read by a person.
    """
    rows: list[Booking] = []
    for number, change in enumerate(explained.changes):
        for trade, quantity in _shared(state, explained, change).items():
            rows.append(_booking(state, explained, change, (number, trade, quantity), by, price))
    return tuple(rows)


def _booking(
    state: DeskState,
    explained: Explanation,
    change: Change,
    part: tuple[int, ProgramId, Decimal],
    by: str,
    price: Decimal | None,
) -> Booking:
    number, trade, quantity = part
    snapshot = state.snapshot
    at = state.reconciled_at if snapshot is None else snapshot.at
    if at is None:
        raise ValueError("nothing is explained before the books were read")
    option = option_contracts(state).get(change.con_id)
    value = change.price if price is None or option is None else option_value(option, price)
    return Booking(
        booking=f"{at:%Y%m%dT%H%M%S}-{explained.symbol}-{change.con_id}-{number}-{trade}",
        kind=change.kind,
        con_id=change.con_id,
        symbol=explained.symbol,
        multiplier=change.multiplier,
        quantity=quantity,
        price=value,
        at=at,
        reason=explained.sentence,
        accepted_by=by,
        program=trade,
        ratio=change.ratio,
        replaces=change.replaces,
        option=change.option,
    )


def option_value(option: OptionContract, settlement: Decimal) -> Decimal:
    """What an option pays per share at this settlement value."""
    sign = 1 if option.right.value == "C" else -1
    return max(sign * (settlement - option.strike), Decimal(0))


def _shared(
    state: DeskState, explained: Explanation, change: Change
) -> Mapping[ProgramId, Decimal]:
    """Split a change over the trades: options as they are held, shares as their options went."""
    if change.kind is BookingKind.DELIVERY:
        return _shares_by_trade(state, explained, change)
    return _in_proportion(_held(state, holder(change)), change.quantity)


def _held(state: DeskState, con_id: ConId) -> dict[ProgramId, Decimal]:
    found: dict[ProgramId, Decimal] = {}
    for trade in refs_by_trade(state):
        row = trade_positions(state, trade).get(con_id)
        if row is not None and not row.is_flat:
            found[trade] = row.quantity
    return found


def _shares_by_trade(
    state: DeskState, explained: Explanation, change: Change
) -> Mapping[ProgramId, Decimal]:
    """Shares go to the trades whose options of that strike delivered them."""
    options = option_contracts(state)
    exercised = {BookingKind.ASSIGNMENT, BookingKind.EXERCISE}
    held: dict[ProgramId, Decimal] = {}
    for row in explained.changes:
        option = options.get(row.con_id)
        if row.kind not in exercised or option is None or option.strike != change.price:
            continue
        for trade, quantity in _held(state, row.con_id).items():
            held[trade] = held.get(trade, Decimal(0)) + abs(quantity)
    return _in_proportion(held, change.quantity)


def _in_proportion(
    held: Mapping[ProgramId, Decimal], quantity: Decimal
) -> Mapping[ProgramId, Decimal]:
    """Whole units in proportion to what is held; the last trade takes what rounding leaves."""
    total = sum(held.values(), Decimal(0))
    if not total:
        return {SINGLE_ORDERS: quantity}
    parts: dict[ProgramId, Decimal] = {}
    left = quantity
    for number, (trade, own) in enumerate(held.items(), start=1):
        part = left if number == len(held) else (quantity * own / total).to_integral_value()
        parts[trade] = part
        left -= part
    return {trade: part for trade, part in parts.items() if part}
