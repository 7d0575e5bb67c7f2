"""What is each contract worth on a past day, at which quote, and how does it move?

Options are priced by Black on the forward at the day's vol, the same formula by which the product
values what it reads. Quotes are the day's widths around that value, on the cent grid.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np

from dispersa.backtest.contracts import Contracts
from dispersa.backtest.market import MarketDay, NameDay
from dispersa.errors import MarketDataMissing
from dispersa.market import (
    ConId,
    Greeks,
    GreeksSource,
    OptionContract,
    Quote,
    Right,
    Symbol,
    Underlying,
    to_decimal,
)
from dispersa.portfolio import Mark, MarkSource, OptionMark, Position, SecondOrder, ShareMark
from dispersa.pricing import black
from dispersa.pricing.units import theta_per_day, vega_per_point
from dispersa.runtime.valuation import years_to_expiry

CENT = Decimal("0.01")
MARK_PLACES = 6
POINTS = 100.0
LEGS = 2

Contract = OptionContract | Underlying


@dataclass(frozen=True, slots=True, kw_only=True)
class Pricing:
    """By which rate values are carried, how wide and how large quotes are."""

    rate: float
    width_multiple: float
    displayed_size: int


@dataclass(slots=True, kw_only=True)
class Valuer:
    """Values contracts by the last day on which each name was seen.

    Names that the present day does not show keep their last values, and nothing of them is quoted.
    """

    contracts: Contracts
    pricing: Pricing
    day: MarketDay
    seen: dict[Symbol, NameDay] = field(default_factory=dict)
    _quoted: dict[ConId, Quote] = field(default_factory=dict)

    def turn_to(self, day: MarketDay) -> None:
        """Take up the next day."""
        self.day = day
        self.seen.update(day.names)
        self._quoted.clear()

    def stale_count(self, own: Mapping[ConId, Position]) -> int:
        """How many contracts are held of names that the day does not show."""
        rows = (row for row in own.values() if not row.is_flat)
        return sum(row.symbol not in self.day.names for row in rows)

    def quoted(self, con_id: ConId) -> Quote | None:
        """The day's quote of a contract that was asked for."""
        return self._quoted.get(con_id)

    def name(self, symbol: Symbol) -> NameDay:
        """The name as it was seen last."""
        if symbol not in self.seen:
            raise MarketDataMissing(f"{symbol} has not been seen up to {self.day.day}")
        return self.seen[symbol]

    def marks(self, held: Sequence[Contract], at: datetime) -> Mapping[ConId, Mark]:
        """Mark contracts at own values: options by vol, shares at the spot."""
        options = [each for each in held if isinstance(each, OptionContract)]
        marks: dict[ConId, Mark] = {
            each.con_id: ShareMark(
                con_id=each.con_id,
                symbol=each.symbol,
                price=to_decimal(self.name(each.symbol).spot, places=4),
                source=MarkSource.QUOTE_MID,
                at=at,
            )
            for each in held
            if not isinstance(each, OptionContract)
        }
        marks.update(self._option_marks(options, at))
        return marks

    def quotes(self, wanted: Sequence[Contract], at: datetime) -> dict[ConId, Quote]:
        """Quote contracts of names that are seen today; a daily close knows no path of the day."""
        there = [each for each in wanted if each.symbol in self.day.names]
        fresh = [each for each in there if each.con_id not in self._quoted]
        if fresh:
            self._quote_today(fresh, at)
        quoted = self._quoted
        return {each.con_id: moved(quoted[each.con_id], at) for each in there}

    def _quote_today(self, fresh: Sequence[Contract], at: datetime) -> None:
        options = [each for each in fresh if isinstance(each, OptionContract)]
        for each in fresh:
            if not isinstance(each, OptionContract):
                self._quoted[each.con_id] = self.share_quote(each, at)
        if options:
            values = self._values(options, at).price.tolist()
            for option, value in zip(options, values, strict=True):
                self._quoted[option.con_id] = self._option_quote(option, value, at)

    def _option_quote(self, option: OptionContract, value: float, at: datetime) -> Quote:
        """Half of the straddle's width for each leg; the partner's value follows by parity."""
        name = self.name(option.symbol)
        years = max(years_to_expiry(option.expiry, at), 0.0)
        forward = name.spot - float(option.strike) * math.exp(-self.pricing.rate * years)
        partner = value - forward if option.right is Right.CALL else value + forward
        half = (value + partner) * self.straddle_width(name) / (2 * LEGS)
        return self._quote(value, half, at)

    def share_quote(self, stock: Underlying, at: datetime) -> Quote:
        """Quote of shares, or the level of an index."""
        name = self.name(stock.symbol)
        half = name.spot * name.share_width * self.pricing.width_multiple / 2
        return self._quote(name.spot, half, at)

    def greeks(self, options: Sequence[OptionContract], at: datetime) -> dict[ConId, Greeks]:
        """Own Greeks of options of names that are seen today."""
        there = [each for each in options if each.symbol in self.day.names]
        marks = self._option_marks(there, at)
        return {key: mark.greeks for key, mark in marks.items()}

    def straddle_width(self, name: NameDay) -> float:
        """Width of an at-the-money straddle as a fraction of its premium, costs stressed."""
        return name.straddle_width * self.pricing.width_multiple

    def _quote(self, value: float, half: float, at: datetime) -> Quote:
        bid = Decimal(repr(max(value - half, 0.0))).quantize(CENT, rounding=ROUND_FLOOR)
        ask = Decimal(repr(value + half)).quantize(CENT, rounding=ROUND_CEILING)
        size = self.pricing.displayed_size
        return Quote(bid=max(bid, CENT), ask=max(ask, CENT), bid_size=size, ask_size=size, at=at)

    def _values(self, options: Sequence[OptionContract], at: datetime) -> black.Greeks:
        rows = [self._row(option, at) for option in options]
        forward, strike, vol, years, discount, is_call, spot = np.array(rows).T
        return black.greeks(forward, strike, vol, years, discount, is_call, spot=spot)

    def _row(self, option: OptionContract, at: datetime) -> tuple[float, ...]:
        name = self.name(option.symbol)
        strike = float(option.strike)
        years = max(years_to_expiry(option.expiry, at), 0.0)
        vol = name.vol(option.expiry, strike, self.day.day)
        discount = math.exp(-self.pricing.rate * years)
        is_call = float(option.right is Right.CALL)
        return (name.spot / discount, strike, vol, years, discount, is_call, name.spot)

    def _option_marks(
        self, options: Sequence[OptionContract], at: datetime
    ) -> dict[ConId, OptionMark]:
        if not options:
            return {}
        values = self._values(options, at)
        vegas, thetas = vega_per_point(values.vega), theta_per_day(values.theta)
        return {
            option.con_id: self._mark(option, at, number, values, (vegas, thetas))
            for number, option in enumerate(options)
        }

    def _mark(
        self,
        option: OptionContract,
        at: datetime,
        number: int,
        values: black.Greeks,
        scaled: tuple[np.ndarray, np.ndarray],
    ) -> OptionMark:
        name = self.name(option.symbol)
        price = float(values.price[number])
        greeks = Greeks(
            implied_vol=name.vol(option.expiry, float(option.strike), self.day.day),
            delta=float(values.delta[number]),
            gamma=_finite(values.gamma[number]),
            vega=_finite(scaled[0][number]),
            theta=_finite(scaled[1][number]),
            price=price,
            underlying_price=name.spot,
            source=GreeksSource.OWN,
            at=at,
        )
        return OptionMark(
            contract=option,
            price=to_decimal(price, places=MARK_PLACES),
            spot=to_decimal(name.spot, places=4),
            greeks=greeks,
            underlying=name.kind,
            source=MarkSource.OWN_VOL,
            at=at,
            second_order=SecondOrder(
                vanna=_finite(values.vanna[number]) / POINTS,
                volga=_finite(values.volga[number]) / POINTS**2,
            ),
        )


def _finite(value: float) -> float:
    """A Greek that has no number at expiry is none."""
    return float(value) if math.isfinite(value) else 0.0


def moved(quote: Quote, at: datetime) -> Quote:
    """The same quote at a later moment."""
    return Quote(
        bid=quote.bid,
        ask=quote.ask,
        bid_size=quote.bid_size,
        ask_size=quote.ask_size,
        at=at,
        kind=quote.kind,
    )
