"""Does an order trade against the market right now, and at which prices of its legs?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isnan

from dispersa.gateway.exchange.fillmodel import REFRESH_SECONDS, FillModel
from dispersa.gateway.exchange.nbbo import ComboPart, Nbbo, QuoteBook, signed
from dispersa.gateway.exchange.orders import WorkingOrder

_PRICE_DIGITS = 4
_PRICE_MIN = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One trade: whole units at a net price, and the price of each leg, in the parts' order."""

    units: int
    price: float
    leg_prices: tuple[float, ...]
    took_liquidity: bool


class TakenSizes:
    """Displayed size that our orders took and that has not come back yet."""

    def __init__(self) -> None:
        self._taken: dict[tuple[int, int], list[tuple[datetime, int]]] = {}

    def taken(self, con_id: int, side: int, now: datetime) -> int:
        """Return contracts taken from the offer (side +1) or the bid (-1) of a contract."""
        live = [(until, n) for until, n in self._taken.get((con_id, side), ()) if until > now]
        if live:
            self._taken[con_id, side] = live
        else:
            self._taken.pop((con_id, side), None)
        return sum(n for _, n in live)

    def take(self, con_id: int, side: int, count: int, now: datetime) -> None:
        """Remember that `count` contracts were taken."""
        until = now + timedelta(seconds=REFRESH_SECONDS)
        self._taken.setdefault((con_id, side), []).append((until, count))


class Matcher:
    """Matches working orders against the quotes of the world."""

    def __init__(self, quotes: QuoteBook, model: FillModel) -> None:
        self._quotes = quotes
        self._model = model
        self._taken = TakenSizes()

    def match(self, order: WorkingOrder, now: datetime, seconds: float) -> Match | None:
        """Return the next trade of `order` after `seconds` more at its price, if any."""
        side = signed(order.order.action)
        quote = self._quotes.combo_quote(order.parts)
        far = quote.ask if side > 0 else quote.bid
        limit = order.limit_price
        if not isnan(far) and (limit is None or side * (limit - far) >= -1e-9):
            return self._take(order, side, far, now)
        if limit is None or not quote.is_two_sided:
            return None
        return self._wait(order, side, limit, quote, seconds)

    def _take(self, order: WorkingOrder, side: int, price: float, now: datetime) -> Match | None:
        """Trade at the displayed quotes, for what is displayed and not yet taken."""
        units = min(int(order.remaining), self._available(order.parts, side, now))
        if units < 1:
            return None
        for part in order.parts:
            direction = side * (1 if part.ratio > 0 else -1)
            self._taken.take(part.instrument.con_id, direction, units * abs(part.ratio), now)
        prices = self.market_prices(order)
        return Match(units=units, price=price, leg_prices=prices, took_liquidity=True)

    def market_prices(self, order: WorkingOrder) -> tuple[float, ...]:
        """Return the price at which each leg trades at once, nan where nobody is there."""
        side = signed(order.order.action)
        tops = [(part.ratio, self._quotes.quote(part.instrument)) for part in order.parts]
        return tuple(top.ask if side * ratio > 0 else top.bid for ratio, top in tops)

    def _available(self, parts: Sequence[ComboPart], side: int, now: datetime) -> int:
        available = []
        for part in parts:
            direction = side * (1 if part.ratio > 0 else -1)
            top = self._quotes.quote(part.instrument)
            shown = top.ask_size if direction > 0 else top.bid_size
            left = shown - self._taken.taken(part.instrument.con_id, direction, now)
            available.append(left // abs(part.ratio))
        return min(available)

    def _wait(
        self, order: WorkingOrder, side: int, limit: float, quote: Nbbo, seconds: float
    ) -> Match | None:
        """Let hidden interest arrive at the order's limit."""
        half = 0.5 * (quote.ask - quote.bid)
        if half <= 0.0:
            return None
        aggression = side * (limit - quote.mid) / half
        if not order.arrivals.wait(self._model.rate(aggression), seconds):
            return None
        displayed = min(quote.bid_size, quote.ask_size)
        units = min(int(order.remaining), order.arrivals.units(displayed))
        prices = tuple(self.leg_prices(order.parts, limit))
        return Match(units=units, price=limit, leg_prices=prices, took_liquidity=False)

    def leg_prices(self, parts: Sequence[ComboPart], net: float) -> list[float]:
        """Return leg prices that add up to `net`, each shifted from its mid by its half-spread.

        `p_i = m_i + t sgn(r_i) h_i` with `t = (net - sum r_i m_i) / sum |r_i| h_i`, to the cent;
        the first leg with the smallest ratio takes what rounding leaves.
        """
        if len(parts) == 1:
            return [net]
        tops = [self._quotes.quote(part.instrument) for part in parts]
        mids = [_mid(top) for top in tops]
        halves = [_half(top) for top in tops]
        scale = sum(abs(p.ratio) * h for p, h in zip(parts, halves, strict=True))
        miss = net - sum(p.ratio * m for p, m in zip(parts, mids, strict=True))
        shift = miss / scale
        prices = [
            max(_PRICE_MIN, round(m + shift * (1 if p.ratio > 0 else -1) * h, 2))
            for p, m, h in zip(parts, mids, halves, strict=True)
        ]
        last = min(range(len(parts)), key=lambda i: (abs(parts[i].ratio), -prices[i]))
        others = sum(p.ratio * prices[i] for i, p in enumerate(parts) if i != last)
        prices[last] = round((net - others) / parts[last].ratio, _PRICE_DIGITS)
        return prices


def _mid(top: Nbbo) -> float:
    return top.mid if top.is_two_sided else top.model


def _half(top: Nbbo) -> float:
    return 0.5 * (top.ask - top.bid) if top.is_two_sided else 0.01
