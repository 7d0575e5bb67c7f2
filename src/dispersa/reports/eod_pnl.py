"""What did the day earn, and by what? From positions and marks at two ends of a day.

    P&L since inception = sum of  cash + income - commission + quantity x multiplier x mark

over every contract that our own executions and bookings ever touched. The day's P&L is the
difference of two of these, and the attribution's parts sum to it exactly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from dispersa.correlation.terms import Signal
from dispersa.desk.state import DeskState
from dispersa.desk.weighing import positions
from dispersa.errors import MarketDataMissing
from dispersa.market import ConId, OptionContract, Symbol
from dispersa.portfolio import (
    Exposure,
    IndexVolMove,
    Mark,
    PnlAttribution,
    Position,
    Valued,
    attribute_pnl,
    exposure_of,
)
from dispersa.reports.eod_facts import HeldRow, Missing

NEW_YORK = ZoneInfo("America/New_York")
ZERO = Decimal(0)
NOT_SPLIT = IndexVolMove(components_points=0.0, correlation_points=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Positions and marks at a day's end.

    `unmarked` says which position can not be valued, None where every one is; a mark of an
    earlier day does not count. `marks` are those of that day alone.
    """

    day: date
    at: datetime
    positions: Mapping[ConId, Position]
    marks: Mapping[ConId, Mark]
    contracts: Mapping[ConId, OptionContract]
    exposure: Exposure
    signal: Signal | None
    unmarked: Missing | None

    @classmethod
    def of(cls, state: DeskState, day: date, at: datetime, *, has_signal: bool) -> "Close":
        """Value a state at the end of `day`."""
        own = positions(state)
        marks = {c: row for c, row in state.marks.items() if _day(row.at) == day and c in own}
        margin = None if state.account is None else state.account.initial_margin
        contracts = contracts_of(state)
        return cls(
            day=day,
            at=at,
            positions=own,
            marks=marks,
            contracts=contracts,
            exposure=exposure_of(own, marks, at=at, margin_broker=margin),
            signal=state.signal if has_signal else None,
            unmarked=_unmarked(own, marks, day),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPnl:
    """The day's P&L with its attribution; `note` says what could not be split, and why."""

    pnl_usd: Decimal | Missing
    attribution: PnlAttribution | Missing
    note: str = ""


def contracts_of(state: DeskState) -> Mapping[ConId, OptionContract]:
    """Return every option that our orders named, by contract id."""
    return {
        leg.contract.con_id: leg.contract
        for order in state.orders.values()
        for leg in order.approved.intent.combo.legs
        if isinstance(leg.contract, OptionContract)
    }


def pnl_of(close: Close) -> Decimal | Missing:
    """P&L since inception at this close, after commission; missing while a position has no mark."""
    if close.unmarked is not None:
        return close.unmarked
    total = ZERO
    for con_id, row in close.positions.items():
        total += row.cash + row.income - row.commission
        if not row.is_flat:
            total += row.quantity * row.multiplier * close.marks[con_id].price
    return total


def attributed(before: Close | None, close: Close, index_names: frozenset[Symbol]) -> DayPnl:
    """Split what one day earned; `before` is the close of the journaled day before, None for none.

    Without it, or where nothing was held then, the day begins with nothing.
    """
    gap = close.unmarked or (None if before is None else before.unmarked)
    if gap is not None:
        return DayPnl(pnl_usd=gap, attribution=gap)
    moves, note = _index_moves(before, close, index_names)
    start = Valued(
        at=close.at if before is None else before.at,
        positions={} if before is None else before.positions,
        marks={} if before is None else before.marks,
    )
    end = Valued(at=close.at, positions=close.positions, marks=close.marks)
    try:
        found = attribute_pnl(start, end, index_moves=moves, dividends=_income(start, end))
    except MarketDataMissing as error:
        return DayPnl(pnl_usd=Missing(reason=str(error)), attribution=Missing(reason=str(error)))
    return DayPnl(pnl_usd=found.book.total, attribution=found, note=note)


def held_rows(close: Close) -> tuple[HeldRow, ...]:
    """Return a row for each contract held, by name and expiry."""
    legs = {leg.con_id: leg for leg in close.exposure.legs}
    rows = []
    for con_id, row in close.positions.items():
        if row.is_flat:
            continue
        option, leg = close.contracts.get(con_id), legs.get(con_id)
        gap = Missing(reason="not marked on this day")
        rows.append(
            HeldRow(
                symbol=row.symbol,
                contract=row.symbol if option is None else option.label,
                quantity=row.quantity,
                average_price=row.average_price,
                price=gap if leg is None else leg.price,
                value_usd=gap if leg is None else leg.market_value,
                delta_usd=gap if leg is None else leg.greeks.delta_usd,
                vega_usd=gap if leg is None else leg.greeks.vega_usd,
                theta_usd=gap if leg is None else leg.greeks.theta_usd,
                expiry=None if option is None else option.expiry,
            )
        )
    return tuple(sorted(rows, key=lambda each: (each.symbol, each.contract)))


def _day(at: datetime) -> date:
    return at.astimezone(NEW_YORK).date()


def _unmarked(
    own: Mapping[ConId, Position],
    marks: Mapping[ConId, Mark],
    day: date,
) -> Missing | None:
    bare = [row for con_id, row in own.items() if not row.is_flat and con_id not in marks]
    if not bare:
        return None
    names = ", ".join(sorted({row.symbol for row in bare}))
    return Missing(
        reason=f"{len(bare)} of the contracts held were not marked on {day} ({names}): "
        "no engine read them at the day's end"
    )


def _income(start: Valued, end: Valued) -> dict[ConId, Decimal]:
    """Cash of the period that came without a trade, by contract."""
    found = {}
    for con_id, row in end.positions.items():
        before = start.positions.get(con_id)
        change = row.income - (ZERO if before is None else before.income)
        if change:
            found[con_id] = change
    return found


def _index_moves(
    before: Close | None, close: Close, names: frozenset[Symbol]
) -> tuple[dict[Symbol, IndexVolMove], str]:
    """Split the index vol's move by the signals of both days; in words why, where it can not be."""
    held = {row.symbol for row in close.positions.values()} & names
    if before is None or not held:
        return {}, ""
    unsplit = dict.fromkeys(held, NOT_SPLIT)
    note = "the index's vega is shown as one part: "
    first, last = before.signal, close.signal
    if first is None or last is None:
        day = before.day if first is None else close.day
        return unsplit, f"{note}no signal was computed on {day}"
    move = _move(first, last)
    if move is None:
        return unsplit, f"{note}the two signals have no basket of vols in common"
    return {**unsplit, last.index: move}, ""


def _move(first: Signal, last: Signal) -> IndexVolMove | None:
    """The index vol's change from one signal to the next, over the names that both used."""
    from dispersa.pricing.attribution import index_vol_change

    start = {row.symbol: row for row in first.names if row.dropped is None}
    end = {row.symbol: row for row in last.names if row.dropped is None}
    rows = [
        (one.weight, one.implied_vol, end[name].implied_vol)
        for name, one in start.items()
        if name in end and one.implied_vol is not None and end[name].implied_vol is not None
    ]
    if len(rows) < 2 or first.index_vol is None or last.index_vol is None:
        return None
    weights, vols_start, vols_end = zip(*rows, strict=True)
    total = sum(weights)
    shares = [weight / total for weight in weights]
    found = index_vol_change(shares, vols_start, vols_end, first.index_vol, last.index_vol)
    return IndexVolMove(
        components_points=100.0 * float(found.components),
        correlation_points=100.0 * float(found.correlation),
    )
