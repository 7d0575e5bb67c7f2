"""Which desk answers which request?"""

from typing import assert_never

from dispersa.gateway import events
from dispersa.gateway.answers.account import AccountDesk
from dispersa.gateway.answers.desk import Line
from dispersa.gateway.answers.orders import OrderDesk
from dispersa.gateway.answers.past import HistoryDesk
from dispersa.gateway.answers.quotes import Calculator, QuoteDesk
from dispersa.gateway.answers.reference import ReferenceDesk
from dispersa.gateway.floor import Census
from dispersa.gateway.wire import replies
from dispersa.gateway.wire import requests as r
from dispersa.gateway.wire.requests import Cancelable, Plain

FARM_NOTICES = (
    (2104, "Market data farm connection is OK:usfarm"),
    (2104, "Market data farm connection is OK:usopt"),
    (2106, "HMDS data farm connection is OK:ushmds"),
    (2158, "Sec-def data farm connection is OK:secdefil"),
)


class Counter:
    """Everything that one started client can ask for, and all that it gets to hear."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._reference = ReferenceDesk(line)
        self._quotes = QuoteDesk(line)
        self._calculator = Calculator(line)
        self._history = HistoryDesk(line)
        self._orders = OrderDesk(line)
        self._account = AccountDesk(line)

    @property
    def client_id(self) -> int:
        """The id that the client started with."""
        return self._line.client_id

    def census(self) -> Census:
        """Return the client in numbers."""
        return Census(
            client_id=self._line.client_id,
            version=self._line.version,
            lines=self._quotes.running,
            received=self._line.received,
            sent=self._line.sent,
        )

    def greet(self) -> None:
        """Send what every client gets first: accounts, next order id, farm notices."""
        self._managed_accounts()
        self._next_id()
        for code, text in FARM_NOTICES:
            self._line.error(-1, code, text)

    def close(self) -> None:
        """End every subscription; orders live on."""
        self._quotes.close()
        self._history.close()
        self._account.close()

    # -- events ----------------------------------------------------------------------------------

    def order_event(self, event: events.OpenOrder | events.OrderStatus | events.OrderError) -> None:
        """Pass news of one of the client's orders on."""
        self._orders.order_event(event)

    def fill_event(self, event: events.Execution | events.CommissionReport) -> None:
        """Pass an execution or its commission on."""
        self._orders.fill_event(event)

    def account_event(self, event: events.Position | events.AccountChanged) -> None:
        """Pass a change of holdings or money on."""
        self._account.account_event(event)

    def notice(self, event: events.Notice) -> None:
        """Pass a message that concerns everybody on."""
        self._line.error(-1, event.code, event.text)

    # -- requests --------------------------------------------------------------------------------

    def answer(self, request: r.Request) -> None:  # noqa: C901, PLR0912, PLR0915 - one table
        """Answer one request."""
        match request:
            case Plain():
                self._answer_plain(request)
            case r.StartApi():
                self._line.error(-1, 321, "Error validating request: the API is already started")
            case r.Cancel():
                self._cancel(request)
            case r.MarketData():
                self._quotes.market_data(request)
            case r.TickByTick():
                self._quotes.tick_by_tick(request)
            case r.SetMarketDataType():
                self._quotes.set_type(request)
            case r.CalculateImpliedVol():
                self._calculator.implied_vol(request)
            case r.CalculateOptionPrice():
                self._calculator.option_price(request)
            case r.GetContractDetails():
                self._reference.contract_details(request)
            case r.GetOptionParameters():
                self._reference.option_parameters(request)
            case r.GetMatchingSymbols():
                self._reference.matching_symbols(request)
            case r.GetSmartComponents():
                self._reference.smart_components(request)
            case r.GetMarketRule():
                self._reference.market_rule(request)
            case r.HistoricalData():
                self._history.bars(request)
            case r.HeadTimestamp():
                self._history.head_timestamp(request)
            case r.HistoricalTicks():
                self._history.past_ticks(request)
            case r.PlaceOrder():
                self._orders.place(request)
            case r.CancelOrder():
                self._orders.cancel(request)
            case r.ExerciseOptions():
                self._orders.exercise(request)
            case r.AutoOpenOrders():
                self._orders.auto_open_orders(request)
            case r.CompletedOrders():
                self._orders.completed_orders()
            case r.Executions():
                self._orders.executions(request)
            case r.AccountSummary():
                self._account.summary(request)
            case r.AccountUpdates():
                self._account.updates(request)
            case r.AccountUpdatesMulti():
                self._account.updates_multi(request)
            case r.PositionsMulti():
                self._account.positions_multi(request)
            case r.SubscribePnl():
                self._account.pnl(request)
            case r.SubscribePnlSingle():
                self._account.pnl_single(request)
            case r.Unknown():
                self._line.error(-1, 505, f"Fatal Error: Unknown message id.: {request.message_id}")
            case _:
                assert_never(request)

    def _answer_plain(self, request: Plain) -> None:
        match request:
            case Plain.NEXT_ID:
                self._next_id()
            case Plain.MANAGED_ACCOUNTS:
                self._managed_accounts()
            case Plain.CURRENT_TIME:
                self._line.send(replies.current_time(self._line.floor.clock.now()))
            case Plain.SET_LOG_LEVEL:
                pass
            case Plain.POSITIONS:
                self._account.positions()
            case Plain.CANCEL_POSITIONS:
                self._account.cancel_positions()
            case Plain.GLOBAL_CANCEL:
                self._orders.cancel_all()
            case Plain.OPEN_ORDERS:
                self._orders.open_orders(of_all_clients=False)
            case Plain.ALL_OPEN_ORDERS:
                self._orders.open_orders(of_all_clients=True)
            case _:
                assert_never(request)

    def _cancel(self, request: r.Cancel) -> None:
        match request.what:
            case Cancelable.MARKET_DATA | Cancelable.TICK_BY_TICK:
                self._quotes.cancel(request.request_id)
            case Cancelable.HISTORICAL_DATA:
                self._history.cancel(request.request_id)
            case (
                Cancelable.ACCOUNT_SUMMARY
                | Cancelable.POSITIONS_MULTI
                | Cancelable.PNL
                | Cancelable.PNL_SINGLE
            ):
                self._account.cancel(request.request_id)
            case (
                Cancelable.ACCOUNT_UPDATES_MULTI
                | Cancelable.HEAD_TIMESTAMP
                | Cancelable.IMPLIED_VOL
                | Cancelable.OPTION_PRICE
            ):
                pass  # these are answered at once and never run
            case _:
                assert_never(request.what)

    def _managed_accounts(self) -> None:
        self._line.send(replies.managed_accounts(list(self._line.floor.venue.accounts())))

    def _next_id(self) -> None:
        next_id = self._line.floor.next_order_id(self._line.client_id)
        self._line.send(replies.next_valid_id(next_id))
