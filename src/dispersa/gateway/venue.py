"""What is the venue: one exchange, one world, one account, behind one synchronous class?

The contract with the server is `gateway.port.VenuePort`. Market time comes from the clock that the
venue was built with and moves only in `advance`; requests are answered as of the last `advance`.
Everything that happens to orders and money is sent to the listeners, in the order in which IB
reports it; ownership of orders is the server's business.

`settings.venue_rules` may hold:

    any switch of `gateway.exchange.switches`, for example fill_model = "hard"

`venue.faults.arm("B6", ...)` makes things go wrong by their number in the fault catalogue.
`venue.truth` is for tests: what really happened and what the world really is.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from dispersa.gateway import events
from dispersa.gateway.clock import Clock
from dispersa.gateway.exchange.account import Account
from dispersa.gateway.exchange.bars import BarRequest
from dispersa.gateway.exchange.corporate import Corporate
from dispersa.gateway.exchange.data import BBO, DataDesk
from dispersa.gateway.exchange.directory import NOT_FOUND, Directory
from dispersa.gateway.exchange.faults.desk import FaultDesk
from dispersa.gateway.exchange.feed import Feed
from dispersa.gateway.exchange.fillmodel import fill_model
from dispersa.gateway.exchange.floor import Floor, FloorParts
from dispersa.gateway.exchange.ledger import Ledger
from dispersa.gateway.exchange.matching import Matcher
from dispersa.gateway.exchange.nbbo import QuoteBook
from dispersa.gateway.exchange.pastticks import TickRequest
from dispersa.gateway.exchange.reference import Reference
from dispersa.gateway.exchange.rules import MARKET_RULES
from dispersa.gateway.exchange.settlement import Settlement
from dispersa.gateway.exchange.switches import switches
from dispersa.gateway.exchange.truth import Truth
from dispersa.gateway.market import market_source
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
    SecType,
    SmartComponent,
    Subscription,
    Tick,
    TickOption,
    TickSink,
)
from dispersa.gateway.settings import GatewaySettings
from dispersa.gateway.world.calendar import (
    is_trading_day,
    morning_of,
    new_york_date,
    trading_day_on_or_before,
)
from dispersa.gateway.world.chainfile import last_date
from dispersa.gateway.world.quotefile import is_quotefile, quote_dates
from dispersa.gateway.world.spreads import SPREAD_MODEL_TEXT
from dispersa.gateway.world.world import World

_MATCH_POINTS_MAX = 1_000
_SIDES = {"BUY": "BOT", "SELL": "SLD"}


def market_start(settings: GatewaySettings) -> datetime:
    """Return the market time at which the gateway begins, in UTC.

    The settings' own start, else 10:00 New York time of the market file's date, else of the
    current or latest trading day.
    """
    if settings.start is not None:
        return settings.start.astimezone(UTC)
    if settings.market is not None:
        path = settings.market
        first = quote_dates(path)[0] if is_quotefile(path) else last_date(path)
        return morning_of(settings.market_date or first)
    today = new_york_date(datetime.now(UTC))
    return morning_of(today if is_trading_day(today) else trading_day_on_or_before(today))


class Venue:
    """The exchange, its world and its account."""

    def __init__(self, settings: GatewaySettings, clock: Clock) -> None:
        rules = switches(settings.venue_rules)
        start = clock.now()
        model = fill_model(rules.fill_model)
        self.source = market_source(settings, new_york_date(start))
        self.world = World(
            self.source, seed=settings.seed, step_seconds=settings.step_seconds, start=start
        )
        self.fill_model_text = model.text()
        self.spread_model_text = SPREAD_MODEL_TEXT
        self._listeners: list[events.Listener] = []
        self._account_id = settings.account
        self._grid = timedelta(seconds=settings.step_seconds)
        directory = Directory(self.world)
        quotes = QuoteBook(self.world)
        ledger = Ledger(account=settings.account, cash=settings.cash)
        self._directory, self._quotes = directory, quotes
        self._account = Account(self.world, quotes, ledger)
        self._floor = Floor(
            FloorParts(
                world=self.world,
                directory=directory,
                quotes=quotes,
                account=self._account,
                matcher=Matcher(quotes, model),
                emit=self._emit,
                rules=rules,
            )
        )
        self._settlement = Settlement(self.world, directory, self._account, quotes, self._emit)
        self._feed = Feed(self.world, quotes)
        self._corporate = self._corporate_desk(settings, directory, quotes)
        self.faults = FaultDesk(
            self._floor, self._account, self._settlement, self.world, directory, self._deliver
        )
        self._feed.effects = self.faults.effects
        self._data = DataDesk(self.world, directory, quotes, self._feed)
        self._reference = Reference(self.world, directory)
        self.truth = Truth(self.world, self._floor, self._account)

    def _corporate_desk(
        self, settings: GatewaySettings, directory: Directory, quotes: QuoteBook
    ) -> Corporate:
        for action in settings.corporate_actions:
            self.world.announce(action)
        return Corporate(
            world=self.world, directory=directory, account=self._account, floor=self._floor,
            feed=self._feed, quotes=quotes, emit=self._emit,
        )  # fmt: skip

    # -- time and events -------------------------------------------------------------------------

    def listen(self, listener: events.Listener) -> None:
        """Send every event to `listener`."""
        self._listeners.append(listener)

    def advance(self, to: datetime) -> None:
        """Move the world to this market time, match what rests, push what changed.

        Orders are matched at every grid point, in a long jump at a thousand points.
        """
        pause = max((to - self.world.now) / _MATCH_POINTS_MAX - self._grid, timedelta(0))
        while self._floor.live() and (point := self.world.next_time + pause) <= to:
            self.world.advance(point)
            self._corporate.carry_out()
            self._floor.step()
        if to > self.world.now:
            self.world.advance(to)
            self._corporate.carry_out()
            self._floor.step()
        self.faults.due()
        self._settlement.expire()
        self._settlement.open_day()
        self._account.roll_day()
        self._feed.push()

    def _emit(self, event: events.Event) -> None:
        if isinstance(event, events.Execution) and event.contract.sec_type == SecType.OPTION:
            self._feed.last_trades[event.contract.con_id] = (event.price, int(event.shares))
        for passed in self.faults.passed(event):
            self._deliver(passed)

    def _deliver(self, event: events.Event) -> None:
        for listener in self._listeners:
            listener(event)

    # -- reference -------------------------------------------------------------------------------

    def contract_details(self, contract: Contract) -> Sequence[ContractDetails] | Refusal:
        """Return every contract that fits; 200 where none does."""
        found = self._reference.contract_details(contract)
        if isinstance(found, Refusal) or not self.faults.effects.active:
            return found
        return self.faults.effects.details(found) or NOT_FOUND

    def option_parameters(
        self, symbol: str, sec_type: str, con_id: int
    ) -> Sequence[SecDefOptParams] | Refusal:
        """Return the option chains of an underlying."""
        return self._reference.option_parameters(symbol, sec_type, con_id)

    def matching_symbols(self, pattern: str) -> Sequence[ContractDescription]:
        """Return the contracts whose symbol or name fits."""
        return self._reference.matching_symbols(pattern)

    def smart_components(self, bbo_exchange: str) -> Sequence[SmartComponent]:
        """Return the exchanges behind a BBO mask."""
        return self._reference.smart_components() if bbo_exchange == BBO else []

    def market_rule(self, rule_id: int) -> MarketRule | None:
        """Return a tick-size rule."""
        return MARKET_RULES.get(rule_id)

    def basket(self, index: str) -> Mapping[str, float]:
        """Return the weights of the listed members of an index, heaviest first; empty if none.

        Fractions of the index at the start of the world; they sum to less than one where members
        are not listed.
        """
        weights = self.world.universe.weights.get(index, {})
        return dict(sorted(weights.items(), key=lambda item: -item[1]))

    # -- data ------------------------------------------------------------------------------------

    def subscribe(
        self, contract: Contract, generic_ticks: tuple[int, ...], sink: TickSink
    ) -> Subscription | Refusal:
        """Push the ticks of a contract into `sink`, the whole picture at once."""
        return self._data.subscribe(contract, generic_ticks, sink)

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription."""
        self._data.unsubscribe(subscription)

    def snapshot(self, contract: Contract) -> Sequence[Tick] | Refusal:
        """Return the ticks of a contract as they stand."""
        return self._data.snapshot(contract)

    def historical_bars(
        self,
        contract: Contract,
        end: datetime | None,
        duration: str,
        bar_size: str,
        what: str,
        regular_hours: bool,  # noqa: ARG002 - the world trades in regular hours only
    ) -> Sequence[Bar] | Refusal:
        """Return past bars, oldest first; `end` None means now."""
        until = min(end or self.world.now, self.world.now)
        request = BarRequest(end=until, duration=duration, bar_size=bar_size, what=what)
        return self._data.historical_bars(contract, request)

    def historical_ticks(
        self,
        contract: Contract,
        start: datetime | None,
        end: datetime | None,
        count: int,
        what: str,
    ) -> Sequence[PastTick] | Refusal:
        """Return single ticks from `start` on, or up to `end`; exactly one of both is given."""
        request = TickRequest(start=start, end=end, count=count, what=what)
        return self._data.historical_ticks(contract, request)

    def head_timestamp(
        self,
        contract: Contract,
        what: str,  # noqa: ARG002 - all kinds begin together
        regular_hours: bool,  # noqa: ARG002 - as above
    ) -> datetime | Refusal:
        """Return when the data of a contract begin."""
        return self._data.head_timestamp(contract)

    def implied_vol(
        self, contract: Contract, price: float, under_price: float
    ) -> TickOption | Refusal:
        """Return the computation (kind 53) for an option price."""
        return self._data.implied_vol(contract, price, under_price)

    def option_price(
        self, contract: Contract, vol: float, under_price: float
    ) -> TickOption | Refusal:
        """Return the computation (kind 53) for a volatility."""
        return self._data.option_price(contract, vol, under_price)

    # -- orders ----------------------------------------------------------------------------------

    def place(self, client_id: int, order_id: int, contract: Contract, order: Order) -> None:
        """Take a new order, or an amendment of the client's live order with the same id."""
        self.faults.place(client_id, order_id, contract, order)

    def cancel(self, client_id: int, order_id: int) -> None:
        """Cancel one order of this client."""
        self.faults.cancel(client_id, order_id)

    def cancel_all(self) -> None:
        """Cancel every live order of the account."""
        self._floor.cancel_all()

    def what_if(
        self,
        client_id: int,  # noqa: ARG002 - margins are the account's
        order_id: int,  # noqa: ARG002 - the port passes it, this venue does not need it
        contract: Contract,
        order: Order,
    ) -> OrderState | Refusal:
        """Return margins and commission as they would be."""
        return self._floor.what_if(contract, order)

    def exercise(
        self,
        client_id: int,  # noqa: ARG002 - exercise belongs to the account
        request_id: int,  # noqa: ARG002 - the port passes it, this venue does not need it
        contract: Contract,
        lapse: bool,
        quantity: int,
        override: bool,
        account: str,
    ) -> Refusal | None:
        """Exercise or lapse a long option position."""
        return self._settlement.exercise(contract, quantity, lapse=lapse, override=override,
                                         account=account)  # fmt: skip

    def open_orders(self) -> Sequence[tuple[events.OpenOrder, events.OrderStatus]]:
        """Return every live order of every client."""
        return [(order.open_order(), order.order_status()) for order in self._floor.live()]

    def completed_orders(self) -> Sequence[events.CompletedOrder]:
        """Return the orders of the day that are done."""
        done = [order for order in self._floor.orders.values() if order.is_done]
        return [
            events.CompletedOrder(
                order=order.open_order(),
                filled=order.filled,
                completed_time=order.ended,
                completed_status=order.end_text,
            )
            for order in self.faults.completed(done)
            if order.ended is not None and new_york_date(order.ended) == self.world.today
        ]

    def executions(
        self, wanted: events.ExecutionFilter
    ) -> Sequence[tuple[events.Execution, events.CommissionReport | None]]:
        """Return the executions of the day, with their commission where it is known."""
        reporter = self._floor.reporter
        return [
            (line, reporter.commissions.get(line.exec_id))
            for line in reporter.executions
            if new_york_date(line.time) == self.world.today and _fits(line, wanted)
        ]

    # -- account ---------------------------------------------------------------------------------

    def accounts(self) -> Sequence[str]:
        """Return the account ids."""
        return [self._account_id]

    def account_values(self, account: str) -> Sequence[events.AccountValue]:
        """Return every line of account data; nothing for a foreign account."""
        return self.faults.books.values(self._account.values()) if self._is_ours(account) else []

    def portfolio(self, account: str) -> Sequence[events.PortfolioItem]:
        """Return the holdings with their valuation, those closed today with quantity 0."""
        if not self._is_ours(account):
            return []
        return self._account.portfolio()

    def positions(self) -> Sequence[events.Position]:
        """Return the holdings of every account."""
        held = self._account.ledger.open_holdings()
        return self.faults.positions([self._account.position(one) for one in held])

    def pnl(self, account: str) -> events.Pnl:
        """Return the profit of an account, unset for a foreign one."""
        if not self._is_ours(account):
            return events.Pnl(daily=None, unrealized=None, realized=None)
        return self.faults.books.pnl(self._account.pnl())

    def pnl_single(self, account: str, con_id: int) -> events.Pnl | None:
        """Return the profit of one position, None where there is none."""
        return self._account.pnl_single(con_id) if self._is_ours(account) else None

    def _is_ours(self, account: str) -> bool:
        return account in ("", "All", self._account_id)


def _fits(line: events.Execution, wanted: events.ExecutionFilter) -> bool:
    return all(
        (
            wanted.client_id in (0, line.client_id),
            wanted.account in ("", line.account),
            wanted.since is None or line.time >= wanted.since,
            wanted.symbol in ("", line.contract.symbol),
            wanted.sec_type in ("", line.contract.sec_type),
            wanted.exchange in ("", line.exchange),
            _SIDES.get(wanted.side, wanted.side) in ("", line.side),
        )
    )
