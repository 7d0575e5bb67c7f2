"""What may be asked of a broker? Orders on one seam, data on the other."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from dispersa.market import (
    ConId,
    Greeks,
    OptionContract,
    PriceIncrements,
    Quote,
    Symbol,
    TradingSession,
    Underlying,
)
from dispersa.orders import (
    AccountReading,
    ApprovedOrder,
    BrokerReport,
    BrokerSnapshot,
    Combo,
    OrderRef,
    VixReading,
)


class Clock(Protocol):
    """Where the time comes from: nobody else reads a clock."""

    def now(self) -> datetime:
        """Return the present time, aware, on the desk's clock."""
        ...


class BarContent(StrEnum):
    """What a daily bar measures (IBKR whatToShow)."""

    TRADES = "TRADES"
    OPTION_IMPLIED_VOLATILITY = "OPTION_IMPLIED_VOLATILITY"
    HISTORICAL_VOLATILITY = "HISTORICAL_VOLATILITY"


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyBar:
    """One day: price in dollars, or annualized volatility as a fraction."""

    day: date
    open: float
    high: float
    low: float
    close: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionListing:
    """Which expiries and strikes one trading class lists (the union: not every pair exists)."""

    symbol: Symbol
    trading_class: str
    multiplier: int
    expiries: tuple[date, ...]
    strikes: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """What the broker says an order would do to margin; None where it did not say."""

    initial_margin_change: Decimal | None
    maintenance_margin_change: Decimal | None
    commission: Decimal | None


class Broker(Protocol):
    """The order side: it accepts approved orders and cancels, and nothing else."""

    async def place(self, order: ApprovedOrder) -> int | None:
        """Put a new order on the wire; what becomes of it arrives as reports.

        Returns the broker's number of the order, None when it was withdrawn before it left. Raises
        `Disconnected` or `BrokerRefused` only where nothing was written.
        """
        ...

    async def amend(self, order: ApprovedOrder) -> None:
        """Change the limit of a working order in place (same reference, higher revision).

        Raises `Disconnected` or `BrokerRefused` only where nothing was written.
        """
        ...

    async def cancel(self, ref: OrderRef) -> None:
        """Ask for the cancel of one order of ours; overtakes everything that waits."""
        ...

    async def cancel_all_ours(self) -> int:
        """Ask for the cancel of every live order that carries our reference; return how many."""
        ...

    def use_order_ids_above(self, highest: int) -> None:
        """Give no order a number up to `highest`, the last one that the journal knows."""
        ...

    def reports(self) -> AsyncIterator[BrokerReport]:
        """Everything the broker says about orders and links, in order of arrival."""
        ...

    async def snapshot(self) -> BrokerSnapshot:
        """One full read with every end marker, or `RequestTimedOut`."""
        ...

    async def what_if(
        self, *, combo: Combo, order_ref: OrderRef, limit_price: Decimal, quantity: int
    ) -> WhatIf:
        """Preview the margin of buying (quantity > 0) or selling (< 0) the combo."""
        ...


class BrokerFeed(Protocol):
    """The data side: contracts, quotes, Greeks, bars, account; every wait has a deadline."""

    async def underlying(self, symbol: Symbol) -> Underlying:
        """Qualify a stock, ETF or index."""
        ...

    async def listings(self, underlying: Underlying) -> tuple[OptionListing, ...]:
        """Trading classes with their expiries and strikes."""
        ...

    async def options(
        self, underlying: Underlying, expiry: date, strikes: Sequence[Decimal]
    ) -> tuple[OptionContract, ...]:
        """Qualify calls and puts at these strikes; strikes that do not exist are left out."""
        ...

    async def price_increments(self, contract: OptionContract | Underlying) -> PriceIncrements:
        """Price grid of a contract on its routing exchange."""
        ...

    async def combo_increments(self, combo: Combo) -> PriceIncrements:
        """Price grid of a combo's net price."""
        ...

    async def subscribe(self, contracts: Sequence[OptionContract | Underlying]) -> None:
        """Stream quotes (and, for options, model Greeks) until `unsubscribe`."""
        ...

    async def unsubscribe(self, contracts: Sequence[OptionContract | Underlying]) -> None:
        """Stop streaming and give the market data lines back."""
        ...

    async def sample(
        self, contracts: Sequence[OptionContract | Underlying], *, seconds: float
    ) -> Mapping[ConId, tuple[Quote | None, Greeks | None]]:
        """Read more contracts than there are lines: stream and cancel in turns."""
        ...

    def quotes(self) -> Mapping[ConId, Quote]:
        """Latest quote of every subscribed contract that has one; an index shows its level."""
        ...

    def line_faults(self) -> Mapping[ConId, str]:
        """Why subscribed contracts have no data, as the broker put it."""
        ...

    def greeks(self) -> Mapping[ConId, Greeks]:
        """Latest complete model Greeks of every subscribed option that has some."""
        ...

    def open_interest(self) -> Mapping[ConId, int]:
        """Contracts open in every subscribed option, as of the last night, where known."""
        ...

    async def vix(self) -> VixReading:
        """The VIX index, or `MarketDataMissing`."""
        ...

    async def account(self) -> AccountReading:
        """Account values as last reported."""
        ...

    async def daily_bars(
        self, underlying: Underlying, content: BarContent, *, days: int
    ) -> tuple[DailyBar, ...]:
        """Daily history, oldest first, ending with the last complete day."""
        ...

    async def session(self, underlying: Underlying) -> TradingSession:
        """Liquid trading hours of today; `MarketDataMissing` when the market is closed today."""
        ...

    async def server_time(self) -> datetime:
        """The broker's clock."""
        ...
