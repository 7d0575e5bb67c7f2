"""What is used when everything that may still fill has filled?

Every approved order counts in full from the moment it is intended: before it is sent, while it
works, while its fate is unknown. Only proof ends a reservation (an execution turns it into a
position, a proven cancel, rejection, expiry or absence releases it), so the next order is always
asked against the worst case of all orders before it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from dispersa.market import OptionContract, Symbol
from dispersa.orders import Order, Purpose
from dispersa.portfolio import Exposure, LegExposure
from dispersa.risk.facts import NO_USE, ExposureAfter, Use, Uses


@dataclass(frozen=True, slots=True, kw_only=True)
class WeighedOrder:
    """One order with what a unit of it weighs: USD, USD per vol point and USD, unsigned.

    `unit_margin_usd` is the margin that an opened unit requires by our model, zero where the
    caller asks for it otherwise. An order is not `is_marked` while a leg of it has no mark: its
    fills are then in no exposure and count here, at what was paid.
    """

    order: Order
    unit_premium_usd: Decimal
    unit_vega_usd: float
    unit_margin_usd: Decimal
    is_marked: bool = True

    @property
    def symbol(self) -> Symbol:
        """Underlying of the order."""
        return self.order.approved.intent.combo.symbol

    @property
    def is_opening(self) -> bool:
        """Whether it adds to what is held."""
        return self.order.approved.intent.purpose is Purpose.OPEN

    def use_of(self, units: int) -> Use:
        """Use of so many units at the larger of own premium and limit."""
        if not units:
            return NO_USE
        intent = self.order.approved.intent
        at_limit = abs(intent.limit_price) * intent.combo.multiplier
        options = (leg for leg in intent.combo.legs if isinstance(leg.contract, OptionContract))
        return Use(
            premium_usd=max(self.unit_premium_usd, at_limit) * units,
            vega_usd=abs(self.unit_vega_usd) * units,
            contracts=sum(leg.ratio for leg in options) * units,
        )

    @property
    def worst(self) -> Use:
        """Use of all that has filled or may still fill."""
        return self.use_of(self.order.filled + self.order.units_at_risk)

    @property
    def at_risk(self) -> Use:
        """Use of what may still fill, and of fills that have no mark."""
        return self.use_of(self.units_at_risk)

    @property
    def units_at_risk(self) -> int:
        """Units that are in no marked exposure and may be, or are, held."""
        return self.order.units_at_risk + (0 if self.is_marked else self.order.filled)


def uses_now(
    exposure: Exposure,
    orders: Iterable[WeighedOrder],
    *,
    day_start: datetime,
    programs_today: int,
) -> Uses | None:
    """Work out what day, names and book use, each at its worst case.

    The day counts opening orders intended since `day_start`, filled or not. Names and book count
    what is held plus what opening orders may still fill; reductions count only once they have
    filled. None while a position has no mark: then the use is not known.
    """
    if exposure.unmarked:
        return None
    opening = [row for row in orders if row.is_opening]
    by_name = _held_by_name(exposure)
    for row in opening:
        by_name[row.symbol] = by_name.get(row.symbol, NO_USE) + row.at_risk
    return Uses(
        day=worst_use(row for row in opening if row.order.intended_at >= day_start),
        book=sum(by_name.values(), NO_USE),
        by_name={str(name): by_name[name] for name in sorted(by_name)},
        programs_today=programs_today,
    )


def worst_use(orders: Iterable[WeighedOrder]) -> Use:
    """Use of these orders when everything that may still fill has filled."""
    return sum((row.worst for row in orders), NO_USE)


def exposure_after(
    exposure: Exposure,
    orders: Iterable[WeighedOrder],
    *,
    asked_premium_usd: Decimal,
    asked_margin_usd: Decimal,
) -> ExposureAfter:
    """Book after everything asked for and everything that may still open has filled.

    premium = held + at risk + asked, margin likewise, hedge stock as held plus hedges at risk.
    Nothing is known while a position has no mark.
    """
    if exposure.unmarked:
        return ExposureAfter(premium_usd=None, margin_usd=None, hedge_stock_usd=None)
    rows = tuple(orders)
    opening = [row for row in rows if row.is_opening]
    margin_at_risk = sum((row.unit_margin_usd * row.units_at_risk for row in opening), Decimal(0))
    return ExposureAfter(
        premium_usd=exposure.book.premium
        + sum((row.at_risk.premium_usd for row in opening), Decimal(0))
        + asked_premium_usd,
        margin_usd=exposure.margin + margin_at_risk + asked_margin_usd,
        hedge_stock_usd=exposure.book.hedge_stock + _hedges_at_risk(rows),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class VegaRange:
    """Net vega now and at its two worst completions, USD per vol point."""

    low: float
    now: float
    high: float

    @property
    def widest(self) -> float:
        """Largest absolute vega that the orders may still lead to."""
        return max(abs(self.low), abs(self.high))


def vega_range(held_vega_usd: float, orders: Iterable[WeighedOrder]) -> VegaRange:
    """Net vega if only the sales, nothing, or only the purchases at risk fill (one-sided worst)."""
    low = high = held_vega_usd
    for row in orders:
        change = row.order.approved.intent.side.sign * row.unit_vega_usd * row.order.units_at_risk
        low, high = low + min(change, 0.0), high + max(change, 0.0)
    return VegaRange(low=low, now=held_vega_usd, high=high)


def _held_by_name(exposure: Exposure) -> dict[Symbol, Use]:
    held: dict[Symbol, Use] = {}
    for leg in exposure.legs:
        if leg.option is not None:
            held[leg.symbol] = held.get(leg.symbol, NO_USE) + _use_of_leg(leg)
    return held


def _use_of_leg(leg: LegExposure) -> Use:
    return Use(
        premium_usd=leg.premium,
        vega_usd=leg.greeks.gross_vega_usd,
        contracts=int(abs(leg.quantity)),
    )


def _hedges_at_risk(orders: Iterable[WeighedOrder]) -> Decimal:
    return sum(
        (
            abs(row.order.approved.intent.limit_price) * row.order.units_at_risk
            for row in orders
            if row.order.approved.intent.purpose is Purpose.HEDGE
        ),
        Decimal(0),
    )
