"""What explains a difference between our positions and the broker's, and is it beyond doubt?

Expiry, assignment and exercise are recognized where options vanish and exactly the shares that
they deliver appear. Splits, symbol changes and adjusted deliverables are named, so that a person
knows what to accept; they are never booked by themselves.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import product

from dispersa.market import ConId, OptionContract, Right, Settlement, Symbol
from dispersa.market.contracts import STANDARD_MULTIPLIER
from dispersa.orders import BrokerSnapshot
from dispersa.portfolio.bookings import BookingKind
from dispersa.portfolio.differences import Cause, Change, Difference, Explanation, Known
from dispersa.portfolio.reconciliation import EXCHANGE_ZONE
from dispersa.portfolio.splits import split_of

OPTIONS_MAX = 10
"""More contracts of one name than this are not searched for a delivery that fits."""


def explain(known: Known, snapshot: BrokerSnapshot) -> tuple[Explanation, ...]:
    """Explain every name in which our positions and the broker's differ."""
    rows = _differences(known, snapshot)
    return tuple(_explain(symbol, rows[symbol], known, snapshot) for symbol in sorted(rows))


def _differences(known: Known, snapshot: BrokerSnapshot) -> Mapping[Symbol, tuple[Difference, ...]]:
    broker = {row.con_id: row for row in snapshot.positions}
    outside = {row.con_id: row for row in known.baseline}
    traded = {row.symbol for row in known.positions.values()}
    found: dict[Symbol, list[Difference]] = {}
    for con_id in sorted({*broker, *outside, *known.positions}):
        own, reading, base = known.positions.get(con_id), broker.get(con_id), outside.get(con_id)
        symbol = next(row.symbol for row in (own, reading, base) if row is not None)
        ours = own.quantity if own is not None else Decimal(0)
        expected = ours + (base.quantity if base is not None else Decimal(0))
        there = reading.quantity if reading is not None else Decimal(0)
        if there != expected and symbol in traded:
            option = known.options.get(con_id) or (reading.option if reading else None)
            found.setdefault(symbol, []).append(Difference(con_id, expected, ours, there, option))
    return {symbol: tuple(rows) for symbol, rows in found.items()}


def _explain(
    symbol: Symbol, rows: Sequence[Difference], known: Known, snapshot: BrokerSnapshot
) -> Explanation:
    day = snapshot.at.astimezone(EXCHANGE_ZONE).date()
    return (
        _adjusted(symbol, rows)
        or _renamed(symbol, rows, known, snapshot)
        or split_of(symbol, rows, known)
        or _settled(symbol, rows, day)
        or Explanation(
            symbol=symbol,
            cause=Cause.UNKNOWN,
            is_certain=False,
            sentence=(
                f"{symbol}: no expiry, assignment, exercise, split or renaming explains the "
                "difference; look for a manual trade or a transfer, then adopt it with a reason"
            ),
        )
    )


def _adjusted(symbol: Symbol, rows: Sequence[Difference]) -> Explanation | None:
    odd = [row.option for row in rows if row.option is not None and _is_adjusted(row.option)]
    if not odd:
        return None
    names = ", ".join(f"{o.label} ({o.trading_class}, {o.multiplier} shares)" for o in odd)
    return Explanation(
        symbol=symbol,
        cause=Cause.ADJUSTED,
        is_certain=False,
        sentence=(
            f"{symbol}: {names} has an adjusted deliverable after a corporate action; nothing is "
            "opened or hedged in the name until a person has read the clearing house's memo"
        ),
    )


def _is_adjusted(option: OptionContract) -> bool:
    return option.multiplier != STANDARD_MULTIPLIER or option.trading_class[-1:].isdigit()


def _renamed(
    symbol: Symbol, rows: Sequence[Difference], known: Known, snapshot: BrokerSnapshot
) -> Explanation | None:
    gone = [row for row in rows if row.found == 0 and row.ours]
    if not gone or len(gone) != len(rows):
        return None
    outside = {row.con_id for row in known.baseline}
    new = [
        row
        for row in snapshot.positions
        if row.quantity and row.con_id not in known.positions and row.con_id not in outside
    ]
    wanted = sorted((row.expected, _terms(row.option)) for row in gone)
    for other in sorted({row.symbol for row in new if row.symbol != symbol}):
        held = sorted((row.quantity, _terms(row.option)) for row in new if row.symbol == other)
        if held == wanted:
            sentence = (
                f"{symbol} seems to be {other} now: the same quantities, strikes and expiries are "
                f"held under the new symbol; adopt it with a reason, and trade {other} as {symbol}"
            )
            return Explanation(
                symbol=symbol, cause=Cause.SYMBOL_CHANGED, is_certain=False, sentence=sentence
            )
    return None


def _terms(option: OptionContract | None) -> tuple[str, ...]:
    if option is None:
        return ()
    return (option.expiry.isoformat(), f"{option.strike:012.4f}", option.right.value)


def _settled(symbol: Symbol, rows: Sequence[Difference], day: date) -> Explanation | None:
    """Options have gone toward zero, and shares came as some of them deliver."""
    options = [row for row in rows if row.option is not None]
    shares = [row for row in rows if row.option is None]
    if not options or len(options) > OPTIONS_MAX or len(shares) > 1:
        return None
    if not all(_is_lessened(row) for row in options):
        return None
    if any(_style(row) is not Settlement.SHARES for row in options):
        return _cash_settled(symbol, options, shares, day)
    arrived = shares[0].change if shares else Decimal(0)
    fits = [chosen for chosen in _deliveries(options, day) if _shares(chosen) == arrived]
    if not fits or len({_paid(chosen) for chosen in fits}) > 1:
        return None
    chosen = min(fits, key=len)
    stock = shares[0].con_id if shares else None
    if chosen and stock is None:
        return None  # no share came: that of a call and a put cancel out is no evidence
    return _of_delivery(symbol, options, chosen, stock)


def _is_lessened(row: Difference) -> bool:
    return row.ours * row.change < 0 and abs(row.change) <= abs(row.ours)


def _style(row: Difference) -> Settlement | None:
    return None if row.option is None else row.option.settlement


def _deliveries(options: Sequence[Difference], day: date) -> Iterator[tuple[Difference, ...]]:
    """Every choice of options that were exercised; before expiry none of them can have lapsed."""
    for flags in product((False, True), repeat=len(options)):
        pairs = list(zip(options, flags, strict=True))
        if all(is_exercised or _may_lapse(row, day) for row, is_exercised in pairs):
            yield tuple(row for row, is_exercised in pairs if is_exercised)


def _may_lapse(row: Difference, day: date) -> bool:
    return row.option is not None and row.option.expiry <= day


def _sign(option: OptionContract | None) -> int:
    return 1 if option is not None and option.right is Right.CALL else -1


def _delivered(row: Difference) -> Decimal:
    """Shares received for what has gone of one option; negative when they were given."""
    multiplier = STANDARD_MULTIPLIER if row.option is None else row.option.multiplier
    return -row.change * _sign(row.option) * multiplier


def _shares(chosen: Sequence[Difference]) -> Decimal:
    return sum((_delivered(row) for row in chosen), Decimal(0))


def _paid(chosen: Sequence[Difference]) -> Decimal:
    strikes = ((row, row.option.strike) for row in chosen if row.option is not None)
    return sum((_delivered(row) * strike for row, strike in strikes), Decimal(0))


def _of_delivery(
    symbol: Symbol,
    options: Sequence[Difference],
    chosen: Sequence[Difference],
    stock: ConId | None,
) -> Explanation:
    changes = [_option_change(row, is_exercised=row in chosen) for row in options]
    if stock is not None:
        changes += [_stock_change(row, stock) for row in chosen]
    lapsed = [_words(row) for row in options if row not in chosen]
    given = [_words(row) for row in chosen]
    parts = [f"lapsed: {', '.join(lapsed)}"] if lapsed else []
    parts += [f"exercised or assigned: {', '.join(given)}"] if given else []
    moved = _shares(chosen)
    parts += [f"{moved:+f} shares came at the strikes"] if moved else []
    return Explanation(
        symbol=symbol,
        cause=Cause.DELIVERED if chosen else Cause.EXPIRED,
        is_certain=True,
        sentence=f"{symbol}: {'; '.join(parts)}",
        changes=tuple(changes),
    )


def _words(row: Difference) -> str:
    label = "" if row.option is None else row.option.label
    return f"{abs(row.change)} {label} {'short' if row.ours < 0 else 'long'}"


def _option_change(row: Difference, *, is_exercised: bool) -> Change:
    exercised = BookingKind.ASSIGNMENT if row.ours < 0 else BookingKind.EXERCISE
    return Change(
        kind=exercised if is_exercised else BookingKind.EXPIRY,
        con_id=row.con_id,
        multiplier=STANDARD_MULTIPLIER if row.option is None else row.option.multiplier,
        quantity=row.change,
        price=Decimal(0),
    )


def _stock_change(row: Difference, stock: ConId) -> Change:
    return Change(
        kind=BookingKind.DELIVERY,
        con_id=stock,
        multiplier=1,
        quantity=_delivered(row),
        price=Decimal(0) if row.option is None else row.option.strike,
    )


def _cash_settled(
    symbol: Symbol, options: Sequence[Difference], shares: Sequence[Difference], day: date
) -> Explanation | None:
    if shares or not all(_may_lapse(row, day) for row in options):
        return None
    styles = {row.option.settlement for row in options if row.option is not None}
    print_of = "opening" if Settlement.CASH_AM in styles else "closing"
    gone = ", ".join(_words(row) for row in options)
    return Explanation(
        symbol=symbol,
        cause=Cause.CASH_SETTLED,
        is_certain=False,
        sentence=(
            f"{symbol}: {gone} settled in cash at the {print_of} print; the amount is not in the "
            "positions: adopt it with the settlement value from the exchange or the statement"
        ),
        changes=tuple(_option_change(row, is_exercised=False) for row in options),
    )
