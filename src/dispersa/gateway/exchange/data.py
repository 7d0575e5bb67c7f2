"""Which data does the exchange give to whom asks: lines, snapshots, bars, computed prices?"""

from datetime import datetime
from itertools import count

import numpy as np

from dispersa.gateway.exchange.bars import BarRequest, Bars
from dispersa.gateway.exchange.directory import Directory, Instrument
from dispersa.gateway.exchange.feed import Feed, Line
from dispersa.gateway.exchange.nbbo import ComboPart, QuoteBook
from dispersa.gateway.exchange.past import Past
from dispersa.gateway.exchange.pastticks import PastTicks, TickRequest
from dispersa.gateway.exchange.rules import min_tick
from dispersa.gateway.exchange.validation import combo_parts
from dispersa.gateway.model import (
    Bar,
    Contract,
    PastTick,
    Refusal,
    SecType,
    Subscription,
    Tick,
    TickOption,
    TickSink,
)
from dispersa.gateway.world.american import american_vol, with_premium
from dispersa.gateway.world.calendar import morning_of
from dispersa.gateway.world.kernels import values
from dispersa.gateway.world.surface import YEAR_DAYS
from dispersa.gateway.world.world import World

BBO = "9c0001"
"""The mask under which quotes name their exchanges."""
CUSTOM = 53
_PRICE_MAX, _VOL_MAX = 1e7, 50.0


def _not_computable(what: str, limit: float) -> Refusal:
    return Refusal(
        code=321, text=f"Error validating request: expected {what} between 0 and {limit:.0f}"
    )


class DataDesk:
    """Answers data requests from the feed, the bars and the kernels."""

    def __init__(self, world: World, directory: Directory, quotes: QuoteBook, feed: Feed) -> None:
        self._directory = directory
        self._quotes = quotes
        self._feed = feed
        past = Past(world, quotes)
        self._bars = Bars(world, quotes, past)
        self._ticks = PastTicks(world, past, self._bars)
        self._line_ids = count(1)

    # -- lines -----------------------------------------------------------------------------------

    def subscribe(
        self, contract: Contract, generic_ticks: tuple[int, ...], sink: TickSink
    ) -> Subscription | Refusal:
        """Push the ticks of a contract into `sink`, the whole picture at once."""
        line = self._line(contract, generic_ticks, sink)
        if isinstance(line, Refusal):
            return line
        self._feed.lines[line.line_id] = line
        for part in line.parts:
            self._quotes.hold(part.instrument)
        self._feed.push_line(line)
        return Subscription(
            subscription_id=line.line_id,
            contract=contract,
            min_tick=min(min_tick(part.instrument) for part in line.parts),
            bbo_exchange=BBO,
        )

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription."""
        line = self._feed.lines.pop(subscription.subscription_id, None)
        if line is not None:
            for part in line.parts:
                self._quotes.release(part.instrument)

    def snapshot(self, contract: Contract) -> list[Tick] | Refusal:
        """Return the ticks of a contract as they stand."""
        ticks: list[Tick] = []
        line = self._line(contract, (), ticks.append)
        if isinstance(line, Refusal):
            return line
        self._feed.push_line(line)
        return ticks

    def _line(
        self, contract: Contract, generic_ticks: tuple[int, ...], sink: TickSink
    ) -> Line | Refusal:
        parts: tuple[ComboPart, ...] | Refusal
        if contract.sec_type == SecType.BAG:
            parts = combo_parts(self._directory, contract)
        else:
            found = self._directory.resolve(contract)
            parts = found if isinstance(found, Refusal) else (ComboPart(instrument=found, ratio=1),)
        if isinstance(parts, Refusal):
            return parts
        return Line(
            line_id=next(self._line_ids),
            contract=contract,
            parts=parts,
            generic_ticks=frozenset(generic_ticks),
            sink=sink,
        )

    # -- bars ------------------------------------------------------------------------------------

    def historical_bars(self, contract: Contract, request: BarRequest) -> list[Bar] | Refusal:
        """Return past bars, oldest first."""
        found = self._directory.resolve(contract)
        return found if isinstance(found, Refusal) else self._bars.bars(found, request)

    def historical_ticks(
        self, contract: Contract, request: TickRequest
    ) -> list[PastTick] | Refusal:
        """Return single ticks, oldest first."""
        found = self._directory.resolve(contract)
        return found if isinstance(found, Refusal) else self._ticks.ticks(found, request)

    def head_timestamp(self, contract: Contract) -> datetime | Refusal:
        """Return when the data of a contract begin."""
        found = self._directory.resolve(contract)
        if isinstance(found, Refusal):
            return found
        if found.option is not None:
            return Refusal(code=162, text="No head time stamp for options")
        return morning_of(self._bars.head())

    # -- computed --------------------------------------------------------------------------------

    def implied_vol(
        self, contract: Contract, price: float, under_price: float
    ) -> TickOption | Refusal:
        """Return the computation (kind 53) for an option price."""
        found = self._option(contract)
        if isinstance(found, Refusal):
            return found
        if not (0.0 < price < _PRICE_MAX and 0.0 < under_price < _PRICE_MAX):
            return _not_computable("an option price and an underlying price", _PRICE_MAX)
        terms = self._feed.terms_of(found, spot=under_price)
        if terms.net_spot[0] <= 0.0:
            return TickOption(kind=CUSTOM, under_price=under_price)
        vol = american_vol(terms, self._feed.exercise_of(found), price)
        if np.isnan(vol):
            return TickOption(kind=CUSTOM, under_price=under_price)
        return self._computed(found, vol, under_price)

    def option_price(
        self, contract: Contract, vol: float, under_price: float
    ) -> TickOption | Refusal:
        """Return the computation (kind 53) for a volatility."""
        found = self._option(contract)
        if isinstance(found, Refusal):
            return found
        if not (0.0 < vol < _VOL_MAX and 0.0 < under_price < _PRICE_MAX):
            return _not_computable("a volatility and an underlying price", _PRICE_MAX)
        return self._computed(found, vol, under_price)

    def _option(self, contract: Contract) -> Instrument | Refusal:
        found = self._directory.resolve(contract)
        if not isinstance(found, Refusal) and found.option is None:
            return Refusal(code=321, text="Error validating request: not an option")
        return found

    def _computed(self, found: Instrument, vol: float, under_price: float) -> TickOption:
        terms = self._feed.terms_of(found, spot=under_price)
        if terms.net_spot[0] <= 0.0:  # less than the dividends before expiry
            return TickOption(kind=CUSTOM, under_price=under_price)
        vols = np.array([vol])
        exercise = self._feed.exercise_of(found)
        result, _ = with_premium(terms, exercise, vols, values(terms, vols))
        price = float(result.price[0])
        return TickOption(
            kind=CUSTOM,
            implied_vol=vol,
            delta=float(result.delta[0]),
            price=price,
            pv_dividend=float(terms.dividends[0]),
            gamma=float(result.gamma[0]),
            vega=float(result.vega[0]) / 100.0,
            theta=max(float(result.theta[0]) / YEAR_DAYS, -price),
            under_price=under_price,
        )
