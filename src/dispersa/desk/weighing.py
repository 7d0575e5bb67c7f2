"""What is held worth, and what does each order weigh? Own marks; worst case where there is none.

Contracts of the present plan are marked by the plan's own vols and forwards, what is held by the
marks that were read last; the newer of both counts. An order of ours with a leg that has no
mark counts as it was paid, at the vega that it had: never as nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Generic, TypeVar

from dispersa.desk.state import DeskState
from dispersa.execution.plan import PlannedPackage, TradePlan
from dispersa.market import (
    ConId,
    ExerciseStyle,
    Greeks,
    GreeksSource,
    OptionContract,
    Right,
    Underlying,
    UnderlyingKind,
    to_decimal,
)
from dispersa.orders import ExecutionBook, Order, OrderRef
from dispersa.portfolio import (
    Booking,
    Exposure,
    Mark,
    MarkSource,
    OptionMark,
    Position,
    exposure_of,
    modelled_margin,
    positions_from,
)
from dispersa.risk import WeighedOrder

T = TypeVar("T")
_Covered = Callable[[Order], bool]
_NEVER = datetime.min.replace(tzinfo=UTC)


class _Same(Generic[T]):
    """A key that equals another only when both hold the very same value.

    Successive states share what did not change, and comparing a book costs more than valuing it.
    """

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def positions(state: DeskState) -> Mapping[ConId, Position]:
    """Our own positions, by our own executions."""
    return _positions(_Same(state.book), _Same(state.bookings))


@lru_cache(maxsize=4)
def _positions(
    book: _Same[ExecutionBook], bookings: _Same[tuple[Booking, ...]]
) -> Mapping[ConId, Position]:
    return positions_from(book.value, bookings.value)


def is_holding(state: DeskState) -> bool:
    """Whether anything of ours is held, shares of a trade that has ended included."""
    return any(not row.is_flat for row in positions(state).values())


def held(state: DeskState) -> Exposure:
    """Value our own marked positions; the broker's margin is that of the whole account."""
    return _held(
        _Same(state.book),
        _Same(state.bookings),
        _Same(state.plan),
        _Same(state.marks),
        None if state.account is None else state.account.initial_margin,
    )


@lru_cache(maxsize=4)
def _held(
    book: _Same[ExecutionBook],
    bookings: _Same[tuple[Booking, ...]],
    plan: _Same[TradePlan | None],
    marks: _Same[Mapping[ConId, Mark]],
    margin: Decimal | None,
) -> Exposure:
    known = _marks(plan, marks)
    own = _positions(book, bookings)
    return exposure_of(
        {con_id: row for con_id, row in own.items() if con_id in known},
        known,
        at=max((mark.at for mark in known.values()), default=_NEVER),
        margin_broker=margin,
    )


def held_without(state: DeskState, leaving: Mapping[ConId, Decimal]) -> Exposure:
    """Value our own marked positions as they are once these quantities were traded (signed)."""
    known = _marks(_Same(state.plan), _Same(state.marks))
    left = {
        con_id: replace(row, quantity=row.quantity + leaving.get(con_id, Decimal(0)))
        for con_id, row in positions(state).items()
        if con_id in known
    }
    return exposure_of(left, known, at=max((m.at for m in known.values()), default=_NEVER))


def margin_of(state: DeskState, leaving: Mapping[ConId, Decimal]) -> Decimal:
    """Modelled margin of positions that trading these quantities (signed) closes, by themselves."""
    known = _marks(_Same(state.plan), _Same(state.marks))
    alone = {
        con_id: replace(row, quantity=-leaving[con_id])
        for con_id, row in positions(state).items()
        if con_id in known and con_id in leaving
    }
    return sum(modelled_margin(alone, known).values(), Decimal(0))


def unit_value_usd(state: DeskState, package: PlannedPackage) -> Decimal:
    """Value of one planned straddle: the larger of our own and the planned mid."""
    marks = _marks(_Same(state.plan), _Same(state.marks))
    prices = [marks[leg.con_id].price for leg in package.straddle.legs if leg.con_id in marks]
    own = sum(prices, Decimal(0)) * package.straddle.multiplier
    return max(own, package.premium_usd / package.quantity)


def weighed(
    state: DeskState, since: datetime, *, apart_from: OrderRef | None = None
) -> tuple[WeighedOrder, ...]:
    """Orders that count, with the weight of one unit; one order may be left aside.

    Those count that may still fill, that filled since `since`, and those whose fills are held and
    have no mark.
    """
    covered = _covered(state, since.date())
    rows = (
        weigh(order, state.unit_vegas[ref], is_marked=covered(order))
        for ref, order in state.orders.items()
        if ref != apart_from and (order.filled or order.state.may_fill)
    )
    return tuple(row for row in rows if row.units_at_risk or row.order.intended_at >= since)


def weigh(order: Order, unit_vega: float, *, is_marked: bool = True) -> WeighedOrder:
    """Weigh one order at what it was asked for; its margin is asked for with the plan's."""
    intent = order.approved.intent
    return WeighedOrder(
        order=order,
        unit_premium_usd=abs(intent.limit_price) * intent.combo.multiplier,
        unit_vega_usd=unit_vega,
        unit_margin_usd=Decimal(0),
        is_marked=is_marked,
    )


def _covered(state: DeskState, today: date) -> _Covered:
    """Say of an order that its legs are valued, or that nothing of them is left."""
    marks = _marks(_Same(state.plan), _Same(state.marks))
    own = positions(state)

    def is_settled(contract: OptionContract | Underlying) -> bool:
        if contract.con_id in marks:
            return True
        row = own.get(contract.con_id)
        if row is None or row.is_flat:
            return True
        return isinstance(contract, OptionContract) and contract.expiry < today

    def is_covered(order: Order) -> bool:
        return all(is_settled(leg.contract) for leg in order.approved.intent.combo.legs)

    return is_covered


@lru_cache(maxsize=4)
def _marks(
    plan: _Same[TradePlan | None], earlier: _Same[Mapping[ConId, Mark]]
) -> Mapping[ConId, Mark]:
    planned = () if plan.value is None else (*plan.value.packages, *plan.value.reserves)
    found = {mark.con_id: mark for row in planned for mark in _planned(row)}
    newer = {
        con_id: mark
        for con_id, mark in earlier.value.items()
        if con_id not in found or mark.at > found[con_id].at
    }
    return {**found, **newer}


def planned_marks(plan: TradePlan) -> Mapping[ConId, Mark]:
    """Own marks of a plan's contracts, as they were when it was made."""
    return {mark.con_id: mark for row in plan.packages for mark in _planned(row)}


def _planned(package: PlannedPackage) -> Iterator[OptionMark]:
    """Mark both legs of a planned straddle by its own vol and forward."""
    at = package.quote.at
    for leg in package.straddle.legs:
        greeks = _greeks(package, leg)
        yield OptionMark(
            contract=leg,
            price=max(to_decimal(greeks.price, places=6), Decimal(0)),
            spot=to_decimal(package.spot, places=6),
            greeks=greeks,
            underlying=_kind(leg),
            source=MarkSource.OWN_VOL,
            at=at,
        )


def _greeks(package: PlannedPackage, leg: OptionContract) -> Greeks:
    from dispersa.pricing import black
    from dispersa.pricing.units import theta_per_day, vega_per_point

    found = black.greeks(
        package.forward,
        float(leg.strike),
        package.implied_vol,
        package.years,
        package.discount,
        leg.right is Right.CALL,
        spot=package.spot,
    )
    return Greeks(
        implied_vol=package.implied_vol,
        delta=float(found.delta),
        gamma=float(found.gamma),
        vega=float(vega_per_point(found.vega)),
        theta=float(theta_per_day(found.theta)),
        price=float(found.price),
        underlying_price=package.spot,
        source=GreeksSource.OWN,
        at=package.quote.at,
    )


def _kind(leg: OptionContract) -> UnderlyingKind:
    """European options are those on an index; ETF and stock have one margin rate."""
    is_index = leg.style is ExerciseStyle.EUROPEAN
    return UnderlyingKind.INDEX if is_index else UnderlyingKind.STOCK
