"""What does the server ask of the venue?  The seam between the wire and the exchange."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from dispersa.gateway import events
from dispersa.gateway.model import (
    Bar,
    Contract,
    ContractDescription,
    ContractDetails,
    MarketRule,
    Order,
    OrderState,
    PastTick,
    Refusal,
    SecDefOptParams,
    SmartComponent,
    Subscription,
    Tick,
    TickOption,
    TickSink,
)


class ReferencePort(Protocol):
    """Contracts, chains and tick rules."""

    def contract_details(self, contract: Contract) -> Sequence[ContractDetails] | Refusal:
        """Return every contract that fits; 200 where none does."""
        ...

    def option_parameters(
        self, symbol: str, sec_type: str, con_id: int
    ) -> Sequence[SecDefOptParams] | Refusal:
        """Return the option chains of an underlying."""
        ...

    def matching_symbols(self, pattern: str) -> Sequence[ContractDescription]:
        """Return the contracts whose symbol or name fits."""
        ...

    def smart_components(self, bbo_exchange: str) -> Sequence[SmartComponent]:
        """Return the exchanges behind a BBO mask."""
        ...

    def market_rule(self, rule_id: int) -> MarketRule | None:
        """Return a tick-size rule."""
        ...


class DataPort(Protocol):
    """Quotes, past and computed prices."""

    def subscribe(
        self, contract: Contract, generic_ticks: tuple[int, ...], sink: TickSink
    ) -> Subscription | Refusal:
        """Push the ticks of a contract, live kinds, into `sink` until unsubscribed."""
        ...

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription."""
        ...

    def snapshot(self, contract: Contract) -> Sequence[Tick] | Refusal:
        """Return the ticks of a contract as they stand."""
        ...

    def historical_bars(
        self,
        contract: Contract,
        end: datetime | None,
        duration: str,
        bar_size: str,
        what: str,
        regular_hours: bool,
    ) -> Sequence[Bar] | Refusal:
        """Return past bars, oldest first; `end` None means now."""
        ...

    def historical_ticks(
        self,
        contract: Contract,
        start: datetime | None,
        end: datetime | None,
        count: int,
        what: str,
    ) -> Sequence[PastTick] | Refusal:
        """Return single ticks from `start` on, or up to `end`; exactly one of both is given."""
        ...

    def head_timestamp(
        self, contract: Contract, what: str, regular_hours: bool
    ) -> datetime | Refusal:
        """Return when the data of a contract begin."""
        ...

    def implied_vol(
        self, contract: Contract, price: float, under_price: float
    ) -> TickOption | Refusal:
        """Return the computation (kind 53) for an option price."""
        ...

    def option_price(
        self, contract: Contract, vol: float, under_price: float
    ) -> TickOption | Refusal:
        """Return the computation (kind 53) for a volatility."""
        ...


class OrderPort(Protocol):
    """Orders; what becomes of them arrives as events."""

    def place(self, client_id: int, order_id: int, contract: Contract, order: Order) -> None:
        """Take a new order, or an amendment of the client's live order with the same id."""
        ...

    def cancel(self, client_id: int, order_id: int) -> None:
        """Cancel one order of this client."""
        ...

    def cancel_all(self) -> None:
        """Cancel every live order of the account."""
        ...

    def what_if(
        self, client_id: int, order_id: int, contract: Contract, order: Order
    ) -> OrderState | Refusal:
        """Return margins and commission as they would be."""
        ...

    def exercise(
        self,
        client_id: int,
        request_id: int,
        contract: Contract,
        lapse: bool,
        quantity: int,
        override: bool,
        account: str,
    ) -> Refusal | None:
        """Exercise or lapse a long option position."""
        ...

    def open_orders(self) -> Sequence[tuple[events.OpenOrder, events.OrderStatus]]:
        """Return every live order of every client."""
        ...

    def completed_orders(self) -> Sequence[events.CompletedOrder]:
        """Return the orders of the day that are done."""
        ...

    def executions(
        self, wanted: events.ExecutionFilter
    ) -> Sequence[tuple[events.Execution, events.CommissionReport | None]]:
        """Return the executions of the day, with their commission where it is known."""
        ...


class AccountPort(Protocol):
    """Cash, holdings and profit."""

    def accounts(self) -> Sequence[str]:
        """Return the account ids."""
        ...

    def account_values(self, account: str) -> Sequence[events.AccountValue]:
        """Return every line of account data."""
        ...

    def portfolio(self, account: str) -> Sequence[events.PortfolioItem]:
        """Return the holdings with their valuation."""
        ...

    def positions(self) -> Sequence[events.Position]:
        """Return the holdings of every account."""
        ...

    def pnl(self, account: str) -> events.Pnl:
        """Return the profit of an account."""
        ...

    def pnl_single(self, account: str, con_id: int) -> events.Pnl | None:
        """Return the profit of one position, None where there is none."""
        ...


class FaultPort(Protocol):
    """Things going wrong at the venue, by their number in the fault catalogue."""

    def arm(
        self,
        code: str,
        *,
        order_ref: str = "",
        symbol: str = "",
        seconds: float = 2.0,
        count: int = 1,
        value: str = "",
    ) -> object:
        """Arm a fault; raises `InvalidInput` for a number that the venue does not know."""
        ...

    def disarm(self) -> None:
        """Lift every fault that has not struck."""
        ...


class TruthPort(Protocol):
    """What really is so; for tests only, no client can ask for it."""

    @property
    def positions(self) -> Mapping[int, Decimal]:
        """Signed position by contract id, flat ones left out."""
        ...

    @property
    def cash(self) -> Decimal:
        """Cash of the account."""
        ...

    @property
    def executions(self) -> Sequence[events.Execution]:
        """Every execution line, BAG lines included."""
        ...

    @property
    def implied_correlation(self) -> float:
        """The implied correlation at 30 days that the surfaces are built from."""
        ...

    @property
    def realized_correlation(self) -> float:
        """Correlation between any two components' returns at this moment."""
        ...

    @property
    def implied_vols(self) -> Mapping[str, float]:
        """30-day at-the-money implied volatility by symbol."""
        ...

    @property
    def realized_vols(self) -> Mapping[str, float]:
        """Annual volatility of the components' paths at this moment."""
        ...

    @property
    def spots(self) -> Mapping[str, float]:
        """Exact levels by symbol."""
        ...

    def report(self) -> Mapping[str, object]:
        """Return everything as plain values: orders, executions, positions, account, world."""
        ...


class VenuePort(ReferencePort, DataPort, OrderPort, AccountPort, Protocol):
    """The whole venue: one exchange, one world, its accounts."""

    @property
    def faults(self) -> FaultPort:
        """Where faults of the venue are armed."""
        ...

    @property
    def truth(self) -> TruthPort:
        """What really is so."""
        ...

    @property
    def fill_model_text(self) -> str:
        """How fills come about, in one sentence for reports."""
        ...

    def basket(self, index: str) -> Mapping[str, float]:
        """Return the weights of the index's components as fractions, heaviest first."""
        ...

    def listen(self, listener: events.Listener) -> None:
        """Send every event to `listener`."""
        ...

    def advance(self, to: datetime) -> None:
        """Move the world to this market time and match what rests."""
        ...
