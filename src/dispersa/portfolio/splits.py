"""Is a difference between the books what a split of the stock makes?

After an n:1 split every quantity is n times what it was and every strike an n-th. A stock keeps its
contract; an option whose strike has changed is another contract, so that the old one vanishes and a
new one appears.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from dispersa.market import ConId, Symbol, to_float
from dispersa.market.contracts import STANDARD_MULTIPLIER
from dispersa.portfolio.attribution import Valued
from dispersa.portfolio.bookings import Booking, BookingKind
from dispersa.portfolio.differences import Cause, Change, Difference, Explanation, Known
from dispersa.portfolio.marks import Mark, ShareMark

RATIO_MAX = 50
CENT = Decimal("0.01")
"""Strikes after a split are rounded to the cent."""


def restated(before: Valued, splits: Sequence[Booking]) -> Valued:
    """Say what was held and marked before splits in terms of the shares after them.

    With n new shares per old one: quantity n, price and spot 1/n, delta the same, gamma n, vega and
    theta 1/n; the value stays, so that the time before and after can be compared.
    """
    positions, marks = dict(before.positions), dict(before.marks)
    delisted = {row.replaces for row in splits}
    for row in splits:
        if row.con_id in delisted:
            continue  # its way out is told with the contract that replaces it
        old = row.con_id if row.replaces is None else row.replaces
        held, mark = before.positions.get(old), before.marks.get(old)
        moved = -row.quantity * row.price * row.multiplier
        if held is not None:
            positions[row.con_id] = replace(
                held,
                con_id=row.con_id,
                quantity=held.quantity * row.ratio,
                cash=moved if row.replaces else held.cash,
                commission=Decimal(0) if row.replaces else held.commission,
            )
            if row.replaces is not None:
                positions[old] = replace(held, quantity=Decimal(0), cash=held.cash - moved)
        if mark is not None:
            marks[row.con_id] = _mark_after(mark, row)
    return replace(before, positions=positions, marks=marks)


def _mark_after(mark: Mark, split: Booking) -> Mark:
    ratio = split.ratio
    if isinstance(mark, ShareMark):
        return replace(mark, price=mark.price / ratio)
    old, size, second = mark.greeks, to_float(ratio), mark.second_order
    return replace(
        mark,
        contract=split.option or mark.contract,
        price=mark.price / ratio,
        spot=mark.spot / ratio,
        greeks=replace(
            old,
            gamma=old.gamma * size,
            vega=old.vega / size,
            theta=old.theta / size,
            price=old.price / size,
            underlying_price=old.underlying_price / size,
        ),
        second_order=None if second is None else replace(second, volga=second.volga / size),
    )


def split_of(symbol: Symbol, rows: Sequence[Difference], known: Known) -> Explanation | None:
    """Return the split that makes every position of the name the same multiple of what it was."""
    pairs = _relisted(rows)
    if pairs is None:
        return None
    grown = [row for row in rows if row.expected and row.found]
    ratios = {row.found / row.expected for row in grown}
    ratios |= {new.found / old.expected for old, new in pairs.items()}
    own = {k for k, row in known.positions.items() if row.symbol == symbol and not row.is_flat}
    if len(ratios) != 1 or own - {row.con_id for row in rows}:
        return None
    ratio = ratios.pop()
    if not _is_likely(ratio) or not all(_is_struck(old, new, ratio) for old, new in pairs.items()):
        return None
    return Explanation(
        symbol=symbol,
        cause=Cause.SPLIT,
        is_certain=False,
        sentence=(
            f"{symbol}: every position is {ratio.normalize():f} times what it was, as after a "
            "split; strikes and orders of the name are not valid any more: compare with the "
            "company's notice, then adopt it with a reason"
        ),
        changes=(
            *(_grown(row, ratio) for row in grown if row.ours),
            *(change for old, new in pairs.items() for change in _moved(old, new, ratio, known)),
        ),
    )


def _relisted(rows: Sequence[Difference]) -> Mapping[Difference, Difference] | None:
    """Pair what vanished with what appeared, in order of expiry, right and strike."""
    gone = sorted((row for row in rows if not row.found), key=_terms)
    come = sorted((row for row in rows if not row.expected), key=_terms)
    if len(gone) != len(come) or any(row.option is None for row in (*gone, *come)):
        return None
    return dict(zip(gone, come, strict=True))


def _terms(row: Difference) -> tuple[str, str, Decimal]:
    option = row.option
    if option is None:
        return ("", "", Decimal(0))
    return (option.expiry.isoformat(), option.right.value, option.strike)


def _is_likely(ratio: Decimal) -> bool:
    is_whole = ratio == ratio.to_integral_value() or 1 / ratio == (1 / ratio).to_integral_value()
    return ratio > 0 and is_whole and max(ratio, 1 / ratio) <= RATIO_MAX


def _is_struck(old: Difference, new: Difference, ratio: Decimal) -> bool:
    """Whether the new contract is the old one with its strike over the ratio."""
    if old.option is None or new.option is None:
        return False
    same = (old.option.expiry, old.option.right) == (new.option.expiry, new.option.right)
    return same and abs(old.option.strike / ratio - new.option.strike) <= CENT


def _grown(row: Difference, ratio: Decimal) -> Change:
    """More of the same contract, at no price: the cost of the whole position stays."""
    return Change(
        kind=BookingKind.SPLIT,
        con_id=row.con_id,
        multiplier=STANDARD_MULTIPLIER if row.option is not None else 1,
        quantity=row.ours * (ratio - 1),
        price=Decimal(0),
        ratio=ratio,
    )


def _moved(old: Difference, new: Difference, ratio: Decimal, known: Known) -> Iterator[Change]:
    """Out of the old contract and into the new one at what it cost, so that no cash moves."""
    if not old.ours or old.option is None:
        return
    unit = (known.positions[old.con_id].average_price / ratio).quantize(CENT)
    yield Change(
        kind=BookingKind.SPLIT,
        con_id=old.con_id,
        multiplier=old.option.multiplier,
        quantity=-old.ours,
        price=unit * ratio,
        ratio=ratio,
    )
    yield Change(
        kind=BookingKind.SPLIT,
        con_id=new.con_id,
        multiplier=old.option.multiplier,
        quantity=old.ours * ratio,
        price=unit,
        ratio=ratio,
        replaces=old.con_id,
        option=new.option,
    )


def holder(change: Change) -> ConId:
    """Return the contract by whose holders a change is shared out."""
    return change.con_id if change.replaces is None else change.replaces
